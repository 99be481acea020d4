"""The channels of a site: looks in turn, what follows from them, and what the recorder says of them."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import JsonValue

from edge.bus.connection import Message
from edge.bus.outbox import Outbox
from edge.bus.subscriber import NotCommitted
from edge.clock import Clock
from edge.config import Config
from edge.decoding.process import PictureProcess
from edge.events.catalog.validator import RejectReason
from edge.recordings.newest import NewestKeyframes
from edge.recordings.picture import PICTURES
from edge.recordings.segment import SegmentName
from edge.validator import feed, ledger, telling
from edge.validator.evidence import Evidence
from edge.validator.feed import Finished
from edge.validator.gallery import Gallery
from edge.validator.limits import limits_of
from edge.validator.looker import Look, Looker
from edge.validator.schedule import Schedule
from edge.validator.standing import Statement
from edge.validator.voice import Voice
from edge.validator.watched import Pace, Reaction

if TYPE_CHECKING:
    from edge.events.catalog import RecordingStarted

REMEMBER_S: Final = 60.0
_DECODER_REST_S: Final = 60.0
_TICK_S: Final = 1.0
_COMMIT_S: Final = 10.0

_log = structlog.get_logger()


class SiteValidator:
    """All channels; lives in one event loop, only `commit` is called from another thread."""

    def __init__(self, config: Config, outbox: Outbox, clock: Clock, *, decoder: PictureProcess | None = None) -> None:
        """Raises OutboxUnavailable."""
        self._config = config
        self._clock = clock
        self._pace = Pace(config.validator.every_s, config.validator.confirm)
        self._watched = ledger.recall(outbox, limits_of(config), self._pace)
        self._voice = Voice(outbox, self._watched)
        self._schedule = Schedule(self._pace.every_s)
        newest = NewestKeyframes(config.storage.root)
        self._looker = Looker(
            newest, decoder or PictureProcess(), clock, self._pace, self._watched, self._tell_undecodable
        )
        self._gallery = Gallery(Evidence(config.state_dir / PICTURES), self._looker, clock)
        self._started: dict[str, RecordingStarted] = {}
        self._tick_due_ns = 0
        self._remember_due_ns = clock.monotonic_ns() + round(REMEMBER_S * 1e9)
        self._looks = 0
        self._decoder_failed: set[str] = set()

    def begin(self, after_s: float) -> None:
        """Plan the first looks."""
        self._schedule.plan(list(self._watched), self._clock.monotonic_ns() + round(after_s * 1e9))

    def until_due_s(self) -> float:
        """Seconds until the next look."""
        due = self._schedule.next()
        return max(0.0, (due[1] - self._clock.monotonic_ns()) / 1e9) if due else _TICK_S

    async def look_if_due(self) -> bool:
        """Take the next look if it is time; False if it is not."""
        due = self._schedule.next()
        if due is None or due[1] > self._clock.monotonic_ns():
            return False
        await self._look(due[0])
        return True

    def tick(self) -> None:
        """Say what time alone brings, and write down what has to outlive the process."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._tick_due_ns:
            return
        self._tick_due_ns = now_ns + round(_TICK_S * 1e9)
        for channel, watched in self._watched.items():
            statement = watched.waited(self._now_ms())
            if statement is not None:
                self._state(channel, statement, None, None)
        if now_ns >= self._remember_due_ns:
            self._remember_due_ns = now_ns + round(REMEMBER_S * 1e9)
            self._remember_all()
        self._voice.write()

    def commit(self, messages: Sequence[Message], loop: asyncio.AbstractEventLoop) -> None:
        """Take in what the recorder says, from the subscriber's thread; raises NotCommitted."""
        taking = self._take(list(feed.read(messages, self._config.site)))
        try:
            future = asyncio.run_coroutine_threadsafe(taking, loop)
        except RuntimeError as error:
            taking.close()
            raise NotCommitted("the validator has stopped") from error
        try:
            taken = future.result(_COMMIT_S)
        except (TimeoutError, CancelledError) as error:
            future.cancel()
            raise NotCommitted("the validator does not get on") from error
        if not taken:
            raise NotCommitted("the outbox takes nothing now")

    def reload(self, config: Config) -> None:
        """Take the channels and limits of the configuration as it is now; what is known of channels is kept."""
        if config.model_dump(exclude={"channels"}) != self._config.model_dump(exclude={"channels"}):
            _log.warning("restart_needed", next="other settings take effect when edge validator is restarted")
        self._config = self._config.model_copy(update={"channels": config.channels})
        limits = limits_of(self._config)
        for gone in self._watched.keys() - limits.keys():
            self._voice.remember(gone)
            self._voice.write()
            del self._watched[gone]
        for channel, thresholds in limits.items():
            before = self._watched.get(channel)
            fresh = before.with_limits(thresholds, self._pace) if before else ledger.new(thresholds, self._pace)
            self._watched[channel] = fresh
        self._schedule.plan(list(self._watched), self._clock.monotonic_ns())

    def metrics(self) -> JsonValue:
        """What the heartbeat shows; may be called from any thread."""
        looker = self._looker
        return {
            "channels": len(self._watched),
            "invalid": sum(one.standing.said is not None for one in list(self._watched.values())),
            "looks": self._looks,
            "skipped": dict(sorted(looker.skipped.items())),
            "segments_waiting": looker.behind,
            "segments_passed_over": looker.passed_over,
        }

    async def close(self) -> None:
        """Write everything down and end the decoder."""
        self._remember_all()
        self._voice.write()
        await self._looker.close()

    async def _look(self, channel: str) -> None:
        outcome = await self._looker.look(channel)
        now_ns = self._clock.monotonic_ns()
        if isinstance(outcome, Look):
            self._looks += 1
            self._schedule.looked(channel, now_ns, behind=self._looker.is_behind(channel))
            if channel in self._decoder_failed:
                self._decoder_failed.discard(channel)
                _log.info("decoder_recovered", channel=channel)
            await self._react(channel, outcome)
        elif outcome == "decoder":
            self._schedule.hold(channel, now_ns + round(_DECODER_REST_S * 1e9))
            if channel not in self._decoder_failed:
                self._decoder_failed.add(channel)
                _log.warning("decoder_failed", channel=channel, next=f"tried again every {_DECODER_REST_S:g} s")
        else:
            self._schedule.missed(channel, now_ns)
        self._voice.write()

    async def _react(self, channel: str, look: Look) -> None:
        watched, reaction = self._watched[channel], look.reaction
        if watched.looks == self._pace.confirm:
            self._tell_first(channel)
        if reaction.statement is not None:
            picture = await self._gallery.keep(channel, look) if reaction.statement.fault is not None else None
            self._state(channel, reaction.statement, look.keyframe.name, picture)
        self._reject(channel, reaction)
        if reaction.clean and watched.judge.learned:
            await self._gallery.refresh_reference(channel, look)

    def _tell_first(self, channel: str) -> None:
        """A channel that is new was judged: what it sends, and whether that is worth recording."""
        started = self._started.get(channel)
        video = started.video.model_dump() if started is not None else None
        fault = self._watched[channel].standing.said
        _log.info("channel_first_judged", channel=channel, video=video, reason=fault.reason if fault else None)

    def _state(self, channel: str, statement: Statement, name: SegmentName | None, picture: str | None) -> None:
        event = telling.stated(statement, name.path if name else None, picture)
        level = _log.warning if statement.fault is not None else _log.info
        level(event.event_type, channel=channel, **event.model_dump(exclude_none=True))
        self._voice.say(event, channel)

    def _reject(self, channel: str, reaction: Reaction) -> None:
        for span in reaction.rejected:
            assert reaction.reason is not None
            self._tell_rejected(SegmentName(channel, span.start_ms), reaction.reason)

    def _tell_undecodable(self, channel: str, name: SegmentName) -> None:
        if channel in self._watched:
            self._tell_rejected(name, "undecodable")

    def _tell_rejected(self, name: SegmentName, reason: RejectReason) -> None:
        _log.info("segment_rejected", channel=name.channel, segment=name.path, reason=reason)
        self._voice.say(telling.rejected(name, reason), name.channel)

    async def _take(self, facts: Sequence[feed.Finished | feed.Turned]) -> bool:
        for fact in facts:
            watched = self._watched.get(fact.channel)
            if watched is None:
                continue
            if isinstance(fact, Finished):
                self._reject(fact.channel, watched.finished(fact.span))
                self._looker.finished(fact.channel, fact.span)
                if watched.has_open_matter:
                    self._voice.remember(fact.channel)
            elif watched.heard_of(fact.place, fact.stopped, fact.at_ms):
                if fact.started is not None:
                    self._started[fact.channel] = fact.started
                self._voice.remember(fact.channel)
        return self._voice.write()

    def _remember_all(self) -> None:
        for channel in self._watched:
            self._voice.remember(channel)

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000
