"""Headquarters with its journal in PostgreSQL: the same proof, with the server killed too."""

import time
from pathlib import Path

import pytest
from hq_lab import hq_lab
from postgres import PostgresServer, needs_postgres


@pytest.fixture
def server():
    """A server of its own, as it is killed."""
    needs_postgres()
    made = PostgresServer()
    try:
        yield made.start()
    finally:
        made.remove()


def test_a_journal_in_postgresql_holds_every_event_once(server: PostgresServer, tmp_path: Path) -> None:
    """The process, its database server and the broker are killed under load, one after the other."""
    with hq_lab(tmp_path, seed=8, rate=20, database=server.url) as lab:
        lab.prove()
        lab.set_rate(100)
        time.sleep(1)
        lab.kill_and_start(lab.hq)
        server.kill()
        time.sleep(1)
        server.start()
        lab.kill_and_start(lab.brokers[0])
        time.sleep(1)
        held = lab.prove()
        assert not held.lost
