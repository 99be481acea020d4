"""Measures the recorder against FFmpeg and against the floor: `python bench/recorder.py [--channels 8,32]`.

One source of 1080p at 4 Mb/s for all. Alone, one after the other:

floor     C: receive and write the same bytes, as soon as something comes
floor 80  the same, all sockets once in 80 ms; the recorder reads every 180 ms
saksi     `edge recorder`, segments of 60 s as by default, Mosquitto beside it
ffmpeg    one `ffmpeg -c copy -f segment -segment_time 60` a channel (up to 32 channels)

A minute is measured, so that each channel's share of a segment's end is in it, no more and no less.

README.md says what the columns mean.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import floor
import footage
import outbox
import report
import rig

SEGMENT_S = 60
MOST_FFMPEG = 32
STAGGER_S = 0.05
FLOOR_S = 50
"""The floor sends no keepalive: cameras hang up after a minute."""
MIB = 1 << 20
COLUMNS = (
    *("contestant", "channels", "% core/channel", "start s", "PSS MiB", "wake-ups/s", "source % core"),
    *("files", "frames", "lost", "doubled", "strange"),
)


@dataclass
class Result:
    """One contestant at one number of channels; `pictures` is None where no pictures are looked at."""

    contestant: str
    channels: int
    usage: rig.Usage
    pictures: footage.Footage | None = None
    announced: dict | None = None

    @property
    def percent(self) -> float:
        """CPU in steady state, in percent of a core a channel."""
        return 100 * self.usage.core / self.channels

    def row(self) -> list[object]:
        """The cells of the table."""
        seen = self.pictures
        usage = self.usage
        cells = [self.contestant, self.channels, f"{self.percent:.3f}", f"{usage.start_cpu_s:.2f}"]
        cells += [f"{usage.pss_bytes / MIB:.0f}", f"{usage.switches_a_second:.0f}", f"{100 * usage.source_core:.0f}"]
        if seen is None:
            return [*cells, *[""] * 5]
        return [*cells, seen.files, seen.frames, seen.lost, seen.doubled, seen.strange]


class Bench:
    """Runs contestants against one source of cameras."""

    def __init__(self, load: rig.Load, folder: Path, broker_port: int, seconds: float, segment_s: int) -> None:
        self._load = load
        self._segment_s = segment_s
        self._folder = folder
        self._broker_port = broker_port
        self._seconds = seconds
        self._floor = floor.build(folder)
        self._warm_up_s = max(10.0, load.count * STAGGER_S + 6)

    def floor(self, pace_ms: int) -> Result:
        """Receive and write."""
        target = self._folder / "raw"
        began_s = time.monotonic()
        process = floor.start(self._floor, self._load.urls, target, pace_ms=pace_ms)
        try:
            usage = self._measure([process.pid], began_s, most_s=FLOOR_S - self._warm_up_s)
            if process.poll() is not None:
                raise SystemExit("the floor lost a camera")
        finally:
            rig.stop([process])
            shutil.rmtree(target)
        return Result(f"floor {pace_ms}" if pace_ms else "floor", self._load.count, usage)

    def saksi(self) -> Result:
        """Our recorder."""
        target = self._folder / "saksi"
        began_s = time.monotonic()
        with rig.recorder(target, self._load.urls, segment_s=self._segment_s, broker_port=self._broker_port) as process:
            usage = self._measure([process.pid], began_s)
        files = [sorted(folder.rglob("*.mp4")) for folder in sorted((target / "storage").iterdir()) if folder.is_dir()]
        result = Result("saksi", self._load.count, usage, footage.look(files, self._load.clip))
        result.announced = _announced(target / "state" / "recorder.outbox")
        _check(result, [file for channel in files for file in channel])
        shutil.rmtree(target)
        return result

    def ffmpeg(self) -> Result:
        """One process a channel."""
        target = self._folder / "ffmpeg"
        target.mkdir()
        began_s = time.monotonic()
        processes = [_ffmpeg(url, target, number, self._segment_s) for number, url in enumerate(self._load.urls)]
        try:
            usage = self._measure([process.pid for process in processes], began_s)
        finally:
            rig.stop(processes)
        files = [sorted(target.glob(f"{number}-*.mp4")) for number in range(self._load.count)]
        result = Result("ffmpeg", self._load.count, usage, footage.look(files, self._load.clip))
        shutil.rmtree(target)
        return result

    def _measure(self, pids: Sequence[int], began_s: float, most_s: float = 3600) -> rig.Usage:
        seconds = min(self._seconds, most_s)
        return rig.measure(pids, self._load.pid, began_s, warm_up_s=self._warm_up_s, seconds=seconds)


def _ffmpeg(url: str, folder: Path, number: int, segment_s: int) -> subprocess.Popen:
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url, "-map", "0:v"]
    command += ["-c", "copy", "-f", "segment", "-segment_time", str(segment_s), "-reset_timestamps", "1"]
    return subprocess.Popen([*command, str(folder / f"{number}-%03d.mp4")], stderr=subprocess.DEVNULL)


def _announced(path: Path) -> dict:
    """Sums over the `segment_written` events, which have to agree with what lies on disk."""
    written = [event["data"] for event in footage.events(path, "segment_written")]
    return {
        "events": len(written),
        "frames": sum(event["packets"] for event in written),
        "lost_packets": sum(event["lost_packets"] for event in written),
        "dropped_fragments": sum(event["dropped_fragments"] for event in written),
        "gaps_s": sum(event["gap_before_s"] or 0 for event in written),
    }


def _check(result: Result, files: Sequence[Path]) -> None:
    """Say where events and files disagree."""
    seen, said = result.pictures, result.announced
    probed = footage.probed_frames(files) if result.channels <= MOST_FFMPEG else seen.frames
    if not seen.frames == probed == said["frames"] or seen.files != said["events"] or said["lost_packets"]:
        print(f"!! files hold {seen.frames} frames (ffprobe: {probed}) in {seen.files} files; events say {said}")
    if seen.channels != result.channels:
        print(f"!! {result.channels - seen.channels} channels recorded nothing")


def ratios(results: Sequence[Result]) -> list[dict]:
    """What the recorder takes of what the others take, at each number of channels."""
    by_name = {(result.channels, result.contestant): result for result in results}
    found = []
    for count in sorted({result.channels for result in results}):
        ours = by_name.get((count, "saksi"))
        if ours is None:
            continue
        row: dict[str, float] = {"channels": count}
        for other in ("ffmpeg", "floor", "floor 80"):
            theirs = by_name.get((count, other))
            if theirs is not None:
                row[f"cpu / {other}"] = ours.percent / theirs.percent
                row[f"pss / {other}"] = ours.usage.pss_bytes / theirs.usage.pss_bytes
        found.append(row)
    return found


def ratio_table(rows: Sequence[dict]) -> str:
    """The ratios, with the goals that they have."""
    names = ("channels", "cpu / ffmpeg", "cpu / floor", "cpu / floor 80", "pss / ffmpeg")
    cells = [[row["channels"], *(f"{row[name]:.2f}" if name in row else "" for name in names[1:])] for row in rows]
    return report.table(names, [*cells, ["goal", "<= 0.50", "<= 3.50", "", "<= 0.15"]])


def run(counts: Sequence[int], seconds: float, segment_s: int, only: Sequence[str]) -> list[Result]:
    """All contestants at all numbers of channels."""
    results: list[Result] = []
    folder = Path(tempfile.mkdtemp(prefix="saksi-bench-"))
    try:
        with ExitStack() as stack:
            broker_folder = folder / "broker"
            broker_folder.mkdir()
            port = stack.enter_context(outbox.mosquitto(broker_folder))
            for count in counts:
                with rig.cameras(count, rig.clip_1080p()) as load:
                    bench = Bench(load, folder, port, seconds, segment_s)
                    turns: list[tuple[str, Callable[[], Result]]] = [
                        ("floor", lambda bench=bench: bench.floor(0)),
                        ("floor 80", lambda bench=bench: bench.floor(80)),
                        ("saksi", bench.saksi),
                        ("ffmpeg", bench.ffmpeg),
                    ]
                    for name, turn in turns:
                        if name in only and (name != "ffmpeg" or count <= MOST_FFMPEG):
                            results.append(turn())
                            print(report.table(COLUMNS, [results[-1].row()]).splitlines()[-1], flush=True)
    finally:
        shutil.rmtree(folder)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", default="8,32,100,200")
    parser.add_argument("--seconds", type=float, default=60, help="of steady state, after 10 s of warm-up")
    parser.add_argument("--segment-s", type=int, default=SEGMENT_S, help="length of the segments")
    parser.add_argument("--quick", action="store_true", help="8 and 32 channels, segments of 10 s, for 20 s")
    parser.add_argument("--only", default="floor,floor 80,saksi,ffmpeg", help="contestants")
    options = parser.parse_args()
    counts = (8, 32) if options.quick else [int(count) for count in options.channels.split(",")]
    seconds, segment_s = (20, 10) if options.quick else (options.seconds, options.segment_s)
    results = run(counts, seconds, segment_s, options.only.split(","))
    print("\n" + report.table(COLUMNS, [result.row() for result in results]))
    if found := ratios(results):
        print("\n" + ratio_table(found))
    measured = [asdict(result) | {"core_percent_a_channel": result.percent} for result in results]
    print(f"\nwritten to {report.write('recorder', {'segment_s': segment_s, 'measured': measured, 'ratios': found})}")


if __name__ == "__main__":
    main()
