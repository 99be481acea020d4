"""Judges the pictures of one channel, look after look. Pure: no file, no clock, no decoder.

A picture is a numpy array of uint8, BGR, shape (height, width, 3), C-contiguous, full range, in square pixels and about
320 wide, as the decoder delivers it. One judge serves one channel and belongs to one thread.
"""

from collections import deque
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final, Self

from edge.config.validating import Thresholds
from edge.validator.baseline import Light, Likeness, Views, relit_by
from edge.validator.checks import check
from edge.validator.effort import Coded, Effort, effort
from edge.validator.features import Features, Picture, measure
from edge.validator.history import SUDDEN_LOOKS, History
from edge.validator.lull import Lull
from edge.validator.memory import KeptLight, KeptLull, KeptStills, KeptVerdict, KeptViews, Memory, StateUnreadableError
from edge.validator.stillness import Noise, Stillness, Stills, stillness, strongest
from edge.validator.verdict import Change, Finding, Hysteresis, Verdict

__all__ = ["ChannelJudge", "Outcome", "StateUnreadableError"]

_NOTHING_LEFT = 0.95
"""In its first night a view is held against that of the day, of which the camera's lamps show little: less detail
than that shows a fault, more than half of it the end of one, and anything between nothing."""
_HALF_LEFT: Final = 0.5

_BY_LAST: Final = ("frozen", "no_signal")
_BY_VIEW: Final = ("covered", "blurred")
_LEAST_DETAIL: Final = 0.1
_RELIT: Final = 0.05
"""A lamp that is switched on takes the noise away as a freeze does, but moves the shadows by more than that."""


_MOST_LOOKS: Final = 2
"""That a finding may count for (`Finding.looks`)."""
_HELD_BACK: Final = 6
"""Looks after which noise is learned: that of a picture that froze fades while the encoder settles (ten looks)."""


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What a valid look teaches of noise, once nothing was found in the looks behind it either."""

    stills: Stills
    noise: Noise
    detail: float
    effort: Effort | None

    def learn(self) -> None:
        self.stills.learn_noise(self.noise, self.detail)
        if self.effort is not None:
            self.stills.efforts.learn(self.effort)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look showed, and whether it changed the verdict about the channel."""

    finding: Finding | None
    change: Change | None
    tells: bool = True
    """Whether it shows anything: what stands by comparing pictures is neither found nor gone in the first of them."""


class ChannelJudge:
    """The verdict about one channel; `confirm` looks in a row begin it and end it."""

    def __init__(self, thresholds: Thresholds | None = None, *, confirm: int = 3) -> None:
        self._limits = thresholds or Thresholds()
        self._hysteresis = Hysteresis(confirm)
        self._views = {False: Views(), True: Views()}  # by day, in infrared
        self._stills = {False: Stills(), True: Stills()}
        self._light = Light()
        self._lights = deque([self._light], maxlen=_MOST_LOOKS)
        """As it was before each of the last looks."""
        self._lessons: deque[_Lesson] = deque()
        self._lull = Lull()
        self._effort: Effort | None = None
        self._last: Features | None = None
        self._last_finding: Finding | None = None
        self._noisy: Features | None = None
        self._clear_looks_ago = SUDDEN_LOOKS + 1

    @property
    def verdict(self) -> Verdict | None:
        """The fault that stands, None while the channel is valid."""
        return self._hysteresis.verdict

    @property
    def learned(self) -> bool:
        """Whether covered and blurred pictures can be found; the other faults need no reference."""
        return any(views.current.known for views in self._views.values())

    def look(self, picture: Picture, at_ms: int, coded: Sequence[Coded] = ()) -> Outcome:
        """Judge the next picture, which is of another moment than the last one.

        `at_ms` (UTC) may step. `coded` are the pictures from the last one up to this one, as they were coded, as far as
        that is known. Raises ValueError for an array that is no picture.
        """
        features = measure(picture)
        if self._last is not None and self._last.shape != features.shape:
            self._forget_noise()
        self._effort = effort(coded)
        self._lights.append(copy(self._light))
        infrared = self._light.see(features)
        if infrared != self._lights[-1].infrared:
            self._light.changed()
        self._lull.look(features.thumbnail, at_ms)
        history = self._history(features, infrared)
        finding = check(features, history, self._limits)
        if finding is None and self._tells_nothing(history):
            self._last = features
            return Outcome(None, None, tells=False)
        change = self._hysteresis.look(at_ms, finding)
        if self.verdict is not None:
            self._lull.doubt()
        if finding is not None:
            self._unlearn(finding)
        elif self.verdict is None:
            self._light.learn(features)
            if infrared is not None:
                self._learn(features, infrared, history.still)
        if history.noisy:
            self._noisy = self._last
        if finding is None and history.standing == "frozen" and history.moved:
            self._forget_noise()
        self._last, self._last_finding = features, finding
        return Outcome(finding, change)

    def _tells_nothing(self, history: History) -> bool:
        """Whether what stands was found by comparing, and there is nothing to compare this look with."""
        if history.standing in _BY_LAST:
            return self._last is None
        return history.standing in _BY_VIEW and history.likeness is None

    def resume(self) -> None:
        """Some time was not recorded: the next picture is not held against the last one."""
        self._last = self._noisy = None

    def _forget_noise(self) -> None:
        """Learn it anew: the camera was set to another size, or seemed frozen by its noise and yet something moved."""
        self._lessons.clear()
        for stills in self._stills.values():
            stills.looks = stills.efforts.looks = 0

    def _learn(self, features: Features, infrared: bool, still: Stillness | None) -> None:
        self._views[infrared].learn(features)
        if still is None or not still.squares:
            return
        stills = self._stills[infrared]
        stills.learn(still.share, still.same)
        self._lessons.append(_Lesson(stills, still.noise, strongest(features.detail), self._effort))
        if len(self._lessons) > _HELD_BACK or stills.known_noise is None:
            self._lessons.popleft().learn()

    def _unlearn(self, finding: Finding) -> None:
        """A fault is not the light of the scene, and what led to it no measure of its noise."""
        self._light = self._lights[-1 if self._last_finding else -finding.looks]
        self._lessons.clear()

    def _history(self, features: Features, infrared: bool | None) -> History:
        likeness = None if infrared is None else self._likeness(features, infrared)
        self._count(likeness)
        reference, stills = self._views[bool(infrared)].current, self._stills[bool(infrared)]
        calm = self._light.calm and infrared is not None
        return History(
            still=None if self._last is None else stillness(self._last, features, stills.overlay),
            usual_still=stills.usual if calm else None,
            usual_noise=stills.known_noise if calm else None,
            effort=self._effort,
            least_effort=stills.efforts.least if calm else None,
            relit=self._noisy is None or relit_by(self._noisy.thumbnail, features.thumbnail) > _RELIT,
            lull=self._lull.stillness,
            detail_kept=strongest(features.detail) / max(stills.detail, _LEAST_DETAIL),
            likeness=likeness,
            learned=self.learned,
            usual_steepness=reference.steepness if reference.known else None,
            clear_looks_ago=self._clear_looks_ago,
            standing=self.verdict.finding.reason if self.verdict else None,
            suspected=self._last_finding.reason if self._last_finding else None,
        )

    def _likeness(self, features: Features, infrared: bool) -> Likeness | None:
        views, other = self._views[infrared], self._views[not infrared].current
        likeness = views.likeness(features)
        if likeness is not None and not likeness.same_view and other.known:
            elsewhen = other.likeness(features)
            if elsewhen is not None and elsewhen.same_view and elsewhen.alike > likeness.alike:
                return elsewhen
        if views.current.known or views.former or not other.known:
            return likeness
        likeness = other.likeness(features)
        if likeness is None or not infrared or likeness.lost_share >= _NOTHING_LEFT:
            return likeness
        return likeness if self.verdict is not None and likeness.lost_share < _HALF_LEFT else None

    def _count(self, likeness: Likeness | None) -> None:
        """How long ago the known view was seen; a cover keeps the time at which it came."""
        if likeness is not None and likeness.clear:
            self._clear_looks_ago = 0
        elif self._last_finding is None and self.verdict is None:
            self._clear_looks_ago += 1

    def dump(self) -> bytes:
        """All that a later process needs to go on from here, at most 64 KiB; worth keeping at each change."""
        verdict = self.verdict
        return Memory(
            verdict=None
            if verdict is None
            else KeptVerdict(
                reason=verdict.finding.reason,
                measured=verdict.finding.measured,
                threshold=verdict.finding.threshold,
                since_ms=verdict.since_ms,
            ),
            day=KeptViews.of(self._views[False]),
            infrared=KeptViews.of(self._views[True]),
            day_stills=KeptStills.of(self._stills[False]),
            infrared_stills=KeptStills.of(self._stills[True]),
            light=KeptLight.of(self._light),
            lull=KeptLull.of(self._lull),
            clear_looks_ago=self._clear_looks_ago,
        ).dump()

    @classmethod
    def load(cls, data: bytes, thresholds: Thresholds | None = None, *, confirm: int = 3) -> Self:
        """Go on from what `dump` gave; raises StateUnreadableError."""
        memory = Memory.load(data)
        judge = cls(thresholds, confirm=confirm)
        judge._views = {False: memory.day.views(), True: memory.infrared.views()}
        judge._stills = {False: memory.day_stills.stills(), True: memory.infrared_stills.stills()}
        judge._light, judge._lull = memory.light.light(), memory.lull.lull()
        judge._lights.append(judge._light)
        judge._clear_looks_ago = memory.clear_looks_ago
        kept = memory.verdict
        if kept is not None:
            finding = Finding(kept.reason, kept.measured, kept.threshold)
            judge._hysteresis = Hysteresis(confirm, Verdict(finding, kept.since_ms))
        return judge
