"""The database of a journal: who holds it, whether it can be trusted, whole transactions, errors by their meaning.

Knows the tables only to make them. Steps of opening a SQLite file:

1. `<name>.lock` is locked (flock: the kernel lets go when the process dies, however it dies).
2. A file that was found damaged, or that is no journal, is moved aside with its WAL; never deleted, never fatal.
3. Tables are made in one transaction where there are none.

A journal of gigabytes is not read through to open it. Damage is found where it is met: SQLite checks every page that it
walks; what is meets is `JournalDamaged`, which leaves `<name>.damaged` beside the file and ends the process, and step 2
of the next start does the rest. The newest events, where a power cut does its harm, are read at every start.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, insert, inspect, make_url, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from edge.bus.database import is_unavailable, primary_code, take_lock
from edge.clock import Clock, utc
from edge.errors import OutboxLocked
from edge.journal.errors import JournalDamaged, JournalLocked, JournalTooNew, JournalUnavailable
from edge.journal.tables import SCHEMA_VERSION, about, events, metadata

_CONNECT: Final = {"timeout": 5.0, "isolation_level": None}
_WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024
_NEWEST: Final = 100
_CORRUPT_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_log = structlog.get_logger()


class Database:
    """Whole transactions for any thread; what the medium does wrong comes out as one of this package's errors."""

    def __init__(self, engine: Engine, path: Path | None, lock: int | None) -> None:
        """`path` is None where there is no file, `lock` where it is another's."""
        self.damaged = False
        self._engine = engine
        self._path = path
        self._lock = lock
        self._closed = False

    @classmethod
    def open(cls, url: str, clock: Clock) -> Self:
        """Open or make the database; raises JournalLocked, JournalTooNew and JournalUnavailable."""
        path = _file_of(url)
        if path is None:
            database = cls(create_engine(url, hide_parameters=True), None, None)
            database._prepare()
            return database
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
            with database.reading() as connection:
                database._check(connection, inspect(connection).get_table_names())
        except BaseException:
            engine.dispose()
            raise
        return database

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, on the disk when the block is left; nothing of it when anything raises."""
        with self._translating(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For queries; does not wait for writers."""
        with self._translating(), self._engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection and let the next process have the file; harmless when repeated."""
        if not self._closed:
            self._closed = True
            self._engine.dispose()
            if self._lock is not None:
                os.close(self._lock)

    @classmethod
    def _opened(cls, url: str, path: Path, lock: int) -> Self:
        engine = create_engine(url, connect_args=_CONNECT, hide_parameters=True)
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        database = cls(engine, path, lock)
        try:
            database._prepare()
        except BaseException:
            engine.dispose()
            raise
        return database

    def _prepare(self) -> None:
        """Make the tables, or make sure that they are ours and that the newest events are whole."""
        with self.writing() as connection:
            names = inspect(connection).get_table_names()
            if not names:
                metadata.create_all(connection)
                connection.execute(insert(about).values(schema_version=SCHEMA_VERSION))
                return
            self._check(connection, names)
            _read_newest(connection)

    def _check(self, connection: Connection, names: Sequence[str]) -> None:
        """Make sure that the tables are those of a journal that this release knows."""
        if "about" not in names:
            raise JournalDamaged("the file is not a journal")
        version = connection.execute(select(about.c.schema_version)).scalar()
        if version is None:
            raise JournalDamaged("the file was never finished")
        if version > SCHEMA_VERSION:
            raise JournalTooNew(
                f"{self._engine.url!r} was made by a newer release (tables {version}, this one knows"
                f" {SCHEMA_VERSION}); install that release again, or move the file away"
            )

    @contextmanager
    def _translating(self) -> Iterator[None]:
        if self._closed:
            raise JournalUnavailable(f"{self._engine.url!r} is closed")
        try:
            yield
        except DBAPIError as error:
            self._translate(error)
            raise
        except PoolTimeout as error:
            raise JournalUnavailable(f"{self._engine.url!r}: too many readers at a time ({error})") from error

    def _translate(self, error: DBAPIError) -> None:
        cause = error.orig
        if isinstance(error, IntegrityError):  # the writer decides what is new: rows and ranges do not agree
            self._remember_damage(str(cause))
            raise JournalDamaged(f"{self._engine.url!r} contradicts itself: {cause}") from error
        if isinstance(cause, sqlite3.Error):
            if primary_code(cause) in _CORRUPT_CODES:
                self._remember_damage(str(cause))
                raise JournalDamaged(f"{self._path} is damaged: {cause}") from error
            if is_unavailable(cause):
                raise JournalUnavailable(f"{self._path}: {cause}; see to the disk that holds state_dir") from error
        elif error.connection_invalidated:
            raise JournalUnavailable(f"{self._engine.url!r}: {cause}") from error

    def _remember_damage(self, why: str) -> None:
        self.damaged = True
        if self._path is not None and self._lock is not None:
            with suppress(OSError):
                _mark_of(self._path).write_text(f"{why}\n", encoding="utf-8")


def _file_of(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


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


def _read_newest(connection: Connection) -> None:
    newest = select(events).order_by(events.c.position.desc()).limit(_NEWEST)
    for row in connection.execute(newest).mappings():
        key = (events.c.source == row["source"]) & (events.c.sequence == row["sequence"])
        if connection.execute(select(func.count()).where(key)).scalar_one() != 1:
            raise JournalDamaged(f"the event at position {row['position']} is not found by its number")


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
