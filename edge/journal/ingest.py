"""From the broker into the journal: what arrives is stored, then folded, then acked; gaps are seen to once a second.

Knows topics and messages, no broker and no projection: those are handed in.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from edge.bus.connection import Change, Message
from edge.bus.subscriber import NotCommitted
from edge.clock import Clock
from edge.events.errors import TopicError
from edge.events.messages import Ack, Heartbeat, Will
from edge.events.topics import AckTopic
from edge.journal.acks import Acks
from edge.journal.arrival import Entry, Refusal
from edge.journal.batch import Appended
from edge.journal.conflicts import ConflictAlarm
from edge.journal.errors import JournalDamaged, JournalUnavailable
from edge.journal.gaps import Gaps, Publish, Unanswered
from edge.journal.pace import Paces
from edge.journal.positions import Process
from edge.journal.reading import Reading, read
from edge.journal.scope import Scope
from edge.journal.store import Journal
from edge.journal.voice import Voice

_LOG_EVERY_NS: Final = 60_000_000_000

_log = structlog.get_logger()


class Ingest:
    """What a Subscriber of `topics` hands its messages to.

    `fold` gets the new understood events, in order, on the subscriber's thread; after a restart it gets only what came
    since. `hear` gets site, process, heartbeat or Will, and the time that it is true for; `bridged` gets a site and
    whether HQ's broker has its bridge; `acked` gets a process of this site and what HQ says to it that it holds.
    `publish` sends commands and acks.
    """

    def __init__(
        self,
        journal: Journal,
        scope: Scope,
        outbox: Voice,
        clock: Clock,
        *,
        fold: Callable[[Sequence[Entry]], None],
        hear: Callable[[str, str, Heartbeat | Will, int], None],
        publish: Publish,
        bridged: Callable[[str, bool, int], None] = lambda *_: None,
        acked: Callable[[str, Ack, int], None] | None = None,
    ) -> None:
        self._journal = journal
        self._scope = scope
        self._clock = clock
        self._fold = fold
        self._hear = hear
        self._bridged = bridged
        self._acked = acked
        self._gaps = Gaps(journal, scope, outbox, clock, publish)
        own = Process(outbox.site, outbox.process)
        self._acks = Acks(journal, scope, own, clock, publish) if scope.is_fleet else None
        self._alarm = ConflictAlarm(journal, outbox, clock)
        self._taking = threading.Lock()
        self._mutex = threading.Lock()
        self._counts = {"events": 0, "not_understood": 0, "duplicates": 0, "conflicts": 0, "refused": 0}
        self._refused: dict[str, int] = {}
        self._paces = Paces()
        self._logged_ns: int | None = None
        self._unlogged = 0

    @property
    def topics(self) -> tuple[str, ...]:
        """What to subscribe to."""
        return self._scope.topics if self._acked is None else (*self._scope.topics, AckTopic.filter())

    def commit(self, messages: Sequence[Message]) -> None:
        """Store a batch, then fold it; raises NotCommitted (nothing is stored, nothing was folded), JournalDamaged."""
        self.take(messages)

    def take(self, messages: Sequence[Message]) -> Appended:
        """Do the same and say what was new; for messages that came another way too, on whatever thread.

        One batch is folded before the next is stored: so folds are in the order of the journal.
        """
        with self._taking:
            now_ms = self._clock.wall_ns() // 1_000_000
            reading = read(messages, self._scope, now_ms, self._journal.has_room)
            try:
                appended = self._journal.append(reading.arrivals, reading.refusals)
            except JournalUnavailable as error:
                raise NotCommitted(str(error)) from error
            self._count(appended, reading.refusals, now_ms)
            understood = [entry for entry in appended.entries if entry.understood]
            if understood:
                self._fold(understood)
            self._pass_on(reading)
            return appended

    def connected(self, change: Change) -> None:
        """Be told that the connection came or went; on the connection's thread."""
        self._gaps.connection_changed(change)
        if self._acks is not None:
            self._acks.connection_changed(change)

    def tick(self) -> None:
        """See to gaps, conflicts and acks, once a second; raises JournalDamaged, which is for the process to end on."""
        if self._journal.damaged:
            raise JournalDamaged("the journal was found damaged; the next start begins a new one")
        self._gaps.tick()
        self._alarm.tick()
        if self._acks is not None:
            self._acks.tick()

    def metrics(self) -> dict[str, int]:
        """Counts since the start, and how many numbers are missing and lost now."""
        missing, lost = self._journal.totals()
        now = {
            "position": self._journal.newest_position(),
            "missing": missing,
            "lost": lost,
            "replays_open": self._gaps.requests_open,
        }
        with self._mutex:
            return self._counts | now

    def unanswered(self) -> list[Unanswered]:
        """The sources that do not bring what they are said to have, however often they are asked."""
        return self._gaps.unanswered()

    def fast(self) -> dict[str, float]:
        """The sites that have written fast for some minutes, in events a second."""
        with self._mutex:
            return self._paces.fast(self._clock.wall_ns() // 1_000_000)

    def refused(self) -> Mapping[str, int]:
        """How many messages were refused since the start, by the site by whose topics they came; "" by no site's."""
        with self._mutex:
            return dict(self._refused)

    def _pass_on(self, reading: Reading) -> None:
        for state in reading.states:
            self._gaps.heard(state.process, state.message, fresh=state.fresh)
            self._hear(*state.process, state.message, state.at_ms)
        for process, reply in reading.replies:
            self._gaps.answered(process, reply)
        for bridge in reading.bridges:
            self._bridged(*bridge)
        if self._acked is not None:
            for ack in reading.acks:
                self._acked(*ack)

    def _count(self, appended: Appended, refusals: Sequence[Refusal], now_ms: int) -> None:
        with self._mutex:
            self._paces.add(appended.entries, now_ms)
            self._counts["events"] += len(appended.entries)
            self._counts["not_understood"] += sum(not entry.understood for entry in appended.entries)
            self._counts["duplicates"] += appended.duplicates
            self._counts["conflicts"] += len(appended.conflicts)
            self._counts["refused"] += appended.refused
            for refusal in refusals:
                site = self._site_of(refusal.topic)
                self._refused[site] = self._refused.get(site, 0) + 1
        if appended.conflicts:
            self._alarm.found(appended.conflicts)
        if refusals:
            self._log_refused(refusals)

    def _site_of(self, topic: str) -> str:
        try:
            place = self._scope.place(topic)
        except TopicError:
            return ""
        return "" if place is None else place.site

    def _log_refused(self, refusals: Sequence[Refusal]) -> None:
        """Log at once and then once a minute: whoever publishes nonsense may do so without end."""
        now_ns = self._clock.monotonic_ns()
        self._unlogged += len(refusals)
        if self._logged_ns is None or now_ns - self._logged_ns >= _LOG_EVERY_NS:
            last = refusals[-1]
            _log.warning("message_refused", topic=last.topic[:200], error=last.reason, messages=self._unlogged)
            self._logged_ns, self._unlogged = now_ns, 0
