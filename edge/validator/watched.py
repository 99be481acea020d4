"""What the validator knows of one channel, and what follows from a look or an event. Pure: no I/O, no clock."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from edge.errors import StopReason
from edge.events.catalog.validator import RejectReason
from edge.recordings.coded import CodedPicture
from edge.validator.features import Picture
from edge.validator.judge import ChannelJudge, StateUnreadableError
from edge.validator.rejection import Span, Stretch
from edge.validator.standing import Fault, Standing, Statement, Trouble
from edge.validator.thresholds import Thresholds

MOST_GAP_LOOKS: Final = 3
_SPARSE: Final = 1.5
"""Times the last two gaps between looks that the next may have: of keyframes that lie far apart none is missed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a channel is looked at, and how many looks make a verdict."""

    every_s: float
    confirm: int

    @property
    def patience_ms(self) -> int:
        """How long a trouble of the recorder lasts before it is said: as long as `confirm` looks take."""
        return round((self.confirm - 1) * self.every_s * 1000)

    @property
    def most_gap_ms(self) -> int:
        """The longest time between two looks that still are one stretch."""
        return round(MOST_GAP_LOOKS * self.every_s * 1000)


@dataclass(frozen=True, slots=True)
class Seen:
    """The keyframe of the last look: its segment's start, its place in there, and when it came."""

    start_ms: int
    position: int
    taken_ms: int


@dataclass(frozen=True, slots=True)
class Reaction:
    """What follows from a look: what is to be said, which segments are not worth keeping and why."""

    statement: Statement | None = None
    rejected: tuple[Span, ...] = ()
    reason: RejectReason | None = None
    clean: bool = False


class Watched:
    """One channel."""

    def __init__(self, judge: ChannelJudge, pace: Pace) -> None:
        self.judge = judge
        self.standing = Standing(pace.patience_ms)
        self.stretch = Stretch(pace.most_gap_ms)
        self.seen: Seen | None = None
        self.judged_ms = 0
        """When the newest picture that was judged came."""
        self.heard = ("", 0)
        """Epoch and sequence of the recorder's newest word about starting and stopping: old events come again."""
        self.looks = 0
        """Pictures judged since the first one ever, as far as anybody counted."""
        self._pace = pace
        self._damaged = 0
        self._gaps_ms = (0, 0)

    def look(self, picture: Picture, seen: Seen, coded: Sequence[CodedPicture] = ()) -> Reaction:
        """Judge the picture of a keyframe; `coded` are the pictures before it, as far as they are known."""
        outcome = self.judge.look(picture, seen.taken_ms, coded)
        self.stretch.most_gap_ms = max(self._pace.most_gap_ms, round(_SPARSE * min(self._gaps_ms)))
        self._gaps_ms = (self._gaps_ms[1], seen.taken_ms - self.judged_ms if self.judged_ms else 0)
        self.seen, self.judged_ms, self._damaged = seen, seen.taken_ms, 0
        self.looks += 1
        if not outcome.tells:
            return Reaction()
        clean = outcome.finding is None
        verdict = self.judge.verdict
        ended = outcome.change is not None and outcome.change.now is None
        changed_ms = outcome.change.since_ms if outcome.change is not None and ended else seen.taken_ms
        statement = self.standing.looked(verdict, clean=clean, at_ms=seen.taken_ms, changed_ms=changed_ms)
        if clean:
            self.stretch.clean(seen.taken_ms)
            return Reaction(statement, clean=True)
        began = outcome.change is not None and outcome.change.now is not None
        since_ms = verdict.since_ms if verdict is not None and began else None
        rejected = self.stretch.bad(seen.taken_ms, since_ms=since_ms, confirmed=verdict is not None)
        return Reaction(statement, tuple(rejected), self._reject_reason)

    def damaged(self, seen: Seen) -> None:
        """The decoder makes nothing of a keyframe: after some in a row the channel has no video."""
        self.seen = seen
        self._damaged += 1
        if self._damaged >= self._pace.confirm:
            self.standing.unseen("no_video", seen.taken_ms)

    def finished(self, span: Span) -> Reaction:
        """The recorder has finished a segment."""
        rejected = self.stretch.finished(span, confirmed=self.judge.verdict is not None)
        return Reaction(None, tuple(rejected), self._reject_reason)

    def heard_of(self, place: tuple[str, int], stopped: StopReason | None, at_ms: int) -> bool:
        """The recorder began to record the channel (`stopped` None) or stopped; False for what was known already."""
        if place <= self.heard:
            return False
        self.heard = place
        if stopped is None:
            self.standing.started()
        elif self.judged_ms <= at_ms:
            self.standing.stopped(stopped, at_ms)
        return True

    def waited(self, now_ms: int) -> Statement | None:
        """Time went by."""
        return self.standing.waited(now_ms)

    @property
    def has_open_matter(self) -> bool:
        """Whether something is undecided that a restart must not forget."""
        return self.standing.trouble is not None or self.stretch.from_ms is not None

    @property
    def _reject_reason(self) -> RejectReason | None:
        verdict = self.judge.verdict
        return verdict.finding.reason if verdict is not None else None

    def dump(self) -> tuple[bytes, str]:
        """The judge's memory, and the rest as JSON."""
        rest = {
            "said": self.standing.said and asdict(self.standing.said),
            "trouble": self.standing.trouble and asdict(self.standing.trouble),
            "stretch": asdict(self.stretch),
            "seen": self.seen and asdict(self.seen),
            "judged_ms": self.judged_ms,
            "heard": self.heard,
            "looks": self.looks,
            "damaged": self._damaged,
        }
        return self.judge.dump(), json.dumps(rest, separators=(",", ":"))

    @classmethod
    def load(cls, judge_data: bytes, rest: str, thresholds: Thresholds, pace: Pace) -> Self:
        """Go on from what `dump` gave; raises StateUnreadableError."""
        watched = cls(ChannelJudge.load(judge_data, thresholds, confirm=pace.confirm), pace)
        try:
            watched._restore(json.loads(rest))
        except (ValueError, TypeError, KeyError) as error:
            raise StateUnreadableError(f"what was kept of a channel cannot be read: {error}") from error
        return watched

    def with_limits(self, thresholds: Thresholds, pace: Pace) -> "Watched":
        """The same channel under other settings; what it knows is kept."""
        return Watched.load(*self.dump(), thresholds, pace)

    def _restore(self, rest: dict[str, Any]) -> None:
        self.standing.said = Fault(**rest["said"]) if rest["said"] else None
        self.standing.trouble = Trouble(**rest["trouble"]) if rest["trouble"] else None
        stretch = {**rest["stretch"], "most_gap_ms": self._pace.most_gap_ms}
        stretch["waiting"] = [Span(**span) for span in stretch["waiting"]]
        self.stretch = Stretch(**stretch)
        self.seen = Seen(**rest["seen"]) if rest["seen"] else None
        self.judged_ms, self.heard = int(rest["judged_ms"]), (str(rest["heard"][0]), int(rest["heard"][1]))
        self.looks, self._damaged = int(rest["looks"]), int(rest["damaged"])
