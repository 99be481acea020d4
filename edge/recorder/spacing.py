"""Where pictures lie that have no timestamp of use. Pure: ticks of 90 kHz and arrival in, ticks out.

Cameras are read some times a second, several pictures at once. So arrival tells how many pictures came in a second, not
how far apart they are: they are spaced as usual and, only where that strays from arrival, a little closer or wider.
What comes can be late, never early, so arrival counts by the least late of many pictures.
"""

from collections import deque
from itertools import pairwise
from typing import Final

SECOND_TICKS: Final = 90_000
STRAY_TICKS: Final = SECOND_TICKS // 2
"""Pictures that are spaced stay so close to where arrival has them: half a second, as long as a fragment."""
EASY_TICKS: Final = SECOND_TICKS // 4
"""So far ahead of arrival their distance is the usual one; further on it becomes less and less."""
SLACK_TICKS: Final = SECOND_TICKS // 10
"""So much is noise of the reads, and nothing is set right."""
SHARE: Final = 8
"""The least distance is this part of the usual one, and the same part is taken of the room that is left."""
WINDOW_NS: Final = 2_000_000_000
FEWEST_SEEN: Final = 4
FEWEST_RATES: Final = 3
MOST_RATES: Final = 7
NOTABLE: Final = 32
"""A rate that differs by more than this part of itself is another one, not noise."""
RECENT: Final = 33
SHORTEST_TICKS: Final = 2
"""Decoding times one tick apart are ours: of a picture that came too late for a better one."""


def ticks(nanoseconds: int) -> int:
    """The same time in ticks."""
    return nanoseconds * 9 // 100_000


def spaced(latest: int, step: int, on_time: int) -> int:
    """A step after the latest picture, less where that goes ahead of `on_time`, where arrival has the picture."""
    room = max(on_time + EASY_TICKS - latest, (on_time + STRAY_TICKS - latest) // SHARE, step // SHARE, 1)
    return latest + min(step, room)


class Lateness:
    """The least of what was seen in the last span or two, and of no fewer than a few units."""

    def __init__(self, span_ns: int) -> None:
        self._span_ns = span_ns
        self._since_ns = 0
        self._seen = 0
        self._before = 0
        self._now = 0

    @property
    def least_ns(self) -> int | None:
        """How late the least late unit was; None where none was seen."""
        return min(self._before, self._now) if self._seen else None

    def see(self, late_ns: int, arrival_ns: int) -> None:
        """Take the lateness of the next unit."""
        if not self._seen:
            self._before, self._since_ns = late_ns, arrival_ns
            self._now = late_ns
        elif arrival_ns - self._since_ns >= self._span_ns and self._seen >= FEWEST_SEEN:
            self._before, self._since_ns = self._now, arrival_ns
            self._now, self._seen = late_ns, 0
        elif late_ns < self._now:
            self._now = late_ns
        self._seen += 1

    def forget(self) -> None:
        """Begin anew: the clock jumped."""
        self._seen = 0


class Recent:
    """The last pictures: how far apart they usually are, and how late they may come."""

    def __init__(self, frame_ticks: int) -> None:
        self._frame_ticks = frame_ticks
        self._seen: deque[tuple[int, int]] = deque(maxlen=RECENT)
        self.see = self._seen.append
        """Take the next picture as its decoding time and its lateness in ns."""

    @property
    def step(self) -> int:
        """The usual distance, which lost pictures do not change; what the stream says of itself before there is one."""
        steps = sorted(b - a for (a, _), (b, _) in pairwise(self._seen) if b - a >= SHORTEST_TICKS)
        return steps[(len(steps) - 1) // 2] if len(steps) >= FEWEST_SEEN else self._frame_ticks

    @property
    def most_late_ns(self) -> int:
        """How late the latest of them was."""
        return max(late_ns for _, late_ns in self._seen)


class Pace:
    """The times of pictures whose clock is not believed: evenly spaced, at the rate at which they come.

    The step stays the same as long as that holds. Once in a window of arrival it is set right, so that half of what
    pictures are ahead or behind is made up for in the next; and a rate that differs window after window is taken over.
    """

    def __init__(self, step: int, least_late_ns: int, latest: int, arrival_ns: int) -> None:
        self._usual = self._step = step
        self._least_late_ns = least_late_ns
        self._rates: deque[int] = deque(maxlen=MOST_RATES)
        self._first, self._since_ns = latest, arrival_ns
        self._was_behind: int | None = None
        self._behind = 0
        self._seen = 0

    def place(self, latest: int, arrival_ns: int) -> int:
        """When the picture after the latest one is shown."""
        on_time = ticks(arrival_ns - self._least_late_ns)
        show = max(spaced(latest, self._step, on_time), on_time - STRAY_TICKS)
        self._behind = min(self._behind, on_time - show) if self._seen else on_time - show
        self._seen += 1
        if arrival_ns - self._since_ns >= WINDOW_NS and self._seen >= FEWEST_SEEN:
            self._correct(show)
            self._first, self._since_ns = show, arrival_ns
            self._was_behind, self._seen = self._behind, 0
        return show

    def _correct(self, show: int) -> None:
        """Arrival went on as the pictures did, and by as much more as the least late of them is later now."""
        if self._was_behind is not None:
            self._rates.append(max((show - self._first + self._behind - self._was_behind) // self._seen, 1))
        if len(self._rates) >= FEWEST_RATES:
            rate = sorted(self._rates)[len(self._rates) // 2]
            if abs(rate - self._usual) * NOTABLE > self._usual:
                self._usual = rate
                self._rates.clear()
        strays = abs(self._behind) > SLACK_TICKS
        self._step = max(self._usual + (self._behind // (2 * self._seen) if strays else 0), 1)
