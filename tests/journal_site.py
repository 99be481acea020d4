"""A publishing process and the web's side of a site, on a real broker, that tests may stop, kill and start again."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from journal_events import JUMP, SITE, started

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.heartbeat import Heartbeat
from edge.bus.outbox import Outbox
from edge.bus.relay import Relay
from edge.bus.replay import Replayer
from edge.bus.subscriber import Subscriber, Tail
from edge.clock import SystemClock
from edge.events.catalog import ProcessStarted
from edge.events.messages import parse_state
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope
from edge.journal.store import Journal

CLOCK = SystemClock()


def until(condition: Callable[[], object], wait_s: float = 30) -> None:
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def client(port: int, name: str, **options) -> PahoBroker:
    return PahoBroker(BrokerAddress("127.0.0.1", port), f"{SITE}-{name}", clock=CLOCK, reconnect_s=(1, 1), **options)


class Publisher:
    """A process: outbox, relay, replayer, heartbeat; `begin` says process_started as edge.process does."""

    def __init__(self, port: int, folder: Path, name: str = "recorder", *, beat_s: float = 0.5, rate: float = 5_000) -> None:
        self.outbox = Outbox.open(folder / f"{name}.outbox", site=SITE, process=name, clock=CLOCK)
        self.broker = client(port, name)
        self.relay = Relay(self.outbox, self.broker, CLOCK)
        self.replayer = Replayer(self.outbox, self.broker, events_a_second=rate)
        self.heartbeat = Heartbeat(self.outbox, self.broker, CLOCK, version="0", metrics=dict, every_s=beat_s)

    def begin(self) -> "Publisher":
        self.outbox.append(self.said())
        for part in (self.relay, self.replayer, self.heartbeat, self.broker):
            part.start()
        return self

    def said(self) -> ProcessStarted:
        return started(self.outbox.epoch, self.outbox.previous)

    def append(self, count: int) -> None:
        for _ in range(count):
            self.outbox.append(JUMP)

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Events as fast as the disk takes them, some hundred a second at most, while in the block."""
        stop = threading.Event()

        def load() -> None:
            while not stop.wait(0.002):
                self.outbox.append(JUMP)

        loader = threading.Thread(target=load, daemon=True)
        loader.start()
        try:
            yield
        finally:
            stop.set()
            loader.join()

    def wait_for_heartbeat(self, port: int) -> None:
        """Until the retained heartbeat tells of the newest event."""
        with Tail(client(port, "waiting", durable=False), [f"state/{self.outbox.process}"]) as tail:
            for message in tail:
                if parse_state(message.payload).last_sequence == self.outbox.last_sequence:
                    return

    def published(self) -> bool:
        return self.outbox.published == self.outbox.last_sequence

    def end(self) -> None:
        for part in (self.relay, self.replayer, self.heartbeat):
            part.stop(0.5)
        self.broker.stop()
        self.outbox.close()


class Web:
    """The web's side: journal, subscriber, ingest and its timer, with the web's own outbox on its own connection."""

    def __init__(
        self, port: int, folder: Path, *, receive_maximum: int = 1_000, url: str | None = None, partition: int = 1
    ) -> None:
        self.publisher = Publisher(port, folder, "web")
        self.journal = Journal.open(url or f"sqlite:///{folder / 'journal.db'}", clock=CLOCK, partition=partition)
        self.folded: list = []
        self.heard: list[tuple] = []
        self.broker = client(port, "web-journal", receive_maximum=receive_maximum)
        self.ingest = Ingest(
            self.journal,
            Scope.local(SITE),
            self.publisher.outbox,
            CLOCK,
            fold=self.folded.extend,
            hear=lambda *heard: self.heard.append(heard),
            publish=self.broker.publish,
        )
        self.subscriber = Subscriber(
            self.broker, self.ingest.topics, self.ingest.commit, connected=self.ingest.connected
        )
        self._stop = threading.Event()
        self._timer = threading.Thread(target=self._tick, daemon=True)

    def begin(self) -> "Web":
        self.subscriber.start()
        until(lambda: self.broker.connected)
        time.sleep(0.3)  # the subscription follows the connection
        self.publisher.begin()
        self._timer.start()
        return self

    def end(self) -> None:
        self._stop.set()
        self._timer.join()
        self.subscriber.stop()
        self.publisher.end()
        self.journal.close()

    def holds(self, outbox: Outbox) -> bool:
        """Whether every event of an outbox is in the journal."""
        return any(
            found.epoch == outbox.epoch and found.count == outbox.last_sequence
            for found in self.journal.completeness()
        )

    def said(self, *event_types: str) -> list[dict]:
        """The data of the web's own events of some types."""
        import json

        found = self.journal.entries(processes=["web"], event_types=event_types, limit=10_000)
        return [json.loads(entry.payload)["data"] for entry in found]

    def _tick(self) -> None:
        while not self._stop.wait(0.2):
            self.ingest.tick()


def rows(outbox: Outbox) -> dict[tuple[str, str, int], bytes]:
    """Every event of an outbox by its key."""
    return {
        (outbox.process, outbox.epoch, row.sequence): row.payload for row in outbox.rows(0, limit=10_000_000)
    }


def stored(journal: Journal) -> dict[tuple[str, str, int], bytes]:
    """Every event of a journal by its key; no key twice."""
    entries = journal.entries(limit=10_000_000)
    found = {(entry.process, entry.epoch, entry.sequence): entry.payload for entry in entries}
    assert len(found) == len(entries)
    assert [entry.position for entry in entries] == sorted({entry.position for entry in entries})
    return found
