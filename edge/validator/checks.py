"""What may be wrong with a picture: one check each, in order of precedence. Pure: measures in, finding out.

In doubt nothing is found: an alarm about a good channel costs more trust than a fault that is told a look later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from edge.config.validating import Thresholds
from edge.validator.baseline import Likeness
from edge.validator.features import CAPTIONS, FLAT_SPREAD, Colour, Features, Field, squares
from edge.validator.verdict import Finding, Reason

_BLACK_CONTRAST: Final = 12.0
"""A dark scene has more than that between its dark and its bright parts, and stays valid."""

_PURE_SPREAD: Final = 1.6
_VIVID_CHROMA: Final = 40.0
_GREY_LUMA: Final = (24.0, 235.0)
"""Grey between these may be a screen when it is pure; darker asks for more, and brighter is glare."""
_DARK_SHARE, _DARK_SPREAD, _STILL_POINTS = 0.9, 1.0, 0.9
"""Words on black leave so much of it, so pure, and so many points as they were; a few lamps at night do not."""
_SCREEN_LOST: Final = 0.4
"""Share of the known detail that a grey screen takes away, at the least."""
_BARS: Final = 5
_BAR_SHARE: Final = 0.05

_DETAIL: Final = 2.0
"""Mean step between points of a small square, from which on noise and encoder would change it from look to look."""
_LEAST_SQUARES: Final = 24
_AROUND: Final = 25
"""Points around a square that must stand still too: what noise leaves alone lies scattered, a freeze does not."""
_MOST_CHANGED: Final = 0.02
_USUAL_TIMES: Final = 2.5
_ALL_FROZEN: Final = 0.95

SUDDEN_LOOKS: Final = 3
"""A cover comes within so many looks; fog, dusk and dirt take longer."""
_LIGHTS_OUT: Final = 0.5
_LIGHTS_OUT_LUMA: Final = 48.0
_DAZZLED_SHARE: Final = 0.12
_LEAST_KNOWN: Final = 0.4
"""Share of the cells that must hold known detail: a bare wall has too little to lose."""
_LEAST_LOST: Final = 0.85
_LEAST_LOST_TO_CHANGED: Final = 1.2
_BLURRED_VIEW: Final = 0.8
"""Correlation with the known view from which on detail was not covered but blurred."""
_FOG_CONTRAST: Final = 0.5
"""Fog and dusk lower all contrast, and of weak edges the encoder makes even slopes; a blur leaves the contrast."""
_SAME_VIEW: Final = 0.45
"""Likewise, below which a picture tells nothing of how sharp the known view is now."""

_STANDING_LUMA: Final = 4.0
_STANDING_SHARE: Final = 0.85
_STANDING_FROZEN: Final = 0.6
_STANDING_RATIO: Final = 1.1


@dataclass(frozen=True, slots=True)
class History:
    """What earlier looks tell about this one."""

    still: "Stillness | None" = None
    """Against the last look; None for the first one, or for another size."""
    usual_still: float | None = None
    """About the largest share that was still while the channel was valid; None until it is known in this light."""
    likeness: Likeness | None = None
    """Against the reference; None while there is none."""
    learned: bool = False
    """Whether there is one in any light."""
    usual_steepness: float | None = None
    clear_looks_ago: int = SUDDEN_LOOKS + 1
    """Looks since one that showed the known view."""
    standing: Reason | None = None
    """What is held to be wrong: it takes less to find it again than it took at first, so that nothing flaps."""


@dataclass(frozen=True, slots=True)
class Stillness:
    """How much of a picture equals the last look: of the squares with detail, and of all points."""

    squares: int
    share: float
    points_share: float
    same: Field
    """For each small square 1 where it stood still, else 0."""


Check = Callable[[Features, History, Thresholds], Finding | None]


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
    share = float(same[counted].mean()) if count else 0.0
    return Stillness(count, share, 1 - float(np.count_nonzero(changed)) / changed.size, same)


def black(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """All dark, and nothing to be seen in it."""
    limit = limits.black_luma + (_STANDING_LUMA if history.standing == "black" else 0)
    if max(features.bright_luma, features.captions_luma) >= limit:
        return None
    if features.bright_luma - features.dark_luma > _BLACK_CONTRAST:
        return None
    return Finding("black", features.bright_luma, limit)


def no_signal(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """A screen that some device draws in place of a picture: one colour with or without words, or colour bars."""
    if not features.colours:
        return None
    first = features.colours[0]
    looks = _screen_looks(first, history)
    share = first.share if looks else 0.0
    bars = [one for one in features.colours if one.share >= _BAR_SHARE and one.spread <= FLAT_SPREAD]
    if len(bars) >= _BARS and sum(map(_is_vivid, bars)) >= 3:
        share = max(share, sum(one.share for one in bars))
    limit = limits.no_signal_share * (_STANDING_SHARE if history.standing == "no_signal" else 1)
    return Finding("no_signal", share, limit, max(looks, 1)) if share >= limit else None


def _is_vivid(colour: Colour) -> bool:
    return colour.chroma >= _VIVID_CHROMA


def _screen_looks(colour: Colour, history: History) -> int:
    """How many looks show that this colour is a screen, 0 where it may be none."""
    if _is_vivid(colour):
        return int(colour.spread <= FLAT_SPREAD)
    if colour.spread > _PURE_SPREAD or colour.luma > _GREY_LUMA[1]:
        return 0
    still = history.still is not None and history.still.points_share >= _STILL_POINTS
    if colour.luma < _GREY_LUMA[0]:
        return 2 if still and colour.share >= _DARK_SHARE and colour.spread <= _DARK_SPREAD else 0
    # Thick fog is as grey, but it comes slowly.
    gone = history.likeness is None or history.likeness.lost_share >= _SCREEN_LOST
    if gone and history.clear_looks_ago <= SUDDEN_LOOKS:
        return 1
    return 2 if still and not history.learned else 0


def frozen(_: Features, history: History, limits: Thresholds) -> Finding | None:
    """The same as the last look to the last bit, in more of the detail than this channel ever showed while it lived.

    Where only the clock runs on, the encoder spoils what lies right of it and below. Where little noise is left and
    much is quantised away, as in a bare corridor at night, some parts of a living picture come out the same.
    """
    still = history.still
    if still is None or still.squares < _LEAST_SQUARES:
        return None
    if history.standing == "frozen":
        threshold = _STANDING_FROZEN * limits.frozen_share
    elif history.usual_still is None:
        threshold = max(limits.frozen_share, _ALL_FROZEN)
    else:
        threshold = max(limits.frozen_share, min(_USUAL_TIMES * history.usual_still, _ALL_FROZEN))
    return Finding("frozen", still.share, threshold, looks=2) if still.share >= threshold else None


def covered(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """The known detail went from most of the view, within a few looks, and nothing stands in its place."""
    likeness = history.likeness
    if likeness is None or likeness.known_share < _LEAST_KNOWN or history.clear_looks_ago > SUDDEN_LOOKS:
        return None
    if _in_bad_light(features, likeness):
        return None
    limit = limits.covered_share * (_STANDING_SHARE if history.standing == "covered" else 1)
    # Where the rim of a cover runs there is detail, though not the known one; a view that was moved is full of that.
    share = likeness.lost_share + likeness.changed_share / 2
    if share < limit or likeness.alike >= _BLURRED_VIEW:
        return None
    if likeness.lost_share < max(_LEAST_LOST * limit, _LEAST_LOST_TO_CHANGED * likeness.changed_share):
        return None
    return Finding("covered", share, limit)


def blurred(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """The known view, with edges that are less steep than ever."""
    likeness, usual = history.likeness, history.usual_steepness
    if likeness is None or not usual or features.steepness is None or _in_bad_light(features, likeness):
        return None
    if likeness.contrast < _FOG_CONTRAST:
        return None
    ratio = features.steepness / usual
    limit = limits.blurred_ratio * (_STANDING_RATIO if history.standing == "blurred" else 1)
    if ratio >= limit or likeness.alike < _SAME_VIEW:
        return None
    return Finding("blurred", ratio, limit)


def _in_bad_light(features: Features, likeness: Likeness) -> bool:
    """The lights went out, or something shines into the lens."""
    dark = likeness.brightness < _LIGHTS_OUT and features.high_luma < _LIGHTS_OUT_LUMA
    return dark or likeness.dazzled_share > _DAZZLED_SHARE


CHECKS: Final[tuple[Check, ...]] = (black, no_signal, frozen, covered, blurred)
"""The first that finds something is right: what is black is also still, and what is covered has no edges."""


def check(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """The finding of one look."""
    return next((finding for one in CHECKS if (finding := one(features, history, limits))), None)

