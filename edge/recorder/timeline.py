"""Sample times from RTP timestamps. Pure: no clock, no I/O.

RTP timestamps are presentation times in decoding order, 32 bit, from a clock that may be set, stop, or lie. Differences
are believed while they are plausible; where they are not, `trust` says where pictures lie, and whether that is news: a
discontinuity. A recording never goes back in decoding time, and no timestamp costs a picture.

What comes can be late (the network, a machine with too much to do, reads that are collected), never early: so a clock
is held against arrival by the least lateness of many units, not by that of one.
"""

from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Final

from edge.recorder.spacing import Lateness, ticks
from edge.recorder.trust import BACKWARD_S, DEEPEST_REORDER, JUMP_S, Probation, Trust

VIDEO_RATE: Final = 90_000
SECOND_NS: Final = 1_000_000_000
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


class VideoTimeline:
    """Times of the pictures of one session, in the order in which they come."""

    def __init__(self, reorder_frames: int | None = None, frame_ticks: int = 3600) -> None:
        self._may_reorder = reorder_frames != 0
        self._depth = min(reorder_frames or 0, DEEPEST_REORDER)
        self._frame_ticks = frame_ticks
        self._fill_ticks = frame_ticks
        self._trust = Trust(frame_ticks)
        self._started = False
        self._timestamp = 0
        self._unwrapped = 0
        self._offset = 0
        self._arrival_ns = 0
        self._latest = 0
        self._below = 0
        self._window: list[int] = []
        self._decode = 0
        self._peak = 0
        self._number = 0
        self._back = (-2 * AGAIN, 0)

    @property
    def lateness_ns(self) -> int | None:
        """How long after its showing time (by this timeline) a picture arrives that is not delayed; None at first."""
        return self._trust.lateness_ns

    @property
    def goes_by_arrival(self) -> bool:
        """Whether the camera's clock failed too often to be believed."""
        return self._trust.probation is not None

    def place(self, timestamp: int, arrival_ns: int) -> SampleTime:
        """The times of the next picture."""
        if self._started:
            elapsed = max(ticks(arrival_ns - self._arrival_ns), 1)
            delta = signed(timestamp - self._timestamp)
            self._timestamp, self._arrival_ns = timestamp, arrival_ns
            self._unwrapped += delta
            show, discontinuity = self._show_time(delta, elapsed)
            self._below = 0 if show > self._latest else self._below + 1
            self._latest = max(self._latest, show)
            self._peak = max(self._peak, self._unwrapped)
            self._number += 1
        else:
            self._started = True
            self._timestamp, self._arrival_ns = timestamp, arrival_ns
            self._latest = self._offset = show = self._depth * self._frame_ticks
            self._decode, discontinuity = -1, False
        decode = self._decode_time(show)
        self._trust.see(show, decode, arrival_ns)
        return SampleTime(decode, show, discontinuity)

    def expect_reorder(self, reorder_frames: int | None) -> None:
        """New parameter sets say how deep pictures are reordered from here on; what is held back deeper stays so."""
        self._may_reorder = self._may_reorder or reorder_frames != 0
        depth = min(reorder_frames or 0, DEEPEST_REORDER)
        if depth > self._depth:
            self._depth = depth
            self._fill_ticks = 1

    def _show_time(self, delta: int, elapsed: int) -> tuple[int, bool]:
        if self._trust.probation is not None and elapsed <= JUMP_S * VIDEO_RATE:
            return self._show_by_arrival(self._trust.probation, delta, elapsed), False
        show = self._unwrapped + self._offset
        if self._jumps(delta, elapsed, show):
            self._peak = self._unwrapped
            return self._rebase()
        if delta == 0:  # two pictures under one timestamp, or a clock that stands still
            return self._trust.stood_still(self._unwrapped, self._latest, self._arrival_ns), False
        if show > self._latest:
            return show, False
        if delta < 0 and not self._may_reorder:
            self._learn_reorder()
        reorders = self._may_reorder and (delta < 0 or self._below > 0)
        if reorders and self._below < DEEPEST_REORDER:
            return show, False
        show, is_news = self._rebase(for_good=reorders)
        return show, is_news and (delta < 0 or reorders)

    def _show_by_arrival(self, probation: Probation, delta: int, elapsed: int) -> int:
        """When a picture is shown whose clock is not believed, up to the one with which it is believed again."""
        beyond = probation.passes(self._unwrapped, delta, elapsed, self._arrival_ns)
        if not beyond:
            return probation.pace.place(self._latest, self._arrival_ns)
        self._trust.regain(self._arrival_ns)
        self._peak = self._unwrapped
        self._offset = self._latest + beyond - self._unwrapped
        return self._latest + beyond

    def _jumps(self, delta: int, elapsed: int, show: int) -> bool:
        """Whether the camera's clock was set, or nothing came for so long that nobody can tell."""
        leap = delta - elapsed
        if abs(leap) > JUMP_S * VIDEO_RATE or delta < -BACKWARD_S * VIDEO_RATE or self.goes_by_arrival:
            return True
        return self._trust.leaps(leap, show, self._arrival_ns)

    def _learn_reorder(self) -> None:
        """Parameter sets may say that nothing is reordered where it is; a clock that counts down is no such stream."""
        number, peak = self._back
        self._may_reorder = self._number - number <= AGAIN and self._peak > peak
        self._back = (self._number, self._peak)

    def _rebase(self, *, for_good: bool = False) -> tuple[int, bool]:
        """Go on after the latest picture, whatever the camera's clock says."""
        show, is_news = self._trust.was_set(self._unwrapped, self._latest, self._arrival_ns, for_good=for_good)
        self._offset = show - self._unwrapped
        return show, is_news

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
