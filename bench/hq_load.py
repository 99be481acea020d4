"""What a fleet says: events of segments, and the heartbeats of five processes a site, as they come at HQ's broker.

As a program it is the sites: it publishes at the pace of a fleet of 32 channels a site, or a backlog as fast as it can.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.connection import Message
from edge.clock import SystemClock, rfc3339
from edge.events.catalog import SegmentWritten
from edge.events.envelope import Envelope
from edge.events.messages import Heartbeat
from edge.events.values import timestamp

CLOCK = SystemClock()
EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
CHANNELS = 32
PROCESSES = ("recorder", "retention", "validator", "reporter", "web")
HEARTBEAT_S = 10.0
SEGMENT_S = 60.0
CONNECTIONS = 4
WINDOW = 500
_TIMES = [f"{number:020d}" for number in (7_777_777_777,)]


def site_name(number: int) -> str:
    return f"site-{number:04d}"


class Sites:
    """Some sites of which every segment is announced once; numbers begin where they are told."""

    def __init__(self, sites: int, first: int = 1, at: datetime | None = None) -> None:
        self._at = at or datetime.now(UTC)
        self._names = [site_name(number) for number in range(sites)]
        self._sequences = dict.fromkeys(self._names, first - 1)
        self._template = self._example()
        self._started = rfc3339(CLOCK.wall_ns())

    def events(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of one segment after the other: channel by channel, each of all sites in turn."""
        for turn in count():
            minute, channel = divmod(turn, CHANNELS)
            for site in self._names:
                yield self.segment(site, minute, channel)

    def segment(self, site: str, minute: int, channel: int) -> tuple[str, bytes]:
        sequence = self._sequences[site] = self._sequences[site] + 1
        start = self._at + timedelta(seconds=SEGMENT_S * minute)
        end = start + timedelta(seconds=SEGMENT_S)
        name = f"cam{channel:02d}"
        body = self._template % {
            "site": site, "sequence": f"{sequence:020d}", "name": name, "day": f"{start:%Y-%m-%d}",
            "stamp": f"{start:%Y%m%dT%H%M%S}000Z", "start": timestamp(start), "end": timestamp(end),
        }  # fmt: skip
        return f"cctv/{site}/event/recorder/segment_written/{name}", body.encode()

    def heartbeats(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of one heartbeat after the other, each process of each site in turn."""
        while True:
            for site in self._names:
                for process in PROCESSES:
                    yield f"cctv/{site}/state/{process}", self.heartbeat(site, process)

    def heartbeat(self, site: str, process: str) -> bytes:
        last = self._sequences[site] if process == "recorder" else 0
        return Heartbeat(
            epoch=EPOCH, bdseq=1, last_sequence=last, started=self._started, time=rfc3339(CLOCK.wall_ns()),
            version="0.1.0", pid=4711, metrics={"outbox_waiting": 0, "disk": {"free_bytes": 10**12}},
        ).to_json()  # fmt: skip

    @staticmethod
    def _example() -> str:
        fields = {**SegmentWritten.example, "path": "N@/D@/N@_S@.mp4"}
        event = SegmentWritten.read(SegmentWritten.example)
        envelope = Envelope.build(
            event, site="site-0000", process="recorder", epoch=EPOCH, sequence=7_777_777_777,
            time=datetime(2026, 1, 1, tzinfo=UTC), subject="cam00",
        )  # fmt: skip
        document = json.loads(envelope.to_json())
        document["data"] = json.loads(envelope.to_json())["data"] | {"path": fields["path"], "start": "B@", "end": "E@"}
        text = json.dumps(document, separators=(",", ":")).replace("%", "%%")
        for old, new in (
            (_TIMES[0], "%(sequence)s"), ("site-0000", "%(site)s"), ('"cam00"', '"%(name)s"'), ("N@", "%(name)s"),
            ("D@", "%(day)s"), ("S@", "%(stamp)s"), ("B@", "%(start)s"), ("E@", "%(end)s"),
            ("2026-01-01T00:00:00.000Z", "%(end)s"),
        ):  # fmt: skip
            text = text.replace(old, new)
        return text


def messages(pairs: Iterator[tuple[str, bytes]], how_many: int) -> list[Message]:
    return [Message(*next(pairs), False, number, 1) for number in range(how_many)]


class Publishers:
    """Connections that stand for the bridges of all sites."""

    def __init__(self, port: int) -> None:
        self._unanswered = self._answered = 0
        address = BrokerAddress("127.0.0.1", port)
        self._brokers = [
            PahoBroker(address, f"bench-sites-{number}", clock=CLOCK, durable=False) for number in range(CONNECTIONS)
        ]
        for broker in self._brokers:
            broker.start()
        while not all(broker.connected for broker in self._brokers):
            time.sleep(0.05)

    def publish(self, topic: str, body: bytes, *, retain: bool = False) -> None:
        broker = self._brokers[hash(topic.split("/", 2)[1]) % CONNECTIONS]
        while self._unanswered - self._answered >= WINDOW * CONNECTIONS:
            time.sleep(0.001)
        self._unanswered += 1
        assert broker.publish(topic, body, retain=retain, done=self._done)

    def finish(self) -> None:
        while self._answered < self._unanswered:
            time.sleep(0.01)
        for broker in self._brokers:
            broker.stop()

    def _done(self, _outcome: object) -> None:
        self._answered += 1


def live(port: int, sites: int, events: int, first: int) -> dict[str, float]:
    """Publish at the pace of the fleet; returns what was really published a second."""
    fleet = Sites(sites, first)
    publishers = Publishers(port)
    paced = [
        (fleet.events(), sites * CHANNELS / SEGMENT_S, events, False),
        (fleet.heartbeats(), sites * len(PROCESSES) / HEARTBEAT_S, 10**9, True),
    ]
    sent = [0, 0]
    began = time.monotonic()
    while sent[0] < events:
        passed = time.monotonic() - began
        for kind, (pairs, rate, most, retain) in enumerate(paced):
            while sent[kind] < min(passed * rate, most):
                publishers.publish(*next(pairs), retain=retain)
                sent[kind] += 1
        time.sleep(0.01)
    publishers.finish()
    return {"heartbeats": sent[1], "events_a_second": round(sent[0] / (time.monotonic() - began))}


def backlog(port: int, sites: int, events: int, first: int) -> dict[str, float]:
    """Publish events as fast as the broker takes them."""
    pairs, publishers = Sites(sites, first).events(), Publishers(port)
    for _ in range(events):
        publishers.publish(*next(pairs))
    publishers.finish()
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--sites", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--live", action="store_true")
    given = parser.parse_args()
    publish = live if given.live else backlog
    sys.stdout.write(json.dumps(publish(given.port, given.sites, given.events, given.first)) + "\n")


if __name__ == "__main__":
    main()
