"""An outbox seen from outside while its process runs: its newest events and own tables, without its lock. Read only."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge.events.topics import EventTopic

_BUSY_TIMEOUT_S: Final = 5.0


class Said(NamedTuple):
    """One event of an outbox; `data` is its own."""

    sequence: int
    data: dict[str, Any]


class OutboxFile:
    """What is in an outbox; one that is not there or cannot be read holds nothing, and `trouble` says why."""

    def __init__(self, path: Path) -> None:
        self.trouble: str | None = None
        self._path = path
        self._process = path.name.partition(".")[0]

    def epoch(self) -> str | None:
        """The epoch that its numbers belong to."""
        found = self._query(lambda db: [row[0] for row in db.execute("SELECT epoch FROM meta")])
        return found[0] if found else None

    def events(self, event_type: str, *, channel: str | None = None, after: int = 0) -> list[Said]:
        """Its events of a type, of one channel where one is given, with numbers above `after`, in their order."""
        query = "SELECT sequence, payload FROM events WHERE sequence > ? AND topic = ? ORDER BY sequence"
        topic = str(EventTopic(self._process, event_type, channel))
        return self._query(lambda db: list(_said(db.execute(query, (after, topic)))))

    def column(self, query: str) -> list[str]:
        """The first column of a query on a table of the process's own."""
        return self._query(lambda db: [row[0] for row in db.execute(query)])

    def _query(self, ask: Callable[[sqlite3.Connection], list[Any]]) -> list[Any]:
        if not self._path.exists():
            return []
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S)) as db:
                return ask(db)
        except (sqlite3.Error, ValueError, KeyError) as error:
            self.trouble = f"{self._path} cannot be read: {error}"
            return []


def _said(rows: Iterator[tuple[int, bytes]]) -> Iterator[Said]:
    for sequence, payload in rows:
        yield Said(sequence, json.loads(payload)["data"])
