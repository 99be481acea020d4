"""Moments at which something changed, each with what it became: a sorted set of times with codes."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

MOST_MARKS: Final = 100_000
"""A camera that comes and goes every minute fills this in 35 days; beyond it the oldest marks go."""
_CODES: Final = 64


class Marks:
    """Times with codes below 64. What is added twice is there once; the order of adding does not matter.

    Two marks of one millisecond stand in the order of their codes.
    """

    __slots__ = ("packed",)

    def __init__(self) -> None:
        self.packed = array("q")

    def __len__(self) -> int:
        return len(self.packed)

    def add(self, time_ms: int, code: int) -> None:
        """Note that at this time it became that."""
        value = time_ms * _CODES + code
        packed = self.packed
        if not packed or value > packed[-1]:
            packed.append(value)
        else:
            place = bisect_left(packed, value)
            if packed[place] == value:
                return
            packed.insert(place, value)
        if len(packed) > MOST_MARKS:
            del packed[0]

    def clip(self, floor_ms: int) -> None:
        """Forget what is before a time."""
        del self.packed[: bisect_left(self.packed, floor_ms * _CODES)]

    def between(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
        """The marks from a time up to and without another."""
        first = bisect_left(self.packed, start_ms * _CODES)
        for place in range(first, bisect_left(self.packed, end_ms * _CODES)):
            yield divmod(self.packed[place], _CODES)

    def before(self, time_ms: int) -> tuple[int, int] | None:
        """The last mark before a time."""
        place = bisect_left(self.packed, time_ms * _CODES)
        return divmod(self.packed[place - 1], _CODES) if place else None


class Codes:
    """The words that marks stand for; what is not among them is the last one."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self._codes = {word: code for code, word in enumerate(words)}

    def code(self, word: str) -> int:
        """The code of a word."""
        return self._codes.get(word, len(self._words) - 1)

    def word(self, code: int) -> str:
        """The word of a code."""
        return self._words[code]


# Snapshots hold codes: new words go before the last one only together with a new SiteProjection.VERSION.

TRANSITIONS: Final = Codes(
    (
        "started", "unreachable", "auth_failed", "not_found", "timeout", "ended", "stream_error", "unsupported",
        "disk_full", "storage_missing", "shutdown", "config", "crash", "unexplained",
    )
)  # fmt: skip
VALIDITY: Final = Codes(
    (
        "valid", "black", "frozen", "no_signal", "covered", "blurred", "unreachable", "auth_failed", "no_video",
        "unexplained",
    )
)  # fmt: skip
REJECTIONS: Final = Codes(("black", "frozen", "no_signal", "covered", "blurred", "undecodable", "unexplained"))
