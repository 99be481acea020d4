"""Measures headquarters: `nice python bench/hq.py [--sites 1000] [--only sqlite|postgres]`.

cost     the ingest alone, with 10, 100 and 1,000 sites: CPU for an event, a heartbeat and a second without work
live     `sites` sites of 32 channels through a real Mosquitto: share of a core of headquarters' process at their pace
drain    100,000 events that waited at the broker: how many a second are stored
"""

import argparse
import gc
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

import psutil
import report
import rig
from hq_load import CHANNELS, CLOCK, PROCESSES, Sites, messages
from postgres import PostgresServer

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.connection import Change
from edge.bus.outbox import Outbox
from edge.bus.subscriber import Subscriber
from edge.hq.fleet import Fleet
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope
from edge.journal.store import Journal

COST_SITES = (10, 100, 1_000)
COST_EVENTS = 20_000
WARM_S, LIVE_S = 20, 60
BACKLOG = 100_000
GOAL_CORE, GOAL_DRAIN = 50, 5_000
SESSION = "bench-hq-journal"


class Headquarters:
    """What `edge hq` makes of messages, without its pages."""

    def __init__(self, url: str, folder: Path, publish) -> None:
        self.outbox = Outbox.open(folder / "hq.outbox", site="hq", process="hq", clock=CLOCK, at_hq=True)
        self.journal = Journal.open(url, clock=CLOCK)
        self.fleet = Fleet("hq", lambda _: True, "UTC", CLOCK, lambda _: None)
        self.fleet.journal = self.journal
        self.ingest = Ingest(
            self.journal, Scope.fleet("hq"), self.outbox, CLOCK,
            fold=self.fleet.fold, hear=self.fleet.hear, publish=publish,
        )  # fmt: skip
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    def close(self) -> None:
        self.journal.close()
        self.outbox.close()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[str, list[int]]]:
    """URL of an empty database, and the server's process where there is one."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'journal.db'}", []
        return
    server = PostgresServer()
    try:
        server.start()
        yield server.url, [server._process.pid]
    finally:
        server.remove()


@contextmanager
def mosquitto(folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process of a broker that keeps 300,000 messages for who is away."""
    port, conf = rig.free_port(), folder / "mosquitto.conf"
    lines = ["allow_anonymous true", f"listener {port} 127.0.0.1", "persistence false", "user root"]
    lines += ["max_queued_messages 300000", "max_inflight_messages 1000", "set_tcp_nodelay true"]
    conf.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(["mosquitto", "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield port, process.pid
    finally:
        rig.stop([process])


def cost(kind: str, sites: int) -> dict[str, float]:
    """Microseconds of CPU of this process."""
    folder = Path(tempfile.mkdtemp(prefix="saksi-bench-"))
    with database(kind, folder) as (url, _):
        hq = Headquarters(url, folder, lambda *_, **__: True)
        hq.ingest.connected(Change(connected=True))
        fleet = Sites(sites)
        events, beats = fleet.events(), fleet.heartbeats()
        known = messages(events, sites * CHANNELS) + messages(beats, sites * len(PROCESSES))
        for begin in range(0, len(known), 500):
            hq.ingest.commit(known[begin : begin + 500])
        for _ in range(20):
            hq.ingest.tick()
        found: dict[str, float] = {"sites": sites}
        for name, pairs, batch in (("event_500_us", events, 500), ("event_20_us", events, 20), ("beat_us", beats, 50)):
            came = messages(pairs, COST_EVENTS)
            gc.collect()
            gc.freeze()
            began = time.process_time()
            for begin in range(0, COST_EVENTS, batch):
                hq.ingest.commit(came[begin : begin + batch])
            found[name] = round((time.process_time() - began) / COST_EVENTS * 1e6, 1)
        for _ in range(20):
            hq.ingest.tick()
        began = time.process_time()
        for _ in range(100):
            hq.ingest.tick()
        found["idle_tick_us"] = round((time.process_time() - began) / 100 * 1e6, 1)
        hq.close()
    shutil.rmtree(folder)
    return found


def serve(port: int, url: str, folder: Path, target: int) -> None:
    """Headquarters' process: takes in what comes; says when `target` events are stored, ends on SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    broker = PahoBroker(BrokerAddress("127.0.0.1", port), SESSION, clock=CLOCK)
    hq = Headquarters(url, folder, broker.publish)
    subscriber = Subscriber(broker, hq.ingest.topics, hq.ingest.commit, connected=hq.ingest.connected, gather_s=0.05)
    began, before, before_s = time.monotonic(), hq.journal.newest_position(), time.process_time()
    subscriber.start()
    print("up", flush=True)
    ticked = began
    while not stop.wait(0.02):
        if target and hq.journal.newest_position() >= target:
            took_s = time.monotonic() - began
            used_s = time.process_time() - before_s
            print(json.dumps({"a_second": (target - before) / took_s, "cpu_s": used_s}), flush=True)
            target = 0
        if time.monotonic() - ticked >= 1:
            ticked = time.monotonic()
            hq.ingest.tick()
    subscriber.stop()
    print(json.dumps(hq.ingest.metrics()), flush=True)
    hq.close()


def started(port: int, url: str, folder: Path, target: int = 0) -> subprocess.Popen:
    command = [sys.executable, __file__, "--serve", str(port), url, str(folder), str(target)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert next(line for line in process.stdout if not line.startswith("2")) == "up\n"
    return process


def said(process: subprocess.Popen) -> dict[str, float]:
    """The next line that is no line of a log."""
    return json.loads(next(line for line in process.stdout if line.startswith("{")))


def load(port: int, sites: int, events: int, first: int, *options: str) -> subprocess.Popen:
    script = str(Path(__file__).parent / "hq_load.py")
    command = [sys.executable, script, str(port), "--sites", str(sites), "--events", str(events), "--first", str(first)]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)


def through_a_broker(kind: str, sites: int, live_s: int) -> dict[str, object]:
    """Share of a core at the pace of the fleet, then how fast a backlog is stored."""
    folder = Path(tempfile.mkdtemp(prefix="saksi-bench-"))
    turns = max(round((WARM_S + live_s) * 32 / 60), 1)
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, folder)
        url, servers = undo.enter_context(database(kind, folder))
        port, broker = undo.enter_context(mosquitto(folder))
        hq = started(port, url, folder)
        undo.callback(rig.stop, [hq])
        publishing = load(port, sites, turns * sites, 1, "--live")
        undo.callback(rig.stop, [publishing])
        time.sleep(WARM_S)
        hq_s, broker_s, server_s, began = _cpu(hq.pid), _cpu(broker), _family(servers), time.monotonic()
        time.sleep(live_s - 5)
        passed = time.monotonic() - began
        found: dict[str, object] = {
            "database": kind,
            "hq_percent": round((_cpu(hq.pid) - hq_s) / passed * 100, 1),
            "server_percent": round((_family(servers) - server_s) / passed * 100, 1),
            "broker_percent": round((_cpu(broker) - broker_s) / passed * 100, 1),
            "hq_pss_mb": round(psutil.Process(hq.pid).memory_full_info().pss / 1e6),
        }
        found |= said(publishing)
        time.sleep(3)
        hq.send_signal(signal.SIGTERM)
        metrics = said(hq)
        hq.wait()
        assert metrics["missing"] == metrics["refused"] == 0, metrics
        assert load(port, sites, BACKLOG, turns + 1).wait() == 0
        hq = started(port, url, folder, metrics["position"] + BACKLOG)
        undo.callback(rig.stop, [hq])
        drained = said(hq)
        hq.send_signal(signal.SIGTERM)
        left = said(hq)
        hq.wait()
        found |= {"drain_a_second": round(drained["a_second"]), "drain_us": round(drained["cpu_s"] / BACKLOG * 1e6)}
        return found | {"missing": left["missing"]}


def _cpu(pid: int) -> float:
    return rig.cpu_s([pid])


def _family(pids: list[int]) -> float:
    """CPU of servers and their children; a session that ended meanwhile is counted by its parent."""
    children = [child.pid for pid in pids for child in psutil.Process(pid).children()]
    return rig.cpu_s([*pids, *children])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=LIVE_S)
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--cost", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        port, url, folder, target = given.serve
        serve(int(port), url, Path(folder), int(target))
        return
    if given.cost:
        print(json.dumps(cost(given.cost[0], int(given.cost[1]))))
        return
    kinds = [given.only] if given.only else ["sqlite", "postgres"]
    costs = [_child_cost(kind, sites) for kind in kinds for sites in COST_SITES]
    print(report.table(list(costs[0]), [list(one.values()) for one in costs]), flush=True)
    brokered = [through_a_broker(kind, given.sites, given.seconds) for kind in kinds]
    print("\n" + report.table(list(brokered[0]), [list(one.values()) for one in brokered]))
    print(f"goals: hq_percent <= {GOAL_CORE}, drain_a_second >= {GOAL_DRAIN} (PostgreSQL)")
    print(f"\nwritten to {report.write('hq', {'cost': costs, 'broker': brokered})}")


def _child_cost(kind: str, sites: int) -> dict[str, object]:
    """Each in a process of its own, whose memory is not full of another's."""
    command = [sys.executable, __file__, "--cost", kind, str(sites)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {"database": kind} | json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
