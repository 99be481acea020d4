"""How complete the events of a range are: of each source the numbers in it, and those that are absent. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

from edge.journal.positions import Source, Track
from edge.journal.ranges import Range


class Seen(NamedTuple):
    """A stored event of a source: its number and when it was said."""

    sequence: int
    time_ms: int


Near = Callable[[int], Seen | None]
"""The stored event with a number or the nearest one; None where there is none."""


@dataclass(frozen=True, slots=True)
class Conflicted:
    """A number that was given to two events: the one that counts and the one that does not."""

    sequence: int
    kept_sha256: str
    refused_sha256: str


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers that are not there, said after the event before them and before the event behind them.

    None where there is no such event: they may be as old, or as new, as can be.
    """

    first: int
    last: int
    after_ms: int | None
    before_ms: int | None

    @property
    def count(self) -> int:
        """How many events."""
        return self.last - self.first + 1

    def touches(self, from_ms: int, to_ms: int) -> bool:
        """Whether they may have been said in a range."""
        began = self.after_ms is None or self.after_ms < to_ms
        return began and (self.before_ms is None or self.before_ms >= from_ms)

    def lies_among(self, numbers: Range) -> bool:
        """Whether any of them lies between two numbers."""
        return self.first <= numbers[1] and self.last >= numbers[0]


@dataclass(frozen=True, slots=True)
class SourceStatement:
    """One process and epoch: `first` and `last` are the numbers that were said in or of the range, None for none.

    `missing` and `lost` may have been said in it, or stand among what was said of it later, as receipts are; all others
    are only counted.
    """

    process: str
    epoch: str
    first: int | None
    last: int | None
    newest: int
    missing: tuple[Hole, ...]
    lost: tuple[Hole, ...]
    missing_elsewhere: int
    lost_elsewhere: int
    conflicts: tuple[Conflicted, ...]

    @property
    def touched(self) -> bool:
        """Whether this source has to do with the range."""
        return self.first is not None or bool(self.missing or self.lost)


def source_statement(
    source: Source, track: Track, conflicts: Iterable[Conflicted], at_or_before: Near, at_or_after: Near,
    times: tuple[int, int], told: Range | None,
) -> SourceStatement:  # fmt: skip
    """What is to be said of a source: the two functions look up stored events, `times` are the ends of the range.

    `told` are the least and the greatest number of the events that are about its footage, whenever they were said.
    """
    missing, missing_elsewhere = _parted(track.missing, at_or_before, at_or_after, times, told)
    lost, lost_elsewhere = _parted(track.lost, at_or_before, at_or_after, times, told)
    first = _first_from(at_or_after, track.newest, times[0])
    last = _last_before(at_or_before, track.newest, times[1])
    numbers = list(told or ())
    if first is not None and last is not None and first <= last:
        numbers += [first, last]
    return SourceStatement(
        process=source.process,
        epoch=source.epoch,
        first=min(numbers, default=None),
        last=max(numbers, default=None),
        newest=track.newest,
        missing=missing,
        lost=lost,
        missing_elsewhere=missing_elsewhere,
        lost_elsewhere=lost_elsewhere,
        conflicts=tuple(sorted(conflicts, key=lambda one: (one.sequence, one.refused_sha256))),
    )


def _parted(
    spans: Iterable[Range], at_or_before: Near, at_or_after: Near, times: tuple[int, int], told: Range | None
) -> tuple[tuple[Hole, ...], int]:
    """The holes that have to do with a range, and how many numbers the others have."""
    holes = [_hole(span, at_or_before, at_or_after) for span in spans]
    ours = [one.touches(*times) or (told is not None and one.lies_among(told)) for one in holes]
    near = tuple(compress(holes, ours))
    return near, sum(one.count for one in holes) - sum(one.count for one in near)


def _hole(span: Range, at_or_before: Near, at_or_after: Near) -> Hole:
    before, behind = at_or_before(span[0] - 1), at_or_after(span[1] + 1)
    return Hole(*span, None if before is None else before.time_ms, None if behind is None else behind.time_ms)


def _first_from(at_or_after: Near, newest: int, from_ms: int) -> int | None:
    """The first number that was said at a time or later. Numbers grow with time, but for steps of the clock."""
    low, high, found = 1, newest, None
    while low <= high:
        middle = (low + high) // 2
        seen = at_or_after(middle)
        if seen is None:
            high = middle - 1
        elif seen.time_ms >= from_ms:
            found, high = seen.sequence, middle - 1
        else:
            low = seen.sequence + 1
    return found


def _last_before(at_or_before: Near, newest: int, to_ms: int) -> int | None:
    """The last number that was said before a time."""
    low, high, found = 1, newest, None
    while low <= high:
        middle = (low + high) // 2
        seen = at_or_before(middle)
        if seen is None:
            low = middle + 1
        elif seen.time_ms < to_ms:
            found, low = seen.sequence, middle + 1
        else:
            high = seen.sequence - 1
    return found
