"""The two connections of an outbox and who may use them when. Knows SQL's transactions, no tables but the numbers'.

Appends take the writing connection (FULL: on the disk when it returns). Cursors take the other one (NORMAL): after a
power cut they may be behind, which costs some duplicates and no event. Readers do not wait for a flush.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.bus.database import OutboxUnavailable, is_unavailable, last_given


class Transactions:
    """Whole transactions for any thread; errors of the medium come out as OutboxUnavailable."""

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.last_sequence = last_given(writer)
        self._path = path
        self._writer = writer
        self._reader = reader
        self._write_mutex = threading.RLock()
        self._read_mutex = threading.RLock()  # taken before _write_mutex where both are
        self._closed = False

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction; rolled back whole when anything in it raises."""
        with self._write_mutex, self._translating():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                last = last_given(self._writer)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # SQLite has rolled back by itself after some errors
                    self._writer.execute("ROLLBACK")
                raise
            self.last_sequence = last

    @contextmanager
    def saving(self) -> Iterator[sqlite3.Connection]:
        """For single statements that a power cut may undo."""
        with self._read_mutex, self._write_mutex, self._translating():
            yield self._reader

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For queries; sees what was committed."""
        with self._read_mutex, self._translating():
            yield self._reader

    def close(self) -> bool:
        """Close both; False when that was done before. Whatever comes later gets OutboxUnavailable."""
        with self._read_mutex, self._write_mutex:
            if self._closed:
                return False
            self._closed = True
            self._reader.close()
            self._writer.close()
            return True

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_unavailable(error) or self._closed:
                raise OutboxUnavailable(f"{self._path}: {error}; see to the disk that holds state_dir") from error
            raise
