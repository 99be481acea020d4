"""Relay, replay, heartbeat and subscriber on the broker in memory."""

import json
import threading
import time
from pathlib import Path

import pytest

from edge.bus.connection import Message
from edge.bus.fake import FakeBroker, FakeHub
from edge.bus.heartbeat import Heartbeat
from edge.bus.outbox import Fact, Outbox
from edge.bus.relay import WINDOW, Relay
from edge.bus.replay import WAITING_COMMANDS, Replayer
from edge.bus.subscriber import NotCommitted, Subscriber
from edge.clock import SystemClock
from edge.events.catalog import ClockJumped
from edge.events.envelope import Envelope
from edge.events.messages import Ack, ReplayCommand, ReplayReply, parse_state

EVENT = ClockJumped(step_s=1.0, wall_before="2026-11-23T02:22:03.500Z", wall_after="2026-11-23T02:22:00.000Z")


def until(condition, wait_s: float = 60) -> None:
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Site:
    """One process's bus on a hub."""

    def __init__(self, folder: Path, hub: FakeHub) -> None:
        self.hub = hub
        clock = SystemClock()
        self.outbox = Outbox.open(folder / "recorder.outbox", site="jkt-001", process="recorder", clock=clock)
        self.broker = FakeBroker(hub, "recorder")
        self.relay = Relay(self.outbox, self.broker, clock)
        self.replayer = Replayer(self.outbox, self.broker, events_a_second=2_000)
        self.heartbeat = Heartbeat(self.outbox, self.broker, clock, version="1", metrics=self.relay.metrics)
        self.asker = FakeBroker(hub, "asker")

    def start(self) -> None:
        for part in (self.relay, self.replayer, self.heartbeat, self.broker, self.asker):
            part.start()

    def stop(self) -> None:
        for part in (self.relay, self.replayer, self.heartbeat, self.broker, self.asker):
            part.stop()
        self.outbox.close()

    def sequences(self) -> list[int]:
        return [Envelope.parse(payload).sequence for topic, payload in self.hub.published if topic.startswith("event/")]

    def replies(self) -> list[ReplayReply]:
        return [ReplayReply.parse(payload) for topic, payload in self.hub.published if topic.startswith("reply/")]

    def ask(self, transaction: str, first: int, last: int, epoch: str | None = None) -> None:
        fields = {"transaction": transaction, "epoch": epoch or self.outbox.epoch, "from": first, "to": last}
        command = ReplayCommand.model_validate(fields)
        self.asker.publish("command/recorder/replay", command.to_json())


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def site(tmp_path: Path, hub: FakeHub):
    site = Site(tmp_path, hub)
    yield site
    hub.silent = False
    site.stop()


def test_what_waited_and_what_comes_is_published_in_order(site: Site) -> None:
    """Events from before the start, then new ones, each once."""
    site.outbox.append_many([Fact(EVENT)] * 250)
    site.start()
    for _ in range(50):
        site.outbox.append(EVENT)
    until(lambda: site.outbox.published == 300)
    assert site.sequences() == list(range(1, 301))


def test_without_answers_the_window_is_the_most_that_is_sent(site: Site) -> None:
    """The cursor stays, and after a reconnect everything unanswered is sent again."""
    site.hub.silent = True
    site.outbox.append_many([Fact(EVENT)] * 250)
    site.start()
    until(lambda: len(site.sequences()) == WINDOW)
    assert site.outbox.published == 0
    site.hub.silent = False
    site.hub.go_down()
    site.hub.come_up()
    until(lambda: site.outbox.published == 250)
    assert site.sequences() == [*range(1, WINDOW + 1), *range(1, 251)]


def test_a_refused_event_stays_and_does_not_hold_up_the_others(site: Site) -> None:
    """It is shown in the heartbeat and published when the broker allows it."""
    site.hub.refused["event/recorder/clock_jumped/_"] = "Not authorized"
    site.outbox.append_many([Fact(EVENT)] * 3)
    site.start()
    until(lambda: site.relay.metrics().get("outbox_refused") == 3)
    assert site.relay.metrics()["outbox_refused_reason"] == "Not authorized"
    assert site.outbox.published == 0
    site.hub.refused.clear()
    until(lambda: site.outbox.published == 3)
    assert site.relay.metrics() == {"outbox_waiting": 0}


def test_a_replay_publishes_the_same_bytes_again(site: Site) -> None:
    """And is answered with done when the last of them was accepted."""
    site.outbox.append_many([Fact(EVENT)] * 500)
    site.start()
    until(lambda: site.outbox.published == 500)
    first = dict(zip(site.sequences(), [p for t, p in site.hub.published if t.startswith("event/")], strict=True))
    site.hub.published.clear()
    site.ask("t1", 100, 399)
    until(site.replies)
    again = [payload for topic, payload in site.hub.published if topic.startswith("event/")]
    assert again == [first[sequence] for sequence in range(100, 400)]
    assert site.replies() == [ReplayReply(transaction="t1", status="done", available_from=1)]


def test_a_replay_says_what_is_gone(site: Site) -> None:
    """gone for what the outbox no longer has, partial for a part, and never gone for numbers that were not given yet."""
    site.outbox.append_many([Fact(EVENT)] * 20)
    site.outbox._transactions._writer.execute("DELETE FROM events WHERE sequence <= 10")
    site.start()
    site.ask("part", 5, 15)
    site.ask("gone", 1, 10)
    site.ask("future", 21, 25)
    site.ask("epoch", 1, 5, epoch="01KAQFYK00N8TG6ZQ3V5M7W9XA")
    until(lambda: len(site.replies()) == 4)
    assert {(reply.transaction, reply.status, reply.available_from) for reply in site.replies()} == {
        ("part", "partial", 11),
        ("gone", "gone", 11),
        ("future", "partial", 11),
        ("epoch", "gone", 6),
    }


def test_a_lost_connection_does_not_end_a_replay(site: Site) -> None:
    """It goes on when the broker is back, and every event was published."""
    site.outbox.append_many([Fact(EVENT)] * 600)
    site.start()
    until(lambda: site.outbox.published == 600)
    site.hub.published.clear()
    site.ask("t1", 1, 600)
    until(lambda: len(site.sequences()) > 200)
    site.hub.go_down()
    site.hub.come_up()
    until(site.replies)
    assert sorted(set(site.sequences())) == list(range(1, 601))


def test_malformed_commands_are_answered_where_they_can_be(site: Site) -> None:
    """Nothing is published and nothing breaks."""
    site.start()
    for payload in (
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"transaction":7}',
        b'{"transaction":"t","epoch":"x","from":2,"to":1}',
    ):
        site.asker.publish("command/recorder/replay", payload)
    until(site.replies)
    assert [(reply.transaction, reply.status) for reply in site.replies()] == [("t", "partial")]


def test_too_many_commands_are_refused_not_kept(site: Site) -> None:
    """The queue is bounded and every command is answered."""
    site.outbox.append_many([Fact(EVENT)] * 100)
    site.start()
    until(lambda: site.outbox.published == 100)
    asked = WAITING_COMMANDS * 3
    for number in range(asked):
        site.ask(f"t{number}", 1, 100)
    until(lambda: len(site.replies()) == asked, 30)
    assert {reply.status for reply in site.replies()} == {"done", "partial"}


def test_an_ack_of_hq_reaches_the_outbox(site: Site) -> None:
    """Retained, so that it also comes to a process that starts later; garbage changes nothing."""
    site.outbox.append_many([Fact(EVENT)] * 9)
    site.asker.start()
    site.asker.publish("ack/recorder", Ack(epoch=site.outbox.epoch, contiguous_to=7).to_json(), retain=True)
    site.start()
    until(lambda: site.outbox.acked == 7)
    site.asker.publish("ack/recorder", b"nonsense")
    site.asker.publish("ack/recorder", b"", retain=True)
    site.asker.publish("ack/recorder", Ack(epoch=site.outbox.epoch, contiguous_to=8).to_json())
    until(lambda: site.outbox.acked == 8)


def test_heartbeat_and_will_belong_to_one_connection(site: Site) -> None:
    """The number grows with every connection, and a clean stop says offline."""
    site.outbox.append(EVENT)
    site.start()
    until(lambda: "state/recorder" in site.hub.retained)
    first = parse_state(site.hub.retained["state/recorder"])
    assert (first.status, first.bdseq, first.last_sequence) == ("online", 1, 1)
    site.broker.drop()
    assert parse_state(site.hub.retained["state/recorder"]).model_dump() == {
        "status": "offline",
        "epoch": site.outbox.epoch,
        "bdseq": 1,
    }
    site.broker.try_connect()
    until(lambda: parse_state(site.hub.retained["state/recorder"]).status == "online")
    assert parse_state(site.hub.retained["state/recorder"]).bdseq == 2
    site.heartbeat.stop()
    assert json.loads(site.hub.retained["state/recorder"]) == {
        "status": "offline",
        "epoch": site.outbox.epoch,
        "bdseq": 2,
    }


def test_a_consumer_acks_only_what_it_has_committed(hub: FakeHub) -> None:
    """A batch that cannot be committed is handed over again, in the same order, and is still the broker's."""
    committed: list[bytes] = []
    attempts: list[int] = []
    unlocked = threading.Event()

    def commit(batch: list[Message]) -> None:
        attempts.append(len(batch))
        if not unlocked.is_set():
            raise NotCommitted("database is locked")
        committed.extend(message.payload for message in batch)

    writer = FakeBroker(hub, "writer")
    writer.start()
    subscriber = Subscriber(FakeBroker(hub, "reader"), ["event/#"], commit)
    subscriber.start()
    for number in range(10):
        writer.publish("event/a", b"%d" % number)
    until(lambda: attempts)
    assert len(hub.sessions["reader"].waiting) == 10
    unlocked.set()
    until(lambda: not hub.sessions["reader"].waiting)
    assert committed == [b"%d" % number for number in range(10)]
    subscriber.stop()
