"""Receipts: what was deleted is told exactly once, whenever the process or the machine dies.

The steps of a deletion, in this order:

1. Intent: the segments of the step are written to `pruning` in the outbox's database, on the disk (FULL).
2. The files are unlinked, empty folders removed.
3. The catalog forgets them.
4. Receipt: `disk_pruned` and the mark `told` of its rows in `pruning` are one transaction (FULL).
5. Once the names in the folders and the catalog have reached the disk, the rows leave `pruning`.

A kill before 1 leaves nothing. Between 1 and 4 the next start finds rows without `told`: it deletes what is left of
them and gives the receipt. Between 4 and 5 a power cut may bring files back, or rows of the catalog: the next start
finds their rows with `told`, deletes what came back and gives no second receipt.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import structlog

from edge.bus.outbox import Outbox
from edge.clock import Clock, rfc3339
from edge.events.catalog import DiskPruned, PrunedRange
from edge.recordings.catalog import Catalog, Entry
from edge.recordings.segment import SegmentName
from edge.retention.decision import Rule
from edge.retention.voice import Voice

STATE_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS pruning (
    path TEXT PRIMARY KEY, rule TEXT NOT NULL, end_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

_log = structlog.get_logger()


class Receipts:
    """The table `pruning`, and the receipts that are given with it."""

    def __init__(self, outbox: Outbox, catalog: Callable[[], Catalog], voice: Voice) -> None:
        self._outbox = outbox
        self._catalog = catalog
        self._voice = voice

    def intend(self, rule: Rule, entries: Sequence[Entry]) -> None:
        """Step 1. A disk that takes nothing keeps nobody from deleting: what is deleted then is told of from memory."""
        rows = [(one.name.path, rule, one.end_ms, one.bytes) for one in entries]

        def insert(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO pruning (path, rule, end_ms, bytes) VALUES (?, ?, ?, ?)", rows)

        if not self._voice.write(insert):
            _log.error("intent_not_written", segments=len(rows), next="a receipt is lost if the process is killed now")

    def tell(self, rule: Rule, deleted: Collection[Entry]) -> None:
        """Step 4, for what is gone from the disk and the catalog."""
        if not deleted:
            return
        rows = [(one.name.path, rule, one.end_ms, one.bytes) for one in deleted]

        def mark(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO pruning VALUES (?, ?, ?, ?, 1)", rows)

        receipt = DiskPruned(
            rule=rule,
            segments=len(deleted),
            bytes=sum(one.bytes for one in deleted),
            channels=ranges(self._catalog(), deleted),
        )
        self._voice.say(receipt, change=mark)

    def forget(self, paths: Iterable[str]) -> bool:
        """Segments stay after all, or their removal is on the disk; False where that could not be written."""
        rows = [(path,) for path in paths]

        def delete(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM pruning WHERE path = ?", rows)

        return not rows or self._voice.write(delete)

    def told(self) -> list[str]:
        """Paths whose receipt was given and whose removal may not be on the disk yet."""
        return self._outbox.read_state(
            lambda db: [row[0] for row in db.execute("SELECT path FROM pruning WHERE told = 1")]
        )

    def unfinished(self) -> tuple[dict[Rule, list[Entry]], list[Entry]]:
        """What an earlier life began: without a receipt by rule, and with one."""
        untold: dict[Rule, list[Entry]] = {}
        told: list[Entry] = []
        rows = self._outbox.read_state(
            lambda db: db.execute("SELECT path, rule, end_ms, bytes, told FROM pruning ORDER BY path").fetchall()
        )
        for path, rule, end_ms, size, was_told in rows:
            parsed = SegmentName.parse(path)
            if parsed is not None:
                entry = Entry(parsed[0].channel, parsed[0].start_ms, end_ms, size)
                (told if was_told else untold.setdefault(rule, [])).append(entry)
        return untold, told


def ranges(catalog: Catalog, gone: Collection[Entry]) -> tuple[PrunedRange, ...]:
    """Runs of segments that are gone, with nothing kept in between."""
    by_channel: dict[str, list[Entry]] = {}
    for entry in sorted(gone, key=lambda one: (one.channel, one.start_ms)):
        by_channel.setdefault(entry.channel, []).append(entry)
    found: list[PrunedRange] = []
    for channel, entries in by_channel.items():
        names = {entry.start_ms for entry in entries}

        def kept_from(from_ms: int, channel: str = channel, names: Collection[int] = names) -> int | None:
            kept = (one.start_ms for one in catalog.oldest(channel, from_ms=from_ms) if one.start_ms not in names)
            return next(kept, None)

        oldest = kept_from(-(2**62))
        run: list[Entry] = []
        next_kept: int | None = None
        for entry in entries:
            if run and next_kept is not None and next_kept < entry.start_ms:
                found.append(_range(channel, run, oldest))
                run = []
            if not run:
                next_kept = kept_from(entry.start_ms)
            run.append(entry)
        found.append(_range(channel, run, oldest))
    return tuple(found)


def _range(channel: str, run: Sequence[Entry], oldest_kept_ms: int | None) -> PrunedRange:
    return PrunedRange(
        channel=channel,
        from_=wire(run[0].start_ms),
        to=wire(max(one.end_ms for one in run)),
        segments=len(run),
        bytes=sum(one.bytes for one in run),
        oldest_kept=None if oldest_kept_ms is None else wire(oldest_kept_ms),
    )


def wire(time_ms: int) -> str:
    """Milliseconds of UTC as events tell them."""
    return rfc3339(time_ms * 1_000_000)


def now_ms(clock: Clock) -> int:
    """The wall clock in milliseconds."""
    return clock.wall_ns() // 1_000_000
