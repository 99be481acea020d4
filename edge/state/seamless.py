"""The footage of one channel without its seams: for who holds the channels of a thousand sites and no segment alone.

Keeps what `Segments` does, but for one thing: segments that touch are one stretch. So an unbroken year costs no more
than an unbroken minute, and only what breaks it takes memory. Where a segment inside a stretch begins is not known.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from edge.state.intervals import Intervals
from edge.state.segments import JOIN_MS

MOST_STRETCHES: Final = 20_000
"""Beyond this the oldest go."""
MOST_LOSSES: Final = 3_000
"""Segments with losses that are remembered, two days of a camera that loses something in each."""
_MOST: Final = 2**32 - 1


class Seamless:
    """The stretches of a channel that are recorded and not pruned."""

    __slots__ = ("floor_day", "packed", "ranges")

    def __init__(self) -> None:
        self.ranges = Intervals(JOIN_MS, MOST_STRETCHES)
        self.packed = array("q")
        """Of each segment with losses: its start, lost packets, suspect ms, dropped ms."""
        self.floor_day: int | None = None  # nothing is forgotten by days

    @property
    def floor_ms(self) -> int | None:
        """All before this was forgotten; None, as nothing is by time."""
        return None

    def reaches(self, start_ms: int) -> bool:  # noqa: ARG002 - as Segments
        """Whether what starts then is still held."""
        return True

    def add(self, start_ms: int, length_ms: int) -> tuple[int, int]:
        """A segment that is not empty; returns the stretch that it is part of now."""
        return self.ranges.add(start_ms, start_ms + length_ms)

    def add_loss(self, start_ms: int, lost_packets: int, suspect_ms: int, dropped_ms: int) -> None:
        """What is missing in a segment."""
        packed = self.packed
        row = array("q", (start_ms, min(lost_packets, _MOST), min(suspect_ms, _MOST), min(dropped_ms, _MOST)))
        place = len(packed) if not packed or start_ms > packed[-4] else 4 * bisect_left(packed[::4], start_ms)
        if place < len(packed) and packed[place] == start_ms:
            packed[place : place + 4] = array("q", map(max, row, packed[place : place + 4]))
        else:
            packed[place:place] = row
        if len(packed) > 4 * MOST_LOSSES:
            del packed[:4]

    def drop(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Forget a range; returns what of it was held."""
        gone = list(self.ranges.between(start_ms, end_ms))
        if gone:
            self.ranges.cut(start_ms, end_ms)
        return gone

    def runs(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Unbroken stretches that share something with a range, whole, in order, without overlap."""
        return list(self.ranges.touching(start_ms, end_ms))

    def end_before(self, time_ms: int) -> int | None:
        """Where the last stretch that starts before a time ends, at most that time."""
        last = self.ranges.last_before(time_ms)
        return None if last is None else min(last[1], time_ms)

    def start_after(self, time_ms: int) -> int | None:
        """Where the first stretch that starts at or after a time starts."""
        return self.ranges.start_after(time_ms)

    def extent(self, start_ms: int, length_ms: int) -> tuple[int, int] | None:
        """A segment that starts at a time and is as long as they are; None where nothing is held then."""
        last = self.ranges.last_before(start_ms + 1)
        if last is None or last[1] <= start_ms:
            return None
        return start_ms, min(last[1], start_ms + length_ms)

    def last_start_before(self, time_ms: int) -> int | None:
        """Where the last stretch that starts before a time starts."""
        last = self.ranges.last_before(time_ms)
        return None if last is None else last[0]

    def oldest_ms(self) -> int | None:
        """Where the oldest footage starts."""
        return self.ranges.starts[0] if len(self.ranges) else None

    def losses(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, int, int, int]]:
        """Start, lost packets, suspect ms and dropped ms of the segments with losses that start in a range."""
        packed = self.packed
        if not packed or packed[-4] < start_ms:
            return
        for place in range(4 * bisect_left(packed[::4], start_ms), len(packed), 4):
            if packed[place] >= end_ms:
                return
            yield packed[place], packed[place + 1], packed[place + 2], packed[place + 3]
