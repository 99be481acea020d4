"""What may be wrong with a picture: one check each, in order of precedence. Pure: measures in, finding out.

In doubt nothing is found: an alarm about a good channel costs more trust than a fault that is told a look later.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from edge.config.validating import Thresholds
from edge.validator.baseline import Likeness
from edge.validator.effort import QUANTISER_STEP, Effort, Rest
from edge.validator.features import FLAT_SPREAD, VIVID_CHROMA, Colour, Features
from edge.validator.lull import TOO_STILL
from edge.validator.stillness import Noise, Stillness
from edge.validator.verdict import Finding, Reason

_BLACK_CONTRAST: Final = 12.0
"""A dark scene has more than that between its dark and its bright parts, and stays valid."""

_WRITTEN_LUMA: Final = 64.0

_PURE_SPREAD: Final = 1.6
_GREY_LUMA: Final = (24.0, 235.0)
"""Grey between these may be a screen when it is pure; darker asks for more, and brighter is glare."""
_DARK_SHARE, _DRAWN_SPREAD, _STILL_POINTS = 0.9, 1.0, 0.9
"""Words on black leave so much of it, so pure, and so many points as they were; a few lamps at night do not."""
_ALL_DRAWN, _ALL_STILL = 0.95, 0.98
"""Fog is never so pure nor so still, and what shines into the lens leaves more of the picture."""
_STRANGE_SHARE, _STRANGE_VIEW = 0.8, 0.3
_SCREEN_LOST: Final = 0.4
"""Share of the known detail that a grey screen takes away, at the least."""

_LEAST_SQUARES: Final = 24
_USUAL_TIMES: Final = 2.5
_ALL_FROZEN: Final = 0.95
_LEAST_NOISE: Final = 0.05
_MOST_MOVED: Final = 0.02
_NOISE_LEFT, _NOISE_AGAIN, _DETAIL_KEPT = (0.6, 0.75), (0.8, 0.9), 0.9
"""Against the usual: noise of a frozen picture at most, likewise once one was found, and detail at the least."""
_EFFORT_LEFT, _EFFORT_AGAIN = 0.35, 0.5
_LIVING_EFFORT, _LIVING_SHARE = 0.8, 0.01
"""Of a picture that stands at a constant quality, those behind a keyframe cost about a thousandth of it."""
_COARSER: Final = 2.0
"""A quantiser higher than usual by more hides noise, so that little is left to code of a living picture too. One lower
by more is a sign of rest, whatever the pictures cost at it."""
_FINER, _FINER_AGAIN = 4.0, 3.0
"""An encoder that has nothing left to code at the usual quantiser goes on to one finer by that, where a sensor's noise
would cost it most."""
_RESTING_LEFT, _RESTING_AGAIN = (0.85, 0.85), (2.0, 2.0)
"""Likewise, where the encoder rests as it never did: in the first look that finds a freeze, and from then on. It also
rests when what moved in a view of little noise stops, so that its rest alone shows nothing."""

SUDDEN_LOOKS: Final = 3
"""A cover comes within so many looks; fog, dusk and dirt take longer."""
_LIGHTS_OUT: Final = 0.5
_LIGHTS_OUT_LUMA: Final = 48.0
_DAZZLED_SHARE: Final = 0.12
_LEAST_GONE: Final = 0.16
"""Share of all cells that must have lost known detail: of a bare wall with a door a lorry may hide all there is."""
_LEAST_LOST: Final = 0.85
_LEAST_LOST_TO_CHANGED: Final = 1.2
_ALL_LOST: Final = 0.95
"""What shines into the lens leaves more than the rest of it."""
_BLURRED_VIEW: Final = 0.8
"""Correlation with the known view from which on detail was not covered but blurred."""
_NOTHING_ALIKE: Final = 0.2
"""Likewise over the cells that lost their detail: a cover leaves nothing (-0.1 to 0.2), lights that go out leave 0.4
and more, blur and fog as well."""
_FOG_CONTRAST: Final = 0.5
"""Fog and dusk lower all contrast, and of weak edges the encoder makes even slopes; a blur leaves the contrast."""
_FROSTED, _FROSTED_BRIGHTNESS = 0.5, 0.7
"""Fog that comes within three looks leaves edges steeper than half of what is a blur; dusk takes light."""
_SAME_VIEW: Final = 0.45
"""Likewise, below which a picture tells nothing of how sharp the known view is now."""

_STANDING_LUMA: Final = 4.0
_STANDING_SHARE: Final = 0.85
_STANDING_FROZEN: Final = 0.6
_STANDING_RATIO: Final = 1.1


@dataclass(frozen=True, slots=True)
class History:
    """What earlier looks tell about this one."""

    still: Stillness | None = None
    """Against the last look; None for the first one, or for another size."""
    usual_still: float | None = None
    """About the largest share that was still while the channel was valid; None until it is known in this light."""
    usual_noise: Noise | None = None
    """About the least noise between two looks while the channel was valid; None until it is known in this light."""
    effort: Effort | None = None
    """What coding cost since the last look; None where that cannot be told."""
    least_effort: Rest | None = None
    """About the least while the channel was valid, and its usual quantiser; None until it is known in this light."""
    relit: bool = True
    """Whether the light falls otherwise than in the last look with the usual noise, or that is not known."""
    detail_kept: float = 0.0
    """How strong the strongest detail is, against what is usual."""
    lull: float = 0.0
    """How much longer nothing has happened than ever before: 0.5 when twice as long."""
    likeness: Likeness | None = None
    """Against the reference; None while there is none."""
    learned: bool = False
    """Whether there is one in any light."""
    usual_steepness: float | None = None
    clear_looks_ago: int = SUDDEN_LOOKS + 1
    """Looks since one that showed the known view."""
    standing: Reason | None = None
    """What is held to be wrong: it takes less to find it again than it took at first, so that nothing flaps."""

    suspected: Reason | None = None
    """What the last look found."""

    @property
    def strange(self) -> bool:
        """Whether nothing of the known view is to be seen, as badly as that may be lit."""
        one = self.likeness
        return one is not None and one.lost_share + one.changed_share >= _STRANGE_SHARE and one.alike < _STRANGE_VIEW

    @property
    def rests(self) -> bool:
        """Whether the encoder finds less to code than it ever did while the channel was valid."""
        now, least = self.effort, self.least_effort
        if now is None or least is None:
            return False
        if "frozen" in (self.standing, self.suspected):
            finer = now.finest <= least.finest - _FINER_AGAIN
            return finer or now.resting_bytes <= _EFFORT_AGAIN * least.resting_bytes
        if now.finest <= least.finest - _FINER:
            return True
        coarser = now.quantiser > least.quantiser + _COARSER
        return not coarser and now.resting_bytes <= _EFFORT_LEFT * least.resting_bytes

    @property
    def keyframe_step(self) -> float:
        """The step of the keyframes' quantiser against the usual one, 1 at the most."""
        now, least = self.effort, self.least_effort
        if now is None or least is None:
            return 1.0
        return float(min(1.0, 2.0 ** ((now.key_quantiser - least.key_quantiser) / QUANTISER_STEP)))

    @property
    def lives(self) -> bool:
        """Whether the pictures between the looks cost as much as ever: of one that stands they cost next to nothing."""
        now, least = self.effort, self.least_effort
        if now is None or now.share < _LIVING_SHARE:
            return False
        if least is None:
            return True
        finer = now.quantiser < least.quantiser - _COARSER
        return not finer and now.resting_bytes >= _LIVING_EFFORT * least.resting_bytes

    @property
    def moved(self) -> bool:
        """Whether something moved since the last look."""
        return self.still is not None and self.still.squares > 0 and self.still.moved_share > _MOST_MOVED

    @property
    def noisy(self) -> bool:
        """Whether the picture has as much noise as is usual, or nobody knows how much that is."""
        if self.still is None or self.usual_noise is None:
            return True
        return any(_left(self.still.noise, self.usual_noise, _NOISE_LEFT))


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
    if colour.chroma >= VIVID_CHROMA:
        return int(colour.spread <= FLAT_SPREAD)
    if colour.spread > _PURE_SPREAD:
        return 0
    points_share = history.still.points_share if history.still is not None else 0.0
    still = points_share >= _STILL_POINTS
    if still and colour.spread <= _DRAWN_SPREAD:
        all_drawn = colour.share >= _ALL_DRAWN and points_share >= _ALL_STILL
        if all_drawn or history.strange or (colour.luma < _GREY_LUMA[0] and colour.share >= _DARK_SHARE):
            return 2
    if not _GREY_LUMA[0] <= colour.luma <= _GREY_LUMA[1]:
        return 0
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
    if still is None or still.squares < _LEAST_SQUARES or history.lives:
        return None
    if history.standing == "frozen":
        threshold = _STANDING_FROZEN * limits.frozen_share
    elif history.usual_still is None:
        threshold = max(limits.frozen_share, _ALL_FROZEN)
    else:
        threshold = max(limits.frozen_share, min(_USUAL_TIMES * history.usual_still, _ALL_FROZEN))
    if still.share >= threshold:
        # Of a picture that stands and is none of this view, a device has drawn it: letters, a logo, shades.
        return Finding("no_signal" if history.strange else "frozen", still.share, threshold, looks=2)
    return _noiseless(still, history)


def _noiseless(still: Stillness, history: History) -> Finding | None:
    """No noise but the encoder's: at a bit rate that is kept each keyframe of one and the same picture is coded anew.

    A living picture loses noise too, but with detail (a coarser encoder, fog) or when the light changes. Where the
    encoder leaves less of the noise than it makes itself, a frozen picture cannot be told from a living one.
    """
    if history.usual_noise is None or history.relit or history.moved:
        return None
    if history.detail_kept < _DETAIL_KEPT:
        return None
    most = _most_noise(history)
    if any(_left(still.noise, history.usual_noise, most)):
        return None
    gone = 1 - still.noise[0] / max(history.usual_noise[0], _LEAST_NOISE)
    return Finding("frozen", gone, max(1 - most[0], 0.0), looks=2)


def _most_noise(history: History) -> Noise:
    """Two keyframes that were coded at other quantisers differ, of however frozen a picture they are."""
    if "frozen" in (history.standing, history.suspected):
        return _RESTING_AGAIN if history.rests else _NOISE_AGAIN
    if not history.rests:
        return _NOISE_LEFT
    # Finer keyframes of a living picture with next to no noise of its own differ less by as much.
    quiet, middling = (most * history.keyframe_step for most in _RESTING_LEFT)
    return max(quiet, _NOISE_LEFT[0]), max(middling, _NOISE_LEFT[1])


def _left(noise: Noise, usual: Noise, most: Noise) -> Iterator[bool]:
    return (one > limit * max(known, _LEAST_NOISE) for one, known, limit in zip(noise, usual, most, strict=True))


def covered(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """The known detail went from most of the view, within a few looks, and nothing stands in its place."""
    likeness = history.likeness
    if likeness is None or history.clear_looks_ago > SUDDEN_LOOKS:
        return None
    if likeness.lost_share * likeness.known_share < _LEAST_GONE:
        return None
    something_left = likeness.lost_alike >= _NOTHING_ALIKE
    if _dazzled(likeness) and likeness.lost_share < _ALL_LOST:
        return None
    if _lights_out(features, likeness) and (something_left or _is_dark_screen(features)):
        return None
    limit = limits.covered_share * (_STANDING_SHARE if history.standing == "covered" else 1)
    # Where the rim of a cover runs there is detail, though not the known one; a view that was moved is full of that.
    share = likeness.lost_share + likeness.changed_share / 2
    if share < limit or (something_left and likeness.alike >= _BLURRED_VIEW):
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


def unchanged(_: Features, history: History, __: Thresholds) -> Finding | None:
    """However alive it looks: nothing has happened in it for far longer than ever."""
    return Finding("frozen", history.lull, TOO_STILL) if history.lull >= TOO_STILL else None


def _is_dark_screen(features: Features) -> bool:
    """Words on black may be what is left to see: the next look tells."""
    first = features.colours[0] if features.colours else None
    return first is not None and first.luma < _GREY_LUMA[0] and first.share >= _DARK_SHARE


def _lights_out(features: Features, likeness: Likeness) -> bool:
    return likeness.brightness < _LIGHTS_OUT and features.high_luma < _LIGHTS_OUT_LUMA


def _dazzled(likeness: Likeness) -> bool:
    """Something shines into the lens."""
    return likeness.dazzled_share > _DAZZLED_SHARE


CHECKS: Final[tuple[Check, ...]] = (black, no_signal, frozen, covered, blurred, unchanged)
"""The first that finds something is right: what is black is also still, and what is covered has no edges."""


def check(features: Features, history: History, limits: Thresholds) -> Finding | None:
    """The finding of one look."""
    return next((finding for one in CHECKS if (finding := one(features, history, limits))), None)

