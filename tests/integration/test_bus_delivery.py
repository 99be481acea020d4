"""A whole process on a real Mosquitto that dies: every event arrives, in order of first sight, and the state topic tells."""

import json
import threading
import time
from pathlib import Path

import pytest

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.outbox import Outbox
from edge.bus.relay import Relay
from edge.bus.replay import Replayer
from edge.bus.subscriber import Subscriber, Tail
from edge.clock import SystemClock
from edge.config import BrokerConfig, ChannelConfig, Config, StorageConfig
from edge.errors import ConfigError, OutboxLocked
from edge.events.catalog import ClockJumped
from edge.events.envelope import Envelope
from edge.events.messages import Ack, ReplayCommand, ReplayReply, parse_state
from edge.process import CLEAN, FAILED, UNUSABLE, Context, run

EVENT = ClockJumped(step_s=1.0, wall_before="2026-11-23T02:22:03.500Z", wall_after="2026-11-23T02:22:00.000Z")
CLOCK = SystemClock()


def until(condition, wait_s: float = 60) -> None:
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def client(mosquitto, name: str, **options) -> PahoBroker:
    return PahoBroker(BrokerAddress("127.0.0.1", mosquitto.port), name, clock=CLOCK, reconnect_s=(1, 1), **options)


class Consumer:
    """What a journal will be: commits in memory, keyed by epoch and sequence."""

    def __init__(self, mosquitto) -> None:
        self.first_seen: list[int] = []
        self.payloads: dict[int, set[bytes]] = {}
        self.deliveries = 0
        self.subscriber = Subscriber(client(mosquitto, "journal"), ["event/#"], self.commit)

    def commit(self, batch) -> None:
        for message in batch:
            sequence = Envelope.parse(message.payload).sequence
            self.deliveries += 1
            if sequence not in self.payloads:
                self.first_seen.append(sequence)
            self.payloads.setdefault(sequence, set()).add(message.payload)


@pytest.fixture
def outbox(tmp_path: Path):
    outbox = Outbox.open(tmp_path / "recorder.outbox", site="jkt-001", process="recorder", clock=CLOCK)
    yield outbox
    outbox.close()


def test_a_broker_killed_in_the_middle_of_a_burst_costs_no_event(stopped_mosquitto, outbox: Outbox) -> None:
    """Down at the start, killed twice while events are appended: all arrive, each with one set of bytes."""
    mosquitto = stopped_mosquitto
    broker = client(mosquitto, "recorder")
    relay, replayer = Relay(outbox, broker, CLOCK), Replayer(outbox, broker, events_a_second=2_000)
    for part in (relay, replayer, broker):
        part.start()
    for _ in range(100):
        outbox.append(EVENT)
    mosquitto.start()
    consumer = Consumer(mosquitto)
    consumer.subscriber.start()
    until(lambda: len(consumer.payloads) == 100)
    mosquitto.save()  # the consumer's session is on disk: its queue survives what follows
    for _ in range(2):
        burst = threading.Thread(target=lambda: [outbox.append(EVENT) for _ in range(1000)])
        burst.start()
        time.sleep(0.1)
        mosquitto.kill()
        burst.join()
        mosquitto.start()
    until(lambda: outbox.published == outbox.last_sequence == 2100)
    until(lambda: 2100 in consumer.payloads)
    assert consumer.first_seen == sorted(consumer.first_seen)
    # What Mosquitto had accepted and not handed on died with it; a replay brings it.
    command = ReplayCommand.model_validate({"transaction": "t1", "epoch": outbox.epoch, "from": 1, "to": 2100})
    broker.publish("command/recorder/replay", command.to_json())
    until(lambda: len(consumer.payloads) == 2100)
    assert all(len(payloads) == 1 for payloads in consumer.payloads.values())
    consumer.subscriber.stop()
    for part in (relay, replayer, broker):
        part.stop()


def test_what_the_broker_lost_is_had_by_replay(mosquitto, outbox: Outbox) -> None:
    """The same bytes come again, the reply says done, and HQ's ack lets them retire."""
    broker = client(mosquitto, "recorder")
    relay, replayer = Relay(outbox, broker, CLOCK), Replayer(outbox, broker, events_a_second=2_000)
    for part in (relay, replayer, broker):
        part.start()
    for _ in range(300):
        outbox.append(EVENT)
    until(lambda: outbox.published == 300)
    asker = client(mosquitto, "asker", durable=False)
    with Tail(asker, ["event/#", "reply/#"]) as tail:
        until(lambda: asker.connected)
        until(lambda: asker.publish("event/probe", b"x") and tail.next(0.5))  # the subscription follows the connection
        while tail.next(0.5) is not None:
            pass
        command = ReplayCommand.model_validate({"transaction": "t1", "epoch": outbox.epoch, "from": 101, "to": 250})
        asker.publish("command/recorder/replay", command.to_json())
        received = [tail.next(60) for _ in range(151)]
        stored = {row.sequence: row.payload for row in outbox.rows(0, limit=1000)}
        assert [message.payload for message in received[:-1]] == [stored[sequence] for sequence in range(101, 251)]
        assert ReplayReply.parse(received[-1].payload) == ReplayReply(transaction="t1", status="done", available_from=1)
        asker.publish("ack/recorder", Ack(epoch=outbox.epoch, contiguous_to=300).to_json(), retain=True)
        until(lambda: outbox.acked == 300)
    for part in (relay, replayer, broker):
        part.stop()


def site_config(folder: Path, port: int) -> Config:
    return Config(
        site="jkt-001",
        state_dir=folder / "state",
        broker=BrokerConfig(port=port),
        storage=StorageConfig(root=folder / "recordings"),
        channels=(ChannelConfig(id="lobby", url="rtsp://10.0.0.11/main"),),
    )


def test_a_process_says_that_it_started_that_it_lives_and_that_it_stopped(mosquitto, tmp_path: Path) -> None:
    """The composition of every process, with a body that appends one event and waits."""
    contexts: list[Context] = []

    def body(context: Context) -> None:
        context.add_metric("cameras", lambda: 4)
        context.outbox.append(EVENT)
        contexts.append(context)
        context.stop.wait()

    config = site_config(tmp_path, mosquitto.port)
    statuses: list[int] = []
    with Tail(client(mosquitto, "watcher", durable=False), ["event/#", "state/#"]) as tail:
        runner = threading.Thread(target=lambda: statuses.append(run("recorder", config, body)))
        runner.start()
        seen = [tail.next(60) for _ in range(3)]
        with pytest.raises(OutboxLocked):
            Outbox.open(config.state_dir / "recorder.outbox", site="jkt-001", process="recorder", clock=CLOCK)
        contexts[0].stop.set()
        runner.join(30)
        assert not runner.is_alive()
        seen += [tail.next(60) for _ in range(2)]
    types = [Envelope.parse(message.payload).event_type for message in seen if message.topic.startswith("event/")]
    states = [parse_state(message.payload) for message in seen if message.topic == "state/recorder"]
    assert statuses == [CLEAN]
    assert types == ["process_started", "clock_jumped", "process_stopped"]
    assert [state.status for state in states] == ["online", "offline"]
    assert states[0].metrics["cameras"] == 4
    assert states[0].bdseq == states[1].bdseq == 1


def test_a_process_that_crashes_says_so_and_ends_with_one(tmp_path: Path) -> None:
    """Also without a broker, and also when one of its threads dies."""

    def in_the_body(_: Context) -> None:
        raise RuntimeError("a defect")

    def in_a_thread(context: Context) -> None:
        threading.Thread(target=in_the_body, args=(context,)).start()
        context.stop.wait()

    config = site_config(tmp_path, 1)
    for body in (in_the_body, in_a_thread):
        assert run("recorder", config, body) == FAILED
    with_rows = Outbox.open(config.state_dir / "recorder.outbox", site="jkt-001", process="recorder", clock=CLOCK)
    data = [json.loads(row.payload)["data"] for row in with_rows.rows(0)]
    assert [event.get("detail") for event in data] == [None, "RuntimeError: a defect"] * 2
    with_rows.close()


def test_a_state_dir_that_cannot_be_made_is_a_configuration_error(tmp_path: Path, capfd) -> None:
    """One line that names the folder and what to do, exit status 2."""
    (tmp_path / "state").write_text("a file stands here")
    assert run("recorder", site_config(tmp_path, 1), lambda _: None) == UNUSABLE
    assert "make it a folder" in capfd.readouterr().err


def test_a_second_process_on_one_state_dir_is_refused(tmp_path: Path, capfd) -> None:
    """And says who holds it."""
    config = site_config(tmp_path, 1)
    config.state_dir.mkdir()
    holder = Outbox.open(config.state_dir / "recorder.outbox", site="jkt-001", process="recorder", clock=CLOCK)
    assert run("recorder", config, lambda _: None) == FAILED
    assert "is held by process" in capfd.readouterr().err
    holder.close()


def test_a_publisher_without_rights_is_stuck_in_sight(stopped_mosquitto, tmp_path: Path, outbox: Outbox) -> None:
    """With MQTT 5 the refusal comes in the PUBACK: nothing is taken for published."""
    access = tmp_path / "acl"
    access.write_text("topic read event/#\n")
    with (stopped_mosquitto.folder / "mosquitto.conf").open("a") as configuration:
        configuration.write(f"\nacl_file {access}\n")
    access.chmod(0o644)
    stopped_mosquitto.start()
    broker = client(stopped_mosquitto, "recorder")
    relay = Relay(outbox, broker, CLOCK)
    outbox.append(EVENT)
    relay.start()
    broker.start()
    until(lambda: relay.metrics().get("outbox_refused") == 1)
    assert relay.metrics()["outbox_refused_reason"] == "Not authorized"
    assert outbox.published == 0
    relay.stop(0.1)
    broker.stop()


def test_a_password_that_cannot_be_read_does_not_end_the_network_thread(mosquitto) -> None:
    """The broker decides; here it lets anybody in."""

    def unreadable() -> str:
        raise ConfigError('broker.password_file "/x": cannot be read')

    broker = PahoBroker(BrokerAddress("127.0.0.1", mosquitto.port, "edge", unreadable), "recorder", clock=CLOCK)
    broker.start()
    until(lambda: broker.connected)
    broker.stop()
