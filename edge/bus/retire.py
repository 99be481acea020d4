"""Which stored events may go, and how: inside a transaction that the outbox owns. Knows no clock and no broker."""

import sqlite3
from dataclasses import dataclass
from typing import Final

_ROWS_A_CALL: Final = 5_000  # deleted in some 20 ms, during which appends wait
_SHARE_A_STEP: Final = 20  # a full outbox gives up a twentieth of its events at a time


@dataclass(frozen=True, slots=True)
class Dropped:
    """What had to go because of the size limit; `lost_from..lost_to` is what of it HQ had not acked, 0 for none."""

    rows: int = 0
    lost_from: int = 0
    lost_to: int = 0
    lost_bytes: int = 0


def drop_acked(connection: sqlite3.Connection, *, acked: int, kept_from_ms: int) -> int:
    """Delete the oldest events up to the first that HQ lacks or that is too young; returns how many.

    Only ever from the front, so that what is left has no holes even where the wall clock stepped while it was written.
    """
    (oldest,) = connection.execute("SELECT min(sequence) FROM events").fetchone()
    if oldest is None:
        return 0
    young = connection.execute(
        "SELECT sequence FROM events WHERE sequence <= ? AND created_ms >= ? ORDER BY sequence LIMIT 1",
        (acked, kept_from_ms),
    ).fetchone()
    end = min(young[0] if young else acked + 1, oldest + _ROWS_A_CALL)
    return connection.execute("DELETE FROM events WHERE sequence < ?", (end,)).rowcount


def drop_oldest(connection: sqlite3.Connection, *, acked: int, max_bytes: int) -> Dropped:
    """Delete the oldest events, acked or not, until the file uses at most `max_bytes`; the newest one always stays."""
    dropped = Dropped()
    while used_bytes(connection) > max_bytes:
        oldest, newest = connection.execute("SELECT min(sequence), max(sequence) FROM events").fetchone()
        if oldest == newest:  # also when there are none
            break
        to = oldest + (newest - oldest) // _SHARE_A_STEP
        (lost_bytes,) = connection.execute(
            "SELECT coalesce(sum(length(payload)), 0) FROM events WHERE sequence > ? AND sequence <= ?", (acked, to)
        ).fetchone()
        rows = connection.execute("DELETE FROM events WHERE sequence <= ?", (to,)).rowcount
        dropped = Dropped(
            rows=dropped.rows + rows,
            lost_from=dropped.lost_from or (max(oldest, acked + 1) if to > acked else 0),
            lost_to=to if to > acked else 0,
            lost_bytes=dropped.lost_bytes + lost_bytes,
        )
    return dropped


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of pages in use; free pages are used again before the file grows."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * page_bytes)
