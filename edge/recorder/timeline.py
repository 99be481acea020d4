"""Sample times from RTP timestamps. Pure: no clock, no I/O.

RTP timestamps are presentation times in decoding order, 32 bit, from a clock that may be set, stop, or lie. Differences
are believed as long as they are plausible; where they are not, time goes on by arrival and the place is called a
discontinuity. A recording never goes back in decoding time, and no timestamp costs a picture.

What comes can be late (the network, a machine with too much to do, reads that are collected), never early: so a clock
is held against arrival by the least lateness of many units, not by that of one.
"""

from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Final

VIDEO_RATE: Final = 90_000
JUMP_S: Final = 10
"""RTP time and arrival may differ by so much from one picture to the next; more is a jump of the camera's clock."""
LEAP_S: Final = 1
"""So far a picture may be ahead of the one before and of every lateness of the last minute; more is a jump as well."""
SETTLED_NS: Final = 1_000_000_000
"""At its start a session may hold pictures that the camera has kept: until then only JUMP_S counts."""
MINUTE_NS: Final = 60_000_000_000
SECOND_NS: Final = 1_000_000_000
FEWEST_SEEN: Final = 4
BACKWARD_S: Final = 1
"""Pictures shown out of order (B-frames) go back by less than this."""
DEEPEST_REORDER: Final = 8
"""So many pictures in a row may be shown before one that came earlier; more is a clock that was set back."""
AGAIN: Final = 2 * DEEPEST_REORDER
"""A clock that goes back twice within so many pictures, and past its peak between, is of a stream that reorders."""
SOUND_LEAP_NS: Final = 100_000_000
"""A pause in sound may be so much longer than the arrival of late and less late units allows; more is a jump."""


@dataclass(frozen=True, slots=True)
class SampleTime:
    """When a picture is decoded and shown, in ticks of 90 kHz since the start of the session."""

    decode: int
    show: int
    discontinuity: bool


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


class VideoTimeline:
    """Times of the pictures of one session, in the order in which they come."""

    def __init__(self, reorder_frames: int | None = None, frame_ticks: int = 3600) -> None:
        self._may_reorder = reorder_frames != 0
        self._depth = min(reorder_frames or 0, DEEPEST_REORDER)
        self._frame_ticks = frame_ticks
        self._fill_ticks = frame_ticks
        self._started = False
        self._timestamp = 0
        self._unwrapped = 0
        self._offset = 0
        self._arrival_ns = 0
        self._anchor = 0
        self._anchor_ns = 0
        self._latest = 0
        self._below = 0
        self._window: list[int] = []
        self._decode = 0
        self._lateness = Lateness(SECOND_NS)
        self._least_of_minute = Lateness(MINUTE_NS)
        self._peak = 0
        self._number = 0
        self._back = (-2 * AGAIN, 0)

    @property
    def lateness_ns(self) -> int | None:
        """How long after its showing time (by this timeline) a picture arrives that is not delayed; None at first."""
        return self._lateness.least_ns

    def place(self, timestamp: int, arrival_ns: int) -> SampleTime:
        """The times of the next picture."""
        if not self._started:
            self._started = True
            self._timestamp, self._arrival_ns = timestamp, arrival_ns
            self._latest = self._depth * self._frame_ticks
            self._offset = self._anchor = self._latest
            self._anchor_ns = arrival_ns
            self._decode = -1
            self._see(self._latest)
            return SampleTime(self._decode_time(self._latest), self._latest, discontinuity=False)
        elapsed = max((arrival_ns - self._arrival_ns) * 9 // 100_000, 1)
        delta = signed(timestamp - self._timestamp)
        self._timestamp, self._arrival_ns = timestamp, arrival_ns
        self._unwrapped += delta
        show, discontinuity = self._show_time(delta, elapsed)
        if discontinuity:
            self._anchor, self._anchor_ns = show, arrival_ns
            self._lateness.forget()
            self._least_of_minute.forget()
        self._see(show)
        self._below = 0 if show > self._latest else self._below + 1
        self._latest = max(self._latest, show)
        self._peak = max(self._peak, self._unwrapped)
        self._number += 1
        return SampleTime(self._decode_time(show), show, discontinuity)

    def expect_reorder(self, reorder_frames: int | None) -> None:
        """New parameter sets say how deep pictures are reordered from here on; what is held back deeper stays so."""
        self._may_reorder = self._may_reorder or reorder_frames != 0
        depth = min(reorder_frames or 0, DEEPEST_REORDER)
        if depth > self._depth:
            self._depth = depth
            self._fill_ticks = 1

    def _show_time(self, delta: int, elapsed: int) -> tuple[int, bool]:
        show = self._unwrapped + self._offset
        if self._jumps(delta, elapsed, show):
            self._peak = self._unwrapped
            return self._rebase(min(elapsed, JUMP_S * VIDEO_RATE)), True
        if delta == 0:  # two pictures under one timestamp, or a clock that stands still
            return self._by_arrival(elapsed), False
        if show > self._latest:
            return show, False
        if delta < 0 and not self._may_reorder:
            self._learn_reorder()
        if self._may_reorder and (delta < 0 or self._below) and self._below < DEEPEST_REORDER:
            return show, False
        return self._rebase(self._by_arrival(elapsed) - self._latest), delta < 0

    def _jumps(self, delta: int, elapsed: int, show: int) -> bool:
        """Whether the camera's clock was set.

        Late delivery looks alike for one picture: those behind a stall come at once. But they only make up for what
        is missing, while a clock that was set forward shows pictures before any delay allows.
        """
        leap = delta - elapsed
        if abs(leap) > JUMP_S * VIDEO_RATE or delta < -BACKWARD_S * VIDEO_RATE:
            return True
        if leap <= LEAP_S * VIDEO_RATE or self._arrival_ns - self._anchor_ns < SETTLED_NS:
            return False
        least_ns = self._least_of_minute.least_ns
        return least_ns is not None and least_ns - self._late_ns(show) > LEAP_S * SECOND_NS

    def _learn_reorder(self) -> None:
        """Parameter sets may say that nothing is reordered where it is; a clock that counts down is no such stream."""
        number, peak = self._back
        self._may_reorder = self._number - number <= AGAIN and self._peak > peak
        self._back = (self._number, self._peak)

    def _late_ns(self, show: int) -> int:
        return self._arrival_ns - show * 100_000 // 9

    def _see(self, show: int) -> None:
        late_ns = self._late_ns(show)
        self._lateness.see(late_ns, self._arrival_ns)
        self._least_of_minute.see(late_ns, self._arrival_ns)

    def _by_arrival(self, elapsed: int) -> int:
        """As long after the latest picture as it came, but not ahead of arrival: each late read would add to that."""
        since_anchor = (self._arrival_ns - self._anchor_ns) * 9 // 100_000
        return max(min(self._latest + elapsed, self._anchor + since_anchor), self._latest + 1)

    def _rebase(self, step: int) -> int:
        """Go on `step` after the latest picture, whatever the camera's clock says."""
        show = self._latest + step
        self._offset = show - self._unwrapped
        return show

    def _decode_time(self, show: int) -> int:
        """Decoding times are the showing times in ascending order, held back as deep as pictures are reordered.

        While the window fills at the start they are one frame apart. A stream that reorders deeper than it said is
        learned from.
        """
        if len(self._window) < self._depth:
            heappush(self._window, show)
            decode = 0 if self._decode < 0 else self._decode + self._fill_ticks
        else:
            decode = heappushpop(self._window, show)
        if show < self._decode and self._depth < DEEPEST_REORDER:
            self._depth += 1
            self._fill_ticks = 1
        self._decode = max(decode, self._decode + 1)
        return self._decode


class AudioTimeline:
    """Times of the units of audio of one session by their own clock, in its ticks since the first of them."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._timestamp: int | None = None
        self._position = 0
        self._duration = 0
        self._lateness = Lateness(SECOND_NS)

    @property
    def lateness_ns(self) -> int | None:
        """How long after its time (by this timeline) a unit arrives that is not delayed; None at first."""
        return self._lateness.least_ns

    def place(self, timestamp: int, arrival_ns: int, duration: int) -> int:
        """When the next unit begins; behind a clock that is set or stands still it follows on the one before."""
        if self._timestamp is not None:
            delta = signed(timestamp - self._timestamp)
            if delta > 0 and not self._leaps(delta, arrival_ns):
                self._position += delta
            else:
                self._position += self._duration
                self._lateness.forget()
        self._timestamp, self._duration = timestamp, duration
        self._lateness.see(self._late_ns(self._position, arrival_ns), arrival_ns)
        return self._position

    def _leaps(self, delta: int, arrival_ns: int) -> bool:
        """Whether the clock goes over a pause for which there was no time."""
        least_ns = self._lateness.least_ns
        pause_ns = (delta - self._duration) * SECOND_NS // self._rate
        if least_ns is None or pause_ns <= SOUND_LEAP_NS:
            return False
        return least_ns - self._late_ns(self._position + delta, arrival_ns) > SOUND_LEAP_NS

    def _late_ns(self, position: int, arrival_ns: int) -> int:
        return arrival_ns - position * SECOND_NS // self._rate


def signed(difference: int) -> int:
    """The difference of two 32-bit timestamps, the short way round."""
    return ((difference + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
