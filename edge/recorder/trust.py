"""How far a camera's clock is believed, and where pictures lie meanwhile. Pure: no clock, no I/O; ticks of 90 kHz.

A clock that fails once costs the pictures concerned: they are spaced as usual, and the clock goes on from there. It is
then in doubt until it has been good for a while, and only the first failure is news: a clock that fails all the time
must cut no segment at every keyframe. One that goes on failing is not believed at all until it has been good again.

What goes wrong, and what is reordering, the timeline knows. Clocks come here unwrapped.
"""

from typing import Final

from edge.recorder.spacing import EASY_TICKS, SECOND_TICKS, STRAY_TICKS, Lateness, Pace, Recent, spaced, ticks

JUMP_S: Final = 10
"""RTP time and arrival may differ by so much from one picture to the next; more is a jump of the camera's clock."""
LEAP_S: Final = 1
"""So far a picture may be ahead of the one before and of every lateness of the last minute; more is a jump as well."""
BACKWARD_S: Final = 1
"""Pictures shown out of order (B-frames) go back by less than this."""
DEEPEST_REORDER: Final = 8
"""So many pictures in a row may be shown before one that came earlier; more is a clock that was set back."""
GOOD_NS: Final = 5_000_000_000
"""A clock that has been good for so long is believed again."""
MOST_SET: Final = 8
"""A clock that was set so often, with less than that between, is not believed any more."""
STOOD_STILL: Final = 2
MOST_STILL: Final = 16
"""Nor is one that stands still at so many pictures more than it goes on; two pictures may share each timestamp."""
SETTLED_NS: Final = 1_000_000_000
"""At its start a session may hold pictures that the camera has kept: until then only JUMP_S counts."""
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60_000_000_000


class Trust:
    """What the clock of one session has earned."""

    def __init__(self, frame_ticks: int) -> None:
        self._lateness = Lateness(SECOND_NS)
        self._least_of_minute = Lateness(MINUTE_NS)
        self._recent = Recent(frame_ticks)
        self._began_ns: int | None = None
        self._doubted_ns = -GOOD_NS
        self._held_ns = 0
        self._still = 0
        self._sets = 0
        self.probation: Probation | None = None
        """Of a clock that is not believed."""

    @property
    def lateness_ns(self) -> int | None:
        """How long after its showing time a picture arrives that is not delayed; None at first."""
        return self._lateness.least_ns

    def see(self, show: int, decode: int, arrival_ns: int) -> None:
        """Take where the next picture was put."""
        if self._began_ns is None:
            self._began_ns = arrival_ns
        late_ns = arrival_ns - show * 100_000 // 9
        self._lateness.see(late_ns, arrival_ns)
        self._least_of_minute.see(late_ns, arrival_ns)
        self._recent.see((decode, late_ns))
        if self._still:
            self._still -= 1

    def leaps(self, leap: int, show: int, arrival_ns: int) -> bool:
        """Whether a clock that goes further than arrival was set, by so much that no delay allows it.

        Late delivery looks alike for one picture: those behind a stall come at once. But they only make up for what
        is missing, while a clock that was set forward shows pictures before they can have come.
        """
        in_doubt = arrival_ns - self._doubted_ns < GOOD_NS
        if leap <= (EASY_TICKS if in_doubt else LEAP_S * SECOND_TICKS):
            return False
        if not in_doubt and (self._began_ns is None or arrival_ns - self._began_ns < SETTLED_NS):
            return False
        least_ns = self._held_ns if in_doubt else self._least_of_minute.least_ns
        return least_ns is not None and least_ns - arrival_ns + show * 100_000 // 9 > LEAP_S * SECOND_NS

    def stood_still(self, clock: int, latest: int, arrival_ns: int) -> int:
        """When a picture is shown that has the timestamp of the one before."""
        show = self._spaced(latest, arrival_ns)
        self._still += STOOD_STILL
        if self._still >= MOST_STILL:
            self._lose(clock, show, arrival_ns)
        return show

    def was_set(self, clock: int, latest: int, arrival_ns: int, *, for_good: bool = False) -> tuple[int, bool]:
        """When a picture is shown after which the clock counts from another time, and whether that is news.

        After a pause the picture is as late as any of late, so that the wait for a read is not taken for one.
        """
        self.probation = None
        is_news = arrival_ns - self._doubted_ns >= GOOD_NS
        show = self._spaced(latest, arrival_ns)
        if is_news:
            self._sets = 0
            show = max(show, ticks(arrival_ns - self._recent.most_late_ns))
        if show - latest > JUMP_S * SECOND_TICKS:
            show = latest + JUMP_S * SECOND_TICKS
            self._held_ns = arrival_ns - show * 100_000 // 9
            self._lateness.forget()
            self._least_of_minute.forget()
        self._sets += 1
        self._doubted_ns = arrival_ns
        if for_good or self._sets >= MOST_SET:
            self._lose(clock, show, arrival_ns)
        return show, is_news

    def regain(self, arrival_ns: int) -> None:
        """The clock is believed again, and in doubt for a while."""
        self.probation = None
        self._doubted_ns = arrival_ns
        self._sets = 0

    def _lose(self, clock: int, show: int, arrival_ns: int) -> None:
        self._still = 0
        self._doubted_ns = arrival_ns
        self.probation = Probation(Pace(self._recent.step, self._held_ns, show, arrival_ns), clock, arrival_ns)

    def _spaced(self, latest: int, arrival_ns: int) -> int:
        """As long after the latest picture as usual, and unless that is a single one not far behind arrival either."""
        is_single = not self._still and arrival_ns - self._doubted_ns >= GOOD_NS
        if is_single:
            self._held_ns = self._lateness.least_ns or 0
        on_time = ticks(arrival_ns - self._held_ns)
        show = spaced(latest, self._recent.step, on_time)
        return show if is_single else max(show, on_time - STRAY_TICKS)


class Probation:
    """A clock that is not believed, until it has been good for a while; meanwhile pictures go at a pace of their own.

    Good is a clock that never stands still, leaps, or runs backward but for reordered pictures, and that is neither
    twice as fast as arrival nor half as fast.
    """

    def __init__(self, pace: Pace, clock: int, arrival_ns: int) -> None:
        self.pace = pace
        self._start = self._peak = clock
        self._since_ns = arrival_ns
        self._below = self._seen = 0

    def passes(self, clock: int, delta: int, elapsed: int, arrival_ns: int) -> int:
        """How far this picture's time goes beyond all before it, if the clock is good from here on; otherwise 0."""
        beyond = clock - self._peak
        self._below = 0 if beyond > 0 else self._below + 1
        is_wild = abs(delta - elapsed) > LEAP_S * SECOND_TICKS or delta <= -BACKWARD_S * SECOND_TICKS
        if delta == 0 or is_wild or self._below > DEEPEST_REORDER:
            return self._restart(clock, arrival_ns)
        self._seen += 1
        if beyond <= 0:
            return 0
        self._peak = clock
        if arrival_ns - self._since_ns < GOOD_NS or self._seen < 2 * DEEPEST_REORDER:
            return 0
        went, took = clock - self._start, ticks(arrival_ns - self._since_ns)
        return beyond if took < 2 * went < 4 * took else self._restart(clock, arrival_ns)

    def _restart(self, clock: int, arrival_ns: int) -> int:
        self._start = self._peak = clock
        self._since_ns = arrival_ns
        self._below = self._seen = 0
        return 0
