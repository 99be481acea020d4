"""Measures the outbox and its way to a real Mosquitto: `python bench/outbox.py [--events 5000]`.

append      appends alone, one transaction and one flush each (synchronous=FULL), with nobody publishing
latency     one event at a time: from the call of append until the broker has accepted it
pipelined   appends as fast as they go while the relay publishes: until the last event is accepted
"""

import argparse
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import report

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.connection import Change
from edge.bus.outbox import Outbox
from edge.bus.relay import Relay
from edge.clock import SystemClock
from edge.events.catalog import SegmentWritten

CLOCK = SystemClock()
CONFIGURATION = Path(__file__).parents[1] / "mosquitto" / "mosquitto.conf"
EVENT = SegmentWritten.read(SegmentWritten.example)
GOAL_A_SECOND = 1_500


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A Mosquitto with the committed configuration on a free port, open to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    text = CONFIGURATION.read_text(encoding="utf-8").replace("listener 1883", f"listener {port}")
    text = re.sub(r"(?m)^(password_file|acl_file|include_dir) .*\n", "", text)
    text = text.replace("allow_anonymous false", "allow_anonymous true")
    configuration = folder / "mosquitto.conf"
    configuration.write_text(text.replace("/var/lib/mosquitto/", f"{folder}/"), encoding="utf-8")
    folder.chmod(0o777)  # started by root it becomes another user
    process = subprocess.Popen(["mosquitto", "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def outbox(folder: Path, name: str) -> Iterator[Outbox]:
    """An empty outbox."""
    opened = Outbox.open(folder / f"{name}.outbox", site="bench", process="recorder", clock=CLOCK)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def published(box: Outbox, port: int) -> Iterator[PahoBroker]:
    """A relay between the outbox and the broker, connected."""
    broker = PahoBroker(BrokerAddress("127.0.0.1", port), "bench", clock=CLOCK, durable=False, reconnect_s=(1, 1))
    connected = threading.Event()

    def changed(change: Change) -> None:
        if change.connected:
            connected.set()

    broker.add_listener(changed)
    relay = Relay(box, broker, CLOCK)
    relay.start()
    broker.start()
    connected.wait(10)
    try:
        yield broker
    finally:
        relay.stop()
        broker.stop()


def append_alone(folder: Path, events: int) -> float:
    with outbox(folder, "append") as box:
        began = time.perf_counter()
        for _ in range(events):
            box.append(EVENT, channel="lobby")
        return events / (time.perf_counter() - began)


def latency(folder: Path, port: int, events: int) -> list[float]:
    """Milliseconds from append to acceptance, sorted."""
    accepted = threading.Event()
    with outbox(folder, "latency") as box, published(box, port) as broker:
        publish = broker.publish

        def observed(topic: str, payload: bytes, **options) -> bool:
            done = options.pop("done")
            return publish(topic, payload, done=lambda outcome: (accepted.set(), done(outcome)), **options)

        broker.publish = observed
        taken = []
        for _ in range(events):
            accepted.clear()
            began = time.perf_counter()
            box.append(EVENT, channel="lobby")
            accepted.wait(5)
            taken.append((time.perf_counter() - began) * 1e3)
    return sorted(taken)


def pipelined(folder: Path, port: int, events: int) -> float:
    with outbox(folder, "pipelined") as box, published(box, port):
        began = time.perf_counter()
        for _ in range(events):
            box.append(EVENT, channel="lobby")
        while box.published < events:
            time.sleep(0.001)
        return events / (time.perf_counter() - began)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=5_000)
    events = arguments.parse_args().events
    folder = Path(tempfile.mkdtemp(prefix="saksi-bench-"))
    try:
        with mosquitto(folder) as port:
            rate = append_alone(folder, events)
            milliseconds = latency(folder, port, min(events, 2_000))
            through = pipelined(folder, port, events)
    finally:
        shutil.rmtree(folder)
    p50, p99 = (milliseconds[int(len(milliseconds) * share)] for share in (0.5, 0.99))
    print(
        report.table(
            ("outbox", "measured", "goal"),
            [
                ("append, FULL, events/s", round(rate), ""),
                ("append to PUBACK, p50 ms", f"{p50:.2f}", ""),
                ("append to PUBACK, p99 ms", f"{p99:.2f}", ""),
                ("append and publish, pipelined, events/s", round(through), f">= {GOAL_A_SECOND}"),
            ],
        )
    )
    results = {
        "append_a_second": round(rate),
        "latency_p50_ms": round(p50, 3),
        "latency_p99_ms": round(p99, 3),
        "pipelined_a_second": round(through),
        "pipelined_goal_a_second": GOAL_A_SECOND,
        "events": events,
    }
    print(f"\nwritten to {report.write('outbox', results)}")


if __name__ == "__main__":
    main()
