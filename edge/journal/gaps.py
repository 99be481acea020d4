"""Holes in the journal and what is done about them: asked for, said, filled or given up. I/O around pure decisions.

Everything here may be forgotten at any moment: what matters is in the journal, and what is undone is found again.
"""

import os
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from edge.bus.connection import Change
from edge.bus.outbox import Fact, OutboxUnavailable
from edge.clock import Clock
from edge.events.messages import Heartbeat, ReplayReply, Will
from edge.events.ulid import ulid
from edge.journal.announcements import Announcements, announcements
from edge.journal.errors import JournalUnavailable
from edge.journal.overdue import Overdue
from edge.journal.positions import Process, Source, Track
from edge.journal.ranges import NONE, Ranges
from edge.journal.requests import ReplayRequests
from edge.journal.scope import Scope
from edge.journal.store import Journal
from edge.journal.voice import Voice

ALIVE_NS: Final = 35_000_000_000  # three heartbeats
_log = structlog.get_logger()


class Publish(Protocol):
    """Whoever sends messages, as a `Broker` does."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send one message; False when there is no connection."""
        ...


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A source that says it wrote `said` events; `missing` of them never came, though they were asked for so often."""

    source: Source
    said: int
    missing: int
    asked: int
    asked_ms: int  # the last time, by the wall clock


class Gaps:
    """Keeps the journal's gaps under way; every method may be called from any thread."""

    def __init__(self, journal: Journal, scope: Scope, outbox: Voice, clock: Clock, publish: Publish) -> None:
        self._journal = journal
        self._scope = scope
        self._own = Process(outbox.site, outbox.process)
        self._outbox = outbox
        self._clock = clock
        self._publish = publish
        self._mutex = threading.Lock()
        self._changes: deque[Change] = deque()
        self._connected = False
        self._overdue = Overdue()
        self._requests = ReplayRequests(self._transaction)
        self._alive: dict[Process, tuple[Heartbeat, int]] = {}
        self._asked: set[Source] = set()
        self._gone: dict[Source, Ranges] = {}
        self._unnoted: Announcements | None = None
        self._stuck = False

    @property
    def requests_open(self) -> int:
        """Replays that were asked for and not answered yet."""
        return self._requests.open

    def unanswered(self) -> list[Unanswered]:
        """The sources that were asked so often in vain that somebody should look at them."""
        with self._mutex:
            found = list(self._requests.in_vain())
            tracks = self._journal.troubled() if found else {}
            ahead_ns = self._clock.wall_ns() - self._clock.monotonic_ns()
            return [
                Unanswered(
                    source=source,
                    said=tracks[source].newest,
                    missing=tracks[source].missing.count,
                    asked=turn.in_vain,
                    asked_ms=(turn.asked_ns + ahead_ns) // 1_000_000,
                )
                for source, turn in found
                if source in tracks
            ]

    def connection_changed(self, change: Change) -> None:
        """Take note, on the connection's own thread, and no more."""
        self._changes.append(change)

    def heard(self, process: Process, message: Heartbeat | Will, *, fresh: bool) -> None:
        """Take a heartbeat's word for how far a process has come, and whether it is there to be asked."""
        last = 0 if isinstance(message, Will) else message.last_sequence
        self._journal.hear(Source(*process, message.epoch), last)
        with self._mutex:
            self._take_changes()
            if isinstance(message, Will):
                newest = self._alive.get(process)
                if newest is not None and (message.epoch, message.bdseq) >= (newest[0].epoch, newest[0].bdseq):
                    del self._alive[process]
                return
            if fresh:
                self._alive[process] = message, self._clock.monotonic_ns()

    def answered(self, process: Process, reply: ReplayReply) -> None:
        """Take the answer to a replay command; answers to others are ignored."""
        with self._mutex:
            tracks = self._journal.tracks(process.site)
            answer = self._requests.answered(process, reply, tracks, self._clock.monotonic_ns())
            if answer is None:
                return
            source, lost = answer
            _log.info(
                "replay_answered", source=str(process), epoch=source.epoch, status=reply.status, lost=lost.count
            )
            if lost:
                self._gone[source] = self._gone.get(source, NONE) | lost

    def tick(self) -> None:
        """Say and ask what is due; to be called once a second. Raises JournalDamaged."""
        with self._mutex:
            self._take_changes()
            try:
                self._note()
                if self._connected:
                    self._say_and_ask()
                self._stuck = False
            except (JournalUnavailable, OutboxUnavailable) as error:
                if not self._stuck:
                    _log.error("gaps_wait_for_disk", error=str(error))
                self._stuck = True

    def _take_changes(self) -> None:
        while self._changes:
            self._connected = self._changes.popleft().connected
            self._overdue.begin_again()
            self._requests.begin_again()
            self._alive.clear()

    def _say_and_ask(self) -> None:
        now_ns = self._clock.monotonic_ns()
        tracks = self._journal.troubled()
        due = self._overdue.look(tracks, now_ns)
        saying = announcements(tracks, due, self._gone, own=self._own, was_asked_for=self._asked.__contains__)
        if saying:
            if saying.facts:
                self._outbox.append_many([Fact(data) for data in saying.facts])
            self._unnoted = saying
            self._note()
            tracks = self._journal.troubled()
        still = {source: numbers & tracks[source].missing for source, numbers in due.items() if source in tracks}
        self._ask(still, tracks, now_ns)

    def _ask(self, due: Mapping[Source, Ranges], tracks: Mapping[Source, Track], now_ns: int) -> None:
        for request in self._requests.next_requests(due, tracks, lambda process: self._lives(process, now_ns), now_ns):
            source, command = request.source, request.command
            topic = self._scope.command_topic(source.site, source.process)
            if not self._publish(topic, command.to_json()):
                return
            self._requests.sent(request)
            self._asked.add(source)
            _log.info(
                "replay_asked", source=str(source), epoch=command.epoch, first=command.from_, last=command.to
            )

    def _lives(self, process: Process, now_ns: int) -> bool:
        alive = self._alive.get(process)
        return alive is not None and now_ns - alive[1] <= ALIVE_NS

    def _note(self) -> None:
        """Note in the journal what the outbox holds; first of all again, where that failed."""
        saying = self._unnoted
        if saying is not None:
            self._journal.note(missing=saying.missing, settled=saying.settled, lost=saying.lost)
            for source, numbers in saying.lost.items():
                self._gone[source] -= numbers
            self._gone = {source: numbers for source, numbers in self._gone.items() if numbers}
            self._unnoted = None

    def _transaction(self) -> str:
        return ulid(self._clock.wall_ns(), os.urandom(10))
