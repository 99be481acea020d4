"""What may be wrong with a picture: one check each, in order of precedence. Pure: measures in, finding out.

In doubt nothing is found: an alarm about a good channel costs more trust than a fault that is told a look later.
"""

from collections.abc import Callable
from typing import Final

from edge.config.validating import Thresholds
from edge.validator.baseline import Likeness
from edge.validator.features import FLAT_SPREAD, VIVID_CHROMA, Colour, Features
from edge.validator.freeze import frozen, unchanged
from edge.validator.history import SUDDEN_LOOKS, History
from edge.validator.verdict import Finding

_BLACK_CONTRAST: Final = 12.0
"""A dark scene has more than that between its dark and its bright parts, and stays valid."""

_WRITTEN_LUMA: Final = 64.0

_PURE_SPREAD: Final = 1.6
_GREY_LUMA: Final = (24.0, 235.0)
"""Grey between these may be a screen when it is pure; darker asks for more, and brighter is glare."""
_DARK_SHARE, _DRAWN_SPREAD, _STILL_POINTS = 0.9, 1.0, 0.9
"""Words on black leave so much of it, so pure, and so many points as they were; a few lamps at night do not."""
_MOST_MASKED: Final = 0.9
_ALL_DRAWN, _ALL_STILL = 0.95, 0.98
"""Fog is never so pure nor so still, and what shines into the lens leaves more of the picture."""
_SCREEN_LOST: Final = 0.4
"""Share of the known detail that a grey screen takes away, at the least."""

_LIGHTS_OUT: Final = 0.5
_LIGHTS_OUT_LUMA: Final = 48.0
_DAZZLED_SHARE: Final = 0.12
_LEAST_GONE: Final = 0.16
"""Share of all cells that must have lost known detail: of a bare wall with a door a lorry may hide all there is."""
_LEAST_LOST: Final = 0.85
_LEAST_LOST_TO_CHANGED: Final = 1.2
_ALL_WHITE, _ALL_LOST = 0.8, 0.95
"""What shines into the lens leaves some of the view; an exposure that went wrong does not."""
_BLURRED_VIEW: Final = 0.8
"""Correlation with the known view from which on detail was not covered but blurred."""
_DARK_ALIKE, _BLURRED_ALIKE = 0.2, 0.5
"""Likewise over the cells that lost their detail, from which on lights went out or the view is blurred: a cover leaves
-0.1 to 0.2, and to 0.3 at a low bit rate, lights that go out 0.4 and more, a blur 0.8."""
_FOG_CONTRAST: Final = 0.5
"""Fog and dusk lower all contrast, and of weak edges the encoder makes even slopes; a blur leaves the contrast."""
_FROSTED, _FROSTED_BRIGHTNESS = 0.5, 0.7
"""Fog that comes within three looks leaves edges steeper than half of what is a blur; dusk takes light."""
_SAME_VIEW: Final = 0.45
"""Likewise, below which a picture tells nothing of how sharp the known view is now."""

_STANDING_LUMA: Final = 4.0
_STANDING_SHARE: Final = 0.85
_STANDING_RATIO: Final = 1.1


Check = Callable[[Features, History, Thresholds], Finding | None]


def black(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """All dark, and nothing to be seen in it but captions."""
    limit = limits.black_luma + (_STANDING_LUMA if history.standing == "black" else 0)
    # What is written there is bright; a dim scene is not.
    bright_luma = features.core_luma if features.written_luma >= _WRITTEN_LUMA else features.bright_luma
    if max(bright_luma, features.rim_luma) >= limit:
        return None
    if bright_luma - features.dark_luma > _BLACK_CONTRAST:
        return None
    return Finding("black", bright_luma, limit)


def no_signal(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """A screen that some device draws in place of a picture: one colour with or without words, or colour bars."""
    first = features.colours[0] if features.colours else None
    looks = _screen_looks(first, history) if first is not None else 0
    share = max(features.bars, first.share if first is not None and looks else 0.0)
    limit = limits.no_signal_share * (_STANDING_SHARE if history.standing == "no_signal" else 1)
    return Finding("no_signal", share, limit, max(looks, 1)) if share >= limit else None


def _screen_looks(colour: Colour, history: History) -> int:
    """How many looks show that this colour is a screen, 0 where it may be none."""
    points_share = history.still.points_share if history.still is not None else 0.0
    still = points_share >= _STILL_POINTS
    # What lives beside a mask over most of the view is not still.
    looks = 1 if colour.share >= _MOST_MASKED else 2 * still
    if colour.chroma >= VIVID_CHROMA:
        return looks if colour.spread <= FLAT_SPREAD else 0
    if colour.spread > _PURE_SPREAD:
        return 0
    if still and colour.spread <= _DRAWN_SPREAD:
        all_drawn = colour.share >= _ALL_DRAWN and points_share >= _ALL_STILL
        if all_drawn or history.strange or (colour.luma < _GREY_LUMA[0] and colour.share >= _DARK_SHARE):
            return 2
    if not _GREY_LUMA[0] <= colour.luma <= _GREY_LUMA[1]:
        return 0
    # Thick fog is as grey, but it comes slowly.
    gone = history.likeness is None or history.likeness.lost_share >= _SCREEN_LOST
    if gone and history.clear_looks_ago <= SUDDEN_LOOKS:
        return looks
    return 2 if still and not history.learned else 0


def covered(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """The known detail went from most of the view, within a few looks, and nothing stands in its place."""
    likeness = history.likeness
    if likeness is None or history.clear_looks_ago > SUDDEN_LOOKS:
        return None
    if likeness.lost_share * likeness.known_share < _LEAST_GONE:
        return None
    if _dazzled(likeness):
        return None
    if _lights_out(features, likeness) and (likeness.lost_alike >= _DARK_ALIKE or _is_dark_screen(features)):
        return None
    limit = limits.covered_share * (_STANDING_SHARE if history.standing == "covered" else 1)
    # Where the rim of a cover runs there is detail, though not the known one; a view that was moved is full of that.
    share = likeness.lost_share + likeness.changed_share / 2
    if share < limit or (likeness.alike >= _BLURRED_VIEW and likeness.lost_alike >= _BLURRED_ALIKE):
        return None
    if likeness.lost_share < max(_LEAST_LOST * limit, _LEAST_LOST_TO_CHANGED * likeness.changed_share):
        return None
    return Finding("covered", share, limit)


def blurred(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """The known view, with edges that are less steep than ever."""
    likeness, usual = history.likeness, history.usual_steepness
    if likeness is None or not usual or features.steepness is None:
        return None
    if _dazzled(likeness) or _lights_out(features, likeness):
        return None
    ratio = features.steepness / usual
    limit = limits.blurred_ratio * (_STANDING_RATIO if history.standing == "blurred" else 1)
    frosted = history.clear_looks_ago <= SUDDEN_LOOKS and _is_frosted(likeness, ratio / limit)
    if likeness.contrast < _FOG_CONTRAST and not frosted:
        return None
    if ratio >= limit or likeness.alike < _SAME_VIEW:
        return None
    return Finding("blurred", ratio, limit)


def _is_frosted(likeness: Likeness, ratio: float) -> bool:
    """Something translucent on the lens, a bag or frost: it takes the edges away and hardly any light."""
    return ratio < _FROSTED and likeness.brightness >= _FROSTED_BRIGHTNESS


def _is_dark_screen(features: Features) -> bool:
    """Words on black may be what is left to see: the next look tells."""
    first = features.colours[0] if features.colours else None
    return first is not None and first.luma < _GREY_LUMA[0] and first.share >= _DARK_SHARE


def _lights_out(features: Features, likeness: Likeness) -> bool:
    return likeness.brightness < _LIGHTS_OUT and features.high_luma < _LIGHTS_OUT_LUMA


def _dazzled(likeness: Likeness) -> bool:
    """Something shines into the lens."""
    return _DAZZLED_SHARE < likeness.dazzled_share < _ALL_WHITE and likeness.lost_share < _ALL_LOST


CHECKS: Final[tuple[Check, ...]] = (black, no_signal, frozen, covered, blurred, unchanged)
"""The first that finds something is right: what is black is also still, and what is covered has no edges."""


def check(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """The finding of one look."""
    return next((finding for one in CHECKS if (finding := one(features, history, limits))), None)

