"""An appending process that is killed, and one whose disk is full: what it was told is stored is stored."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from edge.bus.outbox import Outbox
from edge.clock import SystemClock

APPEND = """
import sys
from pathlib import Path
from edge.bus.outbox import Outbox
from edge.clock import SystemClock
from edge.events.catalog import ClockJumped
event = ClockJumped(step_s=1.0, wall_before="2026-11-23T02:22:03.500Z", wall_after="2026-11-23T02:22:00.000Z")
outbox = Outbox.open(Path(sys.argv[1]), site="jkt-001", process="recorder", clock=SystemClock(),
                     state_schema="CREATE TABLE IF NOT EXISTS announced (number INTEGER)")
while True:
    number = outbox.append(event, state=lambda c: c.execute("INSERT INTO announced VALUES (1)"))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""

FILL = """
import resource, signal, sys
from pathlib import Path
from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.clock import SystemClock
from edge.events.catalog import ClockJumped
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
event = ClockJumped(step_s=1.0, wall_before="2026-11-23T02:22:03.500Z", wall_after="2026-11-23T02:22:00.000Z")
outbox = Outbox.open(Path(sys.argv[1]), site="jkt-001", process="recorder", clock=SystemClock())
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
last = 0
try:
    while True:
        last = outbox.append(event)
except OutboxUnavailable:
    pass
for _ in range(3):
    try:
        outbox.append(event)
    except OutboxUnavailable:
        continue
    raise SystemExit("an append succeeded on a full disk")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert last > 10, last
assert outbox.append(event) == last + 1
rows = outbox.rows(0, limit=100_000)
assert [row.sequence for row in rows] == list(range(1, last + 2))
outbox.close()
"""


def test_twenty_kills_lose_no_number_that_was_returned(tmp_path: Path) -> None:
    """Numbers have no holes, all that were returned are there, and the state beside them agrees."""
    path = tmp_path / "recorder.outbox"
    chance = random.Random(2)
    returned = 0
    for _ in range(20):
        child = subprocess.Popen([sys.executable, "-c", APPEND, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        said = [child.stdout.readline()]
        time.sleep(chance.uniform(0, 0.05))
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        numbers = [int(line) for line in said if line.endswith("\n")]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert returned < numbers[0] <= returned + 2  # one may be on the disk that the child had no time to say
        returned = numbers[-1]
    outbox = Outbox.open(path, site="jkt-001", process="recorder", clock=SystemClock())
    rows = outbox.rows(0, limit=1_000_000)
    assert [row.sequence for row in rows] == list(range(1, outbox.last_sequence + 1))
    assert returned <= outbox.last_sequence <= returned + 1
    assert outbox.previous is None
    assert outbox.read_state(lambda c: c.execute("SELECT count(*) FROM announced").fetchone()) == (len(rows),)
    outbox.close()


def test_a_disk_without_room_loses_nothing_and_heals(tmp_path: Path) -> None:
    """Appends fail by name while the disk takes no more, and go on with the next number when it does."""
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "recorder.outbox")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
