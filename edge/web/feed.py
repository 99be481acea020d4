"""The live stream of events to browsers and programs. Reads entries, and knows no request.

Nobody's backlog is kept: each client remembers the position that it was sent, the newest entries wait in memory for
all, and whoever is further behind reads the journal. A client that takes nothing costs its socket's buffer, until the
kernel gives the connection up.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from edge.journal.arrival import Entry

KEEP: Final = 1_000
PIECE: Final = 500
QUIET_S: Final = 15.0
LONGEST_S: Final = 3600.0
MOST_CLIENTS: Final = 200
_STATE_GAP_S: Final = 0.1
_LOOK_S: Final = 1.0
_COMMENT: Final = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a client wants; empty is all."""

    types: Collection[str] = ()
    channels: Collection[str] = ()

    def covers(self, entry: Entry) -> bool:
        """Whether an entry is among them."""
        return (not self.types or entry.event_type in self.types) and (
            not self.channels or entry.channel in self.channels
        )


class Entries(Protocol):
    """What a feed reads when it no longer has in memory what a client has not seen."""

    def entries(self, *, after: int, limit: int) -> Sequence[Entry]:
        """The first entries after a position."""
        ...


class Feed:
    """Tells clients of new entries, and of a state that is seen differently; all but `add` for the loop's thread.

    `look` gives what is seen of the site: a value that differs whenever pages would, and the text of a `state` message.
    """

    def __init__(self, journal: Callable[[], Entries], look: Callable[[], tuple[object, bytes]]) -> None:
        self._journal = journal
        self._look = look
        self._loop: asyncio.AbstractEventLoop | None = None
        self._newest: list[Entry] = []
        self._positions: list[int] = []
        self._floor: int | None = None  # everything after this position is in memory; None: nothing came yet
        self._clients: set[asyncio.Event] = set()
        self._changed = asyncio.Event()
        self._seen: object = None
        self._state = b""
        self._states = 0
        self._closed = False

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._clients)

    @property
    def full(self) -> bool:
        """Whether as many listen as may."""
        return len(self._clients) >= MOST_CLIENTS

    def add(self, entries: Sequence[Entry]) -> None:
        """Take what is new (nothing: only the state changed); from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._add, entries)

    def close(self) -> None:
        """End all streams; from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._close)

    async def run(self) -> None:
        """Watch the state until cancelled: what changes by the passing of time is seen here."""
        self._loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_S)
            self._changed.clear()
            if self._clients and self._looks_different():
                await asyncio.sleep(_STATE_GAP_S)

    async def stream(self, after: int, wanted: Wanted) -> AsyncIterator[bytes]:
        """What a client is sent, from the entry after a position on; ends after an hour, as the client comes again."""
        loop = asyncio.get_running_loop()
        bell = asyncio.Event()
        end_s = loop.time() + LONGEST_S
        self._clients.add(bell)
        try:
            self._looks_different()
            yield b"retry: 2000\n" + self._state
            states = self._states
            while not self._closed and loop.time() < end_s:
                bell.clear()
                piece, after = await self._next(after, wanted)
                if piece:
                    yield piece
                if states != self._states:
                    states = self._states
                    yield self._state
                try:
                    await asyncio.wait_for(bell.wait(), QUIET_S)
                except TimeoutError:
                    yield _COMMENT
        finally:
            self._clients.discard(bell)

    async def _next(self, after: int, wanted: Wanted) -> tuple[bytes, int]:
        """The next messages after a position and the position that they end at."""
        pieces: list[bytes] = []
        while True:
            entries = await self._after(after)
            pieces += [message(entry) for entry in entries if wanted.covers(entry)]
            after = entries[-1].position if entries else after
            if not entries or len(pieces) >= PIECE or self._closed:
                return b"".join(pieces), after

    async def _after(self, position: int) -> Sequence[Entry]:
        if self._floor is not None and position >= self._floor:
            start = bisect_right(self._positions, position)
            return self._newest[start : start + PIECE]
        entries = await asyncio.to_thread(self._journal().entries, after=position, limit=PIECE)
        if not entries and self._floor is None:
            self._floor = position
        return entries

    def _looks_different(self) -> bool:
        """Look at the site, and wake all when there is something else to see than the last time."""
        seen, state = self._look()
        if seen == self._seen and self._state:
            return False
        self._seen, self._state = seen, b"event: state\ndata: " + state + b"\n\n"
        self._states += 1
        self._wake()
        return True

    def _add(self, entries: Sequence[Entry]) -> None:
        if entries:
            if self._floor is None:
                self._floor = entries[0].position - 1
            self._newest += entries
            self._positions += [entry.position for entry in entries]
            if len(self._newest) > 2 * KEEP:  # rarely, as each cut copies
                self._floor = self._positions[-KEEP - 1]
                del self._newest[:-KEEP], self._positions[:-KEEP]
            self._wake()
        self._changed.set()

    def _wake(self) -> None:
        for bell in self._clients:
            bell.set()

    def _close(self) -> None:
        self._closed = True
        self._wake()


def message(entry: Entry) -> bytes:
    """An entry as a message of the stream: what stands in the journal, on one line."""
    data = entry.payload.replace(b"\r", b" ").replace(b"\n", b" ")  # in JSON only white space between values
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (entry.position, entry.event_type.encode(), data)
