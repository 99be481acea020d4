"""The outbox on a real file: numbers, transactions, retirement, and files that cannot be trusted."""

import json
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from edge.bus.database import OutboxRestored
from edge.bus.outbox import Fact, Outbox
from edge.clock import ManualClock
from edge.errors import OutboxLocked
from edge.events.catalog import ClockJumped
from edge.events.envelope import Envelope

STATE = "CREATE TABLE IF NOT EXISTS announced (path TEXT PRIMARY KEY)"


def event(number: int = 0) -> ClockJumped:
    return ClockJumped(
        step_s=float(number), wall_before="2026-11-23T02:22:03.500Z", wall_after="2026-11-23T02:22:00.000Z"
    )


def open_outbox(path: Path, clock: ManualClock | None = None, **options) -> Outbox:
    given = {"site": "jkt-001", "process": "recorder", "clock": clock or ManualClock(), "state_schema": STATE}
    return Outbox.open(path, **given | options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recorder.outbox"


def test_an_appended_event_is_an_envelope_with_its_number(path: Path) -> None:
    """What is stored is the whole payload with number, epoch and topic."""
    outbox = open_outbox(path)
    assert outbox.append(event(7)) == 1
    (row,) = outbox.rows(0)
    envelope = Envelope.parse(row.payload)
    assert (envelope.sequence, envelope.epoch, envelope.source) == (1, outbox.epoch, "/jkt-001/recorder")
    assert row.topic == "event/recorder/clock_jumped/_"
    outbox.close()


def test_state_and_event_are_stored_together_or_not_at_all(path: Path) -> None:
    """When the caller's own write fails there is no event and no burnt number, and the other way round."""
    outbox = open_outbox(path)
    outbox.append(event(), state=lambda c: c.execute("INSERT INTO announced VALUES ('a')"))
    with pytest.raises(sqlite3.IntegrityError):
        outbox.append(event(), state=lambda c: c.execute("INSERT INTO announced VALUES ('a')"))
    assert outbox.append(event(), state=lambda c: c.execute("INSERT INTO announced VALUES ('b')")) == 2
    assert outbox.read_state(lambda c: c.execute("SELECT count(*) FROM announced").fetchone()) == (2,)
    outbox.close()


def test_several_events_of_one_transaction_follow_each_other(path: Path) -> None:
    """append_many numbers all or none."""
    outbox = open_outbox(path)
    assert outbox.append_many([Fact(event(1)), Fact(event(2))]) == [1, 2]

    def broken(_: sqlite3.Connection) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        outbox.append_many([Fact(event(3)), Fact(event(4))], state=broken)
    assert [row.sequence for row in outbox.rows(0)] == [1, 2]
    outbox.close()


def test_a_second_opener_is_told_who_holds_it(path: Path) -> None:
    """Two processes on one outbox would give numbers twice."""
    import os

    outbox = open_outbox(path)
    with pytest.raises(OutboxLocked, match=str(os.getpid())):
        open_outbox(path)
    outbox.close()
    open_outbox(path).close()


def test_reopening_goes_on_with_the_same_epoch(path: Path) -> None:
    """A restart is no new epoch, and cursors and bdseq are kept."""
    outbox = open_outbox(path)
    outbox.append_many([Fact(event())] * 5)
    outbox.mark_published(4)
    outbox.acknowledge(outbox.epoch, 2)
    bdseq = outbox.next_bdseq()
    outbox.close()
    again = open_outbox(path)
    assert (again.epoch, again.last_sequence, again.published, again.acked) == (outbox.epoch, 5, 4, 2)
    assert again.next_bdseq() == bdseq + 1
    assert again.append(event()) == 6
    again.close()


def test_acks_of_another_epoch_change_nothing(path: Path) -> None:
    """An ack that says nothing about this outbox is not believed."""
    outbox = open_outbox(path)
    outbox.append(event())
    assert not outbox.acknowledge("01KAQFYK00N8TG6ZQ3V5M7W9XA", 1)
    assert outbox.acked == 0
    assert outbox.acknowledge(outbox.epoch, 1)
    assert outbox.published == 1
    outbox.close()


def test_only_old_and_acked_events_retire(path: Path) -> None:
    """An event leaves when HQ has it and it is older than keep_days, not before."""
    clock = ManualClock()
    outbox = open_outbox(path, clock)
    outbox.append_many([Fact(event())] * 10)
    outbox.acknowledge(outbox.epoch, 6)
    assert outbox.retire() == 0
    clock.advance(8 * 86_400)
    outbox.append(event())
    assert outbox.retire() == 6
    assert outbox.available_from() == 7
    assert outbox.append(event()) == 12
    outbox.close()


def test_a_full_outbox_says_which_events_it_lost(path: Path) -> None:
    """Over max_bytes the oldest go, and outbox_truncated names the un-acked range in the same transaction."""
    outbox = open_outbox(path, max_bytes=100_000)
    outbox.append_many([Fact(event(n)) for n in range(400)])
    outbox.acknowledge(outbox.epoch, 3)
    assert outbox.retire() > 0
    oldest = outbox.available_from()
    last = outbox.rows(400)[-1]
    data = json.loads(last.payload)["data"]
    assert last.topic == "event/recorder/outbox_truncated/_"
    assert (data["from"], data["to"], data["epoch"]) == (4, oldest - 1, outbox.epoch)
    assert outbox.published == oldest - 1
    assert outbox.last_sequence == 401
    outbox.close()


def test_events_that_hq_has_leave_a_full_outbox_without_a_word(path: Path) -> None:
    """Nothing is lost where HQ holds it."""
    outbox = open_outbox(path, max_bytes=100_000)
    outbox.append_many([Fact(event(n)) for n in range(400)])
    outbox.acknowledge(outbox.epoch, 400)
    assert outbox.retire() > 0
    assert outbox.last_sequence == 400
    outbox.close()


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is no database at all, but it is there" * 200)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _page_overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 20)


def _of_another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def _deleted(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [_garbage, _empty, _truncated, _page_overwritten, _of_another_program, _deleted])
def test_a_file_that_cannot_be_trusted_begins_a_new_epoch(path: Path, damage) -> None:
    """It is moved aside, never fatal, and the epoch before is said with its last number."""
    outbox = open_outbox(path)
    outbox.append_many([Fact(event(n)) for n in range(300)])
    outbox.close()
    damage(path)
    again = open_outbox(path)
    assert again.epoch != outbox.epoch
    assert again.previous == (outbox.epoch, 300)
    assert again.append(event()) == 1
    aside = [found for found in path.parent.iterdir() if ".corrupt-" in found.name]
    assert bool(aside) == (damage is not _deleted)
    again.close()


def test_a_restored_copy_begins_a_new_epoch(path: Path) -> None:
    """Going on in an old copy would give numbers a second time."""
    outbox = open_outbox(path)
    outbox.append(event())
    outbox.close()
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    outbox = open_outbox(path)
    outbox.append_many([Fact(event())] * 9)
    outbox.close()
    shutil.copy(copy, path)
    again = open_outbox(path)
    assert again.previous == (outbox.epoch, 10)
    again.close()


def test_the_outbox_of_another_site_is_moved_aside(path: Path) -> None:
    """Its epoch is no previous epoch of ours."""
    open_outbox(path).close()
    other = open_outbox(path, site="bdg-002")
    assert other.previous is None
    other.close()


def test_a_full_disk_fails_the_append_and_nothing_else(path: Path) -> None:
    """The failed append left no trace: the same number is given once there is room."""
    from edge.bus.outbox import OutboxUnavailable

    outbox = open_outbox(path)
    outbox.append(event())
    (pages,) = outbox._transactions._writer.execute("PRAGMA page_count").fetchone()
    outbox._transactions._writer.execute(f"PRAGMA max_page_count={pages}")
    given = 1
    with suppress(OutboxUnavailable):
        for _ in range(100):
            given = outbox.append(event())
    assert given < 100
    with pytest.raises(OutboxUnavailable):
        outbox.append(event())
    outbox._transactions._writer.execute("PRAGMA max_page_count=100000")
    assert outbox.append(event()) == given + 1
    assert [row.sequence for row in outbox.rows(0)] == list(range(1, given + 2))
    outbox.close()


def test_an_ack_ahead_of_the_outbox_makes_the_next_start_begin_a_new_epoch(path: Path) -> None:
    """The whole folder came back from a backup, its note too: numbers of the old epoch would be given twice."""
    outbox = open_outbox(path)
    outbox.append(event())
    with pytest.raises(OutboxRestored, match="older copy"):
        outbox.acknowledge(outbox.epoch, 70)
    assert outbox.acked == 0
    outbox.retire()
    outbox.close()
    later = open_outbox(path)
    assert later.epoch > outbox.epoch
    assert later.previous == (outbox.epoch, 70)
    later.close()
