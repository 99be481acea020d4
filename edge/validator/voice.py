"""The validator's events on their way into the outbox, in one transaction with what it remembers of their channels.

What the outbox cannot take now waits in memory, in order; the memory that is written with it is then the newest.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

import structlog

from edge.bus.outbox import Fact, Outbox, OutboxUnavailable
from edge.events.data import EventData
from edge.validator import ledger
from edge.validator.watched import Watched

MOST_WAITING: Final = 10_000

_log = structlog.get_logger()


class Voice:
    """Says events and writes memory down. For one thread."""

    def __init__(self, outbox: Outbox, watched: Mapping[str, Watched]) -> None:
        self._outbox = outbox
        self._watched = watched
        self._facts: deque[Fact] = deque(maxlen=MOST_WAITING)
        self._changed: set[str] = set()
        self._told = False

    def say(self, event: EventData, channel: str) -> None:
        """Say an event with the next `write`."""
        self._facts.append(Fact(event, channel))
        self._changed.add(channel)

    def remember(self, channel: str) -> None:
        """Write the memory of a channel down with the next `write`."""
        self._changed.add(channel)

    def write(self) -> bool:
        """Put all that waits on the disk; False where that takes nothing now."""
        if not self._facts and not self._changed:
            return True
        rows = [(channel, self._watched[channel]) for channel in sorted(self._changed) if channel in self._watched]
        try:
            self._outbox.append_many(list(self._facts), state=ledger.keep(rows))
        except OutboxUnavailable as error:
            if not self._told:
                _log.error("outbox_unavailable", waiting=len(self._facts), error=str(error))
                self._told = True
            return False
        self._facts.clear()
        self._changed.clear()
        self._told = False
        return True
