"""What a subscriber hands its batches to, where people are told while nothing can be stored."""

from collections.abc import Sequence
from typing import Literal, Protocol

from edge.bus.connection import Message
from edge.bus.subscriber import NotCommitted
from edge.journal.ingest import Ingest


class Tell(Protocol):
    """Says that a trouble holds from now on, or not any more."""

    def __call__(self, code: Literal["journal_unavailable"], /, *, holds: bool) -> None:
        """Take note of it."""
        ...


class Committer:
    """Commits batches, and tells while that is not possible."""

    def __init__(self, ingest: Ingest, tell: Tell) -> None:
        self._ingest = ingest
        self._tell = tell

    def __call__(self, messages: Sequence[Message]) -> None:
        """Commit a batch; raises NotCommitted."""
        try:
            self._ingest.commit(messages)
        except NotCommitted:
            self._tell("journal_unavailable", holds=True)
            raise
        self._tell("journal_unavailable", holds=False)
