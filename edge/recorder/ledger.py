"""What the recorder keeps in its outbox's database, so that a change of it and an event are one transaction.

`growing`: final paths of segments begun and not yet announced. `announced`: the newest announced ones, in the order
told. `channel_end`: where the last announced segment of a channel ended (UTC). The file system stays the truth; this
only says which of its files were told of.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from edge.recordings.segment import SegmentName

STATE_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS growing (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS announced (id INTEGER PRIMARY KEY, channel TEXT NOT NULL, path TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS announced_path ON announced (channel, path);
CREATE TABLE IF NOT EXISTS channel_end (channel TEXT PRIMARY KEY, end_ms INTEGER NOT NULL) WITHOUT ROWID;
"""
KEPT_ANNOUNCED: Final = 200_000
"""More than two days of 32 channels at a minute a segment."""

Change = Callable[[sqlite3.Connection], None]


def began(name: SegmentName) -> Change:
    """A segment is about to be created."""

    def change(db: sqlite3.Connection) -> None:
        db.execute("INSERT OR IGNORE INTO growing VALUES (?)", (name.path,))

    return change


def forgotten(name: SegmentName) -> Change:
    """A segment came to nothing."""

    def change(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM growing WHERE path = ?", (name.path,))

    return change


def announced(name: SegmentName, end_wall_ns: int) -> Change:
    """A segment is told of by the event of this transaction."""

    def change(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM growing WHERE path = ?", (name.path,))
        row = db.execute("INSERT OR REPLACE INTO announced (channel, path) VALUES (?, ?)", (name.channel, name.path))
        db.execute("DELETE FROM announced WHERE id <= ?", ((row.lastrowid or 0) - KEPT_ANNOUNCED,))
        db.execute("INSERT OR REPLACE INTO channel_end VALUES (?, ?)", (name.channel, end_wall_ns // 1_000_000))

    return change


def end_of(channel: str) -> Callable[[sqlite3.Connection], int | None]:
    """Asks where the channel's last announced segment ended, in ms since 1970."""

    def query(db: sqlite3.Connection) -> int | None:
        row = db.execute("SELECT end_ms FROM channel_end WHERE channel = ?", (channel,)).fetchone()
        return row[0] if row else None

    return query


def growing(channel: str) -> Callable[[sqlite3.Connection], list[str]]:
    """Asks for the final paths of the channel's segments that were begun and not announced."""

    def query(db: sqlite3.Connection) -> list[str]:
        rows = db.execute("SELECT path FROM growing WHERE path >= ? AND path < ?", (f"{channel}/", f"{channel}0"))
        return [row[0] for row in rows]

    return query


def untold(channel: str, paths: Sequence[str]) -> Callable[[sqlite3.Connection], set[str]]:
    """Asks which of these finished files were never told of; files older than all that is kept count as told."""

    def query(db: sqlite3.Connection) -> set[str]:
        told = {row[0] for row in db.execute("SELECT path FROM announced WHERE channel = ?", (channel,))}
        oldest = min(told, default="")
        return {path for path in paths if path not in told and path > oldest}

    return query
