"""Measures the journal at the size of a month: `nice python bench/journal.py [--events 1400000]`.

ingest    messages read, checked, stored (synchronous=FULL) and handed on, in batches of 500 and one by one
look-up   the newest events, those of a rare type, a day of segments, completeness; with the whole month in the file
start     in a new process: open, load the newest snapshot and fold the 20,000 events after it
rebuild   in a new process: open and fold every event
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import psutil
import report

from edge.bus.connection import Message
from edge.bus.outbox import Outbox
from edge.clock import SystemClock
from edge.events.catalog import RecordingStopped, SegmentWritten
from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.topics import EventTopic
from edge.events.values import timestamp
from edge.journal.arrival import Arrival
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope
from edge.journal.store import Journal
from edge.state.projection import SiteProjection, rebuild

CLOCK = SystemClock()
SITE = "bench"
EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
CHANNELS = 32
FIRST = datetime(2026, 10, 20, tzinfo=UTC)
AFTER_SNAPSHOT = 20_000
STOPPED_EVERY = 5_000
GOAL_REBUILD, GOAL_START_S = 50_000, 2.0


def segment(number: int) -> tuple[SegmentWritten, str]:
    """Segment `number` of a site of 32 cameras that record minutes."""
    minute, channel = divmod(number, CHANNELS)
    start = FIRST + timedelta(minutes=minute)
    name = f"cam{channel:02d}"
    path = f"{name}/{start:%Y-%m-%d}/{name}_{start:%Y%m%dT%H%M%S}000Z.mp4"
    times = {"start": timestamp(start), "end": timestamp(start + timedelta(minutes=1))}
    return SegmentWritten.read({**SegmentWritten.example, **times, "path": path, "duration_s": 60.0}), name


def payload(sequence: int, data: EventData, channel: str) -> bytes:
    """An event as it is published."""
    time_ = FIRST + timedelta(seconds=60 * (sequence // CHANNELS) + 61)
    envelope = Envelope.build(
        data, site=SITE, process="recorder", epoch=EPOCH, sequence=sequence, time=time_, subject=channel
    )
    return envelope.to_json()


def payloads(first: int, last: int) -> Iterator[tuple[bytes, str, str]]:
    """Payload, type and channel; now and then a camera that is away."""
    stopped = RecordingStopped.read(RecordingStopped.example)
    for sequence in range(first, last + 1):
        data, channel = segment(sequence)
        event = stopped if sequence % STOPPED_EVERY == 0 else data
        yield payload(sequence, event, channel), event.event_type, channel


def messages(first: int, last: int) -> list[Message]:
    return [
        Message(str(EventTopic("recorder", event_type, channel)), body, False, sequence, 1)
        for sequence, (body, event_type, channel) in enumerate(payloads(first, last), first)
    ]


def rss_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


def ingest(journal: Journal, folder: Path, results: dict) -> int:
    """Store some 52,000 events the way they come; returns the last sequence."""
    outbox = Outbox.open(folder / "web.outbox", site=SITE, process="web", clock=CLOCK)
    handed: list[int] = []
    way_in = Ingest(
        journal,
        Scope.local(SITE),
        outbox,
        CLOCK,
        fold=lambda entries: handed.append(len(entries)),
        hear=lambda *_: None,
        publish=lambda *_: True,
    )
    many, single = messages(1, 50_000), messages(50_001, 52_000)
    began = time.perf_counter()
    for begin in range(0, len(many), 500):
        way_in.commit(many[begin : begin + 500])
    results["ingest_500_a_second"] = round(len(many) / (time.perf_counter() - began))
    began = time.perf_counter()
    for message in single:
        way_in.commit([message])
    results["ingest_1_a_second"] = round(len(single) / (time.perf_counter() - began))
    began = time.perf_counter()
    for begin in range(0, 20_000, 500):
        way_in.commit(many[begin : begin + 500])
    results["duplicates_500_a_second"] = round(20_000 / (time.perf_counter() - began))
    assert sum(handed) == 52_000
    outbox.close()
    return 52_000


def fill(journal: Journal, after: int, last: int) -> None:
    """Store the rest of the month, without the check of each that was measured already."""
    model = Arrival.read(next(payloads(1, 1))[0], 0)
    template = model.payload.decode()
    for first in range(after + 1, last + 1, 2_000):
        journal.append([_quickly(model, template, number) for number in range(first, min(first + 2_000, last + 1))])


def _quickly(model: Arrival, template: str, sequence: int) -> Arrival:
    if sequence % STOPPED_EVERY == 0:
        return Arrival.read(next(payloads(sequence, sequence))[0], 0)
    minute, channel = divmod(sequence, CHANNELS)
    start = FIRST + timedelta(minutes=minute)
    name, day, clock = f"cam{channel:02d}", f"{start:%Y-%m-%d}", f"{start:%H:%M}"
    body = (
        template.replace("00000000000000000001", f"{sequence:020d}")
        .replace("cam01/2026-10-20/cam01_20261020T000000000Z", f"{name}/{day}/{name}_{start:%Y%m%dT%H%M}00000Z")
        .replace('"subject":"cam01"', f'"subject":"{name}"')
        .replace('"start":"2026-10-20T00:00', f'"start":"{day}T{clock}')
        .replace('"end":"2026-10-20T00:01', f'"end":"{start + timedelta(minutes=1):%Y-%m-%dT%H:%M}')
    )
    start_ms = round(start.timestamp() * 1000)
    return Arrival(
        source=model.source,
        sequence=sequence,
        kind=model.kind._replace(channel=name),
        event_version=1,
        time_ms=start_ms + 61_000,
        received_ms=start_ms + 61_000,
        understood=True,
        payload=body.encode(),
        span_ms=(start_ms, start_ms + 60_000),
    )


def look_up(journal: Journal, results: dict) -> None:
    """Milliseconds of each query, the median of nine."""
    middle_ms = round((FIRST + timedelta(days=15)).timestamp() * 1000)
    queries = {
        "newest_100_ms": lambda: journal.entries(limit=100, newest_first=True),
        "rare_type_100_ms": lambda: journal.entries(
            limit=100, newest_first=True, event_types=["recording_stopped", "process_started"]
        ),
        "one_channel_100_ms": lambda: journal.entries(limit=100, newest_first=True, channels=["cam07"]),
        "one_process_100_ms": lambda: journal.entries(limit=100, newest_first=True, processes=["web"]),
        "day_of_segments_ms": lambda: journal.segments(SITE, "cam07", middle_ms, middle_ms + 86_400_000, limit=1_000),
        "completeness_ms": journal.completeness,
    }
    for name, query in queries.items():
        taken = []
        for _ in range(9):
            began = time.perf_counter()
            query()
            taken.append((time.perf_counter() - began) * 1e3)
        results[name] = round(sorted(taken)[4], 2)


def child(what: str, folder: Path) -> dict:
    """Run one part in a process of its own, whose memory is then its alone."""
    command = [sys.executable, __file__, "--child", what, "--folder", str(folder)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def rebuild_all(journal: Journal, state: SiteProjection) -> dict:
    before_mb, began = rss_mb(), time.perf_counter()
    rebuild(journal.rows(), state)
    rate = journal.newest_position() / (time.perf_counter() - began)
    began = time.perf_counter()
    data = state.dump()
    dumped_s = time.perf_counter() - began
    rebuild(journal.rows(journal.newest_position() - AFTER_SNAPSHOT), SiteProjection())
    began = time.perf_counter()
    journal.save_snapshot("bench", SiteProjection.VERSION, journal.newest_position() - AFTER_SNAPSHOT, data)
    return {
        "rebuild_a_second": round(rate),
        "rebuild_memory_mb": round(rss_mb() - before_mb),
        "snapshot_mb": round(len(data) / 1e6, 1),
        "snapshot_dump_s": round(dumped_s, 2),
        "snapshot_save_s": round(time.perf_counter() - began, 2),
    }


def start(journal: Journal, began: float) -> dict:
    opened_s = time.perf_counter() - began
    found = journal.newest_snapshot("bench", SiteProjection.VERSION)
    assert found is not None
    state = SiteProjection.load(found.data)
    loaded_s = time.perf_counter() - began
    rebuild(journal.rows(found.position), state)
    return {
        "open_s": round(opened_s, 3),
        "start_from_snapshot_s": round(time.perf_counter() - began, 2),
        "of_this_load_s": round(loaded_s - opened_s, 2),
        "start_memory_mb": round(rss_mb()),
    }


def run_child(what: str, folder: Path) -> None:
    began = time.perf_counter()
    journal = Journal.open(f"sqlite:///{folder / 'journal.db'}", clock=CLOCK)
    found = start(journal, began) if what == "start" else rebuild_all(journal, SiteProjection())
    print(json.dumps(found))
    journal.close()


def measure(folder: Path, events: int) -> dict:
    results: dict = {"events": events}
    journal = Journal.open(f"sqlite:///{folder / 'journal.db'}", clock=CLOCK)
    after = ingest(journal, folder, results)
    before_mb = rss_mb()
    fill(journal, after, events)
    results["journal_memory_grown_mb"] = round(rss_mb() - before_mb, 1)
    look_up(journal, results)
    journal.close()
    results["file_gb"] = round((folder / "journal.db").stat().st_size / 1e9, 2)
    return results | child("rebuild", folder) | child("start", folder)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=1_400_000)
    arguments.add_argument("--child", choices=("rebuild", "start"), help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        run_child(given.child, given.folder)
        return
    folder = Path(tempfile.mkdtemp(prefix="saksi-bench-"))
    try:
        results = measure(folder, max(given.events, 100_000))
    finally:
        shutil.rmtree(folder)
    goals = {"rebuild_a_second": f">= {GOAL_REBUILD}", "start_from_snapshot_s": f"<= {GOAL_START_S}"}
    rows = [(name.replace("_", " "), value, goals.get(name, "")) for name, value in results.items()]
    print(report.table(("journal", "measured", "goal"), rows))
    print(f"\nwritten to {report.write('journal', results)}")


if __name__ == "__main__":
    main()
