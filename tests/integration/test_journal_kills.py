"""The process that writes the journal is killed at any moment, or its disk is full: the journal ends equal to the outboxes."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from journal_site import CLOCK, Publisher, Web, rows, stored, until

TESTS = Path(__file__).parents[1]

WEB = f"""
import sys, time
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from journal_site import Web
Web(int(sys.argv[1]), Path(sys.argv[2]), url=sys.argv[3], partition=int(sys.argv[4])).begin()
Path(sys.argv[2], "up").touch()
while True:
    time.sleep(1)
"""

FULL = f"""
import resource, signal, sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from edge.bus.subscriber import NotCommitted
from edge.bus.outbox import Outbox
from edge.clock import SystemClock
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope
from edge.journal.store import Journal
from journal_events import message, payload
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
outbox = Outbox.open(folder / "web.outbox", site="jkt-001", process="web", clock=SystemClock())
journal = Journal.open(f"sqlite:///{{folder / 'journal.db'}}", clock=SystemClock())
folded = []
ingest = Ingest(journal, Scope.local("jkt-001"), outbox, SystemClock(), fold=folded.extend, hear=print, publish=lambda *_: True)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
batches = [[message(payload(n)) for n in range(first, first + 20)] for first in range(1, 2_001, 20)]
refused = 0
for batch in batches:
    if refused:
        break
    try:
        ingest.commit(batch)
    except NotCommitted as error:
        refused = batches.index(batch)
        assert "full" in str(error) or "I/O" in str(error), error
assert 3 < refused < 90, refused
for _ in range(3):
    try:
        ingest.commit(batches[refused])
    except NotCommitted:
        ingest.tick()
        continue
    raise SystemExit("a batch was committed on a full disk")
assert len(folded) == refused * 20 == journal.newest_position()
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for batch in batches[refused:]:
    ingest.commit(batch)
assert [entry.sequence for entry in journal.entries(limit=10_000)] == list(range(1, 2_001))
assert [entry.sequence for entry in folded] == list(range(1, 2_001))
assert ingest.metrics()["duplicates"] == 0
journal.close()
outbox.close()
"""


def _run_until_killed(port: int, folder: Path, place, after_s: float) -> None:
    command = [sys.executable, "-c", WEB, str(port), str(folder), place.url, str(place.partition)]
    up = folder / "up"
    up.unlink(missing_ok=True)
    web = subprocess.Popen(command)
    try:
        until(lambda: up.exists() or web.poll() is not None)
        assert web.poll() is None
        time.sleep(after_s)
    finally:
        web.send_signal(signal.SIGKILL)
        web.wait()


def test_web_killed_at_random_under_load_ends_with_every_event_once(mosquitto, tmp_path: Path, place) -> None:
    """Eight kills, some within the first batch after the start; nothing is acked that is not on the disk."""
    recorder = Publisher(mosquitto.port, tmp_path).begin()
    chance = random.Random(3)
    with recorder.under_load():
        for _ in range(8):
            _run_until_killed(mosquitto.port, tmp_path, place, chance.uniform(0, 0.6))
            journal = place.open(CLOCK)
            found = stored(journal)
            assert sum(one.count for one in journal.completeness()) == len(found)
            journal.close()
    last = Web(mosquitto.port, tmp_path, url=place.url, partition=place.partition).begin()
    until(lambda: last.holds(recorder.outbox) and last.holds(last.publisher.outbox), 60)
    until(lambda: last.ingest.metrics()["missing"] == 0)
    # What was missing and came is said afterwards, and has its own way through the broker.
    until(lambda: stored(last.journal) == rows(recorder.outbox) | rows(last.publisher.outbox))
    assert last.ingest.metrics()["conflicts"] == last.ingest.metrics()["lost"] == 0
    last.end()
    recorder.end()


def test_a_disk_without_room_loses_nothing_and_heals(tmp_path: Path) -> None:
    """Batches are not committed, so not acked, and come again; nothing is folded that is not stored."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
