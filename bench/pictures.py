"""What the pictures of a page cost: 32 channels of 1080p, first and afterwards, in processor time and memory.

The segments are half a minute old and grow by a second between the rounds, as at a site.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil
import report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from pictured_segments import START_MS, SegmentFile

from edge.clock import ManualClock
from edge.decoding.process import PictureProcess
from edge.demo.clips import ClipSpec
from edge.web.pictures import FRESH_S, Pictures

CLIP = {"width": 1920, "height": 1080, "fps": 25, "seconds": 6, "bitrate": 4_000_000}


def cpu_s(pids: list[int]) -> float:
    """User and system time that these processes used so far."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(one.user + one.system for one in times)


async def measure(root: Path, segments: list[SegmentFile], width: int, rounds: int) -> dict[str, object]:
    """The first look at a page of all channels, then one look every FRESH_S, all channels at once."""
    clock, process = ManualClock((START_MS + 60_000) * 1_000_000), PictureProcess()
    pictures = Pictures(root, clock, process=process)
    own = psutil.Process().pid
    channels = [segment.name.channel for segment in segments]

    async def look() -> float:
        began_s = time.perf_counter()
        found = await asyncio.gather(*(pictures.newest(channel, width) for channel in channels))
        assert all(found)
        return time.perf_counter() - began_s

    before_s = cpu_s([own])
    first_s = await look()
    assert process.pid is not None
    first_cpu_s = cpu_s([own, process.pid]) - before_s
    walls, used_s = [], 0.0
    for _ in range(rounds):
        for segment in segments:
            segment.grow()
        clock.advance(FRESH_S + 1)
        before_s = cpu_s([own, process.pid])
        walls.append(await look())
        used_s += cpu_s([own, process.pid]) - before_s
    child_mb = psutil.Process(process.pid).memory_full_info().pss / 2**20
    await pictures.close()
    return {
        "width": width,
        "first_look_s": round(first_s, 3),
        "first_look_cpu_s": round(first_cpu_s, 3),
        "look_s": round(sum(walls) / rounds, 3),
        "cpu_ms_a_picture": round(used_s / rounds / len(segments) * 1000, 2),
        "percent_of_a_core": round(100 * used_s / rounds / FRESH_S, 1),
        "child_pss_mb": round(child_mb, 1),
    }


def main() -> None:
    """Measure H.264 and H.265 and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    results = {}
    for codec in ("h264", "h265"):
        with tempfile.TemporaryDirectory() as folder:
            clip = ClipSpec("bench", codec=codec, **CLIP)
            names = [f"cam{number:02d}" for number in range(arguments.channels)]
            segments = [SegmentFile(Path(folder), name, spec=clip).grow(30) for name in names]
            for width in (640, 1920):
                found = asyncio.run(measure(Path(folder), segments, width, arguments.rounds))
                results[f"{codec} {width}"] = found
    columns = [*next(iter(results.values()))]
    print(report.table(["1080p", *columns], [[name, *found.values()] for name, found in results.items()]))
    report.write("pictures", results)


if __name__ == "__main__":
    main()
