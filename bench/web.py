"""Measures `edge web` with a real Mosquitto: `nice python bench/web.py [--events 1400000]`.

start     until /health knows the site: from all events, and from the snapshot that the first run left
latency   from the append to the recorder's outbox until a client of the stream has the event
health    50 clients that ask /health as fast as they are answered, alone and while 100 events a second arrive
pages     the front page and parts of the API, one after the other
memory    PSS after all that; CPU of ten quiet seconds with one client of the stream and 32 channels that record minutes
"""

import argparse
import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import psutil
import report
from outbox import mosquitto

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.outbox import Fact, Outbox
from edge.bus.relay import Relay
from edge.clock import SystemClock
from edge.events.catalog import RecordingStarted, RecordingStopped, SegmentWritten
from edge.events.envelope import Envelope
from edge.events.values import timestamp
from edge.journal.arrival import Arrival
from edge.journal.store import Journal

CLOCK = SystemClock()
SITE = "bench"
EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
CHANNELS = 32
CLIENTS = 50
HEALTH_S = 5.0
LATENCY_EVENTS = 300
GOALS_MS = {"latency": 250, "health": 20}


def segment(number: int, first: datetime) -> tuple[SegmentWritten, str]:
    """Segment `number` of cameras that record minutes."""
    minute, channel = divmod(number, CHANNELS)
    start = first + timedelta(minutes=minute)
    name = f"cam{channel:02d}"
    path = f"{name}/{start:%Y-%m-%d}/{name}_{start:%Y%m%dT%H%M%S}000Z.mp4"
    times = {"start": timestamp(start), "end": timestamp(start + timedelta(minutes=1))}
    return SegmentWritten.read({**SegmentWritten.example, **times, "path": path, "duration_s": 60.0}), name


def fill(state_dir: Path, events: int) -> None:
    """A journal of the recordings up to now, of an epoch that is over."""
    journal = Journal.open(f"sqlite:///{state_dir / 'journal.db'}", clock=CLOCK)
    first = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=-(-events // CHANNELS))
    batch: list[Arrival] = []
    for number in range(events):
        event, channel = segment(number, first)
        time_ = first + timedelta(minutes=number // CHANNELS + 1)
        envelope = Envelope.build(
            event, site=SITE, process="recorder", epoch=EPOCH, sequence=number + 1, time=time_, subject=channel
        )
        batch.append(Arrival.read(envelope.to_json(), time.time_ns() // 1_000_000))
        if len(batch) == 5_000 or number + 1 == events:
            journal.append(batch)
            batch = []
    journal.close()


@contextmanager
def recorder(state_dir: Path, port: int) -> Iterator[Outbox]:
    """The recorder's outbox and relay."""
    outbox = Outbox.open(state_dir / "recorder.outbox", site=SITE, process="recorder", clock=CLOCK)
    broker = PahoBroker(BrokerAddress("127.0.0.1", port), f"{SITE}-recorder", clock=CLOCK)
    relay = Relay(outbox, broker, CLOCK)
    relay.start()
    broker.start()
    try:
        started = RecordingStarted.read(RecordingStarted.example)
        outbox.append_many([Fact(started, f"cam{number:02d}") for number in range(CHANNELS)])
        yield outbox
    finally:
        relay.stop()
        broker.stop()
        outbox.close()


class Web:
    """`edge web` as a process."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self._config = folder / "edge.yaml"
        values = {
            "site": SITE,
            "state_dir": str(folder / "state"),
            "storage": {"root": str(folder / "recordings")},
            "broker": {"port": broker_port},
            "web": {"auth": "off", "port": self.port},
            "log": {"level": "warning"},
            "channels": [
                {"id": f"cam{number:02d}", "url": f"rtsp://127.0.0.1/{number}"} for number in range(CHANNELS)
            ],
        }
        self._config.write_text(json.dumps(values), encoding="utf-8")

    def start(self) -> float:
        """Start it; returns the seconds until it knows the site."""
        began = time.perf_counter()
        self._process = subprocess.Popen([sys.executable, "-m", "edge", "web", "--config", str(self._config)])
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as connection:
                    connection.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
                    answer = connection.makefile("rb").read()
                if b'"starting"' not in answer:
                    return time.perf_counter() - began
            except ConnectionError:
                assert self._process.poll() is None
            time.sleep(0.01)

    def stop(self) -> float:
        """Stop it; returns how long that took."""
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)
        return time.perf_counter() - began

    def memory_mib(self) -> float:
        """PSS of the process and its children."""
        everything = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children()]
        return sum(one.memory_full_info().pss for one in everything) / 2**20

    def cpu_s(self) -> float:
        """Processor time so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def milliseconds(self, path: str, times: int) -> list[float]:
        """How long each of so many requests took."""
        took = []
        for _ in range(times):
            began = time.perf_counter()
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                answer.read()
            took.append((time.perf_counter() - began) * 1e3)
        return sorted(took)


class Stream(threading.Thread):
    """A client of the stream; notes when each sequence came."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.sendall(
            b"GET /api/events/stream?type=recording_stopped HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        self.came: dict[int, float] = {}

    def run(self) -> None:
        for line in self._connection.makefile("rb"):
            if line.startswith(b"data: ") and b'"sequence":"' in line:
                self.came[int(line.split(b'"sequence":"', 1)[1][:20])] = time.perf_counter()


def latency_ms(outbox: Outbox, stream: Stream) -> list[float]:
    """Time from append until the client has the event, of events that come one by one."""
    stopped = RecordingStopped.read(RecordingStopped.example)
    said = {}
    for _ in range(LATENCY_EVENTS):
        began = time.perf_counter()
        said[outbox.append(stopped, channel="cam00")] = began
        time.sleep(0.03)
    time.sleep(1)
    missing = said.keys() - stream.came.keys()
    assert not missing, f"{len(missing)} events never came"
    return sorted((stream.came[sequence] - began) * 1e3 for sequence, began in said.items())


def health_ms(port: int) -> list[float]:
    """How long each answer took, of clients that ask again at once; in a process of their own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(ask_health, port).result()


def ask_health(port: int) -> list[float]:
    """The clients."""
    took: list[float] = []

    async def client(end: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            took.append((time.perf_counter() - began) * 1e3)
        writer.close()

    async def all_clients() -> None:
        end = time.perf_counter() + HEALTH_S
        await asyncio.gather(*(client(end) for _ in range(CLIENTS)))

    asyncio.run(all_clients())
    return sorted(took)


@contextmanager
def busy(outbox: Outbox) -> Iterator[None]:
    """100 events a second while in the block."""
    stop = threading.Event()
    stopped = RecordingStopped.read(RecordingStopped.example)

    def say() -> None:
        while not stop.wait(0.05):
            outbox.append_many([Fact(stopped, "cam01")] * 5)

    thread = threading.Thread(target=say)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def row(name: str, sorted_ms: list[float]) -> list[object]:
    """A line of the table."""
    middle, late = sorted_ms[len(sorted_ms) // 2], sorted_ms[min(int(len(sorted_ms) * 0.99), len(sorted_ms) - 1)]
    return [name, len(sorted_ms), f"{middle:.1f}", f"{late:.1f}", f"{sorted_ms[-1]:.1f}"]


def measure(folder: Path, events: int) -> tuple[list[list[object]], dict[str, object]]:
    """Everything once; returns the table and the figures."""
    state_dir = folder / "state"
    state_dir.mkdir()
    fill(state_dir, events)
    rows: list[list[object]] = []
    figures: dict[str, object] = {"events": events}
    with mosquitto(folder) as port, recorder(state_dir, port) as outbox:
        web = Web(folder, port)
        figures["start_all_events_s"] = round(web.start(), 2)
        time.sleep(3)
        figures["stop_s"] = round(web.stop(), 2)
        figures["start_snapshot_s"] = round(web.start(), 2)
        stream = Stream(web.port)
        stream.start()
        time.sleep(2)
        before_s = web.cpu_s()
        time.sleep(10)
        figures["quiet_percent_of_core"] = round((web.cpu_s() - before_s) * 10, 2)
        tasks: list[tuple[str, Callable[[], list[float]]]] = [
            ("append to stream", lambda: latency_ms(outbox, stream)),
            (f"/health, {CLIENTS} clients", lambda: health_ms(web.port)),
            ("/", lambda: web.milliseconds("/", 30)),
            ("/api/site", lambda: web.milliseconds("/api/site", 100)),
            ("/api/channels/cam02/coverage, a day", lambda: web.milliseconds("/api/channels/cam02/coverage", 50)),
            ("/api/channels/cam02/recordings", lambda: web.milliseconds("/api/channels/cam02/recordings", 50)),
            ("/api/events", lambda: web.milliseconds("/api/events", 50)),
        ]
        rows += [row(name, task()) for name, task in tasks]
        with busy(outbox):
            rows.append(row(f"/health, {CLIENTS} clients, busy", health_ms(web.port)))
        figures["memory_mib"] = round(web.memory_mib(), 1)
        web.stop()
    return rows, figures


def main() -> None:
    """Measure and say so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="in the journal; a month of 32 channels is 1400000")
    events = parser.parse_args().events
    folder = Path(tempfile.mkdtemp(prefix="saksi-bench-"))
    try:
        rows, figures = measure(folder, events)
    finally:
        shutil.rmtree(folder)
    columns = ["", "n", "p50 ms", "p99 ms", "most ms"]
    print(report.table(columns, rows))
    print(*(f"{name}: {value}" for name, value in figures.items()), f"goals (p99 ms): {GOALS_MS}", sep="\n")
    print(report.write("web", figures | {"table": [dict(zip(columns, map(str, one), strict=True)) for one in rows]}))


if __name__ == "__main__":
    main()
