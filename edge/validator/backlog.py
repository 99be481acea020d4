"""Finished segments of one channel that nobody has looked into yet, oldest first. Pure: times and keyframes are given.

In steady state there are none: growing segments are looked at as they grow. They come after the validator or the broker
was away, and of segments whose keyframes so far could not be decoded.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from edge.recordings.newest import Keyframe
from edge.validator.rejection import Span

MOST_SEGMENTS: Final = 240
MOST_BEHIND_MS: Final = 900_000
"""What is older is not looked into any more: the present matters more."""
MOST_TRIES: Final = 5


@dataclass(slots=True)
class Examination:
    """A segment that is looked into: the keyframes that are left, and what became of those that were tried."""

    span: Span
    left: list[Keyframe] | None = None
    count: int = 0
    judged: int = 0
    damaged: int = 0

    def opened(self, keyframes: list[Keyframe]) -> None:
        """These keyframes are in it, oldest first."""
        self.left, self.count = keyframes, len(keyframes)

    def next(self, not_before_ms: int) -> Keyframe | None:
        """The keyframe to look at next; None when it was looked into enough."""
        if not self.left or self.damaged >= MOST_TRIES:
            return None
        if self.damaged and not self.judged:
            del self.left[: self.count // (MOST_TRIES + 1)]
        else:
            self.left = [keyframe for keyframe in self.left if keyframe.taken_ms >= not_before_ms]
        return self.left.pop(0) if self.left else None

    @property
    def is_undecodable(self) -> bool:
        """Whether everything that was tried is no whole keyframe."""
        return self.damaged > 0 and not self.judged


@dataclass(slots=True)
class Backlog:
    """The segments of one channel that wait."""

    every_ms: int
    waiting: deque[Examination] = field(default_factory=deque)
    skipped: int = 0

    def add(self, span: Span, *, judged_ms: int, now_ms: int) -> None:
        """A segment was finished; it waits if nobody has looked for long when it ended."""
        newest = self.waiting[-1].span if self.waiting else None
        if span.end_ms - judged_ms < 2 * self.every_ms or (newest is not None and span.start_ms <= newest.start_ms):
            return
        self.waiting.append(Examination(span))
        while len(self.waiting) > MOST_SEGMENTS or (
            self.waiting and abs(now_ms - self.waiting[0].span.end_ms) > MOST_BEHIND_MS
        ):
            self.waiting.popleft()
            self.skipped += 1

    def done(self, examination: Examination) -> None:
        """A segment was looked into."""
        if self.waiting and self.waiting[0] is examination:
            self.waiting.popleft()

    def not_before_ms(self, judged_ms: int) -> int:
        """From when on a keyframe is worth a look: with much to catch up with fewer are."""
        return judged_ms + self.every_ms * (2 if len(self.waiting) > 1 else 1)
