"""Protected footage: ranges of a channel that are never deleted, kept in the outbox's database.

A copy lies beside it, so that evidence stays protected when the database has to be made anew.
"""

import json
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.durable import write_durably
from edge.events.catalog import FootageProtected, FootageUnprotected
from edge.recordings.catalog import Catalog, CatalogDamaged, CatalogUnavailable
from edge.retention.decision import Kept
from edge.retention.receipts import wire

LONGEST_MS: Final = 7_200_000
"""No segment is longer: an hour by configuration, and then up to the next keyframe."""
STATE_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS protections (
    id TEXT PRIMARY KEY, transaction_id TEXT NOT NULL, channel TEXT NOT NULL, from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL, note TEXT NOT NULL, asked_by TEXT NOT NULL, since_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Protected:
    """One protection."""

    id: str
    transaction_id: str
    channel: str
    from_ms: int
    to_ms: int
    note: str
    asked_by: str
    since_ms: int


class Protections:
    """All of them. `guard` is held while they change and while a step is decided and carried out."""

    def __init__(self, outbox: Outbox, catalog: Callable[[], Catalog | None], copy: Path) -> None:
        """Reads what was kept; raises OutboxUnavailable."""
        self.guard = threading.RLock()
        self._outbox = outbox
        self._catalog = catalog
        self._copy = copy
        rows = outbox.read_state(lambda db: db.execute("SELECT * FROM protections ORDER BY id").fetchall())
        self._all = {row[0]: Protected(*row) for row in rows}
        self._held: dict[str, tuple[int, int]] = {}
        if not outbox.read_state(lambda db: db.execute("SELECT 1 FROM notes WHERE name = 'protections'").fetchone()):
            self._take_over_copy()
        self.recount()

    def all(self, channel: str | None = None) -> list[Protected]:
        """Those of a channel or all, in the order in which they were asked for."""
        with self.guard:
            return [one for one in self._all.values() if channel in {None, one.channel}]

    def get(self, protection: str) -> Protected | None:
        """One by its name."""
        return self._all.get(protection)

    def by_transaction(self, transaction: str) -> Protected | None:
        """The one that was made for this transaction."""
        with self.guard:
            return next((one for one in self._all.values() if one.transaction_id == transaction), None)

    def add(self, one: Protected) -> None:
        """Protect from now on, and say so; raises OutboxUnavailable."""
        event = FootageProtected(
            protection=one.id, from_=wire(one.from_ms), to=wire(one.to_ms), note=one.note, by=one.asked_by
        )
        with self.guard:
            self._outbox.append(event, channel=one.channel, state=_inserted([one]))
            self._all[one.id] = one
            self._changed()

    def end(self, one: Protected, by: str) -> None:
        """Protect no longer, and say so; raises OutboxUnavailable."""
        event = FootageUnprotected(
            protection=one.id, from_=wire(one.from_ms), to=wire(one.to_ms), note=one.note, by=by
        )

        def delete(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM protections WHERE id = ?", (one.id,))

        with self.guard:
            self._outbox.append(event, channel=one.channel, state=delete)
            self._all.pop(one.id, None)
            self._changed()

    def held(self, protection: str) -> tuple[int, int]:
        """Segments and bytes that a protection keeps."""
        return self._held.get(protection, (0, 0))

    def recount(self) -> None:
        """Count what is kept anew: recordings within a range may still come."""
        catalog = self._catalog()
        with self.guard:
            by_channel: dict[str, dict[int, int]] = {}
            try:
                for one in self._all.values():
                    if catalog is None:
                        break
                    entries = catalog.overlapping(one.channel, one.from_ms, one.to_ms, longest_ms=LONGEST_MS)
                    self._held[one.id] = len(entries), sum(entry.bytes for entry in entries)
                    by_channel.setdefault(one.channel, {}).update({entry.start_ms: entry.bytes for entry in entries})
            except (CatalogUnavailable, CatalogDamaged) as error:
                _log.warning("protected_not_counted", error=str(error))
            sums = {channel: sum(sizes.values()) for channel, sizes in by_channel.items()}
            self.kept = Kept.of(((one.channel, one.from_ms, one.to_ms) for one in self._all.values()), sums)

    def _changed(self) -> None:
        self.recount()
        try:
            write_durably(self._copy, json.dumps([asdict(one) for one in self._all.values()]) + "\n")
        except OSError as error:
            _log.warning("copy_of_protections_not_written", path=str(self._copy), error=str(error))

    def _take_over_copy(self) -> None:
        """A new database: what the old one protected stays protected."""
        found = [one for one in _read(self._copy) if one.id not in self._all]

        def insert(db: sqlite3.Connection) -> None:
            _inserted(found)(db)
            db.execute("INSERT OR IGNORE INTO notes VALUES ('protections')")

        try:
            self._outbox.append_many([], state=insert)
        except OutboxUnavailable as error:
            _log.warning("protections_not_saved", error=str(error))
        self._all |= {one.id: one for one in found}
        if found:
            _log.warning("protections_taken_over", count=len(found), path=str(self._copy))


def _inserted(rows: list[Protected]) -> Callable[[sqlite3.Connection], None]:
    def insert(db: sqlite3.Connection) -> None:
        values = [tuple(asdict(one).values()) for one in rows]
        db.executemany("INSERT OR REPLACE INTO protections VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    return insert


def _read(copy: Path) -> list[Protected]:
    try:
        values: list[dict[str, Any]] = json.loads(copy.read_text(encoding="utf-8"))
        return [Protected(**one) for one in values]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        _log.error("copy_of_protections_unreadable", path=str(copy), error=str(error))
        return []
