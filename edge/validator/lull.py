"""How long nothing has happened in a picture: nobody came, the light stayed. Pure.

Where the encoder hides the sensor's noise a frozen picture looks like a still scene, and only time tells them apart:
sooner or later somebody passes, the sun moves, a lamp is switched.
"""

from typing import Final

import cv2
import numpy as np

from edge.validator.features import CAPTIONS, Field

TOO_STILL: Final = 2 / 3
"""Three times as long as ever."""

CELLS: Final = (20, 8)
"""Columns and rows, without those of the captions."""
_HAPPENED_LUMA: Final = 8.0
_HAPPENED_SHARE: Final = 0.03
"""Of the cells: digits that run on above or below the captions spoil a few. Of keyframes of a frozen picture so many
moved their mean by 5.3 at most, at 80 kb/s; where people walked it was 10 to 50."""
_MOST_STEP_S: Final = 600.0
"""What was not seen counts for no more, nor does a clock that jumps."""
_TO_KNOW_S: Final = 14 * 86_400.0
_LEAST_LONGEST_S: Final = 8 * 3_600.0
_FADES: Final = 1 / 24
"""The longest lull fades by an hour a day: cameras are hung elsewhere, shops change their hours."""


class Lull:
    """How long nothing has happened on one channel, and how long that lasted at the longest while it was valid."""

    def __init__(self) -> None:
        self.cells: Field | None = None
        """What the picture has been showing since the lull began."""
        self.lasted_s = 0.0
        self.longest_s = 0.0
        self.watched_s = 0.0
        self.teaches = True
        """Whether this lull is learned once it is over."""
        self._last_ms: int | None = None

    @property
    def stillness(self) -> float:
        """How much longer it lasts than the longest one: 0.5 when twice as long; 0 while too little was watched."""
        if self.watched_s < _TO_KNOW_S:
            return 0.0
        return max(0.0, 1 - max(self.longest_s, _LEAST_LONGEST_S) / max(self.lasted_s, 1.0))

    def look(self, thumbnail: Field, at_ms: int) -> None:
        """Take in the next picture; `at_ms` (UTC) may step."""
        step_s = 0.0 if self._last_ms is None else min(max(at_ms - self._last_ms, 0) / 1000, _MOST_STEP_S)
        self._last_ms = at_ms
        self.watched_s += step_s
        self.longest_s = max(self.longest_s - _FADES * step_s, 0.0)
        cells = _cells(thumbnail)
        is_over = self.cells is None or _happened(self.cells, cells)
        if self.teaches and (is_over or self.watched_s < _TO_KNOW_S):
            self.longest_s = max(self.longest_s, self.lasted_s)
        if is_over:
            self.cells, self.lasted_s, self.teaches = cells, 0.0, True
        else:
            self.lasted_s += step_s

    def doubt(self) -> None:
        """The channel is not valid: however long this lull will have lasted, it was not one of its own."""
        self.teaches = False


def _cells(thumbnail: Field) -> Field:
    top = round(thumbnail.shape[0] * CAPTIONS)
    return np.asarray(cv2.resize(thumbnail[top:-top], CELLS, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _happened(before: Field, now: Field) -> bool:
    return float((np.abs(now - before) >= _HAPPENED_LUMA).mean()) >= _HAPPENED_SHARE
