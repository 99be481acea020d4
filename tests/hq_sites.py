"""Sites as headquarters' broker hears them: real outboxes, relays, replays and heartbeats whose topics carry the site."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from journal_events import started
from web_site import recording, segment

from edge.bus.address import BrokerAddress
from edge.bus.broker import PahoBroker
from edge.bus.heartbeat import Heartbeat
from edge.bus.outbox import Fact, Outbox
from edge.bus.relay import Relay
from edge.bus.replay import Replayer
from edge.clock import SystemClock
from edge.events.catalog import DiskMeasured
from edge.events.data import EventData

CLOCK = SystemClock()
PROCESSES = ("recorder", "retention", "web")


class SimulatedProcess:
    """One process of a site."""

    def __init__(self, port: int, folder: Path, site: str, name: str, *, beat_s: float = 0.5) -> None:
        self.outbox = Outbox.open(folder / f"{site}-{name}.outbox", site=site, process=name, clock=CLOCK, at_hq=True)
        self.broker = PahoBroker(BrokerAddress("127.0.0.1", port), f"{site}-{name}", clock=CLOCK, reconnect_s=(1, 1))
        self.relay = Relay(self.outbox, self.broker, CLOCK)
        self.replayer = Replayer(self.outbox, self.broker, events_a_second=5_000)
        self.heartbeat = Heartbeat(self.outbox, self.broker, CLOCK, version="0", metrics=dict, every_s=beat_s)
        self.outbox.append(started(self.outbox.epoch, self.outbox.previous))
        for part in (self.relay, self.replayer, self.heartbeat, self.broker):
            part.start()

    def end(self) -> None:
        for part in (self.relay, self.replayer, self.heartbeat):
            part.stop(0.5)
        self.broker.stop()
        self.outbox.close()


class SimulatedSite:
    """A site of some processes and channels that record a minute at a time."""

    def __init__(self, port: int, folder: Path, site: str, channels: int = 4, *, beat_s: float = 0.5) -> None:
        self.site = site
        self.channels = [f"cam{number}" for number in range(channels)]
        self.processes = {
            name: SimulatedProcess(port, folder, site, name, beat_s=beat_s) for name in PROCESSES
        }
        self.recorder, self.retention = self.processes["recorder"].outbox, self.processes["retention"].outbox

    def begin(self, minutes: int = 30) -> "SimulatedSite":
        """Record for some minutes until now."""
        now_ms = CLOCK.wall_ns() // 1_000_000 // 60_000 * 60_000
        for channel in self.channels:
            self.say(recording(channel), *(segment(channel, now_ms - 60_000 * left) for left in range(minutes, 0, -1)))
        self.retention.append(DiskMeasured.read(dict(DiskMeasured.example)))
        return self

    def say(self, *events: tuple[EventData, str | None]) -> None:
        """Have the recorder say something."""
        self.recorder.append_many([Fact(data, channel) for data, channel in events])

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Events as fast as the disk takes them, some hundred a second at most, while in the block."""
        stop = threading.Event()

        def load() -> None:
            at_ms = 1_600_000_000_000
            while not stop.wait(0.003):
                at_ms += 60_000
                self.say(segment(self.channels[0], at_ms))

        loader = threading.Thread(target=load, daemon=True)
        loader.start()
        try:
            yield
        finally:
            stop.set()
            loader.join()

    def said(self) -> dict[tuple[str, str, int], bytes]:
        """Every event of every outbox by process, epoch and number."""
        return {
            (name, one.outbox.epoch, row.sequence): row.payload
            for name, one in self.processes.items()
            for row in one.outbox.rows(0, limit=10_000_000)
        }

    def end(self) -> None:
        for one in self.processes.values():
            one.end()
