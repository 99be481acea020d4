"""A journal in PostgreSQL: a schema for each partition of the sites, and one writer of it at a time.

All writing goes through one connection, and that connection holds the partition's advisory lock: whoever loses the one
has lost the other, so two processes never write at the same time, whatever the network does. After a loss the lock is
taken again by a new connection, and the journal reads from the database where it stands: the answer to the last commit
may have been lost on the way.

Needs a connection to the server itself: behind a pooler that hands out another session for every transaction (PgBouncer
in transaction mode) there are no locks of a session.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Self

import structlog
from psycopg import errors
from sqlalchemy import URL, Connection, NullPool, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.schema import CreateSchema

from edge.clock import Clock
from edge.errors import ConfigError
from edge.journal.database import Database
from edge.journal.errors import JournalDamaged, JournalLocked, JournalUnavailable

_LOCK_CLASS: Final = 0x53414B53  # "SAKS": our own locks among those of other programs on the server
_LOCK_WAIT_MS: Final = 5_000  # the server may not have noticed yet that the process before this one died
_HELD_BY_OTHERS_NS: Final = 60_000_000_000  # a network that was cut keeps the old session alive for half a minute
_CONNECT: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
_SESSION: Final = {
    "synchronous_commit": "on",  # what is acknowledged to a site must survive a power cut
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_CORRUPT: Final = (errors.DataCorrupted, errors.IndexCorrupted)

_log = structlog.get_logger()


class PostgresDatabase(Database):
    """One partition of a database that others may use too."""

    def __init__(self, url: URL, partition: int, clock: Clock) -> None:
        self.schema = schema_of(partition)
        self._partition = partition
        self._clock = clock
        arguments = _arguments(url, self.schema, f"saksi {socket.gethostname()} {os.getpid()}")
        super().__init__(create_engine(url, connect_args=arguments, hide_parameters=True, pool_pre_ping=True))
        self._writing_engine = create_engine(
            url, connect_args=arguments, hide_parameters=True, poolclass=NullPool
        )
        self._writer: Connection | None = None
        self._held = 0
        self._lost_ns: int | None = None

    @classmethod
    def open(cls, url: URL, partition: int, clock: Clock) -> Self:
        """Open or make a partition; raises JournalLocked, JournalTooNew, JournalUnavailable and ConfigError."""
        database = cls(url, partition, clock)
        try:
            with database._translating():
                database._writer = database._take_lock()
            database._held = 1
            database.prepare()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def open_to_read(cls, url: URL, partition: int, clock: Clock) -> Self:
        """A partition that a process may be writing, for queries only; raises JournalUnavailable and the like."""
        database = cls(url.update_query_dict({"options": "-c default_transaction_read_only=on"}), partition, clock)
        try:
            database.check()
        except BaseException:
            database.close()
            raise
        return database

    def hold(self) -> int:
        """Take the lock again where it was lost; the number grows with every time that happened."""
        if self._writer is None:
            try:
                with self._translating():
                    self._writer = self._take_lock()
            except JournalLocked as error:
                if self._away_ns() > _HELD_BY_OTHERS_NS:
                    raise
                raise JournalUnavailable(str(error)) from error
            self._held += 1
            self._lost_ns = None
            _log.info("journal_held_again", schema=self.schema)
        return self._held

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction on the connection that holds the lock."""
        connection = self._writer
        if connection is None:
            raise JournalUnavailable(f"{self._engine.url!r}: the connection was lost, the next try makes a new one")
        with self._translating():
            try:
                with connection.begin():
                    yield connection
            except DBAPIError as error:
                if error.connection_invalidated or connection.invalidated or _is_read_only(error):
                    self._lose()
                raise

    def prepare(self) -> None:
        """Make the schema and the tables, or make sure that they are ours."""
        with self.writing() as connection:
            encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
            if encoding != "UTF8":
                raise ConfigError(f"database {self._engine.url!r} has encoding {encoding}; create it with UTF8")
            if self.schema not in inspect(connection).get_schema_names():
                connection.execute(CreateSchema(str(self.schema)))
        super().prepare()

    def _take_lock(self) -> Connection:
        connection = self._writing_engine.connect()
        try:
            with connection.begin():
                connection.execute(text(f"SET LOCAL lock_timeout = {_LOCK_WAIT_MS}"))
                wanted = {"kind": _LOCK_CLASS, "partition": self._partition}
                connection.execute(text("SELECT pg_advisory_lock(:kind, :partition)"), wanted)
        except OperationalError as error:
            connection.close()
            if isinstance(error.orig, errors.LockNotAvailable):
                raise JournalLocked(
                    f"partition {self._partition} of {self._engine.url!r} is held by another process;"
                    " give each its own partition.number in hq.yaml"
                ) from error
            raise
        except BaseException:
            connection.close()
            raise
        return connection

    def _lose(self) -> None:
        connection, self._writer = self._writer, None
        if connection is not None:
            self._lost_ns = self._clock.monotonic_ns()
            with suppress(DBAPIError):
                connection.close()

    def _away_ns(self) -> int:
        return 0 if self._lost_ns is None else self._clock.monotonic_ns() - self._lost_ns

    def _let_go(self) -> None:
        self._lose()
        self._writing_engine.dispose()

    def _translate(self, error: DBAPIError) -> None:
        cause = error.orig
        if isinstance(cause, _CORRUPT):
            self._remember_damage(str(cause))
            raise JournalDamaged(f"{self._engine.url!r} is damaged: {cause}") from error
        away = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        if away or _is_read_only(error):
            words = " ".join(str(cause).split())
            raise JournalUnavailable(f"{self._engine.url!r}: {words}; see to the PostgreSQL server") from error


def schema_of(partition: int) -> str:
    """The schema that a partition's tables are in."""
    return f"saksi_p{partition}"


def _arguments(url: URL, schema: str, name: str) -> dict[str, Any]:
    """What to connect with, but for what the URL itself says."""
    session = " ".join(f"-c {key}={value}" for key, value in {"search_path": schema, **_SESSION}.items())
    asked = str(url.query.get("options", ""))
    defaults = {key: value for key, value in _CONNECT.items() if key not in url.query}
    return {**defaults, "application_name": name, "options": f"{session} {asked}".strip()}


def _is_read_only(error: DBAPIError) -> bool:
    """Whether the server has become another one's standby."""
    return isinstance(error.orig, errors.ReadOnlySqlTransaction)
