"""What the reporter keeps retained at the broker: said when it changes, again after a reconnect, cleared when it ends.

Which topics it ever filled stands in the outbox's database, so that a channel that leaves the configuration, also while
the reporter is away, leaves the broker too. Knows no channel and no Home Assistant: it is given topics and payloads.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import structlog

from edge.bus.connection import Outcome
from edge.bus.outbox import Outbox

STATE_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS retained_topics (topic TEXT PRIMARY KEY) WITHOUT ROWID;\n"

_log = structlog.get_logger()


class Publish(Protocol):
    """Whoever sends messages, as a `Broker` does."""

    def __call__(
        self, topic: str, payload: bytes, *, retain: bool = False, done: Callable[[Outcome], None] | None = None
    ) -> bool:
        """Send one message; False when there is no connection."""
        ...


class Retained:
    """The retained messages of this process; for one thread, but `forget` may come from any."""

    def __init__(self, outbox: Outbox, publish: Publish) -> None:
        self._outbox = outbox
        self._publish = publish
        self._filled: set[str] | None = None
        self._said: dict[str, bytes] = {}
        self._refused: str | None = None

    def forget(self) -> None:
        """Have everything said again: the broker may have lost it, or somebody new listens."""
        self._said = {}

    def hold(self, wanted: Mapping[str, bytes]) -> None:
        """Make the retained messages be these and no others; raises OutboxUnavailable."""
        if self._filled is None:
            self._filled = self._outbox.read_state(_topics)
        if not self._filled.issuperset(wanted):
            self._remember(self._filled | wanted.keys())  # before it is said: a kill leaves nothing behind unknown
        said = self._said
        for topic, payload in wanted.items():
            if said.get(topic) != payload and self._say(topic, payload):
                said[topic] = payload
        over = self._filled - wanted.keys()
        if over and all(self._say(topic, b"") for topic in sorted(over)):
            self._remember(set(wanted))

    def _say(self, topic: str, payload: bytes) -> bool:
        return self._publish(topic, payload, retain=True, done=self._answered)

    def _answered(self, outcome: Outcome) -> None:
        if outcome.status == "refused" and outcome.reason != self._refused:
            self._refused = outcome.reason
            _log.error("retained_refused", reason=outcome.reason, next="see to reporter's rights in the broker's acl")

    def _remember(self, topics: set[str]) -> None:
        self._outbox.append_many([], state=lambda db: _replace(db, topics))
        self._filled = topics


def _topics(db: sqlite3.Connection) -> set[str]:
    return {topic for (topic,) in db.execute("SELECT topic FROM retained_topics")}


def _replace(db: sqlite3.Connection, topics: Iterable[str]) -> None:
    db.execute("DELETE FROM retained_topics")
    db.executemany("INSERT INTO retained_topics VALUES (?)", [(topic,) for topic in sorted(topics)])
