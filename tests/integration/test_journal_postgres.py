"""The journal of headquarters on a real PostgreSQL: what happens when it dies, and how processes share its partitions."""

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from journal_events import EPOCH, JUMP, SITE, arrivals, payload
from journal_site import CLOCK, Publisher, Web, client, rows, stored, until
from postgres import PostgresServer, needs_postgres

from edge.bus.outbox import Outbox
from edge.bus.subscriber import Subscriber
from edge.clock import ManualClock
from edge.journal import postgres
from edge.journal.errors import JournalLocked, JournalUnavailable
from edge.journal.ingest import Ingest
from edge.journal.postgres import schema_of
from edge.journal.scope import Scope, partition_of
from edge.journal.store import Journal

HOLDER = """
import sys, time
from edge.clock import SystemClock
from edge.journal.store import Journal
journal = Journal.open(sys.argv[1], clock=SystemClock(), partition=int(sys.argv[2]))
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def server():
    """A server of its own, which a test may kill."""
    needs_postgres()
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture
def place(postgres_server):
    """An empty partition of the server that all tests share."""
    from journal_places import PostgresPlace

    return PostgresPlace(postgres_server)


def test_a_server_killed_under_load_costs_no_event(server: PostgresServer, mosquitto, tmp_path: Path) -> None:
    """Five times, fsync on: what was acked to the broker is there, and the process goes on by itself."""
    recorder = Publisher(mosquitto.port, tmp_path).begin()
    web = Web(mosquitto.port, tmp_path, url=server.url).begin()
    with recorder.under_load():
        for pause_s in (0.2, 0.5, 0.1, 0.7, 0.3):
            time.sleep(pause_s)
            server.kill()
            time.sleep(pause_s)
            server.start()
            reached = recorder.outbox.last_sequence
            until(
                lambda reached=reached: any(
                    one.process == "recorder" and one.contiguous_to >= reached for one in web.journal.completeness()
                ),
                60,
            )
    until(lambda: web.holds(recorder.outbox) and web.holds(web.publisher.outbox), 60)
    # What was missing and came is said afterwards, and has its own way through the broker.
    until(lambda: stored(web.journal) == rows(recorder.outbox) | rows(web.publisher.outbox))
    assert [entry.position for entry in web.folded] == list(range(1, web.journal.newest_position() + 1))
    assert web.ingest.metrics()["conflicts"] == web.ingest.metrics()["lost"] == 0
    web.end()
    recorder.end()


def test_a_commit_whose_answer_was_lost_is_returned_once(place, monkeypatch) -> None:
    """It is in the database though nobody was told: the next append says so, and folds it in its order."""
    journal = place.open()
    journal.append(arrivals(1, 2))
    database = journal._database
    writing = database.writing

    @contextmanager
    def answer_is_lost():
        with writing() as connection:
            yield connection
        database._lose()
        raise JournalUnavailable("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(database, "writing", answer_is_lost)
        with pytest.raises(JournalUnavailable):
            journal.append(arrivals(3, 4))
    assert journal.newest_position() == 2
    appended = journal.append(arrivals(3, 5))
    assert [(entry.position, entry.sequence) for entry in appended.entries] == [(3, 3), (4, 4), (5, 5)]
    assert journal.append(arrivals(3, 6)).entries[0].position == 6
    journal.close()


def test_what_was_noted_while_the_answer_was_lost_is_noted_once(place, monkeypatch) -> None:
    """The ranges in the database count, and not those remembered."""
    from edge.journal.positions import Source
    from edge.journal.ranges import Ranges

    source, gap = Source(SITE, "recorder", EPOCH), Ranges(((2, 8),))
    journal = place.open()
    journal.append([*arrivals(1, 1), *arrivals(9, 9)])
    journal._database._lose()
    with monkeypatch.context() as patched:
        patched.setattr(journal._database, "hold", lambda: journal._held)
        with pytest.raises(JournalUnavailable):
            journal.note(missing={source: gap}, settled={}, lost={})
    journal.note(missing={source: gap}, settled={}, lost={source: Ranges(((2, 3),))})
    journal.append(arrivals(4, 8))
    assert journal.tracks()[source].lost == Ranges(((2, 3),))
    journal.close()
    again = place.open()
    assert (again.tracks()[source].lost, again.tracks()[source].announced) == (Ranges(((2, 3),)), gap)
    again.close()


def test_who_lost_the_lock_to_another_writes_nothing_and_ends(place, postgres_server, monkeypatch) -> None:
    """A network that is cut ends a session at the server; who comes back does not write beside the new holder."""
    monkeypatch.setattr(postgres, "_LOCK_WAIT_MS", 100)
    clock = ManualClock()
    first = place.open(clock)
    first.append(arrivals(1, 2))
    with postgres_server.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [place.partition]
        )
    second = place.open()
    for _ in range(2):
        with pytest.raises(JournalUnavailable):
            first.append(arrivals(3, 3))
    second.append(arrivals(3, 4))
    clock.advance(61)
    with pytest.raises(JournalLocked, match="held by another process"):
        first.append(arrivals(3, 3))
    second.close()
    appended = first.append(arrivals(3, 5))
    assert [(entry.position, entry.sequence) for entry in appended.entries] == [(3, 3), (4, 4), (5, 5)]
    first.close()


def test_a_killed_holder_makes_room_at_once(place, monkeypatch) -> None:
    """The kernel closes its connection; until then a second process is refused in words."""
    monkeypatch.setattr(postgres, "_LOCK_WAIT_MS", 2_000)
    command = [sys.executable, "-c", HOLDER, place.url, str(place.partition)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalLocked, match=f"partition {place.partition} of .* give each its own partition.number"):
            place.open()
    finally:
        holder.kill()
        holder.communicate()
    place.open().close()


def test_a_database_that_is_away_at_the_start_is_said_in_words(tmp_path: Path) -> None:
    """Without the password."""
    url = f"postgresql+psycopg://saksi:secret@/saksi?host={tmp_path}"
    with pytest.raises(JournalUnavailable, match="see to the PostgreSQL server") as raised:
        Journal.open(url, clock=ManualClock())
    assert "secret" not in str(raised.value)


class Partition:
    """One of several processes of headquarters, on a real broker."""

    def __init__(self, port: int, folder: Path, url: str, number: int, of: int) -> None:
        name = f"hq-{number}"
        self.outbox = Outbox.open(folder / f"{name}.outbox", site="hq", process=name, clock=CLOCK, at_hq=True)
        self.journal = Journal.open(url, clock=CLOCK, partition=10_000 + number)
        broker = client(port, f"{name}-journal")
        scope = Scope.fleet("hq", lambda site: partition_of(site, of) == number)
        ingest = Ingest(
            self.journal, scope, self.outbox, CLOCK, fold=lambda _: None, hear=lambda *_: None, publish=broker.publish
        )
        self.ingest = ingest
        self.subscriber = Subscriber(broker, ingest.topics, ingest.commit, connected=ingest.connected)
        self.subscriber.start()
        until(lambda: broker.connected)

    def close(self) -> None:
        self.subscriber.stop()
        self.journal.close()
        self.outbox.close()


def test_processes_share_the_sites_without_doubling(mosquitto, tmp_path: Path, postgres_server: PostgresServer) -> None:
    """Every event of every site is with exactly one of them, and each site with one."""
    shares = [Partition(mosquitto.port, tmp_path, postgres_server.url, number, 3) for number in (1, 2, 3)]
    sites = [f"site-{number:02d}" for number in range(20)]
    sender = client(mosquitto.port, "bridges", durable=False)
    sender.start()
    until(lambda: sender.connected)

    def stored_after(first: int, last: int) -> int:
        for sequence in range(first, last + 1):
            for site, said in events.items():
                assert sender.publish(f"cctv/{site}/event/recorder/clock_jumped/_", said[sequence])
        time.sleep(0.2)
        return sum(share.journal.newest_position() for share in shares)

    events = {site: {number: payload(number, JUMP, site=site) for number in range(1, 21)} for site in sites}
    until(lambda: stored_after(1, 1) >= len(sites))  # the subscriptions follow the connections
    stored_after(2, 20)
    until(lambda: sum(share.journal.newest_position() for share in shares) >= 400)
    found = [(entry.site, entry.sequence) for share in shares for entry in share.journal.entries(limit=1_000)]
    assert sorted(found) == [(site, sequence) for site in sites for sequence in range(1, 21)]
    assert all(share.journal.newest_position() for share in shares)
    with postgres_server.connect() as connection:
        schemas = {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace")}
    assert schemas >= {schema_of(10_000 + number) for number in (1, 2, 3)}
    sender.stop()
    for share in shares:
        share.close()


def test_readers_go_on_while_a_writer_waits(place) -> None:
    """A page does not hang on a batch that is being stored."""
    journal = place.open()
    journal.append(arrivals(1, 500))
    with journal._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM conflicts")
        counted: list[int] = []
        reader = threading.Thread(target=lambda: counted.append(len(journal.entries(limit=1_000))))
        reader.start()
        reader.join(30)
    assert counted == [500]
    journal.close()
