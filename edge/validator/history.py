"""What earlier looks tell about this one, as the checks want it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge.validator.baseline import Likeness
from edge.validator.effort import QUANTISER_STEP, Effort, Rest
from edge.validator.stillness import Noise, Stillness
from edge.validator.verdict import Reason

SUDDEN_LOOKS: Final = 3
"""A cover comes within so many looks; fog, dusk and dirt take longer."""
NOISE_LEFT: Final = (0.6, 0.75)
"""Noise of a frozen picture at most, against the usual."""

LEAST_NOISE: Final = 0.05
_MOST_MOVED: Final = 0.02
_EFFORT_LEFT, _EFFORT_AGAIN = 0.35, 0.5
_LIVING_EFFORT, _LIVING_SHARE = 0.8, 0.01
"""Of a picture that stands at a constant quality, those behind a keyframe cost about a thousandth of it."""
_COARSER: Final = 2.0
"""A quantiser higher than usual by more hides noise, so that little is left to code of a living picture too. One lower
by more is a sign of rest, whatever the pictures cost at it."""
_FINER, _FINER_AGAIN = 4.0, 3.0
"""An encoder that has nothing left to code at the usual quantiser goes on to one finer by that, where a sensor's noise
would cost it most."""
_STRANGE_SHARE, _STRANGE_VIEW = 0.8, 0.3


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
        return any(noise_left(self.still.noise, self.usual_noise, NOISE_LEFT))


def noise_left(noise: Noise, usual: Noise, most: Noise) -> Iterator[bool]:
    """Of the quiet and of the middling parts: whether they have more noise than `most` of the usual."""
    return (one > limit * max(known, LEAST_NOISE) for one, known, limit in zip(noise, usual, most, strict=True))
