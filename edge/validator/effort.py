"""What the encoder spends on change where it has nothing to refine, and how little that ever was. Pure.

An encoder that keeps a bit rate never rests: of a frozen picture it codes what it left out before, ever finer. Then
bits flow only while the quantiser falls. A living picture costs bits at a steady quantiser too, as long as the noise of
its sensor is not all quantised away; where it is, a frozen picture cannot be told from a living one by anybody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Protocol

from edge.validator.baseline import LOOKS_TO_KNOW, SLOWEST

LEAST_PICTURES: Final = 6
QUANTISER_STEP: Final = 6
"""So much more halves the bits (ITU-T H.264 and H.265: the step of the quantiser doubles)."""
_RESTING: Final = 0.25
"""Quantile of the pictures that tells the rest: what passes through the view is not in all of them."""
_RISE, _FALL = 0.002, 0.3


class Coded(Protocol):
    """A picture as it was coded."""

    @property
    def size_bytes(self) -> int: ...  # noqa: D102 - named for what it is
    @property
    def is_keyframe(self) -> bool: ...  # noqa: D102
    @property
    def quantiser(self) -> int | None: ...  # noqa: D102 - QP of its first slice


@dataclass(frozen=True, slots=True)
class Rest:
    """What is coded of a picture that is not refined."""

    resting_bytes: float
    """In a quiet moment, were the quantiser 0."""
    quantiser: float
    """Mean of such pictures."""
    finest: float
    """The finest quantiser behind a keyframe, in the mean of the groups of pictures."""
    key_quantiser: float
    """Mean of the keyframes."""


@dataclass(frozen=True, slots=True)
class Effort(Rest):
    """What coding cost between two looks."""

    share: float
    """The resting bytes against the keyframes, of which there must be one."""


def effort(pictures: Sequence[Coded]) -> Effort | None:
    """Measure pictures in coding order; None where too few tell anything."""
    keyframes = [_cost(one.size_bytes, one.quantiser) for one in pictures if one.is_keyframe]
    resting = list(_resting(pictures))
    if not sum(keyframes) or len(resting) < LEAST_PICTURES:
        return None
    cost = sorted(_cost(*one) for one in resting)[int(_RESTING * len(resting))]
    share = cost * len(keyframes) / sum(keyframes)
    keys = [one.quantiser for one in pictures if one.is_keyframe and one.quantiser is not None]
    return Effort(cost, fmean(quantiser for _, quantiser in resting), _finest(pictures), fmean(keys), share)


def _cost(size_bytes: int, quantiser: int | None) -> float:
    return 0.0 if quantiser is None else float(size_bytes * 2.0 ** (quantiser / QUANTISER_STEP))


def _resting(pictures: Sequence[Coded]) -> Iterator[tuple[int, int]]:
    """Bytes and quantiser of each picture that is coded no finer than one since its keyframe was."""
    finest: int | None = None
    for picture in pictures:
        if picture.is_keyframe:
            finest = None
        elif picture.quantiser is not None:
            if finest is not None and picture.quantiser >= finest:
                yield picture.size_bytes, picture.quantiser
            finest = picture.quantiser if finest is None else min(finest, picture.quantiser)


def _finest(pictures: Sequence[Coded]) -> float:
    groups: list[list[int]] = [[]]
    for picture in pictures:
        if picture.is_keyframe:
            groups.append([])
        elif picture.quantiser is not None:
            groups[-1].append(picture.quantiser)
    return fmean(min(group) for group in groups if group)


class Efforts:
    """What coding costs on one channel in one light, at the least."""

    def __init__(self) -> None:
        self.resting_bytes = 0.0
        self.quantiser = 0.0
        self.finest = 0.0
        self.key_quantiser = 0.0
        self.looks = 0

    @property
    def least(self) -> Rest | None:
        """About the least that a living picture cost; None while too few were seen."""
        if self.looks < LOOKS_TO_KNOW:
            return None
        return Rest(self.resting_bytes, self.quantiser, self.finest, self.key_quantiser)

    def learn(self, seen: Rest) -> None:
        """Take in what it cost up to a valid look."""
        self.looks += 1
        first = 1 / self.looks if self.looks <= LOOKS_TO_KNOW else 0.0
        self.resting_bytes = _toward_least(self.resting_bytes, seen.resting_bytes, first)
        self.quantiser += max(first, SLOWEST) * (seen.quantiser - self.quantiser)
        self.finest = _toward_least(self.finest, seen.finest, first)
        self.key_quantiser += max(first, SLOWEST) * (seen.key_quantiser - self.key_quantiser)


def _toward_least(known: float, new: float, weight: float) -> float:
    return known + max(weight, _RISE if new > known else _FALL) * (new - known)
