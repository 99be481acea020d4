"""Whether a picture stands still although its clock runs on (docs/decisions/0016). Pure."""

from typing import Final

from edge.config.validating import Thresholds
from edge.validator.features import Features
from edge.validator.history import LEAST_NOISE, NOISE_LEFT, History, noise_left
from edge.validator.lull import TOO_STILL
from edge.validator.stillness import Noise, Stillness
from edge.validator.verdict import Finding

_LEAST_SQUARES: Final = 24
_USUAL_TIMES: Final = 2.5
_ALL_FROZEN: Final = 0.95
_STANDING_FROZEN: Final = 0.6
_NOISE_AGAIN, _DETAIL_KEPT = (0.8, 0.9), 0.9
"""Against the usual: noise at most once a freeze was found, and detail at the least."""
_RESTING_LEFT, _RESTING_AGAIN = (0.85, 0.85), (2.0, 2.0)
"""Likewise, where the encoder rests as it never did: in the first look that finds a freeze, and from then on. It also
rests when what moved in a view of little noise stops, so that its rest alone shows nothing."""


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
    if any(noise_left(still.noise, history.usual_noise, most)):
        return None
    gone = max(1 - still.noise[0] / max(history.usual_noise[0], LEAST_NOISE), 0.0)
    return Finding("frozen", gone, max(1 - most[0], 0.0), looks=2)


def _most_noise(history: History) -> Noise:
    """Two keyframes that were coded at other quantisers differ, of however frozen a picture they are."""
    if "frozen" in (history.standing, history.suspected):
        return _RESTING_AGAIN if history.rests else _NOISE_AGAIN
    if not history.rests:
        return NOISE_LEFT
    # Finer keyframes of a living picture with next to no noise of its own differ less by as much.
    quiet, middling = (most * history.keyframe_step for most in _RESTING_LEFT)
    return max(quiet, NOISE_LEFT[0]), max(middling, NOISE_LEFT[1])


def unchanged(_: Features, history: History, __: Thresholds) -> Finding | None:
    """However alive it looks: nothing has happened in it for far longer than ever."""
    return Finding("frozen", history.lull, TOO_STILL) if history.lull >= TOO_STILL else None
