"""From the broker into the journal: what arrives is stored, then folded, then acked; gaps are seen to once a second.

Knows topics and messages, no broker and no projection: those are handed in.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from edge.bus.connection import Change, Message
from edge.bus.outbox import Outbox
from edge.bus.subscriber import NotCommitted
from edge.clock import Clock
from edge.events.errors import EventError, TopicError
from edge.events.messages import Heartbeat, ReplayReply, Will, parse_state
from edge.events.topics import EventTopic, ReplyTopic, StateTopic
from edge.journal.arrival import Arrival, Entry, Refusal, milliseconds
from edge.journal.batch import Appended
from edge.journal.conflicts import ConflictAlarm
from edge.journal.errors import JournalDamaged, JournalUnavailable
from edge.journal.gaps import Gaps
from edge.journal.store import Journal

TOPICS: Final = (f"{EventTopic.kind}/#", StateTopic.filter(), ReplyTopic.filter())
_FRESH_MS: Final = 30_000
_LOG_EVERY_NS: Final = 60_000_000_000

_log = structlog.get_logger()


@dataclass(slots=True)
class _Batch:
    """Messages, read."""

    arrivals: list[Arrival] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    states: list[tuple[str, Heartbeat | Will, int, bool]] = field(default_factory=list)
    replies: list[tuple[str, ReplayReply]] = field(default_factory=list)


class Ingest:
    """What a Subscriber of `TOPICS` hands its messages to.

    `fold` gets the new understood events, in order, on the subscriber's thread; after a restart it gets only what came
    since. `hear` gets heartbeats and Wills with the time they are true for. `publish` sends commands.
    """

    topics: Final = TOPICS

    def __init__(
        self,
        journal: Journal,
        site: str,
        outbox: Outbox,
        clock: Clock,
        *,
        fold: Callable[[Sequence[Entry]], None],
        hear: Callable[[str, Heartbeat | Will, int], None],
        publish: Callable[[str, bytes], bool],
    ) -> None:
        self._journal = journal
        self._site = site
        self._clock = clock
        self._fold = fold
        self._hear = hear
        self._gaps = Gaps(journal, site, outbox, clock, publish)
        self._alarm = ConflictAlarm(journal, outbox, clock)
        self._mutex = threading.Lock()
        self._counts = {"events": 0, "not_understood": 0, "duplicates": 0, "conflicts": 0, "refused": 0}
        self._logged_ns: int | None = None
        self._unlogged = 0

    def commit(self, messages: Sequence[Message]) -> None:
        """Store a batch, then fold it; raises NotCommitted (nothing is stored, nothing was folded), JournalDamaged."""
        batch = self._read(messages)
        try:
            appended = self._journal.append(batch.arrivals, batch.refusals)
        except JournalUnavailable as error:
            raise NotCommitted(str(error)) from error
        self._count(appended)
        understood = [entry for entry in appended.entries if entry.understood]
        if understood:
            self._fold(understood)
        for process, message, at_ms, fresh in batch.states:
            self._gaps.heard(process, message, fresh=fresh)
            self._hear(process, message, at_ms)
        for process, reply in batch.replies:
            self._gaps.answered(process, reply)

    def connected(self, change: Change) -> None:
        """Be told that the connection came or went; on the connection's thread."""
        self._gaps.connection_changed(change)

    def tick(self) -> None:
        """See to gaps and conflicts, once a second; raises JournalDamaged, which is for the process to end on."""
        if self._journal.damaged:
            raise JournalDamaged("the journal was found damaged; the next start begins a new one")
        self._gaps.tick()
        self._alarm.tick()

    def metrics(self) -> dict[str, int]:
        """Counts since the start, and how many numbers are missing and lost now."""
        tracks = self._journal.tracks(self._site).values()
        now = {
            "position": self._journal.newest_position(),
            "missing": sum(track.missing.count for track in tracks),
            "lost": sum(track.lost.count for track in tracks),
            "replays_open": self._gaps.requests_open,
        }
        with self._mutex:
            return self._counts | now

    def _read(self, messages: Sequence[Message]) -> _Batch:
        batch = _Batch()
        now_ms = self._clock.wall_ns() // 1_000_000
        for message in messages:
            kind = message.topic.partition("/")[0]
            try:
                if kind == StateTopic.kind:
                    self._read_state(batch, message, now_ms)
                elif kind == ReplyTopic.kind:
                    process = ReplyTopic.parse(message.topic).process
                    batch.replies.append((process, ReplayReply.parse(message.payload)))
                else:
                    batch.arrivals.append(self._arrival(message, now_ms))
            except EventError as error:  # a message that nobody can read must not stop those behind it
                batch.refusals.append(Refusal(message.topic, message.payload, str(error), now_ms))
                self._log_refused(message.topic, error)
        return batch

    def _arrival(self, message: Message, now_ms: int) -> Arrival:
        topic = EventTopic.parse(message.topic)
        arrival = Arrival.read(message.payload, now_ms)
        if arrival.source.site != self._site:
            raise TopicError(f"the event is of site {arrival.source.site}, this journal is {self._site}'s")
        if arrival.source.process != topic.process:  # the broker's rights go by topic
            raise TopicError(f"{topic.process} published an event in the name of {arrival.source.process}")
        return arrival

    def _read_state(self, batch: _Batch, message: Message, now_ms: int) -> None:
        process = StateTopic.parse(message.topic).process
        if not message.payload:  # somebody cleared the retained message
            return
        state = parse_state(message.payload)
        at_ms, fresh = now_ms, True
        if message.retained and isinstance(state, Heartbeat):
            at_ms = min(milliseconds(state.time), now_ms)
            fresh = now_ms - at_ms <= _FRESH_MS
        batch.states.append((process, state, at_ms, fresh))

    def _count(self, appended: Appended) -> None:
        with self._mutex:
            self._counts["events"] += len(appended.entries)
            self._counts["not_understood"] += sum(not entry.understood for entry in appended.entries)
            self._counts["duplicates"] += appended.duplicates
            self._counts["conflicts"] += len(appended.conflicts)
            self._counts["refused"] += appended.refused
        if appended.conflicts:
            self._alarm.found(appended.conflicts)

    def _log_refused(self, topic: str, error: EventError) -> None:
        """Log at once and then once a minute: whoever publishes nonsense may do so without end."""
        now_ns = self._clock.monotonic_ns()
        self._unlogged += 1
        if self._logged_ns is None or now_ns - self._logged_ns >= _LOG_EVERY_NS:
            _log.warning("message_refused", topic=topic[:200], error=str(error), messages=self._unlogged)
            self._logged_ns, self._unlogged = now_ns, 0
