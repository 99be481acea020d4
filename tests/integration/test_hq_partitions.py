"""Two processes of one headquarters on one PostgreSQL: each has its sites, and each shows all of them."""

import json
import os

import httpx
import psycopg
import pytest
from acceptance_support import EDGE, Command, until
from hq_sites import SimulatedSite
from postgres import PostgresServer
from test_hq_process import WAIT_S, HqProcess

from edge.journal.scope import partition_of

FIRST, SECOND = (next(name for name in map("site-{}".format, range(50)) if partition_of(name, 2) == number) for number in (1, 2))


@pytest.fixture
def database(postgres_server: PostgresServer) -> str:
    """A database of our own."""
    name = f"hq_{os.getpid()}"
    with postgres_server.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    return f"postgresql+psycopg://saksi@/{name}?host={postgres_server.folder}"


@pytest.fixture
def both(tmp_path, mosquitto, database):
    """The two processes, running."""
    made = []
    for number in (1, 2):
        (tmp_path / f"hq-{number}").mkdir()
        one = HqProcess(tmp_path / f"hq-{number}", mosquitto.port, database=database, partition={"number": number, "of": 2})
        settings = json.loads(one.config.read_text()) | {"public_url": one.url}
        one.config.write_text(json.dumps(settings))
        made.append(one)
    for one in made:
        one.start()
    yield made
    for one in made:
        one.command.end()


@pytest.fixture
def sites(tmp_path, mosquitto):
    """A site for each of them."""
    (tmp_path / "sites").mkdir()
    made = [SimulatedSite(mosquitto.port, tmp_path / "sites", name).begin() for name in (FIRST, SECOND)]
    yield made
    for one in made:
        one.end()


def test_each_holds_its_own_and_shows_all(both, sites):
    """No event is at both; pages of the other's site lead there; a process that dies is told by the other."""
    one, two = both
    until(lambda: one.holds(sites[0]) and two.holds(sites[1]), WAIT_S, two.said)
    assert one.held(FIRST) == {key: json.loads(payload) for key, payload in sites[0].said().items()}
    until(lambda: {row["site"] for row in one.get("/api/sites").json()["sites"]} == {FIRST, SECOND}, WAIT_S, one.said)
    until(lambda: {row["site"] for row in two.get("/api/sites").json()["sites"]} == {FIRST, SECOND}, WAIT_S, two.said)
    answer = one.get(f"/sites/{SECOND}?lang=en", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{two.url}/sites/{SECOND}?lang=en")
    assert one.get(f"/api/sites/{SECOND}/site").headers["location"] == f"{two.url}/api/sites/{SECOND}/site"
    assert one.get(f"/api/sites/{SECOND}/site", follow_redirects=True).json()["site"] == SECOND
    assert sum(one.health()["sites"].values()) == 1


def test_two_of_one_number_do_not_write_together(both, tmp_path):
    """The second one ends and says which setting to change."""
    (tmp_path / "third").mkdir()
    third = HqProcess(tmp_path / "third", 1, database=json.loads(both[0].config.read_text())["database"], partition={"number": 1, "of": 2})
    command = Command([*EDGE, "hq", "--config", third.config], tmp_path)
    assert command.process.wait(WAIT_S) != 0
    assert "give each its own partition.number in hq.yaml" in command.said()


def test_database_that_is_away_stops_nothing_for_ever(both, sites, database):
    """Its sessions are ended from outside; what came meanwhile is there in the end."""
    one = both[0]
    until(lambda: one.holds(sites[0]), WAIT_S, one.said)
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")
    sites[0].begin(5)
    until(lambda: one.holds(sites[0]), 2 * WAIT_S, one.said)
    until(lambda: httpx.get(f"{one.url}/health").status_code == 200, WAIT_S, one.said)
