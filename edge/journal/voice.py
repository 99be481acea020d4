"""Who says what is found of missing and conflicting events: an outbox, or nobody where a journal serves itself."""

from collections.abc import Sequence
from typing import Protocol

from edge.bus.outbox import Fact
from edge.events.data import EventData


class Voice(Protocol):
    """What of an `Outbox` is used here."""

    @property
    def site(self) -> str:
        """Under which site it speaks."""
        ...

    @property
    def process(self) -> str:
        """As which process."""
        ...

    def append(self, data: EventData) -> int:
        """Say an event; returns its number. Raises OutboxUnavailable."""
        ...

    def append_many(self, facts: Sequence[Fact]) -> list[int]:
        """Say several at once; returns their numbers. Raises OutboxUnavailable."""
        ...


class Silence:
    """Says nothing: gaps are asked for and filled all the same."""

    def __init__(self, site: str, process: str) -> None:
        self.site = site
        self.process = process

    def append(self, data: EventData) -> int:  # noqa: ARG002 - a Voice
        """Let it be."""
        return 0

    def append_many(self, facts: Sequence[Fact]) -> list[int]:
        """Let them be."""
        return [0] * len(facts)
