"""The journal: an append-only store of the events of every source, and what is known of its completeness.

One writer at a time, any number of readers, all methods for any thread. Invariants, each with a test:

1. What `append` returned is on the disk: rows, positions and the numbers that count as received, in one transaction.
   When it raises, nothing of the batch is there, and the same batch may be given again.
2. A number of a source is stored once; its bytes never change. Other bytes under the same number are kept aside.
3. Positions grow in the order of commits and none is given twice, also after a restart or when old events retire.
4. Received and lost numbers outlive their rows: what is retired does not come back as missing.
5. Whatever a kept snapshot lacks is still there as a row.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection

from edge.clock import Clock
from edge.journal import lookup, rows, snapshots
from edge.journal.arrival import Arrival, Entry, Kind, Refusal
from edge.journal.aside import Aside
from edge.journal.batch import Appended, Batch, Conflict
from edge.journal.completeness import Completeness
from edge.journal.database import Database
from edge.journal.errors import JournalDamaged
from edge.journal.kinds import Kinds
from edge.journal.opening import open_database
from edge.journal.positions import Source, SourceCompleteness, Track
from edge.journal.ranges import NONE, Ranges
from edge.journal.snapshots import Snapshot
from edge.journal.sqlite_file import SqliteDatabase

_SEGMENT: Final = ("segment_written",)
_ROWS_A_PIECE: Final = 5_000
_RETIRED_AT_A_TIME: Final = 1_000  # appends wait meanwhile
_RETIRED_A_CALL: Final = 20_000

R = TypeVar("R", bound=tuple[Any, ...])


class Journal:
    """Events as they came, each once; see the invariants above."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mutex = threading.RLock()
        self._kinds = Kinds()
        self._completeness = Completeness()
        self._held = database.hold()
        self._unseen: list[Entry] = []
        self._conflicts = self._refused = Aside()
        with database.reading() as connection:
            self._load(connection)
            self._newest = rows.newest_position(connection)

    @classmethod
    def open(cls, url: str, *, clock: Clock, partition: int = 1) -> Self:
        """Open or make the journal at a SQLAlchemy URL, as `sqlite:////var/lib/saksi/journal.db`.

        `partition` is which part of a PostgreSQL database is meant. Raises JournalLocked, JournalTooNew,
        JournalUnavailable and ConfigError. A damaged file is moved aside and a new one begun.
        """
        return cls._of(open_database(url, clock, partition))

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """The journal of a process that may be running, for queries only; what is new of sources is not seen.

        Raises JournalTooNew, JournalDamaged and JournalUnavailable.
        """
        return cls._of(SqliteDatabase.open_to_read(path))

    @classmethod
    def _of(cls, database: Database) -> Self:
        try:
            return cls(database)
        except BaseException:
            database.close()
            raise

    @property
    def damaged(self) -> bool:
        """Whether damage was met: whoever writes must end, and the next start begins a new journal."""
        return self._database.damaged

    def append(self, arrivals: Sequence[Arrival], refusals: Sequence[Refusal] = ()) -> Appended:
        """Store what is new in one transaction; raises JournalUnavailable, JournalDamaged."""
        if not arrivals and not refusals:
            return Appended([])
        with self._mutex:
            self._catch_up()
            batch = Batch.sort(arrivals, self._completeness.track)
            tracks = batch.tracks(self._completeness.track)
            with self._database.writing() as connection:
                changes = self._completeness.store(connection, tracks)
                kinds = self._kinds.add(connection, (arrival.kind for arrival in batch.new.values()))
                numbers = self._kinds.with_new(kinds)
                rows.insert_events(connection, batch.new.values(), changes.numbers, numbers, after=self._newest)
                found = batch.conflicts(rows.stored_payloads(connection, batch.again, changes.numbers))
                new, conflicts = rows.insert_conflicts(connection, found, changes.numbers, self._conflicts)
                refused = rows.insert_refusals(connection, refusals, self._refused)
            self._completeness.keep(changes)
            self._kinds.keep(kinds)
            self._conflicts, self._refused = conflicts, refused
            entries = [arrival.entry(place) for place, arrival in enumerate(batch.new.values(), self._newest + 1)]
            self._newest += len(entries)
            unseen, self._unseen = self._unseen, []
        return Appended(unseen + entries, len(batch.again) - len(found), new, len(refusals))

    def entries(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        newest_first: bool = False,
        site: str | None = None,
        event_types: Sequence[str] = (),
        channels: Sequence[str] = (),
        processes: Sequence[str] = (),
    ) -> list[Entry]:
        """Stored events with `after` < position < `before` that a filter lets through; an empty filter lets all."""
        kinds = self._kinds.matching(site=site, processes=processes, event_types=event_types, channels=channels)
        wanted = None if len(kinds) == self._kinds.count else kinds
        with self._database.reading() as connection:
            return lookup.entries(
                connection, wanted, after=after, before=before, limit=limit, newest_first=newest_first
            )

    def segments(
        self, site: str, channel: str, from_ms: int, to_ms: int, *, limit: int, after_ms: int | None = None
    ) -> list[Entry]:
        """The `segment_written` of segments that reach into a time, by their start; each file once.

        The next page is had with `after_ms` as the start of the last one.
        """
        kinds = self._kinds.matching(site=site, channels=(channel,), event_types=_SEGMENT)
        with self._database.reading() as connection:
            return lookup.segments(connection, kinds, from_ms, to_ms, limit=limit, after_ms=after_ms)

    def recorded_channels(self, site: str) -> list[str]:
        """The channels of which segments were ever announced."""
        return self._kinds.channels(site, _SEGMENT[0])

    def starts(self, site: str, channel: str, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """Start and position of every `segment_written` of segments that start in a time, by their start."""
        kinds = self._kinds.matching(site=site, channels=(channel,), event_types=_SEGMENT)
        with self._database.reading() as connection:
            return lookup.starts(connection, kinds, from_ms, to_ms)

    def at(self, positions: Sequence[int]) -> list[Entry]:
        """The events at these positions, in no order."""
        with self._database.reading() as connection:
            return lookup.at(connection, positions)

    def rows(self, after: int = 0) -> Iterator[list[tuple[int, bytes]]]:
        """Position and payload of all understood events after a position, in pieces: what state is rebuilt from."""
        return self._pieces(lookup.payloads, after)

    def site_rows(self, after: int = 0) -> Iterator[list[tuple[int, str, bytes]]]:
        """Position, site and payload of the same events."""
        return self._pieces(lookup.site_payloads, after)

    def rows_of(self, site: str, after: int, *, event_types: Sequence[str] = ()) -> Iterator[list[bytes]]:
        """Payloads of a site's understood events after a position, in pieces; of each kind in their order."""
        kinds = self._kinds.matching(site=site, event_types=event_types)
        with self._database.reading() as connection:
            counted = lookup.counts(connection, kinds, after)
        for some in lookup.bunches(counted, _ROWS_A_PIECE):
            for piece in self._pieces(partial(lookup.kinds_payloads, some), after):
                yield [payload for _, payload in piece]

    def newest_position(self) -> int:
        """Position of the newest event, 0 for none."""
        return self._newest

    def tracks(self, site: str | None = None) -> dict[Source, Track]:
        """What is known of the numbers of each source."""
        return {source: self._completeness.track(source) for source in self._completeness.sources_of(site)}

    def troubled(self) -> dict[Source, Track]:
        """The tracks of which something is missing, or was said to be and is not settled; of all sites."""
        return self._completeness.troubled()

    def take_changed(self) -> set[Source]:
        """The sources of which more is held or settled since this was asked before; for one asker."""
        with self._mutex:
            return self._completeness.take_changed()

    def totals(self) -> tuple[int, int]:
        """How many numbers are missing and how many are lost, of all sources."""
        return self._completeness.missing, self._completeness.lost

    def completeness(self, site: str | None = None) -> list[SourceCompleteness]:
        """The same as people ask for it."""
        return [SourceCompleteness.of(source, track) for source, track in self.tracks(site).items()]

    def has_room(self, source: Source, kind: Kind | None, sequence: int | None = None) -> bool:
        """Whether an event of this source, kind and number can be remembered beside all others of its site."""
        return self._completeness.has_room(source, sequence) and (kind is None or self._kinds.has_room(kind))

    def hear(self, source: Source, last_sequence: int) -> None:
        """Note how far a source says that its numbers reach; kept in memory until something of it is stored."""
        with self._mutex:
            self._completeness.hear(source, last_sequence)

    def note(
        self, *, missing: Mapping[Source, Ranges], settled: Mapping[Source, Ranges], lost: Mapping[Source, Ranges]
    ) -> None:
        """Note in one transaction what was said of missing numbers.

        `missing`: that they are; `settled`: what became of them; `lost`: that nobody has them any longer. Lost numbers
        stay so for ever, unless they come after all.
        """
        with self._mutex:
            self._catch_up()
            tracks = {}
            for source in {*missing, *settled, *lost}:
                track = self._completeness.track(source)
                announced = (track.announced | missing.get(source, NONE)) - settled.get(source, NONE)
                tracks[source] = track.with_announced(announced).with_lost(lost.get(source, NONE))
            with self._database.writing() as connection:
                changes = self._completeness.store(connection, tracks)
            self._completeness.keep(changes)

    def refused(self, topics_below: str = "", *, limit: int = 100) -> list[Refusal]:
        """The newest payloads that were refused, newest first; of topics that begin so, as `cctv/jkt-001/`."""
        with self._database.reading() as connection:
            return rows.refusals(connection, topics_below, limit)

    def refused_of(self) -> dict[str, int]:
        """How many refused payloads are kept of each site; "" for those that came by no site's topic."""
        return self._refused.counts()

    def unsaid_conflicts(self) -> list[Conflict]:
        """The first conflict of each source that has some of which nothing was said yet."""
        with self._database.reading() as connection:
            return rows.unsaid_conflicts(connection)

    def conflicts_said(self, source: Source) -> None:
        """Note that it was said that a source has conflicts."""
        with self._writing() as connection:
            rows.mark_said(connection, self._completeness.number(source))

    def save_snapshot(self, name: str, version: int, position: int, data: bytes) -> None:
        """Store what state was after the event at `position`; the newest two of a name are kept."""
        with self._writing() as connection:
            snapshots.save(connection, name, version, position, data)

    def newest_snapshot(self, name: str, version: int) -> Snapshot | None:
        """The newest whole snapshot of this version."""
        with self._database.reading() as connection:
            return snapshots.newest(connection, name, version)

    def retire(self, before_ms: int) -> int:
        """Delete events that were received before a time and that every kept snapshot holds; returns how many.

        At most 20,000 a call, so that a clock that jumped ahead costs little until somebody sees it.
        """
        gone = 0
        while gone < _RETIRED_A_CALL:
            with self._writing() as connection:
                some = rows.retire(connection, before_ms, most=_RETIRED_AT_A_TIME)
            gone += some
            if some < _RETIRED_AT_A_TIME:
                break
        return gone

    def close(self) -> None:
        """Close the file and let the next process have it; harmless when repeated."""
        with self._mutex:
            self._database.close()

    def _pieces(self, read: Callable[[Connection, int, int], list[R]], after: int) -> Iterator[list[R]]:
        while True:
            with self._database.reading() as connection:
                piece = read(connection, after, _ROWS_A_PIECE)
            if not piece:
                return
            yield piece
            after = piece[-1][0]

    def _load(self, connection: Connection) -> None:
        self._kinds.load(connection)
        self._completeness.load(connection)
        self._conflicts, self._refused = rows.kept_conflicts(connection), rows.kept_refusals(connection)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._mutex:
            self._catch_up()
            with self._database.writing() as connection:
                yield connection

    def _catch_up(self) -> None:
        """Where the right to write was lost meanwhile, take over what the database holds.

        The answer to a commit may have been lost: its events are there, and `append` has not returned them yet.
        """
        if (held := self._database.hold()) == self._held:
            return
        with self._database.reading() as connection:
            unseen = lookup.entries(connection, None, after=self._newest, before=None, limit=None, newest_first=False)
            newest = rows.newest_position(connection)
            if newest < self._newest:
                raise JournalDamaged(f"the journal ends at {newest} and ended at {self._newest}: an older copy")
            self._load(connection)
        self._unseen += unseen
        self._newest, self._held = newest, held
