"""What is measured of a picture, once a look. Knows no history and no limits."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""BGR, shape (height, width, 3), C-contiguous, about 320 wide, full range (0 black, 255 white)."""
Plane = NDArray[np.uint8]
Field = NDArray[np.float32]
"""One number a cell or point, shape (rows, columns)."""

WIDTH: Final = 320
LEAST_SIDE: Final = 16
MOST_SIDE: Final = 8192
THUMBNAIL: Final = (80, 48)
"""Columns and rows of the small picture that tells one view from another."""
CELLS: Final = (10, 8)
"""Columns and rows of the parts that a cover is counted in."""
STILL_SIDE: Final = 8
"""Points on a side of the small squares that may equal those of the last look."""
CAPTIONS: Final = 0.15
"""Share of the height at the top and at the bottom where cameras write clock and name, which no fault takes away."""
RIM: Final = 0.25
"""Likewise, for captions of several lines or in large letters."""
DAZZLED_LUMA: Final = 250

_REACH: Final = 6
_EVEN_SLOPE: Final = 1 / (2 * _REACH)
_LEAST_STEP: Final = 12.0
"""An edge is a step of so much luma over 2 x _REACH points, at the least."""
_ALONG: Final = 5
"""So many points along an edge are averaged: noise goes, and the edge stays as steep as it is."""
_LEAST_EDGES: Final = 0.01
_LEAST_EDGED_CELLS: Final = 4
FLAT_SPREAD: Final = 3.0
"""Standard deviation, of the channel of colour that varies most, up to which a colour is flat."""
_COLOURS: Final = 8
_COLOUR_REACH: Final = 8
_LEAST_COLOUR_SHARE: Final = 0.04
VIVID_CHROMA: Final = 40.0
_BARS_SIZE: Final = (80, 16)
_LEAST_BARS: Final = 4
_LEAST_BAR_SHARE: Final = 0.04
_BAR_REACH: Final = 12


class Colour(NamedTuple):
    """A flat colour: its share of the picture, brightness, colourfulness (0 is grey) and how little it varies."""

    share: float
    luma: float
    chroma: float
    spread: float


@dataclass(frozen=True, slots=True)
class Features:
    """The measures of one picture; those of the middle leave out the rows of the captions."""

    shape: tuple[int, int]
    """Height and width of the picture as it came."""
    luma: Plane
    """WIDTH wide."""
    thumbnail: Field
    bright_luma: float
    """99th percentile of the middle, noise averaged out."""
    dark_luma: float
    """5th percentile likewise."""
    core_luma: float
    """99th percentile of what no caption reaches, however many lines it has."""
    written_luma: float
    """Likewise of the rows between that and those of the captions, where the last of many lines may stand."""
    rim_luma: float
    """Median of the rest."""
    high_luma: float
    """95th percentile of all."""
    dazzled_share: float
    chroma: float
    """98th percentile of what the largest of a point's three colours has over the smallest."""
    colours: tuple[Colour, ...]
    """The largest first."""
    bars: float
    """Share of the upper half that stands in upright bars of pure colours; 0 where there are fewer than four."""
    detail: Field
    """Mean step between neighbouring points in each small square of the middle, STILL_SIDE points on a side."""
    steepness: float | None
    """How sudden edges are: 1 where they lie between two points, 0 for even slopes; None where there are too few."""

    @property
    def contrast(self) -> float:
        """Between the dark and the bright parts of the middle."""
        return self.bright_luma - self.dark_luma


def measure(picture: Picture) -> Features:
    """Measure a picture; raises ValueError for an array that is none."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"a picture is uint8 of shape (height, width, 3), not {picture.dtype} of {picture.shape}")
    height, width = picture.shape[:2]
    if not LEAST_SIDE <= min(height, width) <= max(height, width) <= MOST_SIDE:
        raise ValueError(f"a picture has sides of {LEAST_SIDE} to {MOST_SIDE} points, not {width} x {height}")
    scaled = _scaled(picture)
    luma: Plane = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    top = round(luma.shape[0] * CAPTIONS)
    rim = round(luma.shape[0] * RIM)
    smooth = np.asarray(cv2.blur(luma, (5, 5)), dtype=np.uint8)
    middle = _histogram(smooth[top:-top])
    every = _histogram(luma)
    return Features(
        shape=(height, width),
        luma=luma,
        thumbnail=np.asarray(cv2.resize(luma, THUMBNAIL, interpolation=cv2.INTER_AREA), dtype=np.float32),
        bright_luma=_percentile(middle, 0.99),
        dark_luma=_percentile(middle, 0.05),
        core_luma=_percentile(_histogram(smooth[rim:-rim]), 0.99),
        written_luma=_percentile(_histogram(smooth[top:rim]) + _histogram(smooth[-rim:-top]), 0.99),
        rim_luma=_percentile(_histogram(smooth[:rim]) + _histogram(smooth[-rim:]), 0.5),
        high_luma=_percentile(every, 0.95),
        dazzled_share=float(every[DAZZLED_LUMA:].sum() / every.sum()),
        chroma=_percentile(_histogram(_chroma(scaled[::2, ::2])), 0.98),
        colours=flat_colours(np.ascontiguousarray(scaled[::4, ::4])),
        bars=colour_bars(scaled[top : scaled.shape[0] // 2]),
        detail=_detail(luma[top:-top]),
        steepness=steepness(luma[top:-top]),
    )


def _scaled(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    rows = min(max(round(height * WIDTH / width), 2 * LEAST_SIDE), 3 * WIDTH // 2)
    if (height, width) == (rows, WIDTH):
        return picture
    return np.asarray(cv2.resize(picture, (WIDTH, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _histogram(plane: Plane) -> Field:
    return np.asarray(cv2.calcHist([plane], [0], None, [256], [0, 256]), dtype=np.float32).ravel()


def _percentile(histogram: Field, share: float) -> float:
    sums = np.cumsum(histogram)
    return float(np.searchsorted(sums, share * sums[-1]))


def _chroma(picture: Picture) -> Plane:
    blue, green, red = cv2.split(picture)
    return np.asarray(
        cv2.subtract(cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)), dtype=np.uint8
    )


def flat_colours(picture: Picture) -> tuple[Colour, ...]:
    """The colours that a picture is painted in, the largest share first; a photograph gives one that is not flat."""
    points = picture.reshape(-1, 3).astype(np.int16)
    everything = len(points)
    found: list[Colour] = []
    while len(found) < _COLOURS and len(points):
        high = points >> 4
        bins = (high[:, 0] << 8) + (high[:, 1] << 4) + high[:, 2]
        counts = np.bincount(bins)
        most = int(counts.argmax())
        if counts[most] < _LEAST_COLOUR_SHARE * everything:
            break
        centre = np.rint(points[bins == most].mean(axis=0)).astype(np.int16)
        far = np.abs(points - centre)
        near = np.maximum(np.maximum(far[:, 0], far[:, 1]), far[:, 2]) <= _COLOUR_REACH
        mine = points[near].astype(np.float32)
        spread = float(mine.std(axis=0).max())
        found.append(Colour(len(mine) / everything, float(centre.mean()), float(np.ptp(centre)), spread))
        if spread > FLAT_SPREAD:
            break
        points = points[~near]
    return tuple(sorted(found, reverse=True))


def colour_bars(picture: Picture) -> float:
    """How much of a picture stands in upright bars, where four of the six pure colours do so; else 0.

    Most test pictures have them in their upper half (SMPTE RP 219, EBU Tech 3373), with other things below.
    """
    small = cv2.resize(picture, _BARS_SIZE, interpolation=cv2.INTER_AREA).astype(np.int16)
    bars = np.median(small, axis=0).astype(np.int16)
    most, least = bars.max(axis=1), bars.min(axis=1)
    high = bars > (most + least)[:, None] // 2
    colours = np.where(most - least >= VIVID_CHROMA, high @ np.array([1, 2, 4]), 0)
    counts = np.bincount(colours, minlength=8)[1:7]
    if np.count_nonzero(counts >= _LEAST_BAR_SHARE * len(bars)) < _LEAST_BARS:
        return 0.0
    return float((np.abs(small - bars).max(axis=2) <= _BAR_REACH).mean())


def _detail(luma: Plane) -> Field:
    """The mean of the larger step to the right or down, in each small square."""
    right = cv2.absdiff(luma[:-1, 1:], luma[:-1, :-1])
    down = cv2.absdiff(luma[1:, :-1], luma[:-1, :-1])
    return squares(np.asarray(cv2.max(right, down), dtype=np.uint8))


def squares(plane: Plane) -> Field:
    """The mean of each small square; what is left over at the right and below is scaled in."""
    rows, columns = (max(side // STILL_SIDE, 1) for side in plane.shape)
    return np.asarray(
        cv2.resize(plane.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.float32
    )


def steepness(luma: Plane) -> float | None:
    """The median over the parts of a picture: the steepest step of an edge against its height, noise taken off.

    Fog and dusk lower both alike; a lens out of focus makes the step small and leaves the height.
    """
    across, down = _edges(luma, CELLS), _edges(np.ascontiguousarray(luma.T), CELLS[::-1])
    steps = across[0] + down[0].T
    heights = across[1] + down[1].T
    strong = across[2] + down[2].T
    known = strong >= _LEAST_EDGES
    if known.sum() < _LEAST_EDGED_CELLS:
        return None
    steep = float(np.median(np.sqrt(np.maximum(steps[known], 0) / heights[known])))
    return max((steep - _EVEN_SLOPE) / (1 - _EVEN_SLOPE), 0.0)


def _edges(luma: Plane, cells: tuple[int, int]) -> tuple[Field, Field, Field]:
    """Of the edges along the rows, in each cell: squares of steps, squares of heights, and how many there are."""
    luma = np.asarray(cv2.blur(luma, (1, _ALONG)), dtype=np.uint8)
    step = cv2.absdiff(luma[:, 1:], luma[:, :-1])
    height = np.asarray(cv2.absdiff(luma[:, 2 * _REACH :], luma[:, : -2 * _REACH]), dtype=np.uint8)
    counts = _histogram(height)
    least = max(_percentile(counts, 0.9), _LEAST_STEP)
    steepest = cv2.dilate(step, np.ones((1, 2 * _REACH), dtype=np.uint8))[:, _REACH : _REACH + height.shape[1]]
    noise = _percentile(_histogram(np.asarray(steepest, dtype=np.uint8)), 0.25)
    strong = cv2.threshold(height, least - 1, 1, cv2.THRESH_BINARY)[1]
    steps = cv2.multiply(steepest, steepest, dtype=cv2.CV_32F) - noise**2
    heights = cv2.multiply(height, height, dtype=cv2.CV_32F)
    mask = strong.astype(np.float32)
    means = cv2.resize(cv2.merge([steps * mask, heights * mask, mask]), cells, interpolation=cv2.INTER_AREA)
    first, second, third = (np.asarray(means[..., part], dtype=np.float32) for part in range(3))
    return first, second, third
