"""Sample times from RTP timestamps. Pure: no clock, no I/O.

RTP timestamps are presentation times in decoding order, 32 bit, from a clock that may be set, stop, or lie. Differences
are believed as long as they are plausible; where they are not, time goes on by arrival and the place is called a
discontinuity. A recording never goes back in decoding time, and no timestamp costs a picture.
"""

from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Final

VIDEO_RATE: Final = 90_000
JUMP_S: Final = 10
"""RTP time and arrival may differ by so much from one picture to the next; more is a jump of the camera's clock."""
BACKWARD_S: Final = 1
"""Pictures shown out of order (B-frames) go back by less than this."""
DEEPEST_REORDER: Final = 8
"""So many pictures in a row may be shown before one that came earlier; more is a clock that was set back."""


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

    def place(self, timestamp: int, arrival_ns: int) -> SampleTime:
        """The times of the next picture."""
        if not self._started:
            self._started = True
            self._timestamp, self._arrival_ns = timestamp, arrival_ns
            self._latest = self._depth * self._frame_ticks
            self._offset = self._anchor = self._latest
            self._anchor_ns = arrival_ns
            self._decode = -1
            return SampleTime(self._decode_time(self._latest), self._latest, discontinuity=False)
        elapsed = max((arrival_ns - self._arrival_ns) * 9 // 100_000, 1)
        delta = signed(timestamp - self._timestamp)
        self._timestamp, self._arrival_ns = timestamp, arrival_ns
        self._unwrapped += delta
        show, discontinuity = self._show_time(delta, elapsed)
        if discontinuity:
            self._anchor, self._anchor_ns = show, arrival_ns
        self._below = 0 if show > self._latest else self._below + 1
        self._latest = max(self._latest, show)
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
        if abs(delta - elapsed) > JUMP_S * VIDEO_RATE or delta < -BACKWARD_S * VIDEO_RATE:
            return self._rebase(min(elapsed, JUMP_S * VIDEO_RATE)), True
        if delta == 0:  # two pictures under one timestamp, or a clock that stands still
            return self._by_arrival(elapsed), False
        if show > self._latest:
            return show, False
        if self._may_reorder and (delta < 0 or self._below) and self._below < DEEPEST_REORDER:
            return show, False
        return self._rebase(self._by_arrival(elapsed) - self._latest), delta < 0

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
    """Places of the units of audio on the arrival axis of one session, in ticks of the audio clock."""

    def __init__(self, rate: int, drift_s: float = 0.2) -> None:
        self._rate = rate
        self._most_drift = round(rate * drift_s)
        self._offset: int | None = None
        self._timestamp = 0
        self._unwrapped = 0

    def place(self, timestamp: int, arrival_ns: int) -> int:
        """Where a unit lies: by its own clock, set right when it strays from arrival (a jump, or drift)."""
        self._unwrapped += signed(timestamp - self._timestamp) if self._offset is not None else 0
        self._timestamp = timestamp
        arrived = arrival_ns * self._rate // 1_000_000_000
        if self._offset is None or abs(self._unwrapped + self._offset - arrived) > self._most_drift:
            self._offset = arrived - self._unwrapped
        return self._unwrapped + self._offset


def signed(difference: int) -> int:
    """The difference of two 32-bit timestamps, the short way round."""
    return ((difference + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
