"""The catalog: which segments are on the disk, in the order of their age, without walking the tree.

It is an index and never the truth. A segment that is not in it is not deleted; one that is in it is looked at on the
disk before anything is done to it. Sums per channel are kept in memory and counted once when it is opened. Every method
may be called from any thread.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from edge.recordings.catalog_file import (
    CatalogDamaged,
    CatalogUnavailable,
    Doubt,
    move_aside,
    open_file,
    read_note,
    write_note,
)
from edge.recordings.catalog_rows import COLUMNS, FROM, Entry, Usage, entry_of, translated

__all__ = ["Catalog", "CatalogDamaged", "CatalogUnavailable", "Doubt", "Entry", "Usage"]

_FIRST_PAGE: Final = 4
_PAGE: Final = 256
"""Rows read at once: few at first, as most who ask want only the oldest."""
_ABOVE_ALL: Final = 2**31  # more channels than there can be


class Catalog:
    """The segments of one disk."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, doubt: Doubt | None) -> None:
        """Counts what is there: `doubt` says why it must be made anew from the disk, None where it need not."""
        self.path = path
        self.doubt = doubt
        self._connection = connection
        self._mutex = threading.RLock()
        self._numbers: dict[str, int] = {}
        self._usage: dict[str, Usage] = {}
        self.clean = doubt is None and bool(self.note("clean"))
        self._count()

    @classmethod
    def open(cls, path: Path | None, device: str, *, damaged: bool = False) -> Self:
        """Open or make the catalog of the disk with this mark (None: in memory); raises CatalogUnavailable.

        One that is known to be `damaged` is not tried again.
        """
        if not damaged:
            opened = open_file(path, device)
            try:
                return cls._begun(opened.connection, path, opened.doubt)
            except CatalogDamaged:
                opened.connection.close()
        if path is not None:
            move_aside(path)
        return cls._begun(open_file(path, device).connection, path, "damaged")

    @classmethod
    def _begun(cls, connection: sqlite3.Connection, path: Path | None, doubt: Doubt | None) -> Self:
        try:
            catalog = cls(connection, path, doubt)
            catalog.set_note("clean", value=False)
        except CatalogUnavailable:
            connection.close()
            raise
        return catalog

    def close(self, *, clean: bool = True) -> None:
        """Let go of the file; a `clean` one needs no look at the disk when it is opened again."""
        with self._mutex:
            with suppress(CatalogUnavailable, CatalogDamaged):  # then the next start looks at the newest days
                if clean:
                    self.set_note("clean", value=True)
                    self.checkpoint()
            self._connection.close()

    def add(self, entries: Iterable[Entry]) -> int:
        """Take segments in, or what is known better of those that are in; returns how many are new."""
        new = 0
        with self._writing() as db:
            for one in entries:
                number = self._number(one.channel)
                key = (one.start_ms, number)
                before = db.execute("SELECT bytes FROM segments WHERE start_ms = ? AND channel = ?", key).fetchone()
                row = (*key, max(one.end_ms - one.start_ms, 0), one.bytes)
                db.execute("INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?)", row)
                if one.rejected_ms is not None:
                    self._reject(one.channel, one.start_ms, one.rejected_ms)
                usage = self._usage.setdefault(one.channel, Usage())
                usage.bytes += one.bytes - (before[0] if before else 0)
                usage.segments += before is None
                new += before is None
        return new

    def reject(self, channel: str, start_ms: int, rejected_ms: int) -> None:
        """A segment is worthless, since then; said twice, the first counts."""
        with self._writing():
            self._reject(channel, start_ms, rejected_ms)

    def remove(self, entries: Iterable[Entry]) -> int:
        """Take segments out that are not on the disk any more; harmless when repeated. Returns how many were in."""
        gone = 0
        with self._writing() as db:
            for one in entries:
                key = (one.start_ms, self._number(one.channel))
                delete = "DELETE FROM segments WHERE start_ms = ? AND channel = ? RETURNING bytes"
                row = db.execute(delete, key).fetchone()
                db.execute("DELETE FROM rejected WHERE start_ms = ? AND channel = ?", key)
                if row is not None:
                    gone += 1
                    usage = self._usage[one.channel]
                    usage.segments -= 1
                    usage.bytes -= row[0]
        return gone

    def usage(self) -> Mapping[str, Usage]:
        """What each channel has, channels without any left out."""
        with self._mutex:
            return {
                channel: Usage(one.segments, one.bytes) for channel, one in self._usage.items() if one.segments > 0
            }

    def oldest(self, channel: str | None = None, *, from_ms: int = -(2**62)) -> Iterator[Entry]:
        """Segments in the order of their start, read in pages while they are asked for."""
        last, limit = (from_ms - 1, _ABOVE_ALL), _FIRST_PAGE
        while page := self._page(channel, last, limit):
            limit = min(2 * limit, _PAGE)
            for number, entry in page:
                last = (entry.start_ms, number)
                yield entry

    def rejected(self) -> Iterator[Entry]:
        """Worthless segments that are on the disk, those rejected first in front; read in pages too."""
        query = (
            f"SELECT r.channel, {COLUMNS} FROM rejected r"  # noqa: S608 - constants
            " CROSS JOIN segments s ON s.start_ms = r.start_ms AND s.channel = r.channel"
            " JOIN channels c ON c.number = r.channel WHERE (r.rejected_ms, r.start_ms, r.channel) > (?, ?, ?)"
            f" ORDER BY r.rejected_ms, r.start_ms, r.channel LIMIT {_PAGE}"
        )
        last = (-(2**62), 0, 0)
        while True:
            with self._reading() as db:
                rows = db.execute(query, last).fetchall()
            if not rows:
                return
            for row in rows:
                last = (row[5], row[1], row[0])
                yield entry_of(row[1:])

    def between(self, channel: str, from_ms: int, to_ms: int) -> list[Entry]:
        """Segments of a channel that start in `[from_ms, to_ms)`."""
        where = "WHERE s.channel = ? AND s.start_ms >= ? AND s.start_ms < ? ORDER BY s.start_ms"
        query = f"SELECT {COLUMNS}{FROM}{where}"
        with self._reading() as db:
            return [entry_of(row) for row in db.execute(query, (self._known(channel), from_ms, to_ms))]

    def overlapping(self, channel: str, from_ms: int, to_ms: int, *, longest_ms: int) -> list[Entry]:
        """Segments of a channel that hold some of `[from_ms, to_ms)`; none is longer than `longest_ms`."""
        return [one for one in self.between(channel, from_ms - longest_ms, to_ms) if one.end_ms > from_ms]

    def extremes(self, channel: str) -> tuple[int, int] | None:
        """Start of the channel's oldest and of its newest segment."""
        with self._reading() as db:
            number = self._known(channel)
            oldest = db.execute("SELECT min(start_ms) FROM segments WHERE channel = ?", (number,)).fetchone()[0]
            newest = db.execute("SELECT max(start_ms) FROM segments WHERE channel = ?", (number,)).fetchone()[0]
        return None if oldest is None else (oldest, newest)

    def first_from(self, channel: str, from_ms: int) -> int | None:
        """Start of the channel's first segment that does not start before `from_ms`."""
        query = "SELECT min(start_ms) FROM segments WHERE channel = ? AND start_ms >= ?"
        with self._reading() as db:
            found: int | None = db.execute(query, (self._known(channel), from_ms)).fetchone()[0]
        return found

    def bytes_since(self, from_ms: int) -> dict[str, tuple[int, int]]:
        """For each channel, bytes and milliseconds of the segments that started since."""
        query = (
            "SELECT c.id, sum(s.bytes), sum(s.duration_ms) FROM channels c"
            " CROSS JOIN segments s ON s.channel = c.number AND s.start_ms >= ? GROUP BY c.number"
        )
        with self._reading() as db:
            return {row[0]: (row[1], row[2]) for row in db.execute(query, (from_ms,))}

    def set_unknown_files(self, channel: str, day: str, count: int) -> None:
        """Note how many files of a folder are not Saksi's; `day` '' is a channel's own folder, both '' the root."""
        with self._writing() as db:
            if count:
                db.execute("INSERT OR REPLACE INTO folders VALUES (?, ?, ?)", (channel, day, count))
            else:
                db.execute("DELETE FROM folders WHERE channel = ? AND day = ?", (channel, day))

    def unknown_files(self) -> int:
        """Files under the root that are not Saksi's, as far as the walk has seen."""
        with self._reading() as db:
            return int(db.execute("SELECT coalesce(sum(unknown_files), 0) FROM folders").fetchone()[0])

    def unknown_folders(self) -> list[tuple[str, str]]:
        """The folders with files that are not Saksi's."""
        with self._reading() as db:
            return db.execute("SELECT channel, day FROM folders").fetchall()

    def note(self, name: str) -> Any:
        """A JSON value that was noted with `set_note`, None where there is none."""
        with self._reading() as db:
            return read_note(db, name)

    def set_note(self, name: str, value: Any) -> None:
        """Keep a JSON value over restarts."""
        with self._writing() as db:
            write_note(db, name, value)

    def checkpoint(self) -> None:
        """Have everything up to now survive a power cut."""
        with self._reading() as db:
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _count(self) -> None:
        with self._reading() as db:
            self._numbers = dict(db.execute("SELECT id, number FROM channels"))
            query = (
                "SELECT c.id, count(*), sum(s.bytes) FROM segments s JOIN channels c ON c.number = s.channel"
                " GROUP BY s.channel"
            )
            self._usage = {row[0]: Usage(row[1], row[2]) for row in db.execute(query)}

    def _page(self, channel: str | None, last: tuple[int, int], limit: int) -> Sequence[tuple[int, Entry]]:
        order = "(s.start_ms, s.channel) > (?, ?)" if channel is None else "s.start_ms > ? AND s.channel = ?"
        values = last if channel is None else (last[0], self._known(channel))
        by = "s.start_ms, s.channel" if channel is None else "s.start_ms"
        query = f"SELECT s.channel, {COLUMNS}{FROM}WHERE {order} ORDER BY {by} LIMIT {limit}"
        with self._reading() as db:
            return [(row[0], entry_of(row[1:])) for row in db.execute(query, values)]

    def _reject(self, channel: str, start_ms: int, rejected_ms: int) -> None:
        row = (self._number(channel), start_ms, rejected_ms)
        self._connection.execute("INSERT OR IGNORE INTO rejected VALUES (?, ?, ?)", row)

    def _number(self, channel: str) -> int:
        number = self._numbers.get(channel)
        if number is None:
            number = self._connection.execute("INSERT INTO channels (id) VALUES (?)", (channel,)).lastrowid or 0
            self._numbers[channel] = number
        return number

    def _known(self, channel: str) -> int:
        return self._numbers.get(channel, -1)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._count()  # sums and numbers go back with the rows
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, translated():
            yield self._connection
