"""Where a journal may lie: a SQLite file, or a partition of a PostgreSQL. Tests of both run on each."""

from itertools import count
from pathlib import Path

import pytest
from postgres import PostgresServer

from edge.clock import Clock, ManualClock
from edge.journal.store import Journal

_partitions = count(1_000)  # below that tests choose for themselves, on the same server


class SqlitePlace:
    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'journal.db'}"
        self.partition = 1

    def open(self, clock: Clock | None = None) -> Journal:
        return Journal.open(self.url, clock=clock or ManualClock(), partition=self.partition)


class PostgresPlace(SqlitePlace):
    def __init__(self, server: PostgresServer) -> None:
        self.url = server.url
        self.partition = next(_partitions)


@pytest.fixture(params=["sqlite", "postgres"])
def make_place(request):
    """Makes places of one kind."""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        return lambda: PostgresPlace(server)
    factory = request.getfixturevalue("tmp_path_factory")
    return lambda: SqlitePlace(factory.mktemp("journal"))


@pytest.fixture
def place(make_place) -> SqlitePlace:
    """One place, empty."""
    return make_place()
