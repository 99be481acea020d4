"""Reports that wait to be posted, in the outbox's database. Owns its tables; knows no HTTP.

A report is written in the transaction of its event, goes with its `report_delivered`, and is set aside with its
`report_failed`: so a kill at any moment neither loses nor doubles one.
What is done to them is a function of the outbox's connection, to be given along with the event that says so.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.bus.outbox import Outbox
from edge.events.envelope import SEQUENCE_DIGITS

STATE_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS waiting_reports (
    sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, first_ms INTEGER  -- of the wall clock, of the first attempt
);
CREATE TABLE IF NOT EXISTS dead_reports (
    sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL,
    http_status INTEGER, detail TEXT NOT NULL, at_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS dropped_reports (count INTEGER NOT NULL, said INTEGER NOT NULL);
INSERT INTO dropped_reports SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM dropped_reports);
"""
MOST_WAITING: Final = 1000
"""The newest of these; what is older is in the events anyway, which HQ gets by MQTT."""
MOST_DEAD: Final = 50

Change = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class WaitingReport:
    """The oldest report that HQ has not taken; `first_ms` is None before the first attempt."""

    event_id: str
    sequence: int
    payload: bytes
    attempts: int
    first_ms: int | None


def add_newest(most: int = MOST_WAITING) -> Change:
    """Have the event that is appended wait; the oldest go, counted, when more than `most` do."""

    def write(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO waiting_reports (sequence, payload)"
            " SELECT sequence, payload FROM events ORDER BY sequence DESC LIMIT 1"
        )
        gone = db.execute(
            "DELETE FROM waiting_reports WHERE sequence <="
            " (SELECT sequence FROM waiting_reports ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
            (most,),
        ).rowcount
        if gone:
            db.execute("UPDATE dropped_reports SET count = count + ?", (gone,))

    return write


def oldest(outbox: Outbox) -> WaitingReport | None:
    """The report to be posted next; raises OutboxUnavailable."""
    row = outbox.read_state(
        lambda db: db.execute(
            "SELECT sequence, payload, attempts, first_ms FROM waiting_reports ORDER BY sequence LIMIT 1"
        ).fetchone()
    )
    if row is None:
        return None
    sequence, payload, attempts, first_ms = row
    return WaitingReport(f"{outbox.epoch}-{sequence:0{SEQUENCE_DIGITS}d}", sequence, payload, attempts, first_ms)


def tried(sequence: int, at_ms: int) -> Change:
    """Count an attempt before it is made."""

    def write(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE waiting_reports SET attempts = attempts + 1, first_ms = coalesce(first_ms, ?) WHERE sequence = ?",
            (at_ms, sequence),
        )

    return write


def delivered(sequence: int) -> Change:
    """HQ has it."""
    return lambda db: _delete(db, sequence)


def set_aside(sequence: int, http_status: int | None, detail: str, at_ms: int) -> Change:
    """HQ will never take it: a dead letter, of which the newest are kept for whoever looks."""

    def write(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT OR REPLACE INTO dead_reports"
            " SELECT sequence, payload, ?, ?, ? FROM waiting_reports WHERE sequence = ?",
            (http_status, detail, at_ms, sequence),
        )
        _delete(db, sequence)
        db.execute(
            "DELETE FROM dead_reports WHERE sequence <="
            " (SELECT sequence FROM dead_reports ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
            (MOST_DEAD,),
        )

    return write


def unsaid_drops(outbox: Outbox) -> int:
    """How many reports were dropped since that was said last."""
    count, said = outbox.read_state(lambda db: db.execute("SELECT count, said FROM dropped_reports").fetchone())
    return int(count - said)


def drops_said(count: int) -> Change:
    """It was said of so many more."""

    def write(db: sqlite3.Connection) -> None:
        db.execute("UPDATE dropped_reports SET said = said + ?", (count,))

    return write


def clear(db: sqlite3.Connection) -> None:
    """Reports are not posted any more: let those go that wait."""
    db.execute("DELETE FROM waiting_reports")


def counts(outbox: Outbox) -> dict[str, int]:
    """Reports that wait, that are set aside, and that were dropped ever."""
    query = (
        "SELECT (SELECT count(*) FROM waiting_reports), (SELECT count(*) FROM dead_reports),"
        " (SELECT count FROM dropped_reports)"
    )
    waiting, dead, dropped = outbox.read_state(lambda db: db.execute(query).fetchone())
    return {"waiting": waiting, "dead": dead, "dropped": dropped}


def _delete(db: sqlite3.Connection, sequence: int) -> None:
    db.execute("DELETE FROM waiting_reports WHERE sequence = ?", (sequence,))
