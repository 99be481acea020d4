"""What a channel is used to show, by day and by infrared apart; learned slowly and from valid looks alone.

A look that is far from what is known teaches nothing, whatever the reason: so no fault is learned in. Where such looks
go on and nothing is found, the view was moved, and learning begins anew.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from edge.validator.features import CELLS, Features, Field

LOOKS_TO_KNOW: Final = 24
"""Valid looks before a reference is held against a picture."""
SLOWEST: Final = 0.02
"""Weight of a look, once so many were learned; the first ones weigh more."""
_CLEAR_SHARE, _CLEAR_GAIN = 0.15, 0.6
"""A look shows the known view clearly if it lost less of the detail than this, and shows it nearly as strong."""
_KNOWN_SHARE: Final = 0.3
"""One that lost and changed less than this together is learned."""
_STEEPNESS_WEIGHTS: Final = ((1.2, 0.001), (0.8, SLOWEST), (0.7, 0.002), (-1.0, 0.0))
"""By times of the usual steepness: rain draws sharp streaks, and a lens that lost its focus teaches nothing."""
_LEAST_DETAIL: Final = 1.5
"""Root mean square of the steps between points of the thumbnail from which on a cell holds detail."""
_LEAST_CELLS: Final = 0.05
"""Share of the cells that must hold detail for a view to be known again."""
_LOST_DETAIL: Final = 0.4
_FAINT_DETAIL: Final = 1.0
_LOST_GAIN: Final = 0.25
_FOG_LIKENESS: Final = 0.7
_LEAST_FOG_DETAIL: Final = 0.5
_CHANGED_LIKENESS: Final = 0.4
_FAINT_LUMA: Final = 8.0
_CALM_SHARE, _CALM_LUMA, _CALM_WEIGHT = 0.35, 8.0, 0.1
_GREY_CHROMA, _COLOURED_CHROMA = 4, 8
_MOVED_WEIGHT: Final = 720
_TURNED_BACK: Final = 0.8
"""Correlation with the former view from which on the camera shows it again, of however little detail that is."""
_SAME_SHADE: Final = 0.08
_RESTART_WEIGHT: Final = 8640
"""A moved view is learned anew after 12 looks, like one not known yet; one partly gone after a day's looks."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A picture against the reference."""

    lost_share: float
    """Of the cells with known detail, those that lost it."""
    changed_share: float
    """Of the same cells, those with other detail."""
    gained_share: float
    """Of all cells, those that have detail where the reference has none."""
    gain: float
    """How strong the known detail is, against the reference."""
    alike: float
    """Correlation of the coarse structure."""
    lost_alike: float
    """Likewise, over the cells that lost their detail: a blur leaves it there, a cover does not."""
    contrast: float
    """Of the whole, against that of the reference."""
    brightness: float
    """95th percentile of the luma against that of the reference."""
    dazzled_share: float
    """How much more of the picture is blinding white."""
    known_share: float
    """Share of the cells that hold known detail."""

    @property
    def same_view(self) -> bool:
        """Whether this is the known view, well or badly seen."""
        return max(self.lost_share + self.changed_share, self.gained_share) < _KNOWN_SHARE

    @property
    def clear(self) -> bool:
        """Whether this is the known view, in air as clear as ever."""
        return self.lost_share < _CLEAR_SHARE and self.gain >= _CLEAR_GAIN


class Reference:
    """The usual picture of one channel in one light."""

    def __init__(self) -> None:
        self.thumbnail: Field | None = None
        self.steepness: float | None = None
        self.high_luma = 0.0
        self.contrast = 0.0
        self.dazzled_share = 0.0
        self.looks = 0
        self.unlike = 0

    @property
    def known(self) -> bool:
        """Whether enough was seen."""
        return self.looks >= LOOKS_TO_KNOW

    def likeness(self, features: Features) -> Likeness | None:
        """Hold a picture against the reference; None before anything was learned, or where the view has no detail."""
        if self.thumbnail is None:
            return None
        known, seen = _slopes(self.thumbnail), _slopes(features.thumbnail)
        before, now = _means(known * known), _means(seen * seen)
        both = _means(known * seen)
        detailed = before >= _LEAST_DETAIL**2
        share = float(detailed.mean())
        if share < _LEAST_CELLS:
            return None
        gained = ~detailed & (now >= (2 * _LEAST_DETAIL) ** 2)
        before, now, both = before[detailed], now[detailed], both[detailed]
        here = np.sqrt(now)
        faint = here < np.maximum(_LOST_DETAIL * np.sqrt(before), _FAINT_DETAIL)
        alike = both / np.maximum(np.sqrt(before * now), 1e-6)
        # Fog leaves little of the known detail, but what it leaves is that.
        lost = faint & (both < _LOST_GAIN * before) & ((alike < _FOG_LIKENESS) | (here < _LEAST_FOG_DETAIL))
        gone = detailed.copy()
        gone[detailed] = lost
        return Likeness(
            lost_share=float(lost.mean()),
            changed_share=float((~faint & (alike < _CHANGED_LIKENESS)).mean()),
            gained_share=float(gained.mean()),
            gain=float(both.sum() / before.sum()),
            alike=_coarse_likeness(self.thumbnail, features.thumbnail, np.ones_like(detailed)),
            lost_alike=_coarse_likeness(self.thumbnail, features.thumbnail, gone),
            contrast=features.contrast / max(self.contrast, 1.0),
            brightness=features.high_luma / max(self.high_luma, 1.0),
            dazzled_share=features.dazzled_share - self.dazzled_share,
            known_share=share,
        )

    def shows(self, features: Features) -> bool:
        """Whether a picture has the light and shade of this view: all there is to know a bare wall by."""
        return self.thumbnail is not None and relit_by(self.thumbnail, features.thumbnail) < _SAME_SHADE

    def learn(self, features: Features) -> bool:
        """Take a valid look in, if it shows the known view; return whether that has not been shown for long."""
        likeness = self.likeness(features)
        if likeness is None:
            moved = strange = self.known and _detailed_share(features.thumbnail) >= _KNOWN_SHARE
        else:
            news = max(likeness.changed_share, likeness.gained_share)
            moved = news > likeness.lost_share or likeness.gained_share >= _KNOWN_SHARE
            strange = not likeness.same_view
        if strange:
            self.unlike += _MOVED_WEIGHT if moved or not self.known else 1
            return self.unlike >= _RESTART_WEIGHT
        self.unlike = 0
        self.looks += 1
        weight = max(SLOWEST, 1 / self.looks)
        self.thumbnail = toward(self.thumbnail, features.thumbnail, weight)
        self.high_luma += weight * (features.high_luma - self.high_luma)
        self.contrast += weight * (features.contrast - self.contrast)
        self.dazzled_share += weight * (features.dazzled_share - self.dazzled_share)
        if features.steepness is not None:
            self._learn_steepness(features.steepness, weight)
        return False

    def _learn_steepness(self, steepness: float, weight: float) -> None:
        if self.steepness is None:
            self.steepness = steepness
            return
        if self.known:
            weight = next(slow for least, slow in _STEEPNESS_WEIGHTS if steepness >= least * self.steepness)
        self.steepness += weight * (steepness - self.steepness)


class Light:
    """The light of a channel, and how many looks it has been the same: noise and encoder change with the light.

    A camera that switches to infrared loses all colour from one look to the next. In fog and at dusk colour fades, and
    a picture without it is as yet of neither light.
    """

    def __init__(self) -> None:
        self.infrared: bool | None = None
        """None while it is not clear."""
        self.high_luma = 0.0
        self.calm_looks = 0
        self._last_chroma = 255.0
        self._grey_looks = 0

    def see(self, features: Features) -> bool | None:
        """Whether a picture is in infrared, None where that is not clear; call it for each look."""
        last_chroma, self._last_chroma = self._last_chroma, features.chroma
        if features.chroma > _GREY_CHROMA:
            self._grey_looks, self.infrared = 0, False
        else:
            self._grey_looks += 1
            if last_chroma >= _COLOURED_CHROMA or self._grey_looks > LOOKS_TO_KNOW:
                self.infrared = True
            elif self.infrared is False:
                self.infrared = None
        return self.infrared

    def learn(self, features: Features) -> None:
        """Take in a valid look that was seen."""
        if abs(features.high_luma - self.high_luma) > _CALM_SHARE * self.high_luma + _CALM_LUMA:
            self.high_luma, self.calm_looks = features.high_luma, 0
        else:
            self.high_luma += _CALM_WEIGHT * (features.high_luma - self.high_luma)
            self.calm_looks += 1

    def changed(self) -> None:
        """Colour went or came."""
        self.calm_looks = 0

    @property
    def calm(self) -> bool:
        """Whether the light has lasted for as many looks as it takes to know it."""
        return self.calm_looks >= LOOKS_TO_KNOW


def toward(old: Field | None, new: Field, weight: float) -> Field:
    """The old one, moved to the new one by so much of the way; just the new one where there is none."""
    return new.copy() if old is None else np.asarray(old + weight * (new - old), dtype=np.float32)


def relit_by(before: Field, now: Field) -> float:
    """How far the light of a thumbnail fell otherwise than before, the same everywhere apart: a logarithm."""
    change = np.log((now + _FAINT_LUMA) / (before + _FAINT_LUMA))
    return float(np.median(np.abs(change - np.median(change))))


def _slopes(thumbnail: Field) -> Field:
    """Steps to the right and down at each point, as the last axis."""
    smooth = cv2.blur(thumbnail, (3, 3))
    return np.asarray(
        cv2.merge([cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1)]) / 2,
        dtype=np.float32,
    )


def _means(slopes: Field) -> Field:
    both = cv2.resize(slopes, CELLS, interpolation=cv2.INTER_AREA)
    return np.asarray(both.sum(axis=2), dtype=np.float32)


def _detailed_share(thumbnail: Field) -> float:
    """Share of the cells that hold more detail than noise could make."""
    slopes = _slopes(thumbnail)
    return float((_means(slopes * slopes) >= (2 * _LEAST_DETAIL) ** 2).mean())


def _coarse_likeness(known: Field, seen: Field, cells: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> float:
    size = (known.shape[1] // 2, known.shape[0] // 2)
    halves = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (known, seen))
    one, other = (_slopes(np.asarray(half, dtype=np.float32)) for half in halves)
    before, now, both = (float(_means(part)[cells].sum()) for part in (one * one, other * other, one * other))
    norm = np.sqrt(before * now)
    return float(both / norm) if norm > 0 else 0.0


class Views:
    """What one channel shows in one light: its view, and the one before, to which a camera may turn back."""

    def __init__(self, current: Reference | None = None, former: Reference | None = None) -> None:
        self.current = current or Reference()
        self.former = former

    def likeness(self, features: Features) -> Likeness | None:
        """Hold a picture against the view that the camera has; where it turned back, that is the former one."""
        likeness = self.current.likeness(features) if self.current.known else None
        if self.former is None or (likeness is not None and likeness.same_view):
            return likeness
        earlier = self.former.likeness(features)
        turned_back = earlier.same_view or earlier.alike >= _TURNED_BACK if earlier else self.former.shows(features)
        if not turned_back:
            return likeness
        self.current, self.former = self.former, self.current if self.current.known else None
        self.current.unlike = 0
        return earlier

    def learn(self, features: Features) -> None:
        """Take a valid look in."""
        if self.current.learn(features):
            self.current, self.former = Reference(), self.current if self.current.known else self.former
