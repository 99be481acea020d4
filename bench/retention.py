"""Retention over 30 days of 32 channels, a minute a segment: `python bench/retention.py [--segments 1400000]`.

Shows what the catalog costs (size, start, memory), how fast 10,000 segments are pruned with their receipts, what a
round costs when nothing has to go, and how fast a lost catalog is made anew from the disk. The process that is
measured is one of its own: another one makes the footage.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import report
import structlog
from retention_site import DAY_MS, MINUTE_MS, NOW_MS, RetentionSite

from edge.recordings.catalog import Catalog, Entry
from edge.recordings.tree import Tree
from edge.retention import index, walk

CHANNELS = tuple(f"ch-{number:02}" for number in range(32))
REAL_BYTES = 30_000_000
PRUNED = 10_000
SPARE = 100
Row = tuple[str, float, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=1_400_000)
    parser.add_argument("--files", type=int, default=50_000, help="segments of the rebuild, as files")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    folder = Path(tempfile.mkdtemp(prefix="saksi-retention-"))
    new_process = multiprocessing.get_context("spawn")
    try:
        filling = new_process.Process(target=fill, args=(folder / "prune", options.segments))
        filling.start()
        filling.join()
        rows = catalog_and_pruning(folder / "prune", options.segments)
        rows += rebuild(folder / "rebuild", options.files)
    finally:
        shutil.rmtree(folder)
    columns = ("what", "measured", "unit", "goal")
    print(report.table(columns, [(what, round(value, 2), *rest) for what, value, *rest in rows]))
    report.write("retention", {row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in rows})


def site_in(folder: Path) -> RetentionSite:
    return RetentionSite(folder, folder / "root", channels=CHANNELS)


def entries_of(segments: int) -> Iterator[Entry]:
    minutes = segments // len(CHANNELS)
    start_ms = NOW_MS - minutes * MINUTE_MS
    for minute in range(minutes):
        at_ms = start_ms + minute * MINUTE_MS
        for number, channel in enumerate(CHANNELS):
            yield Entry(channel, at_ms + number, at_ms + MINUTE_MS, REAL_BYTES)


def fill(folder: Path, segments: int) -> None:
    """A catalog of that many segments; the oldest, which are going to be pruned, lie on the disk too."""
    site = site_in(folder)
    device = json.loads((site.root / ".saksi").read_text())["device"]
    catalog = Catalog.open(site.state_dir / "catalog.db", device)
    piece: list[Entry] = []
    for place, entry in enumerate(entries_of(segments)):
        if place < PRUNED + SPARE:
            site.record(entry.channel, entry.start_ms, 4096)
        piece.append(entry)
        if len(piece) == 5000:
            catalog.add(piece)
            piece = []
    catalog.add(piece)
    catalog.close()


def catalog_and_pruning(folder: Path, segments: int) -> list[Row]:
    index.SLOW_WALK_S = 1e9  # only the oldest of these segments are files: the walk would find all others missing
    site = site_in(folder)
    size_bytes = (site.state_dir / "catalog.db").stat().st_size
    start_s = timed(lambda: site.open().look())
    site.clock.advance(100)
    assert site.keeper is not None
    before_s = time.process_time()
    site.look(100, 1)
    round_s = (time.process_time() - before_s) / 100
    site.close()
    kept_from_ms = next(entry.start_ms for place, entry in enumerate(entries_of(segments)) if place == PRUNED)
    site.retention = {"max_age_days": (NOW_MS + 160_000 - kept_from_ms) / DAY_MS}
    keeper = site.open()
    cpu_s = time.process_time()
    prune_s = 0.0
    gone = 0
    while prune_s < 60 and gone < PRUNED // len(CHANNELS) * len(CHANNELS):
        prune_s += timed(keeper.look)
        gone = sum(event["segments"] for event in site.said("disk_pruned"))
    cpu_s = time.process_time() - cpu_s
    left, receipts = len(site.names()), len(site.said("disk_pruned"))
    assert left == PRUNED + SPARE - gone, (left, gone)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    site.close()
    return [
        (f"catalog of {segments:,} segments, file", size_bytes / 1e6, "MB", "<= 150"),
        ("start, to the end of the first round", start_s, "s", "<= 2"),
        ("CPU of a round a second in which nothing has to go", round_s * 1000, "ms", ""),
        (f"pruning {gone:,} of them with {receipts} receipts", prune_s, "s", "<= 5"),
        ("  of it CPU, with the benchmark's own counting", cpu_s, "s", ""),
        ("memory of the process at its peak", peak_mb, "MB", "<= 150"),
    ]


def rebuild(folder: Path, files: int) -> list[Row]:
    index.SLOW_WALK_S = 20.0
    site = site_in(folder)
    for place in range(files):
        minute, number = divmod(place, len(CHANNELS))
        site.record(CHANNELS[number], NOW_MS - 30 * DAY_MS + minute * MINUTE_MS, 0)
    keeper = site.open()
    took_s = timed(keeper.look)
    while not keeper.idle:
        took_s += timed(keeper.look)
    found = sum(one.segments for one in keeper.index.need().usage().values())
    assert found == files, found
    catalog = keeper.index.need()
    with Tree.held(keeper._marked) as tree:
        folders = sorted(walk.catalog_folders(catalog))
        look_s = timed(lambda: [walk.look(tree, catalog, *one) for one in folders])
    site.close()
    a_folder = f"the walk of a folder of {files // len(folders):,} segments, one every {index.SLOW_WALK_S:g} s"
    return [
        (a_folder, look_s / len(folders) * 1000, "ms", ""),
        (f"index of {files:,} files made anew from the disk", files / took_s, "files/s", ""),
    ]


def timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
