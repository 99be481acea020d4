"""Rows of the catalog as values, and SQLite's errors as the catalog's. What is selected stands beside what reads it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from edge.recordings.catalog_file import CatalogDamaged, CatalogUnavailable, is_damage
from edge.recordings.segment import SegmentName

COLUMNS: Final = "s.start_ms, c.id, s.duration_ms, s.bytes, r.rejected_ms"
FROM: Final = (
    " FROM segments s JOIN channels c ON c.number = s.channel"
    " LEFT JOIN rejected r ON r.channel = s.channel AND r.start_ms = s.start_ms "
)


class Entry(NamedTuple):
    """One segment; `rejected_ms` is when the validator found it worthless, None where it did not."""

    channel: str
    start_ms: int
    end_ms: int
    bytes: int
    rejected_ms: int | None = None

    @property
    def name(self) -> SegmentName:
        """Its name."""
        return SegmentName(self.channel, self.start_ms)


@dataclass(slots=True)
class Usage:
    """What one channel has on the disk."""

    segments: int = 0
    bytes: int = 0


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of SQLite into CatalogUnavailable and CatalogDamaged."""
    try:
        yield
    except sqlite3.ProgrammingError as error:  # closed
        raise CatalogUnavailable(f"the catalog is closed: {error}") from error
    except sqlite3.Error as error:
        if is_damage(error):
            raise CatalogDamaged(f"the catalog is damaged: {error}") from error
        raise CatalogUnavailable(f"the catalog cannot be used: {error}; see to the disk of state_dir") from error


def entry_of(row: Sequence[Any]) -> Entry:
    """The value of a row of COLUMNS."""
    start_ms, channel, duration_ms, size, rejected_ms = row
    return Entry(channel, start_ms, start_ms + duration_ms, size, rejected_ms)
