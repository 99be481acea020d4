"""The journal in a SQLite file: what a file that is not whole does, and which indexes it reads."""

import sqlite3
from pathlib import Path

import pytest
from journal_events import arrival, arrivals, segment
from structlog.testing import capture_logs

from edge.clock import ManualClock
from edge.events.catalog import RecordingStopped
from edge.journal.errors import JournalDamaged, JournalUnavailable
from edge.journal.store import Journal

STOPPED = RecordingStopped.read(RecordingStopped.example)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def open_journal(path: Path) -> Journal:
    return Journal.open(f"sqlite:///{path}", clock=ManualClock())


@pytest.fixture
def journal(path: Path):
    journal = open_journal(path)
    yield journal
    journal.close()


@pytest.mark.parametrize("content", [b"this is no database, " * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_journal_is_moved_aside(path: Path, content: bytes) -> None:
    """It is kept, loudly, and a new journal begins."""
    path.write_bytes(content)
    with capture_logs() as logs:
        journal = open_journal(path)
    journal.append([arrival(1)])
    journal.close()
    (aside,) = path.parent.glob("journal.db.corrupt-*Z")
    assert aside.read_bytes() == content
    assert "journal_moved_aside" in {log["event"] for log in logs}


def test_a_database_of_somebody_else_is_moved_aside(path: Path) -> None:
    """Whole, but not ours."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE cats (name TEXT)")
    connection.close()
    open_journal(path).close()
    assert len(list(path.parent.glob("journal.db.corrupt-*"))) == 1


def test_an_empty_file_is_filled(path: Path) -> None:
    """Nothing was lost with it: no copy is kept."""
    path.touch()
    open_journal(path).close()
    assert list(path.parent.glob("*corrupt*")) == []


def test_a_folder_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    """Not a stack trace of a database library."""
    with pytest.raises(JournalUnavailable, match="state_dir"):
        open_journal(tmp_path / "nowhere" / "journal.db")


def test_damage_in_the_middle_is_found_when_met_and_ends_in_a_new_journal(path: Path) -> None:
    """Opening is quick and sees nothing; who reads the page gets an error; the next start begins anew."""
    journal = open_journal(path)
    for first in range(1, 5_001, 500):
        journal.append(arrivals(first, first + 499))
    journal.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3 // 4096 * 4096)
        file.write(b"\xaa" * 4096 * 40)
    journal = open_journal(path)
    assert not journal.damaged
    with pytest.raises(JournalDamaged):
        for _ in journal.rows():
            pass
    assert journal.damaged
    journal.close()
    journal = open_journal(path)
    assert journal.newest_position() == 0
    assert not journal.damaged
    journal.close()
    aside = sorted(found.name for found in path.parent.glob("journal.db.corrupt-*"))
    assert len(aside) == 2  # the file, and what was found
    open_journal(path).close()
    assert len(list(path.parent.glob("journal.db.corrupt-*"))) == 2


def test_look_ups_read_the_indexes_that_are_made_for_them(journal: Journal) -> None:
    """A rare event is found among a million without reading the million."""
    journal.append([arrival(1, segment(0), channel="lobby"), arrival(2, STOPPED, channel="lobby")])
    questions = {
        "SELECT position FROM events WHERE kind = 1 AND position < 9 ORDER BY position DESC LIMIT 5": "events_by_kind",
        "SELECT max(position) FROM events WHERE kind = 1 AND start_ms IS NOT NULL AND start_ms > 5 AND start_ms < 9"
        " AND end_ms > 5 GROUP BY start_ms ORDER BY start_ms LIMIT 5": "events_by_start",
        "SELECT payload FROM events WHERE source = 1 AND sequence IN (1, 2)": "events_by_number",
    }
    with journal._database.reading() as connection:
        for question, index in questions.items():
            plan = " ".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}"))
            assert index in plan
            assert "TEMP B-TREE" not in plan
