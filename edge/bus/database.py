"""The SQLite file of an outbox: who holds it, whether it can be trusted, and what is put in its place when it cannot.

Knows nothing of brokers or of what events mean. Steps of opening, in this order:

1. The side file `<name>.lock` is locked (flock: the kernel lets go when the process dies, however it dies).
2. A file that is not an unbroken outbox of this site and process, or that is older than its note says (restored from a
   copy: going on would give numbers a second time), is moved aside with its WAL. It is never deleted and never fatal.
3. Where there is no file, one is made with a new epoch that names the epoch before it, as far as the old file or the
   note tells.
"""

import contextlib
import errno
import fcntl
import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from edge.bus.epoch import EpochNote, new_epoch, read_note, write_note
from edge.clock import Clock, utc
from edge.durable import sync_folder
from edge.errors import OutboxLocked, SaksiError

_APPLICATION_ID: Final = 0x53414B53  # "SAKS"
_BUSY_TIMEOUT_S: Final = 5.0
_WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024

_SCHEMA: Final = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,  -- AUTOINCREMENT: a number is not given again when its row is gone
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,                       -- exactly the bytes that are published, however often
    created_ms INTEGER NOT NULL                  -- wall clock
);
CREATE TABLE cursor (
    published INTEGER NOT NULL,                  -- the broker has accepted every event up to this one
    acked INTEGER NOT NULL                       -- HQ has committed every event up to this one
);
CREATE TABLE meta (
    epoch TEXT NOT NULL,
    site TEXT NOT NULL,
    process TEXT NOT NULL,
    previous_epoch TEXT,                         -- null: this is the first known
    previous_last_sequence INTEGER,
    bdseq INTEGER NOT NULL                       -- number of the newest connection to the broker
);
"""

# Primary result codes that say the medium or the machine failed and not the statement.
_UNAVAILABLE_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
_PASSING_CODES: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL}
)
_CORRUPT_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_log = structlog.get_logger()


class OutboxUnavailable(SaksiError):  # noqa: N818 - named for the state
    """The outbox cannot be written or read now (disk full, read-only): nothing was half-written, try later."""


class OutboxRestored(SaksiError):  # noqa: N818 - named for the state
    """Headquarters holds numbers of this epoch that were never given here: the folder came back from a backup."""


def may_pass(error: OutboxUnavailable) -> bool:
    """Whether waiting can help, as with a full disk; not with a folder that may not be written."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        return cause.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}
    return isinstance(cause, sqlite3.Error) and primary_code(cause) in _PASSING_CODES


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose outbox a file must be."""

    site: str
    process: str
    at_hq: bool = field(default=False, compare=False)  # its topics carry the site


@dataclass(frozen=True, slots=True)
class Meta:
    """What an outbox says of itself."""

    epoch: str
    previous: tuple[str, int] | None
    bdseq: int


class _Unusable(Exception):  # noqa: N818 - never leaves this module
    """The file cannot be gone on with; the message says why."""


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its extension; 0 when the error did not come from SQLite itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def is_unavailable(error: sqlite3.Error) -> bool:
    """Whether the medium failed, rather than the statement being wrong."""
    return primary_code(error) in _UNAVAILABLE_CODES


def take_lock(path: Path) -> int:
    """Hold `<path>.lock` until the returned descriptor is closed; raises OutboxLocked naming the holder's process."""
    lock_path = path.with_name(path.name + ".lock")
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise OutboxLocked(
            f"{path} is held by process {holder}: only one may run on a state_dir; stop that one first"
        ) from None
    with contextlib.suppress(OSError):  # a full disk: the lock holds, only its holder has no name
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """One connection to the file, in WAL mode, without transactions of its own."""
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_database(path: Path, identity: Identity, clock: Clock) -> tuple[sqlite3.Connection, Meta]:
    """The writing connection (FULL) of an outbox that can be trusted; raises OutboxUnavailable when the disk fails."""
    note_path = path.with_name(path.name + ".epoch")
    note = read_note(note_path)
    if note is not None and (note.site, note.process) != (identity.site, identity.process):
        note = None
    previous = (note.epoch, note.last_sequence) if note else None
    try:
        if path.exists():
            try:
                return _open_existing(path, identity, note)
            except _Unusable as problem:
                previous = _last_given(path, identity, previous)
                _move_aside(path, clock, str(problem))
        elif path.with_name(path.name + "-wal").exists():
            _move_aside(path, clock, "the file was deleted, its WAL was left")
        return _create(path, identity, previous, clock)
    except sqlite3.Error as error:
        raise OutboxUnavailable(f"{path} cannot be opened: {error}; see to the disk that holds state_dir") from error


def save_note(path: Path, identity: Identity, epoch: str, last_sequence: int) -> None:
    """Write down how far this epoch has come; a disk that refuses costs only the note."""
    note = EpochNote(identity.site, identity.process, epoch, last_sequence)
    try:
        write_note(path.with_name(path.name + ".epoch"), note)
    except OSError as error:
        _log.warning("epoch_note_not_written", path=str(path), error=str(error))


def last_given(connection: sqlite3.Connection) -> int:
    """The highest number ever given in this file, 0 for none."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0]) if row else 0


def _open_existing(path: Path, identity: Identity, note: EpochNote | None) -> tuple[sqlite3.Connection, Meta]:
    if path.stat().st_size == 0:
        raise _Unusable("the file is empty")
    try:
        connection = connect(path, synchronous="FULL")
        try:
            return connection, _trusted(connection, identity, note)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        if is_unavailable(error) and primary_code(error) not in _CORRUPT_CODES:
            raise
        raise _Unusable(str(error)) from error


def _trusted(connection: sqlite3.Connection, identity: Identity, note: EpochNote | None) -> Meta:
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise _Unusable("the file is not an outbox")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise _Unusable(f"the file is damaged: {found}")
    meta, owner = _read_meta(connection)
    if owner != identity:
        raise _Unusable(f"the file belongs to site {owner.site}, process {owner.process}")
    last = last_given(connection)
    if note is not None and note.epoch == meta.epoch and note.last_sequence > last:
        raise _Unusable(f"the file ends at {last}, but {note.last_sequence} had been given: it is an old copy")
    return meta


def _read_meta(connection: sqlite3.Connection) -> tuple[Meta, Identity]:
    columns = "epoch, previous_epoch, previous_last_sequence, bdseq, site, process"
    row = connection.execute(f"SELECT {columns} FROM meta").fetchone()  # noqa: S608 - a constant
    if row is None or connection.execute("SELECT count(*) FROM cursor").fetchone()[0] != 1:
        raise _Unusable("the file was never finished")
    epoch, previous_epoch, previous_last, bdseq, site, process = row
    return Meta(epoch, (previous_epoch, previous_last) if previous_epoch else None, bdseq), Identity(site, process)


def _last_given(path: Path, identity: Identity, known: tuple[str, int] | None) -> tuple[str, int] | None:
    """Epoch and last number of a file that cannot be trusted, where it can still be read; else what the note knew."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            meta, owner = _read_meta(connection)
            if owner != identity:
                return known
            last = last_given(connection)
    except (sqlite3.Error, _Unusable):
        return known
    if known is not None and known[0] == meta.epoch:
        last = max(last, known[1])
    return meta.epoch, last


def _move_aside(path: Path, clock: Clock, why: str) -> None:
    stamp = utc(clock.wall_ns()).strftime("%Y%m%dT%H%M%S%fZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    _log.error("outbox_moved_aside", path=str(path), to=str(aside), why=why, next="a new epoch begins; keep the file")


def _create(
    path: Path, identity: Identity, previous: tuple[str, int] | None, clock: Clock
) -> tuple[sqlite3.Connection, Meta]:
    epoch = new_epoch(clock.wall_ns(), previous[0] if previous else None)
    connection = connect(path, synchronous="FULL")
    try:
        connection.executescript(f"BEGIN IMMEDIATE; PRAGMA application_id={_APPLICATION_ID}; {_SCHEMA}")
        connection.execute("INSERT INTO cursor VALUES (0, 0)")
        previous_epoch, previous_last = previous or (None, None)
        row = (epoch, identity.site, identity.process, previous_epoch, previous_last, 0)
        connection.execute("INSERT INTO meta VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    sync_folder(path.parent)
    save_note(path, identity, epoch, 0)
    return connection, Meta(epoch, previous, 0)
