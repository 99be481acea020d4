"""What the validator costs: 32 channels of 1080p that grow as at a site, in processor time and memory.

The keyframes are coded as cameras do (CABAC, deblocking), and each channel's folder holds the segments of a whole day.
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil
import report
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import pictured_segments
from pictured_segments import SegmentFile
from validating_site import PROGRAM

from edge.demo import clips
from edge.demo.clips import ClipSpec
from edge.recordings.segment import SegmentName

CLIP = ClipSpec("validator", width=1920, height=1080, fps=25, seconds=7, gop_s=1, bitrate=4_000_000)
WARM_UP_S = 25
DAY_SEGMENTS = 1440


def camera_options(spec: ClipSpec) -> dict[str, str]:
    """As the demo's cameras, but with the tools that a camera's encoder has."""
    kilobits, gop = spec.bitrate // 1000, round(spec.gop_s * spec.fps)
    settings = f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1:bframes=0:cabac=1"
    return {
        "preset": "veryfast",
        "profile": "main",
        "tune": "zerolatency",
        "x264-params": f"{settings}:vbv-maxrate={kilobits}:vbv-bufsize={kilobits}:sliced-threads=0",
    }


def begin(root: Path, channels: list[str]) -> list[SegmentFile]:
    """A growing segment a channel, behind a day of others that nobody opens."""
    now_ms = time.time_ns() // 1_000_000
    segments = [SegmentFile(root, channel, now_ms, CLIP).grow() for channel in channels]
    for segment in segments:
        for minute in range(1, DAY_SEGMENTS):
            name = SegmentName(segment.name.channel, now_ms - minute * 60_000)
            (root / name.path).parent.mkdir(exist_ok=True)
            (root / name.path).touch()
    return segments


def configure(folder: Path, channels: list[str], every_s: float) -> Path:
    """Write the configuration; there is no broker, events stay in the outbox."""
    path = folder / "edge.yaml"
    document = {
        "site": "bench",
        "state_dir": str(folder / "state"),
        "broker": {"port": 1},
        "storage": {"root": str(folder / "root")},
        "validator": {"every_s": every_s},
        "channels": [{"id": channel, "url": "rtsp://10.0.0.1/main"} for channel in channels],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def family(pid: int) -> list[psutil.Process]:
    """The process and its children."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_s(processes: list[psutil.Process]) -> list[float]:
    """User and system time of each so far."""
    return [times.user + times.system for times in (one.cpu_times() for one in processes)]


def looks(folder: Path) -> int:
    """How many pictures were judged, by what is written down at the end."""
    with closing(sqlite3.connect(folder / "state" / "validator.outbox")) as db:
        return sum(json.loads(rest)["looks"] for (rest,) in db.execute("SELECT rest FROM watched"))


def measure(folder: Path, channels: int, every_s: float, seconds: int) -> dict[str, object]:
    """One run of the process."""
    names = [f"camera-{number:02d}" for number in range(channels)]
    segments = begin(folder / "root", names)
    command = [sys.executable, "-c", PROGRAM, str(configure(folder, names, every_s))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for second in range(WARM_UP_S + seconds):
            began_s = time.monotonic()
            if second == WARM_UP_S:
                watched, before = family(process.pid), cpu_s(family(process.pid))
                start_s = time.monotonic()
            for segment in segments:
                segment.grow()
            time.sleep(max(0.0, began_s + 1 - time.monotonic()))
        took_s = time.monotonic() - start_s
        used = [after - first for after, first in zip(cpu_s(watched), before, strict=True)]
        pss_mb = [one.memory_full_info().pss / 2**20 for one in watched]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    judged = looks(folder)
    return {
        "channels": channels,
        "every_s": every_s,
        "looks": judged,
        "validator_core": used[0] / took_s,
        "decoder_core": sum(used[1:]) / took_s,
        "core": sum(used) / took_s,
        "ms_a_look": 1000 * sum(used) / (channels * took_s / every_s),
        "pss_mb": sum(pss_mb),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    clips._encoder_options = camera_options
    clip = clips.make_clip(CLIP)
    pictured_segments.load_clip = lambda *_: clip
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        found = measure(Path(folder), options.channels, options.every, options.seconds)
    columns = ["", "core", "of it decoder", "ms a look", "looks", "PSS MiB"]
    row = [
        f"{found['channels']} channels, every {found['every_s']:g} s",
        f"{found['core']:.3f}",
        f"{found['decoder_core']:.3f}",
        f"{found['ms_a_look']:.1f}",
        found["looks"],
        f"{found['pss_mb']:.0f}",
    ]
    print(report.table(columns, [row]))
    report.write("validator", {"validator": found})


if __name__ == "__main__":
    main()
