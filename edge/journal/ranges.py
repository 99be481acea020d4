"""Sets of numbers as ranges, so that a million events in a row cost as much as one. Pure; knows no events."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of whole numbers; `spans` are its inclusive ranges in order, with a number between any two of them."""

    spans: tuple[Range, ...] = ()

    @classmethod
    def of(cls, ranges: Iterable[Range]) -> Self:
        """The set of all numbers in some ranges, which may overlap and come in any order."""
        return cls(tuple(_merged(sorted(span for span in ranges if span[0] <= span[1]))))

    @classmethod
    def of_numbers(cls, numbers: Iterable[int]) -> Self:
        """The set of some numbers."""
        return cls.of((number, number) for number in numbers)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __iter__(self) -> Iterator[Range]:
        return iter(self.spans)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.spans, number, key=_start)
        return place > 0 and number <= self.spans[place - 1][1]

    def __or__(self, other: Self) -> Self:
        if not other.spans or not self.spans:
            return self if self.spans else other
        low = bisect_left(self.spans, other.spans[0][0] - 1, key=_end)
        high = bisect_right(self.spans, other.spans[-1][1] + 1, key=_start)
        middle = tuple(_merged(sorted(self.spans[low:high] + other.spans)))
        return type(self)(self.spans[:low] + middle + self.spans[high:])

    def __sub__(self, other: Self) -> Self:
        if not self.spans or not other.spans:
            return self
        return type(self)(tuple(_without(self.spans, other.spans)))

    def __and__(self, other: Self) -> Self:
        return self - (self - other)

    @property
    def last(self) -> int:
        """The greatest number, 0 for none."""
        return self.spans[-1][1] if self.spans else 0

    @property
    def first(self) -> int:
        """The least number, 0 for none."""
        return self.spans[0][0] if self.spans else 0

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return sum(to - start + 1 for start, to in self.spans)

    def up_to(self, number: int) -> Self:
        """The numbers that are at most `number`."""
        place = bisect_right(self.spans, number, key=_start)
        if place and self.spans[place - 1][1] > number:
            return type(self)((*self.spans[: place - 1], (self.spans[place - 1][0], number)))
        return type(self)(self.spans[:place])


NONE: Final = Ranges()


def _start(span: Range) -> int:
    return span[0]


def _end(span: Range) -> int:
    return span[1]


def _merged(ordered: Iterable[Range]) -> Iterator[Range]:
    """Ranges in order of their start as ranges that neither overlap nor touch."""
    spans = iter(ordered)
    held = next(spans, None)
    if held is None:
        return
    start, to = held
    for span in spans:
        if span[0] <= to + 1:
            to = max(to, span[1])
        else:
            yield start, to
            start, to = span
    yield start, to


def _without(spans: tuple[Range, ...], holes: tuple[Range, ...]) -> Iterator[Range]:
    place = 0
    for start, to in spans:
        begin = start
        while place < len(holes) and holes[place][1] < begin:
            place += 1
        at = place
        while at < len(holes) and holes[at][0] <= to:
            if holes[at][0] > begin:
                yield begin, holes[at][0] - 1
            begin = holes[at][1] + 1
            at += 1
        if begin <= to:
            yield begin, to
