"""Which kind of database a journal's URL means."""

from pathlib import Path

from sqlalchemy import make_url

from edge.clock import Clock, SystemClock
from edge.errors import ConfigError
from edge.journal.database import Database
from edge.journal.sqlite_file import SqliteDatabase


def open_database(url: str, clock: Clock, partition: int) -> Database:
    """Open or make it, to write; raises JournalLocked, JournalTooNew, JournalUnavailable, ConfigError."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase.open(parsed, clock)
    if parsed.drivername != "postgresql+psycopg":
        raise ConfigError(f'database "{parsed.drivername}" is not known; take sqlite:/// or postgresql+psycopg://')
    from edge.journal.postgres import PostgresDatabase  # noqa: PLC0415 - a site needs no client of PostgreSQL

    return PostgresDatabase.open(parsed, partition, clock)


def open_to_read(url: str, partition: int = 1) -> Database:
    """A journal that a process may be writing, for queries only.

    Raises JournalUnavailable, JournalTooNew and JournalDamaged.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase.open_to_read(Path(str(parsed.database)))
    from edge.journal.postgres import PostgresDatabase  # noqa: PLC0415 - a site needs no client of PostgreSQL

    return PostgresDatabase.open_to_read(parsed, partition, SystemClock())
