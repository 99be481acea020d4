"""Ranges of whole numbers that merge where they touch, from a start up to and without an end."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Intervals:
    """A union of ranges, sorted; two that are less than `join` apart are one. The order of adding does not matter.

    Holds at most `most` ranges: beyond that the lowest go.
    """

    __slots__ = ("ends", "join", "most", "starts")

    def __init__(self, join: int, most: int) -> None:
        self.join = join
        self.most = most
        self.starts = array("q")
        self.ends = array("q")

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self.starts, self.ends, strict=True))

    def __len__(self) -> int:
        return len(self.starts)

    def add(self, start: int, end: int) -> tuple[int, int]:
        """Add a range that is not empty; returns the one that it is part of now."""
        first = bisect_right(self.ends, start - self.join)
        last = bisect_left(self.starts, end + self.join)
        if first < last:
            start = min(start, self.starts[first])
            end = max(end, self.ends[last - 1])
        self.starts[first:last] = array("q", (start,))
        self.ends[first:last] = array("q", (end,))
        if len(self.starts) > self.most:
            del self.starts[0], self.ends[0]
        return start, end

    def holds(self, value: int) -> bool:
        """Whether a number lies in one of the ranges."""
        place = bisect_right(self.starts, value) - 1
        return place >= 0 and value < self.ends[place]

    def clip(self, floor: int) -> None:
        """Forget all below a number."""
        gone = bisect_right(self.ends, floor)
        del self.starts[:gone], self.ends[:gone]
        if self.starts and self.starts[0] < floor:
            self.starts[0] = floor

    def cut(self, start: int, end: int) -> None:
        """Take a range out."""
        left = [piece for first, last in self.touching(start, end) for piece in ((first, start), (end, last))]
        kept = [(first, last) for first, last in left if first < last]
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end)
        self.starts[first:last] = array("q", (one for one, _ in kept))
        self.ends[first:last] = array("q", (one for _, one in kept))

    def between(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The ranges that share something with a range, cut to it, in order."""
        for first, last in self.touching(start, end):
            yield max(first, start), min(last, end)

    def touching(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The ranges that share something with a range, whole, in order."""
        for place in range(bisect_right(self.ends, start), bisect_left(self.starts, end)):
            yield self.starts[place], self.ends[place]

    def last_before(self, value: int) -> tuple[int, int] | None:
        """The last range that starts before a number."""
        place = bisect_left(self.starts, value) - 1
        return (self.starts[place], self.ends[place]) if place >= 0 else None

    def start_after(self, value: int) -> int | None:
        """Where the first range that starts at or after a number starts."""
        place = bisect_left(self.starts, value)
        return self.starts[place] if place < len(self.starts) else None

    def without(self, other: "Intervals") -> "Intervals":
        """What is in these ranges and not in the other ones."""
        left = Intervals(1, self.most)
        for start, end in self:
            at = start
            for hole_start, hole_end in other.between(start, end):
                if at < hole_start:
                    left.add(at, hole_start)
                at = hole_end
            if at < end:
                left.add(at, end)
        return left

    @property
    def total(self) -> int:
        """How many numbers the ranges hold."""
        return sum(self.ends) - sum(self.starts)
