"""The SQLite file of the catalog: its tables, and whether a file that is there can be gone on with.

The catalog is an index that can be made anew from the disk at any time, so a file that cannot be trusted is moved aside
and nothing is repaired. `synchronous=NORMAL`: a power cut may undo the newest changes, which the walk finds again.
"""

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import structlog

from edge.errors import SaksiError

VERSION: Final = 1
_APPLICATION_ID: Final = 0x53414B43  # "SAKC"
_BUSY_TIMEOUT_S: Final = 5.0
_WAL_LIMIT_BYTES: Final = 16 << 20
_CACHE_KIB: Final = 16 << 10
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

Doubt = Literal["missing", "damaged", "outdated", "other_disk"]

_SCHEMA: Final = """
CREATE TABLE channels (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE segments (
    start_ms INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,            -- of wall-clock time
    bytes INTEGER NOT NULL,
    PRIMARY KEY (start_ms, channel)          -- the order of deletion: oldest first over all channels
) WITHOUT ROWID;
CREATE INDEX segments_of_channel ON segments (channel, start_ms, bytes, duration_ms);  -- sums are read from it alone
CREATE TABLE rejected (
    channel INTEGER NOT NULL, start_ms INTEGER NOT NULL, rejected_ms INTEGER NOT NULL,
    PRIMARY KEY (channel, start_ms)
) WITHOUT ROWID;
CREATE INDEX rejected_order ON rejected (rejected_ms, start_ms, channel);
CREATE TABLE folders (                       -- what the walk found beside segments; `day` is '' for the root
    channel TEXT NOT NULL, day TEXT NOT NULL, unknown_files INTEGER NOT NULL,
    PRIMARY KEY (channel, day)
) WITHOUT ROWID;
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_log = structlog.get_logger()


class CatalogUnavailable(SaksiError):  # noqa: N818 - named for the state
    """The catalog cannot be written or read now (disk full, read-only): nothing was half-written, try later."""


class CatalogDamaged(SaksiError):  # noqa: N818 - named for the state
    """The file is damaged: close it and open it again, which makes a new one."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection, and why the index must be made anew from the disk; None where it can be gone on with."""

    connection: sqlite3.Connection
    doubt: Doubt | None


def open_file(path: Path | None, device: str) -> Opened:
    """The catalog of a disk at `path` (None: in memory); raises CatalogUnavailable."""
    try:
        if path is None:
            return Opened(_create(":memory:", device), "missing")
        doubt: Doubt = "missing"
        if path.exists():
            connection, found = _open_existing(path, device)
            if connection is not None:
                return Opened(connection, None)
            doubt = found or doubt
            move_aside(path)
        return Opened(_create(str(path), device), doubt)
    except sqlite3.Error as error:
        raise CatalogUnavailable(f"{path} cannot be opened: {error}; see to the disk that holds state_dir") from error
    except OSError as error:
        raise CatalogUnavailable(f"{path} cannot be opened: {error.strerror}; see to state_dir") from error


def read_note(connection: sqlite3.Connection, name: str) -> Any:
    """A value that was noted, None where there is none."""
    row = connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
    return json.loads(row[0]) if row else None


def write_note(connection: sqlite3.Connection, name: str, value: Any) -> None:
    """Note a JSON value."""
    connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, json.dumps(value)))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file itself to be damaged."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED


def move_aside(path: Path) -> None:
    """Keep one bad copy for a person, not one for every bad day: it may be large."""
    aside = path.with_name(path.name + ".bad")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    _log.error("catalog_moved_aside", path=str(path), to=str(aside), next="a new one is made from the disk")


def _open_existing(path: Path, device: str) -> tuple[sqlite3.Connection | None, Doubt | None]:
    connection = None
    try:
        connection = _connect(str(path))
        doubt = _doubt(connection, device)
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        if is_damage(error) or "no such table" in str(error):
            return None, "damaged"
        raise
    if doubt is not None:
        connection.close()
        return None, doubt
    return connection, None


def _doubt(connection: sqlite3.Connection, device: str) -> Doubt | None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        return "damaged"
    if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        return "outdated"
    return None if read_note(connection, "device") == device else "other_disk"


def _create(path: str, device: str) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id={_APPLICATION_ID}; PRAGMA user_version={VERSION}; {_SCHEMA}"
        )
        write_note(connection, "device", device)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection
