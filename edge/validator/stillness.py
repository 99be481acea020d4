"""How much of a picture is as it was in the last look, and what of that is usual on a channel. Pure."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from edge.validator.baseline import LOOKS_TO_KNOW, SLOWEST, toward
from edge.validator.effort import Efforts
from edge.validator.features import CAPTIONS, STILL_SIDE, Features, Field, Plane, squares

Noise = tuple[float, float]
"""Of a picture against the one before, in luma: in its quiet squares, and in half of them."""
_DETAIL: Final = 2.0
"""Mean step between points of a small square, from which on noise and encoder would change it from look to look."""
_AROUND: Final = 25
"""Points around a square that must stand still too: what noise leaves alone lies scattered, a freeze does not."""
_MOST_CHANGED: Final = 0.02
_QUIET: Final = (20, 50)
"""Percentiles of the squares that tell the noise: people are not in most of them, nor are most of them ever still."""
_MOVED_LUMA: Final = 4.0
_RISE, _FALL = 0.1, 0.001
_NOISE_RISE, _NOISE_FALL = 0.002, 0.3
_STILL_SHARE: Final = 0.15
"""A look that equals the last one in more than that says nothing about where writing stands in the picture."""


@dataclass(frozen=True, slots=True)
class Stillness:
    """How much of a picture equals the last look: of the squares with detail, and of all points."""

    squares: int
    share: float
    points_share: float
    same: Field
    """For each small square 1 where it stood still, else 0."""
    noise: Noise = (255.0, 255.0)
    """Mean difference within a quiet and a middling square with detail, whatever their brightness did."""
    moved_share: float = 1.0
    """Of the squares with detail, those that became darker or brighter as a whole."""


def stillness(last: Features, features: Features, overlay: Field | None = None) -> Stillness | None:
    """Hold a picture against the last one, to the last bit; None where the size is another.

    A living picture is never the same twice: sensor noise, however little is left of it, flips some of the encoder's
    roundings wherever there is detail. Captions are left out, and with `overlay` the squares that always stand still.
    """
    if last.luma.shape != features.luma.shape:
        return None
    top = round(features.luma.shape[0] * CAPTIONS)
    changed = np.asarray(cv2.compare(last.luma[top:-top], features.luma[top:-top], cv2.CMP_NE), dtype=np.uint8)
    around = cv2.dilate(changed, np.ones((_AROUND, _AROUND), dtype=np.uint8))
    counted = features.detail >= _DETAIL
    if overlay is not None and overlay.shape == counted.shape:
        counted &= overlay < 0.5
    count = int(counted.sum())
    same = (squares(np.asarray(around, dtype=np.uint8)[:-1, :-1]) < 255 * _MOST_CHANGED).astype(np.float32)
    points_share = 1 - float(np.count_nonzero(changed)) / changed.size
    if not count:
        return Stillness(0, 0.0, points_share, same)
    noise, moves = _differences(last.luma[top:-top], features.luma[top:-top])
    quiet, middling = np.percentile(noise[counted], _QUIET)
    return Stillness(
        count,
        float(same[counted].mean()),
        points_share,
        same,
        noise=(float(quiet), float(middling)),
        moved_share=float((moves[counted] > _MOVED_LUMA).mean()),
    )


def strongest(detail: Field) -> float:
    """Mean step in the tenth of the squares that hold most detail: noise that a finer encoder keeps is not in it."""
    first = detail.size * 9 // 10
    return float(np.partition(detail, first, axis=None)[first:].mean())


def _differences(last: Plane, luma: Plane) -> tuple[Field, Field]:
    """In each small square: the mean difference once its own brightness is made the same, and how far that moved."""
    rows, columns = (max(side // STILL_SIDE, 1) for side in (luma.shape[0] - 1, luma.shape[1] - 1))
    size = (columns * STILL_SIDE, rows * STILL_SIDE)
    whole = (slice(size[1]), slice(size[0]))
    difference = cv2.subtract(luma[whole], last[whole], dtype=cv2.CV_32F)
    moved = cv2.resize(difference, (columns, rows), interpolation=cv2.INTER_AREA)
    rest = cv2.absdiff(difference, cv2.resize(moved, size, interpolation=cv2.INTER_NEAREST))
    noise = cv2.resize(rest, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(noise, dtype=np.float32), np.abs(np.asarray(moved, dtype=np.float32))


class Stills:
    """How much of a living picture of one channel stays equal from look to look, and where it always does."""

    def __init__(self) -> None:
        self.usual = 0.0
        self.overlay: Field | None = None
        self.noise: Noise = (0.0, 0.0)
        self.detail = 0.0
        self.looks = 0
        self.efforts = Efforts()

    @property
    def known_noise(self) -> Noise | None:
        """About the least noise of a living picture; None while too few were seen."""
        return self.noise if self.looks >= LOOKS_TO_KNOW else None

    def learn_noise(self, noise: Noise, detail: float) -> None:
        """Take in how much a valid look differed from the last one in its quiet parts, and how much it shows."""
        self.looks += 1
        first = 1 / self.looks if self.looks <= LOOKS_TO_KNOW else 0.0
        quiet, middling = (
            old + max(first, _NOISE_RISE if new > old else _NOISE_FALL) * (new - old)
            for old, new in zip(self.noise, noise, strict=True)
        )
        self.noise = (quiet, middling)
        self.detail += max(first, SLOWEST) * (detail - self.detail)

    def learn(self, share: float, same: Field) -> None:
        """Take in how much of a valid look equalled the last one, and for each small square whether it did."""
        self.usual += (_RISE if share > self.usual else _FALL) * (share - self.usual)
        if share < _STILL_SHARE:
            known = self.overlay if self.overlay is not None and self.overlay.shape == same.shape else None
            self.overlay = toward(np.zeros_like(same) if known is None else known, same, SLOWEST)
