"""Records 32 simulated cameras of 1080p at 4 Mb/s for a minute and checks every frame: `python bench/acceptance_32.py`.

Correctness only: each segment decodes whole, no frame of a camera's loop is lost or doubled, sizes and hashes are those
that were announced, sequences are contiguous. Prints a table and exits 1 where something is wrong. Takes some minutes,
most of them FFmpeg decoding.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from acceptance_support import Reel, assert_told_one_to_one, decode_errors
from recording_site import RecordingSite, recording_site

from edge.demo.clips import ClipSpec


def main() -> None:
    """Record, check, print."""
    options = _options()
    clip = ClipSpec(width=1920, height=1080, fps=25, seconds=6, bitrate=4_000_000)
    reel = Reel(clip)  # makes the clip before anything is timed
    with tempfile.TemporaryDirectory(prefix="saksi-32-", dir=options.folder) as folder:
        command = [sys.executable, "-m", "edge.demo", "--count", str(options.channels)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cameras:
            assert cameras.stdout is not None
            try:
                urls = json.loads(cameras.stdout.readline())["urls"]
                channels = {url.rpartition("/")[2]: url for url in urls}
                site = _record(channels, Path(folder), options)
            finally:
                cameras.terminate()
        problems = _check(site, list(channels), reel, options)
    sys.exit(1 if problems else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--segment", type=int, default=10, help="seconds a segment (%(default)s)")
    parser.add_argument("--decode", type=int, default=1, help="decode one segment of so many (%(default)s: all)")
    parser.add_argument("--folder", type=Path, default=None, help="where to record, needs 1 GiB")
    return parser.parse_args()


def _record(channels: dict[str, str], folder: Path, options: argparse.Namespace) -> RecordingSite:
    with recording_site(channels, folder, segment_s=options.segment) as site:
        for channel in channels:
            site.wait_for("recording_started", channel, timeout_s=60)
        time.sleep(options.seconds)
        status = site.stop()
        assert status == 0, site.log()
    return site


def _check(site: RecordingSite, channels: list[str], reel: Reel, options: argparse.Namespace) -> list[str]:
    segments = assert_told_one_to_one(site, channels)
    problems, frames, cuts, gaps = [], 0, 0, 0
    for channel in channels:
        paths = site.announced(channel)
        places = reel.places_of(paths)
        frames += len(places)
        cuts += len(paths) - 1
        gaps += len(reel.breaks(places))
        problems += [f"{channel}: frame {after} follows {before}" for before, after in reel.breaks(places)]
        written = site.events("segment_written", channel)
        problems += [f"{event.data['path']}: a gap before it" for event in written[1:] if event.data["gap_before_s"]]
        problems += [f"{event.data['path']}: lost packets" for event in written if event.data["lost_packets"]]
    chosen = [path for channel in channels for path in site.announced(channel)][:: options.decode]
    with ThreadPoolExecutor(2) as pool:
        for path, error in zip(chosen, pool.map(decode_errors, chosen), strict=True):
            problems += [f"{path.name}: {error}"] if error else []
    least = len(channels) * options.seconds * reel.fps
    if frames < least:
        problems.append(f"{frames} frames, at least {least} were sent")
    _print(
        ("channels", len(channels)), ("segments, hashes as announced", segments),
        ("events, contiguous", len(site.events())),
        ("frames", frames), ("cuts", cuts), ("frames lost or doubled", gaps),
        ("segments decoded whole", len(chosen)), ("problems", len(problems)),
    )  # fmt: skip
    print("\n".join(problems[:50]))
    return problems


def _print(*rows: tuple[str, int]) -> None:
    for name, value in rows:
        print(f"{name:<32}{value:>10}")


if __name__ == "__main__":
    main()
