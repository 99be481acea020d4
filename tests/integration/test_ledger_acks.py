"""Headquarters' acks on a real broker: they let an outbox forget, and one that is lost does no harm."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_events import JUMP, started
from journal_site import client, until

from edge.bus.outbox import Outbox
from edge.bus.relay import Relay
from edge.bus.replay import Replayer
from edge.bus.subscriber import Subscriber
from edge.clock import ManualClock
from edge.events.messages import Ack
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope

SITE = "jkt-001"


class Recorder:
    """A process whose topics are headquarters': what a bridge makes of a site's."""

    def __init__(self, port: int, folder: Path) -> None:
        self.clock = ManualClock()
        path = folder / "recorder.outbox"
        self.outbox = Outbox.open(path, site=SITE, process="recorder", clock=self.clock, at_hq=True)
        self.broker = client(port, "recorder")
        self.parts = [Relay(self.outbox, self.broker, self.clock), Replayer(self.outbox, self.broker)]
        self.outbox.append(started(self.outbox.epoch, None))
        for part in (*self.parts, self.broker):
            part.start()

    def close(self) -> None:
        for part in self.parts:
            part.stop()
        self.broker.stop()
        self.outbox.close()


class Headquarters:
    """An ingest whose clock is told the time, and whose acks may get lost."""

    def __init__(self, port: int, folder: Path, place) -> None:
        self.clock = ManualClock()
        self.outbox = Outbox.open(folder / "hq.outbox", site="hq", process="hq", clock=self.clock, at_hq=True)
        self.journal = place.open(self.clock)
        self.broker = client(port, "hq-journal")
        self.lost: list[Ack] = []
        self.loses_acks = False
        self.ingest = Ingest(
            self.journal, Scope.fleet("hq"), self.outbox, self.clock,
            fold=lambda _: None, hear=lambda *_: None, publish=self.publish,
        )  # fmt: skip
        self.subscriber = Subscriber(
            self.broker, self.ingest.topics, self.ingest.commit, connected=self.ingest.connected
        )
        self.subscriber.start()
        until(lambda: self.broker.connected)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        if self.loses_acks and "/ack/" in topic:
            self.lost.append(Ack.parse(payload))
            return True
        return self.broker.publish(topic, payload, retain=retain)

    def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.ingest.tick()

    def close(self) -> None:
        self.subscriber.stop()
        self.journal.close()
        self.outbox.close()


@pytest.fixture
def hq(mosquitto, tmp_path: Path, place) -> Iterator[Headquarters]:
    hq = Headquarters(mosquitto.port, tmp_path, place)
    yield hq
    hq.close()


@pytest.fixture
def recorder(hq: Headquarters, mosquitto, tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(mosquitto.port, tmp_path)
    yield recorder
    recorder.close()


def holds(hq: Headquarters, outbox: Outbox) -> bool:
    return any(found.contiguous_to == outbox.last_sequence for found in hq.journal.completeness(SITE))


def test_events_that_headquarters_holds_leave_the_outbox_after_a_week(hq: Headquarters, recorder: Recorder) -> None:
    """Not before: a replay after a mishap at headquarters may want them."""
    outbox = recorder.outbox
    for _ in range(20):
        outbox.append(JUMP)
    until(lambda: holds(hq, outbox))
    recorder.clock.advance(8 * 86_400)
    assert outbox.retire() == 0  # nobody has acked them
    hq.tick(11)
    until(lambda: outbox.acked == 21)
    outbox.append(JUMP)
    assert outbox.retire() == 21
    assert [row.sequence for row in outbox.rows(0)] == [22]


def test_an_ack_that_is_lost_is_made_up_for_by_the_next(hq: Headquarters, recorder: Recorder) -> None:
    """Until then the outbox keeps what it has; headquarters says all again to every new connection."""
    outbox = recorder.outbox
    until(lambda: holds(hq, outbox))
    hq.loses_acks = True
    outbox.append(JUMP)
    until(lambda: holds(hq, outbox))
    hq.tick(11)
    assert hq.lost[-1].contiguous_to == 2
    assert outbox.acked == 0
    assert outbox.available_from() == 1
    hq.loses_acks = False
    outbox.append(JUMP)
    until(lambda: holds(hq, outbox))
    hq.tick(11)
    until(lambda: outbox.acked == 3)


def test_a_process_that_starts_late_hears_the_newest_ack(hq: Headquarters, mosquitto, tmp_path: Path) -> None:
    """It is retained."""
    first = Recorder(mosquitto.port, tmp_path)
    until(lambda: holds(hq, first.outbox))
    first.close()
    hq.tick(2)
    again = Recorder(mosquitto.port, tmp_path)
    until(lambda: again.outbox.acked >= 1)
    again.close()


def test_headquarters_acks_its_own_events_too(hq: Headquarters, mosquitto, tmp_path: Path) -> None:
    """Or its own outbox would grow for ever."""
    replayer = Replayer(hq.outbox, own := client(mosquitto.port, "hq"))
    relay = Relay(hq.outbox, own, hq.clock)
    for part in (relay, replayer, own):
        part.start()
    hq.outbox.append(JUMP)
    until(lambda: hq.journal.completeness("hq"))
    hq.tick(2)
    until(lambda: hq.outbox.acked == 1)
    for part in (relay, replayer, own):
        part.stop()
