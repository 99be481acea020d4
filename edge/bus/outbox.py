"""The outbox: every event of a process, numbered without holes and safe on disk before anybody hears of it.

Owns the numbers, the stored bytes and how long they are kept. Knows no broker: the relay asks it for rows and tells it
what was accepted.

Invariants, each with a test:

1. A number that `append` returned is on the disk with its payload and with the state that was changed along with it
   (`synchronous=FULL`).
2. An append that failed left nothing: no number, no payload, no state. The next one takes the same number.
3. The bytes of a number never change, and no number is given twice in an epoch.
4. Only events that HQ has acked leave silently. They stay for `keep_days` unless the file is over `max_bytes`; un-acked
   ones that have to go for that are named by an `outbox_truncated` event in the same transaction.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import structlog

from edge.bus.database import (
    Identity,
    Meta,
    OutboxRestored,
    OutboxUnavailable,
    connect,
    is_unavailable,
    last_given,
    open_database,
    save_note,
    take_lock,
)
from edge.bus.retire import Dropped, drop_acked, drop_oldest
from edge.bus.transactions import Transactions
from edge.clock import Clock, utc
from edge.events.catalog import OutboxTruncated
from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.topics import EventTopic

__all__ = ["DEFAULT_MAX_BYTES", "Fact", "Outbox", "OutboxUnavailable", "Row"]

DEFAULT_MAX_BYTES: Final = 512 * 1024 * 1024
_DAY_MS: Final = 86_400_000

T = TypeVar("T")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Row:
    """One stored event, ready to be published."""

    sequence: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """An event about to be appended, and the channel that it is about."""

    data: EventData
    channel: str | None = None


class Outbox:
    """One process's events in one SQLite file; every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        identity: Identity,
        meta: Meta,
        transactions: Transactions,
        *,
        lock: int,
        clock: Clock,
        keep_days: float,
        max_bytes: int,
    ) -> None:
        self.epoch = meta.epoch
        self.previous = meta.previous
        self.process = identity.process
        self.site = identity.site
        self.topic_site = identity.site if identity.at_hq else None
        self._path = path
        self._identity = identity
        self._bdseq, self._given = meta.bdseq, 0  # given: by a later copy of this file, as far as HQ says
        self._transactions = transactions
        self._lock = lock
        self._clock = clock
        self._keep_ms = round(keep_days * _DAY_MS)
        self._max_bytes = max_bytes
        self._listeners: list[Callable[[], None]] = []
        self._published: int
        self._acked: int
        with transactions.reading() as connection:
            self._published, self._acked = connection.execute("SELECT published, acked FROM cursor").fetchone()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        site: str,
        process: str,
        clock: Clock,
        state_schema: str = "",
        keep_days: float = 7,
        max_bytes: int = DEFAULT_MAX_BYTES,
        at_hq: bool = False,
    ) -> Self:
        """Open or make the outbox at `path`; `state_schema` (`CREATE TABLE IF NOT EXISTS ...`) adds own tables.

        `at_hq`: its events go to headquarters' broker, where topics carry the site.
        Raises OutboxLocked when another process has it and OutboxUnavailable when the disk does not allow it. A file
        that cannot be trusted is moved aside and a new epoch begun.
        """
        identity = Identity(site, process, at_hq)
        try:
            lock = take_lock(path)
        except OSError as error:
            raise OutboxUnavailable(f"{path}: {error.strerror or error}; see to the folder state_dir") from error
        with ExitStack() as undo:
            undo.callback(os.close, lock)
            writer, meta = open_database(path, identity, clock)
            undo.callback(writer.close)
            try:
                reader = connect(path, synchronous="NORMAL")
                undo.callback(reader.close)
                writer.executescript(state_schema)
                both = Transactions(path, writer, reader)
            except sqlite3.Error as error:
                if is_unavailable(error):
                    raise OutboxUnavailable(f"{path} cannot be opened: {error}") from error
                raise
            outbox = cls(path, identity, meta, both, lock=lock, clock=clock, keep_days=keep_days, max_bytes=max_bytes)
            undo.pop_all()
            return outbox

    @property
    def last_sequence(self) -> int:
        """The newest number given, 0 for none."""
        return self._transactions.last_sequence

    @property
    def published(self) -> int:
        """The broker has accepted every event up to this one."""
        return self._published

    @property
    def acked(self) -> int:
        """HQ has committed every event up to this one."""
        return self._acked

    @property
    def bdseq(self) -> int:
        """Number of the newest connection to the broker."""
        return self._bdseq

    def append(
        self,
        data: EventData,
        *,
        channel: str | None = None,
        state: Callable[[sqlite3.Connection], None] | None = None,
    ) -> int:
        """Number and store an event together with what `state` writes; returns the number once all is on the disk.

        Raises OutboxUnavailable (nothing was stored: keep the fact, as the recorder keeps a finished segment in its
        list, and append it again later) and whatever `state` raises.
        """
        return self.append_many([Fact(data, channel)], state=state)[0]

    def append_many(
        self, facts: Sequence[Fact], *, state: Callable[[sqlite3.Connection], None] | None = None
    ) -> list[int]:
        """Store several events and what `state` writes (it must not commit) in one transaction; returns the numbers."""
        with self._transactions.writing() as connection:
            last = last_given(connection)
            for sequence, fact in enumerate(facts, last + 1):
                self._insert(connection, sequence, fact)
            if state is not None:
                state(connection)
        self._notify()
        return list(range(last + 1, last + 1 + len(facts)))

    def read_state(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Let `query` read the process's own tables; raises OutboxUnavailable."""
        with self._transactions.reading() as connection:
            return query(connection)

    def rows(self, after: int, *, to: int | None = None, limit: int = 100) -> list[Row]:
        """Stored events with a number above `after`, oldest first; raises OutboxUnavailable."""
        query = (
            "SELECT sequence, topic, payload FROM events WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
        )
        end = self.last_sequence if to is None else to
        with self._transactions.reading() as connection:
            return [Row(*row) for row in connection.execute(query, (after, end, limit))]

    def available_from(self) -> int:
        """The oldest number that is still stored; one more than the newest given when none is."""
        with self._transactions.reading() as connection:
            (oldest,) = connection.execute("SELECT min(sequence) FROM events").fetchone()
            return int(oldest) if oldest is not None else self.last_sequence + 1

    def mark_published(self, sequence: int) -> None:
        """Remember that the broker accepted every event up to this one; raises OutboxUnavailable."""
        with self._transactions.saving() as connection:
            connection.execute("UPDATE cursor SET published = max(published, ?)", (sequence,))
            self._published = max(self._published, sequence)

    def acknowledge(self, epoch: str, contiguous_to: int) -> bool:
        """Remember that HQ has every event up to this one; False when that says nothing about this outbox.

        Raises OutboxRestored where HQ has more than was ever given here: the next start begins a new epoch.
        """
        if epoch != self.epoch:
            return False
        if contiguous_to > self.last_sequence:
            given, self._given = self.last_sequence, contiguous_to
            save_note(self._path, self._identity, epoch, contiguous_to)
            raise OutboxRestored(
                f"{self._path} gave numbers up to {given}, and headquarters holds events up to {contiguous_to} of it:"
                " it is an older copy. The process ends and begins a new epoch at its next start"
            )
        with self._transactions.saving() as connection:
            query = "UPDATE cursor SET acked = max(acked, ?), published = max(published, ?)"
            connection.execute(query, (contiguous_to, contiguous_to))
            self._acked = max(self._acked, contiguous_to)
            self._published = max(self._published, contiguous_to)
        return True

    def retire(self) -> int:
        """Delete what HQ has and is old enough, then what is over `max_bytes`; returns how many events went.

        To be called now and then; a long backlog goes in several calls. Raises OutboxUnavailable.
        """
        kept_from_ms = self._clock.wall_ns() // 1_000_000 - self._keep_ms
        with self._transactions.writing() as connection:
            gone = drop_acked(connection, acked=self._acked, kept_from_ms=kept_from_ms)
            dropped = drop_oldest(connection, acked=self._acked, max_bytes=self._max_bytes)
            if dropped.lost_to:
                self._declare(connection, dropped)
        if dropped.lost_to:
            self._published = max(self._published, dropped.lost_to)
            _log.error("outbox_truncated", lost=(dropped.lost_from, dropped.lost_to), max_bytes=self._max_bytes)
            self._notify()
        save_note(self._path, self._identity, self.epoch, max(self.last_sequence, self._given))
        return gone + dropped.rows

    def next_bdseq(self) -> int:
        """The number of a connection about to be made, one more than any before it; raises OutboxUnavailable."""
        with self._transactions.saving() as connection:
            connection.execute("UPDATE meta SET bdseq = ?", (self._bdseq + 1,))
            self._bdseq += 1
            return self._bdseq

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have `listener` called, on the appending thread, after events were stored."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Write the note, close the file and let the next process have it; harmless when repeated."""
        if self._transactions.close():
            save_note(self._path, self._identity, self.epoch, max(self.last_sequence, self._given))
            os.close(self._lock)

    def _insert(self, connection: sqlite3.Connection, sequence: int, fact: Fact) -> None:
        wall_ns = self._clock.wall_ns()
        topic = EventTopic(self.process, fact.data.event_type, fact.channel, self.topic_site)
        payload = Envelope.build(
            fact.data,
            site=self.site,
            process=self.process,
            epoch=self.epoch,
            sequence=sequence,
            time=utc(wall_ns),
            subject=fact.channel,
        ).to_json()
        row = (sequence, str(topic), payload, wall_ns // 1_000_000)
        connection.execute("INSERT INTO events (sequence, topic, payload, created_ms) VALUES (?, ?, ?, ?)", row)

    def _declare(self, connection: sqlite3.Connection, dropped: Dropped) -> None:
        """Announce a loss in the transaction that causes it."""
        connection.execute("UPDATE cursor SET published = max(published, ?)", (dropped.lost_to,))
        lost = OutboxTruncated(
            epoch=self.epoch,
            from_=dropped.lost_from,
            to=dropped.lost_to,
            bytes=dropped.lost_bytes,
            max_bytes=self._max_bytes,
        )
        self._insert(connection, last_given(connection) + 1, Fact(lost))

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()
