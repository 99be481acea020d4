"""The fold of the machine's clock: its newest step, and the time that steps forward have left out."""

from typing import Final

from edge.state.fact import Fact, to_ms
from edge.state.intervals import Intervals
from edge.state.newest import Newest

MOST_STEPS: Final = 1000


class ClockFold:
    """The wall clock of the site, folded."""

    __slots__ = ("newest", "skipped")

    def __init__(self) -> None:
        self.newest: Newest | None = None
        self.skipped = Intervals(1, MOST_STEPS)

    def clock_jumped(self, fact: Fact) -> None:
        """The clock stepped."""
        data = fact.data
        self.newest = Newest.of(self.newest, fact, data["step_s"])
        before_ms, after_ms = to_ms(data["wall_before"]), to_ms(data["wall_after"])
        if before_ms < after_ms:
            self.skipped.add(before_ms, after_ms)
