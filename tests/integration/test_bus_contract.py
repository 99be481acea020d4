"""One suite for the broker in memory and the real one: what edge.bus.connection promises."""

import queue
import threading
from collections.abc import Callable

import pytest

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.connection import Broker, Change, Message, Outcome, Will
from edge.bus.fake import FakeBroker, FakeHub
from edge.clock import SystemClock

WAIT_S = 60


class FakeWorld:
    def __init__(self) -> None:
        self.hub = FakeHub()

    def client(self, name: str, **options) -> Broker:
        return FakeBroker(self.hub, name, **options)

    def kill(self) -> None:
        self.hub.go_down()

    def back(self) -> None:
        self.hub.come_up()

    def save(self) -> None:
        pass

    def die(self, client: FakeBroker) -> None:
        client.drop()


class RealWorld:
    def __init__(self, mosquitto, mqtt_version: str = "5") -> None:
        self.mosquitto = mosquitto
        self.mqtt_version = mqtt_version

    def client(self, name: str, **options) -> Broker:
        address = BrokerAddress("127.0.0.1", self.mosquitto.port, mqtt_version=self.mqtt_version)
        return PahoBroker(address, name, clock=SystemClock(), reconnect_s=(1, 1), **options)

    def kill(self) -> None:
        self.mosquitto.kill()

    def back(self) -> None:
        self.mosquitto.start()

    def save(self) -> None:
        self.mosquitto.save()

    def die(self, client: PahoBroker) -> None:
        import socket

        client._client.socket().shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=["fake", "5", "3.1.1"])
def world(request):
    if request.param == "fake":
        return FakeWorld()
    return RealWorld(request.getfixturevalue("mosquitto"), request.param)


@pytest.fixture
def clients(world):
    """Make clients that are stopped at the end."""
    made: list[Broker] = []

    def make(name: str, **options) -> Broker:
        made.append(world.client(name, **options))
        return made[-1]

    yield make
    for client in made:
        client.stop()


def started(client: Broker) -> "queue.Queue[Change]":
    changes: queue.Queue[Change] = queue.Queue()
    client.add_listener(changes.put)
    client.start()
    return changes


def publish(client: Broker, topic: str, payload: bytes, **options) -> Outcome:
    answers: queue.Queue[Outcome] = queue.Queue()
    assert client.publish(topic, payload, done=answers.put, **options)
    return answers.get(timeout=WAIT_S)


def test_a_published_message_is_accepted_and_reaches_its_subscriber(clients: Callable[..., Broker]) -> None:
    """The bytes arrive unchanged, and the publisher is told."""
    reader, writer = clients("reader"), clients("writer")
    received: queue.Queue[Message] = queue.Queue()
    reader.subscribe("event/#", received.put)
    assert started(reader).get(timeout=WAIT_S).connected
    assert started(writer).get(timeout=WAIT_S).connected
    assert publish(writer, "event/recorder/x/_", b"\x00bytes").status == "accepted"
    message = received.get(timeout=WAIT_S)
    assert (message.topic, message.payload, message.retained) == ("event/recorder/x/_", b"\x00bytes", False)


def test_nothing_is_taken_without_a_connection(clients: Callable[..., Broker]) -> None:
    """publish says False, so that the caller keeps the message."""
    assert not clients("writer").publish("a/b", b"x")


def test_a_retained_message_is_there_for_whoever_comes_late(clients: Callable[..., Broker]) -> None:
    """And is marked as retained."""
    writer, reader = clients("writer"), clients("reader")
    started(writer).get(timeout=WAIT_S)
    publish(writer, "state/recorder", b"on", retain=True)
    received: queue.Queue[Message] = queue.Queue()
    reader.subscribe("state/+", received.put)
    started(reader)
    message = received.get(timeout=WAIT_S)
    assert (message.payload, message.retained) == (b"on", True)


def test_a_message_that_was_not_acked_comes_again(world, clients: Callable[..., Broker]) -> None:
    """Also after the broker was killed; what was acked does not come."""
    reader, writer = clients("reader"), clients("writer")
    received: queue.Queue[Message] = queue.Queue()
    reader.subscribe("event/#", received.put)
    changes = started(reader)
    changes.get(timeout=WAIT_S)
    started(writer).get(timeout=WAIT_S)
    publish(writer, "event/a", b"1")
    publish(writer, "event/b", b"2")
    reader.ack(received.get(timeout=WAIT_S))
    unacked = received.get(timeout=WAIT_S)
    publish(reader, "other", b"")  # once the broker has answered this, it has the ack that went before
    world.save()
    world.kill()
    assert not changes.get(timeout=WAIT_S).connected
    world.back()
    assert changes.get(timeout=WAIT_S) == Change(connected=True, session_present=True)
    again = received.get(timeout=WAIT_S)
    assert again.payload == b"2"
    reader.ack(unacked)  # of the earlier connection: ignored
    assert again.session == unacked.session + 1
    reader.ack(again)


def test_a_lost_connection_is_told_and_comes_back(world, clients: Callable[..., Broker]) -> None:
    """Listeners hear it go and come, and publish works again."""
    writer = clients("writer")
    changes = started(writer)
    assert changes.get(timeout=WAIT_S).connected
    world.kill()
    assert not changes.get(timeout=WAIT_S).connected
    assert not writer.publish("a", b"x")
    world.back()
    assert changes.get(timeout=WAIT_S).connected
    assert writer.session == 2
    assert publish(writer, "a", b"x").status == "accepted"


def test_a_broker_that_is_down_at_start_is_no_error(world, clients: Callable[..., Broker]) -> None:
    """The client connects when it comes up."""
    world.kill()
    changes = started(clients("early"))
    world.back()
    assert changes.get(timeout=WAIT_S).connected


def test_a_client_that_dies_leaves_its_will_and_one_that_stops_does_not(world, clients: Callable[..., Broker]) -> None:
    """Each connection has the Will that was made for it."""
    watcher, mortal = clients("watcher"), clients("mortal")
    received: queue.Queue[Message] = queue.Queue()
    watcher.subscribe("state/#", received.put)
    started(watcher).get(timeout=WAIT_S)
    numbers = iter(range(1, 100))
    mortal.set_will(lambda: Will("state/mortal", b"%d" % next(numbers)))
    changes = started(mortal)
    changes.get(timeout=WAIT_S)
    world.die(mortal)
    assert received.get(timeout=WAIT_S).payload == b"1"
    if isinstance(mortal, FakeBroker):
        mortal.try_connect()
    changes.get(timeout=WAIT_S)
    assert changes.get(timeout=WAIT_S).connected
    mortal.stop()
    with pytest.raises(queue.Empty):
        received.get(timeout=0.3)


def test_every_taken_message_gets_one_answer_when_the_broker_dies(world, clients: Callable[..., Broker]) -> None:
    """Accepted or lost, never both and never nothing."""
    writer = clients("writer")
    started(writer).get(timeout=WAIT_S)
    answers: list[Outcome] = []
    taken = 0
    killer = threading.Timer(0.05, world.kill)
    killer.start()
    for _ in range(200_000):
        if not writer.publish("event/burst", b"x" * 300, done=answers.append):
            break
        taken += 1
    killer.join()
    deadline = threading.Event()
    for _ in range(100):
        if len(answers) == taken:
            break
        deadline.wait(0.05)
    assert len(answers) == taken
    assert {answer.status for answer in answers} <= {"accepted", "lost"}
    world.back()
