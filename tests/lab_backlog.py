"""A cut of days: a backlog in the outboxes that no broker had room for, and how live events fare while it is drained."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from acceptance_support import until
from hq_lab import Lab
from lab_ledger import Held, Key, contiguous_to, cursor, outbox_end

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.connection import Message
from edge.clock import SystemClock
from edge.events.errors import EventError
from edge.events.messages import Heartbeat, parse_state
from edge.events.values import parse_timestamp

QUEUE = 1_000
"""Messages that a site's broker lets wait for headquarters: less than a hundredth of the backlog."""


@dataclass(frozen=True)
class Drained:
    """What a drain took and did."""

    events: int
    seconds: float
    live_s: Sequence[float]
    """How late each event came that was told since the first heartbeat came through again, in order of size."""
    beats_s: Sequence[float]
    """How old each heartbeat was when headquarters' broker handed it on, in order of size."""
    held: Held

    def __str__(self) -> str:
        parts = [f"{self.events} events in {self.seconds:.0f} s, {self.events / self.seconds:.0f} a second"]
        for name, late in (("live events", self.live_s), ("heartbeats", self.beats_s)):
            shown = {f"p{part}": late[min(len(late) - 1, len(late) * part // 100)] for part in (50, 99, 100)}
            parts.append(
                f"{len(late)} {name}: " + ", ".join(f"{place} {value:.2f} s" for place, value in shown.items())
            )
        return "; ".join(parts)


def drain(lab: Lab, events: int, *, live_rate: float, wait_s: float) -> Drained:
    """Cut both links, tell `events` events, mend, and watch until headquarters has them all."""
    lab.prove()
    processes = [program for site in lab.sites.values() for program in site.processes.values()]
    for site in lab.sites.values():
        site.link.cut()
    lab.set_rate(0)
    for program in processes:
        program.tell(f"append {events // len(processes)}")
    paths = [site.outbox_path(name) for site in lab.sites.values() for name in site.processes]
    until(lambda: all(outbox_end(path)[1] > events // len(processes) for path in paths), 300)
    until(lambda: all(cursor(path)[0] == outbox_end(path)[1] for path in paths), 300)
    ends = {outbox_end(path)[0]: outbox_end(path)[1] for path in paths}
    with heartbeats(lab) as beats:
        lab.set_rate(live_rate)
        begun_s = time.monotonic()
        for site in lab.sites.values():
            site.link.mend()
        until(lambda: beats, 60, lab.explain)
        live_s = time.time()
        until(
            lambda: all(contiguous_to(lab.journal_url, epoch) >= end for epoch, end in ends.items()),
            wait_s,
            lab.explain,
        )
        seconds = time.monotonic() - begun_s
    held = lab.prove(wait_s)
    live = [_late_s(held, key) for key in held.events if key.sequence > ends.get(key[:3], key.sequence)]
    late = sorted(age for told, age in live if told >= live_s)
    return Drained(events, seconds, late, sorted(beats), held)


@contextmanager
def heartbeats(lab: Lab) -> Iterator[list[float]]:
    """The age of each heartbeat of a site as headquarters' broker hands it on, in seconds, while in the block."""
    ages: list[float] = []
    begun_s = time.time()

    def came(message: Message) -> None:
        try:
            state = parse_state(message.payload)
        except EventError:
            return
        if isinstance(state, Heartbeat) and (told_s := parse_timestamp(state.time).timestamp()) > begun_s:
            ages.append(time.time() - told_s)

    broker = lab.brokers[0]
    address = BrokerAddress("127.0.0.1", broker.programs_port, "hq_debug", lambda: broker.password("hq_debug"))
    client = PahoBroker(address, "lab-heartbeats", clock=SystemClock(), durable=False)
    for name in lab.sites:
        client.subscribe(f"cctv/{name}/state/+", came)
    with lab.hosts["hq"].inside():
        client.start()
    try:
        yield ages
    finally:
        client.stop()


def _late_s(held: Held, key: Key) -> tuple[float, float]:
    """When an event was told, and how long it took from there into the journal."""
    told_s = parse_timestamp(json.loads(held.events[key])["time"]).timestamp()
    return told_s, held.received_ms[key] / 1000 - told_s
