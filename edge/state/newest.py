"""What a process said last about something: the newest of its events by epoch and number, however they arrive."""

from dataclasses import dataclass
from typing import Any, Self

from edge.state.fact import Fact


@dataclass(slots=True)
class Newest:
    """The newest event of a kind: its place among those of its process, its time, and what it said."""

    epoch: str
    sequence: int
    time_ms: int
    value: Any

    @classmethod
    def of(cls, held: "Newest | None", fact: Fact, value: Any) -> "Newest":
        """What holds after an event: it, or what is newer already."""
        if held is not None and held.key >= fact.key:
            return held
        return cls(fact.epoch, fact.sequence, fact.time_ms, value)

    @property
    def key(self) -> tuple[str, int]:
        """Its place among the events of its process."""
        return self.epoch, self.sequence

    def document(self) -> list[Any]:
        """As JSON types."""
        return [self.epoch, self.sequence, self.time_ms, self.value]

    @classmethod
    def read(cls, document: list[Any] | None) -> Self | None:
        """From what `document` gave."""
        return None if document is None else cls(*document)


def is_newer(one: Newest | None, other: Newest | None) -> bool:
    """Whether the first was said after the second; whatever was said is newer than nothing."""
    return one is not None and (other is None or one.key > other.key)


def drop_oldest(held: dict[str, Newest], most: int) -> None:
    """Let go of what was said longest ago, of what is over first, until no more than so many are left."""
    while len(held) > most:
        del held[min(held, key=lambda name: (held[name].value is not None, held[name].key))]
