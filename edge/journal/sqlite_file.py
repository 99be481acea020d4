"""A journal in a SQLite file: who holds it and whether it can be trusted.

Steps of opening:

1. `<name>.lock` is locked (flock: the kernel lets go when the process dies, however it dies).
2. A file that was found damaged, or that is no journal, is moved aside with its WAL; never deleted, never fatal.
3. Tables are made in one transaction where there are none.

A journal of gigabytes is not read through to open it. Damage is found where it is met: SQLite checks every page that it
walks; what it meets is `JournalDamaged`, which leaves `<name>.damaged` beside the file and ends the process, and step 2
of the next start does the rest. The newest events, where a power cut does its harm, are read at every start.
"""

import os
import sqlite3
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, Self

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from edge.bus.database import is_unavailable, primary_code, take_lock
from edge.clock import Clock, utc
from edge.errors import OutboxLocked
from edge.journal.database import Database
from edge.journal.errors import JournalDamaged, JournalLocked, JournalUnavailable

_CONNECT: Final = {"timeout": 5.0, "isolation_level": None}
_WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024
_CORRUPT_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_log = structlog.get_logger()


class SqliteDatabase(Database):
    """One file with one writer."""

    def __init__(self, engine: Engine, path: Path, lock: int | None) -> None:
        """`lock` is None where it is another's."""
        super().__init__(engine)
        self._path = path
        self._lock = lock

    @classmethod
    def open(cls, url: URL, clock: Clock) -> Self:
        """Open or make the file; raises JournalLocked, JournalTooNew and JournalUnavailable."""
        path = Path(str(url.database))
        with ExitStack() as undo:
            lock = _lock(path)
            undo.callback(os.close, lock)
            if why := _found_before(path):
                _move_aside(path, clock, why)
            try:
                database = cls._opened(url, path, lock)
            except JournalDamaged as error:
                _move_aside(path, clock, str(error))
                database = cls._opened(url, path, lock)
            undo.pop_all()
            return database

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """The file of a process that may be running, without its lock; raises JournalUnavailable and the like.

        Nothing is written, not even that damage was met: that is for the process that owns it to find.
        """
        if not path.exists():
            raise JournalUnavailable(f"{path} is not there: the web process makes it when it starts")
        url = URL.create("sqlite", database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
        engine = create_engine(url, connect_args=_CONNECT, hide_parameters=True)
        event.listen(engine, "begin", _begin)
        database = cls(engine, path, None)
        try:
            database.check()
        except BaseException:
            engine.dispose()
            raise
        return database

    @classmethod
    def _opened(cls, url: URL, path: Path, lock: int) -> Self:
        engine = create_engine(url, connect_args=_CONNECT, hide_parameters=True)
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        database = cls(engine, path, lock)
        try:
            database.prepare()
        except BaseException:
            engine.dispose()
            raise
        return database

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def _translate(self, error: DBAPIError) -> None:
        cause = error.orig
        if isinstance(cause, sqlite3.Error):
            if primary_code(cause) in _CORRUPT_CODES:
                self._remember_damage(str(cause))
                raise JournalDamaged(f"{self._path} is damaged: {cause}") from error
            if is_unavailable(cause):
                raise JournalUnavailable(f"{self._path}: {cause}; see to the disk that holds state_dir") from error

    def _remember_damage(self, why: str) -> None:
        self.damaged = True
        if self._lock is not None:
            with suppress(OSError):
                _mark_of(self._path).write_text(f"{why}\n", encoding="utf-8")


def _lock(path: Path) -> int:
    try:
        return take_lock(path)
    except OutboxLocked as error:
        raise JournalLocked(str(error)) from None
    except OSError as error:
        raise JournalUnavailable(f"{path}: {error.strerror or error}; see to the folder state_dir") from error


def _set_up(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")


def _begin(connection: Connection) -> None:
    """sqlite3 would begin only at the first write, and queries before it would see another state."""
    connection.exec_driver_sql("BEGIN")


def _mark_of(path: Path) -> Path:
    return path.with_name(path.name + ".damaged")


def _found_before(path: Path) -> str | None:
    """Why a file must not be gone on with, as far as that can be said without opening it."""
    if path.exists() and _mark_of(path).exists():
        return _mark_of(path).read_text(encoding="utf-8").strip() or "found damaged"
    if not path.exists() and path.with_name(path.name + "-wal").exists():
        return "the file was deleted, its WAL was left"
    return None


def _move_aside(path: Path, clock: Clock, why: str) -> None:
    aside = path.with_name(f"{path.name}.corrupt-{utc(clock.wall_ns()).strftime('%Y%m%dT%H%M%S%fZ')}")
    for suffix in ("-wal", "-shm", "", ".damaged"):  # the mark goes last: a crash between two steps does no harm
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    _log.error(
        "journal_moved_aside",
        path=str(path),
        to=str(aside),
        why=why,
        next="a new journal begins and asks the outboxes for what they still have; keep the file",
    )
