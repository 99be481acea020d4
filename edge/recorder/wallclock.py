"""The wall clock as the recorder uses it: arrival is measured on the monotonic clock, and this says what time that was.

A clock that is slewed is followed; one that steps is noticed, told, and then followed.
"""

from dataclasses import dataclass
from typing import Final

from edge.clock import Clock

STEP_NS: Final = 500_000_000
"""The wall clock has stepped when it is so far from what the monotonic clock says; NTP slews less than this."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock stepped between two looks at it."""

    step_ns: int
    wall_before_ns: int
    wall_after_ns: int


class WallClock:
    """The offset of the wall clock from the monotonic clock, looked at every now and then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset_ns = clock.wall_ns() - clock.monotonic_ns()

    def look(self) -> ClockStep | None:
        """Follow the wall clock; returns the step where it stepped since the last look."""
        now_ns = self._clock.monotonic_ns()
        wall_ns = self._clock.wall_ns()
        expected_ns = now_ns + self.offset_ns
        self.offset_ns = wall_ns - now_ns
        step_ns = wall_ns - expected_ns
        return ClockStep(step_ns, expected_ns, wall_ns) if abs(step_ns) >= STEP_NS else None
