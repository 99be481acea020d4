"""A journal on a real Mosquitto: it ends equal to the outboxes, or says what is lost."""

import time
from pathlib import Path

import pytest
from journal_events import SITE, payload
from journal_site import Publisher, Web, client, rows, stored, until

from edge.events.catalog import RecordingStopped
from edge.journal.positions import Source


@pytest.fixture
def site(mosquitto, tmp_path: Path):
    """Makes publishers and webs on one broker, and ends them."""
    made: list = []

    def make(kind, *args, **options):
        made.append(kind(mosquitto.port, tmp_path, *args, **options))
        return made[-1].begin()

    yield make
    for part in reversed(made):
        part.end()


def test_what_processes_say_is_in_the_journal(mosquitto, site) -> None:
    """With their heartbeats heard; the web's own events come the same way."""
    web, recorder = site(Web), site(Publisher)
    recorder.append(200)
    until(lambda: web.holds(recorder.outbox) and web.holds(web.publisher.outbox))
    until(lambda: {name for _, name, *_ in web.heard} == {"web", "recorder"})
    assert stored(web.journal) == rows(recorder.outbox) | rows(web.publisher.outbox)
    assert [entry.position for entry in web.folded] == list(range(1, web.journal.newest_position() + 1))
    counts = web.ingest.metrics()
    assert [counts[name] for name in ("not_understood", "conflicts", "refused", "missing", "lost")] == [0] * 5


def test_a_journal_that_begins_late_is_filled_by_replay(mosquitto, site) -> None:
    """Nobody was listening when the events went out: the heartbeat shows that they exist."""
    recorder = site(Publisher)
    recorder.append(2_500)
    until(recorder.published)
    recorder.wait_for_heartbeat(mosquitto.port)
    web = site(Web)
    until(lambda: web.holds(recorder.outbox))
    until(lambda: web.said("events_recovered"))
    assert stored(web.journal).items() >= rows(recorder.outbox).items()
    source = {"source": "/jkt-001/recorder", "epoch": recorder.outbox.epoch, "from": 1, "to": 2_501}
    assert web.said("events_missing") == [source | {"how": "heartbeat"}]
    assert web.said("events_recovered") == [source | {"how": "replay"}]


def test_a_hole_is_filled_by_replay(mosquitto, site, tmp_path: Path) -> None:
    """The events in the middle were lost by the broker: the web was away without a session."""
    web, recorder = Web(mosquitto.port, tmp_path).begin(), site(Publisher)
    recorder.append(10)
    until(lambda: web.holds(recorder.outbox))
    web.end()
    forget = client(mosquitto.port, "web-journal", durable=False)  # takes the session over and ends it
    forget.start()
    until(lambda: forget.connected)
    forget.stop()
    recorder.append(30)
    until(recorder.published)
    web = site(Web)
    recorder.append(5)
    until(lambda: web.holds(recorder.outbox))
    until(lambda: len(web.said("events_recovered")) == 1)
    assert stored(web.journal).items() >= rows(recorder.outbox).items()
    (missing,) = web.said("events_missing")
    assert (missing["from"], missing["to"], missing["how"]) == (12, 41, "hole")
    assert web.ingest.metrics()["duplicates"] == 0


def test_an_outbox_that_was_deleted_is_a_new_epoch_and_its_tail_is_lost(mosquitto, site, tmp_path: Path) -> None:
    """What its heartbeat or note still told of can be had from nobody, and that stays visible."""
    web = site(Web)
    recorder = Publisher(mosquitto.port, tmp_path).begin()
    recorder.append(50)
    until(lambda: web.holds(recorder.outbox))
    first = recorder.outbox.epoch
    web.subscriber.stop()  # it misses what comes now, and so does the broker's queue
    recorder.relay.stop()
    recorder.append(20)
    recorder.end()
    (tmp_path / "recorder.outbox").unlink()
    for side_file in tmp_path.glob("recorder.outbox-*"):
        side_file.unlink()
    web.end()
    web = Web(mosquitto.port, tmp_path).begin()
    recorder = site(Publisher)
    recorder.append(3)
    assert recorder.outbox.previous == (first, 71)
    until(lambda: [found.lost for found in web.journal.completeness() if found.epoch == first] == [((52, 71),)])
    until(lambda: "gone" in {said["how"] for said in web.said("events_missing")})
    until(lambda: web.holds(recorder.outbox))
    kinds = [(said["from"], said["to"], said["how"]) for said in web.said("events_missing")]
    assert kinds[-1] == (52, 71, "gone")
    assert web.said("events_recovered") == []
    web.end()
    web = site(Web)
    assert web.ingest.metrics()["lost"] == 20


def test_a_claim_that_cannot_be_true_ends_with_a_new_outbox(mosquitto, site, tmp_path: Path) -> None:
    """The way out of docs/troubleshooting.md: the outbox is moved away while its process is stopped."""
    web = site(Web)
    recorder = Publisher(mosquitto.port, tmp_path).begin()
    recorder.append(20)
    until(lambda: web.holds(recorder.outbox))
    epoch = recorder.outbox.epoch
    web.journal.hear(Source(SITE, "recorder", epoch), 10**15)
    until(web.ingest.unanswered, 60)
    recorder.end()
    (tmp_path / "kept").mkdir()
    (tmp_path / "recorder.outbox").rename(tmp_path / "kept" / "recorder.outbox")
    recorder = site(Publisher)
    assert recorder.outbox.previous == (epoch, 21)
    recorder.append(3)
    until(lambda: [one.lost for one in web.journal.completeness() if one.epoch == epoch] == [((22, 10**15),)])
    until(lambda: web.holds(recorder.outbox))
    assert web.ingest.unanswered() == []
    assert web.ingest.metrics()["missing"] == 0


def test_events_that_the_outbox_no_longer_holds_are_lost(mosquitto, site) -> None:
    """HQ had acked them, the outbox let them go, and this journal never had them."""
    recorder = site(Publisher)
    recorder.append(100)
    until(recorder.published)
    with recorder.outbox._transactions.writing() as connection:
        connection.execute("DELETE FROM events WHERE sequence <= 60")
    recorder.wait_for_heartbeat(mosquitto.port)
    web = site(Web)
    until(lambda: web.ingest.metrics()["lost"] == 60)
    until(lambda: web.ingest.metrics()["missing"] == 0)
    (found,) = [found for found in web.journal.completeness() if found.process == "recorder"]
    assert (found.lost, found.missing, found.count, found.contiguous_to) == (((1, 60),), (), 41, 101)
    until(lambda: len(web.said("events_recovered")) == 1)
    assert [(said["from"], said["how"]) for said in web.said("events_missing")] == [(1, "heartbeat"), (1, "gone")]
    assert [(said["from"], said["to"]) for said in web.said("events_recovered")] == [(61, 101)]


def test_two_events_under_one_number_raise_an_alarm(mosquitto, site) -> None:
    """The first counts, the other is kept; whoever looks can tell them apart."""
    web, recorder = site(Web), site(Publisher)
    recorder.append(3)
    until(lambda: web.holds(recorder.outbox))
    other = RecordingStopped.read(RecordingStopped.example)
    intruder = client(mosquitto.port, "intruder", durable=False)
    intruder.start()
    until(lambda: intruder.connected)
    forged = payload(2, other, epoch=recorder.outbox.epoch, channel="lobby")
    for _ in range(3):
        intruder.publish("event/recorder/recording_stopped/lobby", forged)
    until(lambda: web.said("events_conflicting"))
    until(lambda: web.ingest.metrics()["conflicts"] == 1)
    (said,) = web.said("events_conflicting")
    assert (said["source"], said["sequence"]) == ("/jkt-001/recorder", 2)
    assert stored(web.journal).items() >= rows(recorder.outbox).items()
    intruder.stop()


def test_what_cannot_be_read_stops_nothing(mosquitto, site) -> None:
    """Noise on every topic, an event of another site, one in another's name: counted, acked, passed by."""
    web = site(Web)
    until(lambda: web.broker.connected)
    noise = client(mosquitto.port, "noise", durable=False)
    noise.start()
    until(lambda: noise.connected)
    for topic, body in (
        ("event/recorder/clock_jumped/_", b"\xff{"),
        ("event/recorder", b"{}"),
        ("event/recorder/clock_jumped/_/more", payload(1)),
        ("event/recorder/clock_jumped/_", payload(1, site="sby-002")),
        ("event/validator/clock_jumped/_", payload(1)),
        ("state/recorder", b"[]"),
        ("reply/recorder/replay", b"{}"),
    ):
        noise.publish(topic, body)
    noise.publish("state/recorder", b"", retain=True)
    recorder = site(Publisher)
    until(lambda: web.holds(recorder.outbox))
    until(lambda: web.ingest.metrics()["refused"] == 7)
    assert {entry.process for entry in web.journal.entries()} == {"recorder", "web"}
    noise.stop()


def test_a_broker_killed_under_load_costs_no_event(mosquitto, site) -> None:
    """It forgets what it had accepted: holes and tails are found and filled."""
    web, recorder = site(Web), site(Publisher)
    with recorder.under_load():
        for _ in range(3):
            time.sleep(0.7)
            mosquitto.kill()
            time.sleep(0.3)
            mosquitto.start()
            until(lambda: web.broker.connected and recorder.broker.connected)
    until(lambda: web.holds(recorder.outbox) and web.holds(web.publisher.outbox), 60)
    until(lambda: web.ingest.metrics()["missing"] == 0)
    assert web.ingest.metrics()["lost"] == web.ingest.metrics()["conflicts"] == 0
    # That the last hole was filled is said afterwards, and has its own way through the broker.
    until(lambda: stored(web.journal) == rows(recorder.outbox) | rows(web.publisher.outbox))
