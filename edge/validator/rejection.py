"""Which finished segments lie wholly inside a stretch of bad looks. Pure, in milliseconds of UTC.

A stretch is a chain of bad looks without a clean one between and without a hole in which nobody looked. A segment is
rejected once the channel's fault is confirmed and the stretch began before the segment and goes on behind it: what was
not seen is kept. Of a channel that never showed a clean picture the stretch has no beginning, so that nothing counts
before it was judged.
"""

from dataclasses import dataclass, field
from typing import Final

MOST_WAITING: Final = 4000
_EVER: Final = -(2**62)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A finished segment."""

    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Stretch:
    """The bad looks up to now and the segments that wait for the next look; `most_gap_ms` is the largest hole."""

    most_gap_ms: int
    from_ms: int | None = None
    to_ms: int = 0
    clean_ms: int | None = None
    """The newest clean look; None for a channel that never had one."""
    decided_ms: int = _EVER
    """Segments that end up to here were decided about: events come more than once."""
    waiting: list[Span] = field(default_factory=list)

    def bad(self, at_ms: int, *, since_ms: int | None, confirmed: bool) -> list[Span]:
        """A bad look; returns what is rejected. `since_ms` is given when this look confirmed a fault: its beginning."""
        if self.from_ms is None or not 0 <= at_ms - self.to_ms <= self.most_gap_ms:
            is_first = self.clean_ms is None and not self.to_ms
            self.from_ms = _EVER if is_first else at_ms
        if since_ms is not None:
            self.from_ms = min(self.from_ms, since_ms)
        self.to_ms = at_ms
        self.decided_ms = min(self.decided_ms, at_ms)
        return self._settle(confirmed=confirmed)

    def clean(self, at_ms: int) -> None:
        """A clean look: what began before it is kept."""
        self.from_ms = None
        self.clean_ms = at_ms
        self.decided_ms = min(self.decided_ms, at_ms)
        self.waiting = [span for span in self.waiting if span.start_ms > at_ms]

    def finished(self, span: Span, *, confirmed: bool) -> list[Span]:
        """A segment was finished; returns what is rejected, which it may be itself."""
        is_clean = self.clean_ms is not None and span.start_ms <= self.clean_ms and self.from_ms is None
        if is_clean or span in self.waiting or span.end_ms <= self.decided_ms:
            return []
        self.waiting = [*self.waiting, span][-MOST_WAITING:]
        return self._settle(confirmed=confirmed)

    def _settle(self, *, confirmed: bool) -> list[Span]:
        if self.from_ms is None:
            return []
        within = [span for span in self.waiting if self.from_ms <= span.start_ms]
        rejected = [span for span in within if confirmed and span.end_ms <= self.to_ms]
        self.waiting = [span for span in within if span not in rejected]
        self.decided_ms = max([self.decided_ms, *(span.end_ms for span in rejected)])
        return rejected
