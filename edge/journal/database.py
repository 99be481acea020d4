"""The database of a journal: whole transactions, errors by their meaning. Which kind it is, its subclass knows.

Knows the tables only to make them and to tell a journal from something else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, func, insert, inspect, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from edge.journal.errors import JournalDamaged, JournalTooNew, JournalUnavailable
from edge.journal.tables import SCHEMA_VERSION, about, events, metadata

_NEWEST: Final = 100


class Database:
    """Whole transactions for any thread; what the medium does wrong comes out as one of this package's errors."""

    schema: str | None = None  # where the tables are, None where a database has but one place

    def __init__(self, engine: Engine) -> None:
        self.damaged = False
        self._engine = engine
        self._closed = False

    def hold(self) -> int:
        """Make sure that this process is the one that may write; raises JournalUnavailable, JournalLocked.

        The number that is returned changes when that right was lost meanwhile: what is in the database counts then,
        and not what is remembered of it.
        """
        return 0

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
        """Close every connection and let the next process have it; harmless when repeated."""
        if not self._closed:
            self._closed = True
            self._engine.dispose()
            self._let_go()

    def check(self) -> None:
        """Make sure that what is there is a journal that this release knows, for who only reads it."""
        with self.reading() as connection:
            self._check(connection, inspect(connection).get_table_names(self.schema))

    def prepare(self) -> None:
        """Make the tables, or make sure that they are ours and that the newest events are whole."""
        with self.writing() as connection:
            names = inspect(connection).get_table_names(self.schema)
            if not names:
                metadata.create_all(connection, checkfirst=False)
                connection.execute(insert(about).values(schema_version=SCHEMA_VERSION))
                return
            self._check(connection, names)
            _read_newest(connection)

    def _let_go(self) -> None:
        """Release what keeps others from writing."""

    def _translate(self, error: DBAPIError) -> None:
        """Raise what an error of this kind of database means, if it means anything."""

    def _remember_damage(self, why: str) -> None:  # noqa: ARG002 - a file is marked, see the subclass
        self.damaged = True

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
            if isinstance(error, IntegrityError):  # the writer decides what is new: rows and ranges do not agree
                self._remember_damage(str(error.orig))
                raise JournalDamaged(f"{self._engine.url!r} contradicts itself: {error.orig}") from error
            self._translate(error)
            raise
        except PoolTimeout as error:
            raise JournalUnavailable(f"{self._engine.url!r}: too many readers at a time ({error})") from error


def _read_newest(connection: Connection) -> None:
    newest = select(events).order_by(events.c.position.desc()).limit(_NEWEST)
    for row in connection.execute(newest).mappings():
        key = (events.c.source == row["source"]) & (events.c.sequence == row["sequence"])
        if connection.execute(select(func.count()).where(key)).scalar_one() != 1:
            raise JournalDamaged(f"the event at position {row['position']} is not found by its number")
