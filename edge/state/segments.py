"""The finished segments of one channel: where they start and end, and what was lost in them.

Days are of UTC, and there are at most MOST_DAYS of them: with more, the oldest go, so that one segment with a wrong
clock costs one day and no other. The order of adding does not matter, nor does adding twice.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from edge.state.fact import DAY_MS

MOST_DAYS: Final = 400
LONGEST_MS: Final = DAY_MS
"""What claims to be longer is taken for this long."""
JOIN_MS: Final = 1000
"""Segments of an unbroken recording are less than this apart: a clock may be slewed by up to a second between them."""
_MOST: Final = 2**32 - 1


class Day:
    """The segments that start on one day, by their offset in milliseconds."""

    __slots__ = ("_runs", "lengths", "losses", "starts")

    def __init__(self) -> None:
        self.starts = array("I")
        self.lengths = array("I")
        self.losses = array("I")
        """Of each segment with losses: its offset, lost packets, suspect ms, dropped ms."""
        self._runs: list[list[int]] | None = None

    def add(self, offset: int, length: int) -> None:
        """A segment; where there is one with this start, the longer holds."""
        starts = self.starts
        if not starts or offset > starts[-1]:
            starts.append(offset)
            self.lengths.append(length)
            if self._runs is not None:
                _extend(self._runs, offset, offset + length)
            return
        self._runs = None
        place = bisect_left(starts, offset)
        if starts[place] == offset:
            self.lengths[place] = max(self.lengths[place], length)
        else:
            starts.insert(place, offset)
            self.lengths.insert(place, length)

    def add_loss(self, offset: int, lost_packets: int, suspect_ms: int, dropped_ms: int) -> None:
        """What is missing in a segment."""
        row = array("I", (offset, min(lost_packets, _MOST), min(suspect_ms, _MOST), min(dropped_ms, _MOST)))
        losses = self.losses
        if not losses or offset > losses[-4]:
            losses.extend(row)
            return
        place = 4 * bisect_left(losses[::4], offset)
        if losses[place] == offset:
            row = array("I", map(max, row, losses[place : place + 4]))
            losses[place : place + 4] = row
        else:
            losses[place:place] = row

    def drop(self, first: int, last: int) -> list[tuple[int, int]]:
        """Forget the segments whose middle lies from `first` up to and without `last`; returns where they were."""
        gone: list[tuple[int, int]] = []
        starts, lengths = array("I"), array("I")
        for start, length in zip(self.starts, self.lengths, strict=True):
            if first <= start + length // 2 < last:
                gone.append((start, start + length))
            else:
                starts.append(start)
                lengths.append(length)
        if gone:
            self.starts, self.lengths, self._runs = starts, lengths, None
        return gone

    def runs(self) -> list[list[int]]:
        """Unbroken stretches as [start, end] offsets, in order; they do not overlap."""
        if self._runs is None:
            self._runs = []
            for start, length in zip(self.starts, self.lengths, strict=True):
                _extend(self._runs, start, start + length)
        return self._runs


class Segments:
    """All segments of a channel that are known and not pruned."""

    __slots__ = ("days", "floor_day")

    def __init__(self) -> None:
        self.days: dict[int, Day] = {}
        self.floor_day: int | None = None

    @property
    def floor_ms(self) -> int | None:
        """All before this was forgotten; None where nothing was."""
        return None if self.floor_day is None else self.floor_day * DAY_MS

    def day_of(self, start_ms: int) -> Day | None:
        """The day that holds what starts then; None where that is too long ago."""
        number = start_ms // DAY_MS
        day = self.days.get(number)
        return day if day is not None else self._new_day(number)

    def reaches(self, start_ms: int) -> bool:
        """Whether what starts then can be held; room is made for it."""
        return self.day_of(start_ms) is not None

    def add(self, start_ms: int, length_ms: int) -> None:
        """A segment of a time that is reached."""
        self.days[start_ms // DAY_MS].add(start_ms % DAY_MS, length_ms)

    def add_loss(self, start_ms: int, lost_packets: int, suspect_ms: int, dropped_ms: int) -> None:
        """What is missing in a segment of a time that is reached."""
        self.days[start_ms // DAY_MS].add_loss(start_ms % DAY_MS, lost_packets, suspect_ms, dropped_ms)

    def _new_day(self, number: int) -> Day | None:
        if self.floor_day is not None and number < self.floor_day:
            return None
        self.days[number] = Day()
        if len(self.days) > MOST_DAYS:
            oldest = min(self.days)
            del self.days[oldest]
            self.floor_day = oldest + 1
        return self.days.get(number)

    def drop(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Forget the segments whose middle lies in a range; returns where they were."""
        gone: list[tuple[int, int]] = []
        for number in self.numbers(start_ms - LONGEST_MS, end_ms):
            first = number * DAY_MS
            for start, end in self.days[number].drop(start_ms - first, end_ms - first):
                gone.append((first + start, first + end))
        return gone

    def numbers(self, start_ms: int, end_ms: int) -> list[int]:
        """The days of a range that hold anything, in order."""
        first, last = start_ms // DAY_MS, -(-end_ms // DAY_MS)
        if last - first < len(self.days):
            return [number for number in range(first, last) if number in self.days]
        return sorted(number for number in self.days if first <= number < last)

    def runs(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Unbroken stretches that share something with a range, whole, in order, without overlap."""
        joined: list[list[int]] = []
        for number in self.numbers(start_ms - LONGEST_MS, end_ms):
            first = number * DAY_MS
            for start, end in self.days[number].runs():
                if first + end > start_ms - JOIN_MS and first + start < end_ms + JOIN_MS:
                    _extend(joined, first + start, first + end)
        return [(start, end) for start, end in joined if end > start_ms and start < end_ms]

    def end_before(self, time_ms: int) -> int | None:
        """Where the last stretch that starts before a time ends, at most that time."""
        latest: int | None = None
        for number in sorted((number for number in self.days if number * DAY_MS < time_ms), reverse=True):
            first = number * DAY_MS
            if latest is not None and latest >= first + DAY_MS + LONGEST_MS:  # nothing of that day reaches so far
                break
            ends = [first + end for start, end in self.days[number].runs() if first + start < time_ms]
            if ends and (latest is None or max(ends) > latest):
                latest = max(ends)
        return None if latest is None else min(latest, time_ms)

    def start_after(self, time_ms: int) -> int | None:
        """Where the first segment that starts at or after a time starts."""
        for number in sorted(number for number in self.days if (number + 1) * DAY_MS > time_ms):
            day = self.days[number]
            place = bisect_left(day.starts, max(time_ms - number * DAY_MS, 0))
            if place < len(day.starts):
                return number * DAY_MS + day.starts[place]
        return None

    def extent(self, start_ms: int, length_ms: int) -> tuple[int, int] | None:  # noqa: ARG002 - as Seamless
        """The segment that starts at a time, cut where the next one of its day starts; None where there is none."""
        number, offset = divmod(start_ms, DAY_MS)
        day = self.days.get(number)
        place = bisect_left(day.starts, offset) if day is not None else 0
        if day is None or place == len(day.starts) or day.starts[place] != offset:
            return None
        end = offset + day.lengths[place]
        if place + 1 < len(day.starts):
            end = min(end, day.starts[place + 1])
        return start_ms, number * DAY_MS + end

    def last_start_before(self, time_ms: int) -> int | None:
        """Where the last segment that starts before a time starts."""
        for number in sorted((number for number in self.days if number * DAY_MS < time_ms), reverse=True):
            day = self.days[number]
            place = bisect_left(day.starts, min(time_ms - number * DAY_MS, DAY_MS))
            if place:
                return number * DAY_MS + day.starts[place - 1]
        return None

    def oldest_ms(self) -> int | None:
        """Where the oldest segment starts."""
        starts = (number * DAY_MS + day.starts[0] for number, day in self.days.items() if day.starts)
        return min(starts, default=None)

    def losses(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, int, int, int]]:
        """Start, lost packets, suspect ms and dropped ms of the segments with losses that start in a range."""
        for number in self.numbers(start_ms, end_ms):
            first = number * DAY_MS
            rows = self.days[number].losses
            for place in range(0, len(rows), 4):
                if start_ms <= first + rows[place] < end_ms:
                    yield first + rows[place], rows[place + 1], rows[place + 2], rows[place + 3]


def _extend(runs: list[list[int]], start: int, end: int) -> None:
    """Add what starts at or after all before: to the last stretch where it continues that."""
    if runs and start - runs[-1][1] < JOIN_MS:
        runs[-1][1] = max(runs[-1][1], end)
    else:
        runs.append([start, end])
