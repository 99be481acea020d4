"""The fold of what is said of the events themselves: missing, recovered, lost for ever, dropped, told twice."""

from typing import Final

from edge.events.values import MAX_INTEGER
from edge.state.fact import Fact
from edge.state.intervals import Intervals

MOST_RANGES: Final = 1000
MOST_EPOCHS: Final = 1000
"""Beyond these the oldest go."""
_ADJACENT: Final = 1


class Losses:
    """The events of one process that did not arrive, or will not; ranges of numbers by epoch."""

    __slots__ = (
        "conflicting", "conflicting_ms", "gone", "gone_ms", "missing", "missing_ms", "recovered", "truncated",
        "truncated_ms",
    )  # fmt: skip

    def __init__(self) -> None:
        self.missing: dict[str, Intervals] = {}
        self.recovered: dict[str, Intervals] = {}
        self.gone: dict[str, Intervals] = {}
        self.truncated: dict[str, Intervals] = {}
        self.conflicting: dict[str, Intervals] = {}
        self.missing_ms: int | None = None
        self.gone_ms: int | None = None
        self.truncated_ms: int | None = None
        self.conflicting_ms: int | None = None

    def events_missing(self, fact: Fact) -> None:
        """A range has not arrived, or is lost for ever."""
        if fact.data["how"] == "gone":
            _add(self.gone, fact, fact.data["from"], fact.data["to"])
            self.gone_ms = _later(self.gone_ms, fact)
        else:
            _add(self.missing, fact, fact.data["from"], fact.data["to"])
            self.missing_ms = _later(self.missing_ms, fact)

    def events_recovered(self, fact: Fact) -> None:
        """A range has arrived after all."""
        _add(self.recovered, fact, fact.data["from"], fact.data["to"])

    def outbox_truncated(self, fact: Fact) -> None:
        """The process has dropped a range of its own."""
        _add(self.truncated, fact, fact.data["from"], fact.data["to"])
        self.truncated_ms = _later(self.truncated_ms, fact)

    def events_conflicting(self, fact: Fact) -> None:
        """A number was given to two events."""
        _add(self.conflicting, fact, fact.data["sequence"], fact.data["sequence"])
        self.conflicting_ms = _later(self.conflicting_ms, fact)

    def count_missing(self) -> int:
        """How many events are missing now and not lost."""
        empty = Intervals(_ADJACENT, MOST_RANGES)
        return sum(
            ranges.without(self.recovered.get(epoch, empty)).without(self.gone.get(epoch, empty)).total
            for epoch, ranges in self.missing.items()
        )

    def lacks(self, epoch: str, first: int, last: int) -> bool:
        """Whether any number of a range that was said to be missing is missing still, or is lost."""
        empty = Intervals(_ADJACENT, MOST_RANGES)
        for said in (self.missing, self.gone):
            still = said.get(epoch, empty).without(self.recovered.get(epoch, empty))
            if any(still.between(first, last + 1)):
                return True
        return False

    def count_gone(self) -> int:
        """How many events are lost for ever."""
        empty = Intervals(_ADJACENT, MOST_RANGES)
        return sum(ranges.without(self.recovered.get(epoch, empty)).total for epoch, ranges in self.gone.items())

    def count_truncated(self) -> int:
        """How many events the outbox has dropped."""
        return sum(ranges.total for ranges in self.truncated.values())

    def count_conflicting(self) -> int:
        """How many numbers were given twice."""
        return sum(ranges.total for ranges in self.conflicting.values())


def _add(ranges: dict[str, Intervals], fact: Fact, first: int, last: int) -> None:
    last = min(last, MAX_INTEGER - 1)
    if first <= last:
        ranges.setdefault(fact.data["epoch"], Intervals(_ADJACENT, MOST_RANGES)).add(first, last + 1)
        if len(ranges) > MOST_EPOCHS:
            del ranges[min(ranges)]


def _later(held_ms: int | None, fact: Fact) -> int:
    return fact.time_ms if held_ms is None else max(held_ms, fact.time_ms)
