"""Retention's events on their way into the outbox. What it cannot take now waits in memory, in order."""

import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.events.data import EventData

MOST_WAITING: Final = 100_000

Change = Callable[[sqlite3.Connection], None]
_log = structlog.get_logger()


def no_change(_db: sqlite3.Connection) -> None:
    """An event that comes alone."""


class Voice:
    """Says events, each in one transaction with a change of retention's own tables. For one thread."""

    def __init__(self, outbox: Outbox, make_room: Callable[[], None]) -> None:
        """`make_room` frees what is kept for the case that the disk of the outbox is full."""
        self._outbox = outbox
        self._make_room = make_room
        self._waiting: deque[tuple[EventData, str | None, Change]] = deque()
        self._told = False

    @property
    def waiting(self) -> int:
        """Events that the outbox has not taken yet."""
        return len(self._waiting)

    def say(self, event: EventData, channel: str | None = None, change: Change = no_change) -> None:
        """Put an event into the outbox, behind those that still wait."""
        self._waiting.append((event, channel, change))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
        self.retry()

    def mention(self, event: EventData) -> None:
        """Say something that the next moment makes old: it does not wait."""
        if not self._waiting:
            self._waiting.append((event, None, no_change))
            self.retry()
            self._waiting.clear()

    def write(self, change: Change) -> bool:
        """Change retention's tables without an event; False where the disk takes nothing even then."""
        for _ in range(2):
            try:
                self._outbox.append_many([], state=change)
            except OutboxUnavailable:
                self._make_room()
            else:
                return True
        return False

    def retry(self) -> None:
        """Say what still waits."""
        while self._waiting:
            event, channel, change = self._waiting[0]
            try:
                self._outbox.append(event, channel=channel, state=change)
            except OutboxUnavailable as error:
                if not self._told:
                    _log.error("outbox_unavailable", waiting=len(self._waiting), error=str(error))
                    self._told = True
                return
            self._waiting.popleft()
            self._told = False
