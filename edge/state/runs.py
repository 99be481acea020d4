"""The lives of the recorder: when it started, how it ended, and where it started without having ended."""

from bisect import bisect_left
from typing import Final, Literal, NamedTuple

from edge.state.fact import Fact

MOST_RUNS: Final = 10_000
"""Beyond this the oldest starts and stops go."""

Turn = Literal["began", "started", "restarted", "stopped", "failed"]


class RunMark(NamedTuple):
    """A start or an end in the order in which they were said; `how` is `started`, `clean` or `failed`."""

    epoch: str
    sequence: int
    time_ms: int
    how: str


class Runs:
    """Starts and ends of one process, in the order in which it said them, however they arrive."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        self.marks: list[RunMark] = []

    def add(self, fact: Fact, how: str) -> None:
        """A start or an end."""
        mark = RunMark(fact.epoch, fact.sequence, fact.time_ms, how)
        place = bisect_left(self.marks, mark)
        if place == len(self.marks) or self.marks[place] != mark:
            self.marks.insert(place, mark)
        if len(self.marks) > MOST_RUNS:
            del self.marks[0]

    def turns(self, start_ms: int, end_ms: int) -> list[tuple[int, Turn]]:
        """What happened in a time, in its order.

        `restarted` is a start after a life that did not end, by a kill or without power; `began` is a start before
        which nothing is known.
        """
        found: list[tuple[int, Turn]] = []
        before = "none"
        for _, _, time_ms, how in self.marks:
            if start_ms <= time_ms < end_ms:
                found.append((time_ms, _turn(how, before)))
            before = how
        return sorted(found)


def _turn(how: str, before: str) -> Turn:
    if how == "started":
        return "began" if before == "none" else "restarted" if before == "started" else "started"
    return "stopped" if how == "clean" else "failed"
