"""`edge web` as a process, with a real broker: what it takes in, what it survives, and how it stops."""

import json
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from acceptance_support import EDGE, Command, until
from free_ports import free_port
from recorded_lane import fill, small_disk
from web_site import recording, segment, stopped

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.heartbeat import Heartbeat
from edge.bus.outbox import Fact, Outbox
from edge.bus.relay import Relay
from edge.bus.replay import Replayer
from edge.clock import SystemClock, rfc3339
from edge.events.envelope import Envelope
from edge.journal.store import Journal
from edge.state import SiteProjection, rebuild


class Recorder:
    """What the recorder is to the others: an outbox, its relay and its heartbeat."""

    def __init__(self, folder: Path, port: int) -> None:
        clock = SystemClock()
        self.outbox = Outbox.open(folder / "recorder.outbox", site="jkt-001", process="recorder", clock=clock)
        self.broker = PahoBroker(BrokerAddress("127.0.0.1", port), "jkt-001-recorder", clock=clock, reconnect_s=(1, 1))
        self._parts = [
            Relay(self.outbox, self.broker, clock),
            Replayer(self.outbox, self.broker),
            Heartbeat(self.outbox, self.broker, clock, version="0", metrics=dict),
        ]

    def start(self) -> None:
        for part in (*self._parts, self.broker):
            part.start()

    def say(self, *events) -> None:
        self.outbox.append_many([Fact(event, channel) for event, channel in events])

    def stop(self) -> None:
        for part in (*self._parts, self.broker):
            part.stop()
        self.outbox.close()


class Web:
    """The process, which may be killed and started again on the same port."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self.port = free_port()
        self.folder = folder
        self.config = folder / "edge.yaml"
        self.write(broker_port, ["cam0", "cam1"])
        self.url = f"http://127.0.0.1:{self.port}"
        self.command: Command | None = None

    def write(self, broker_port: int, channels: list[str], *, state_dir: str = "state") -> None:
        values = {
            "site": "jkt-001",
            "state_dir": state_dir,
            "storage": {"root": "recordings"},
            "broker": {"port": broker_port},
            "web": {"auth": "off", "port": self.port},
            "channels": [{"id": one, "url": f"rtsp://127.0.0.1/{one}"} for one in channels],
        }
        self.config.write_text(json.dumps(values))

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "EDGE_BROKER_PORT"}
        self.command = Command([*EDGE, "web", "--config", self.config], self.folder, env=environment)
        until(self.answers, said=self.said)

    def said(self) -> str:
        return self.command.said() if self.command else ""

    def answers(self) -> bool:
        return self.health().get("status", "starting") != "starting"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30)

    def health(self) -> dict:
        assert self.command is not None
        assert self.command.process.poll() is None, self.said()
        try:
            return self.get("/health").json()
        except httpx.TransportError:
            return {}

    def kill(self) -> None:
        self.command.process.kill()
        self.command.process.wait()

    def newest(self) -> list[int]:
        """Sequences of the recorder's events in the journal."""
        found: list[int] = []
        path = "/api/events?after=0&limit=1000"
        while path:
            page = self.get(path).json()
            found += [int(one["event"]["sequence"]) for one in page["events"] if one["event"]["source"].endswith("recorder")]
            path = page["next"]
        return found


@pytest.fixture
def web(tmp_path, stopped_mosquitto):
    """`edge web`, not started, and a broker that is not running."""
    (tmp_path / "state").mkdir(exist_ok=True)
    web = Web(tmp_path, stopped_mosquitto.port)
    yield web
    if web.command is not None:
        web.command.end()


@pytest.fixture
def recorder(tmp_path, stopped_mosquitto):
    """A recorder's bus, not started."""
    (tmp_path / "state").mkdir(exist_ok=True)
    recorder = Recorder(tmp_path / "state", stopped_mosquitto.port)
    yield recorder
    recorder.stop()


def test_event_is_seen_soon_after_it_was_said(web, recorder, stopped_mosquitto):
    """From the outbox over the broker and the journal to the stream it takes under a second where the machine is free."""
    stopped_mosquitto.start()
    recorder.start()
    web.start()
    recorder.say(recording("cam0"))
    until(lambda: web.get("/api/channels/cam0").json()["status"] == "recording", said=web.said)
    with httpx.stream("GET", f"{web.url}/api/events/stream?type=recording_stopped", timeout=60) as response:
        lines = response.iter_lines()
        next(line for line in lines if line == "event: state")

        def takes_s() -> float:
            began_s = time.monotonic()
            recorder.say(stopped("cam0"))
            next(line for line in lines if line == "event: recording_stopped")
            return time.monotonic() - began_s

        until(lambda: takes_s() < 1)
    assert web.get("/api/channels/cam0").json()["status"] == "offline"
    assert web.health()["processes"]["recorder"] == "online"


def test_broker_that_is_away_is_said_and_taken_up_again(web, recorder, stopped_mosquitto):
    """Without a broker the site answers and says so; with it, what was said meanwhile comes."""
    web.start()
    recorder.start()
    recorder.say(recording("cam0"), recording("cam1"))
    until(lambda: "broker_away" in [one["code"] for one in web.health()["reasons"]], said=web.said)
    assert web.get("/").status_code == 200
    stopped_mosquitto.start()
    until(lambda: web.newest() == [1, 2], 60, web.said)
    until(lambda: "broker_away" not in [one["code"] for one in web.health()["reasons"]], said=web.said)


def test_web_that_is_killed_at_random_moments_holds_every_event_once(web, recorder, stopped_mosquitto, tmp_path):
    """Killed again and again while much is said, the journal ends equal to the outbox and the state to a rebuild."""
    stopped_mosquitto.start()
    recorder.start()
    dice = random.Random(3)
    said = 0
    now_ms = (time.time_ns() // 1_000_000 // 60_000 - 2_000) * 60_000
    for _ in range(3):
        web.start()
        deadline = time.monotonic() + dice.uniform(0.2, 1.0)
        while time.monotonic() < deadline:
            recorder.say(*(segment("cam0", now_ms + 60_000 * (said + number)) for number in range(10)))
            said += 10
            time.sleep(0.02)
        web.kill()
    web.start()
    until(lambda: len(web.newest()) >= said, 60, web.said)
    assert list(range(1, said + 1)) == sorted(web.newest())
    # What is in the journal is shown a moment later. On a busy machine no segment of the last day may have been said.
    path = f"/api/channels/cam0/recordings?limit=5&from={rfc3339(now_ms * 1_000_000)}"
    until(lambda: web.get(path).json()["recordings"], 60, web.said)
    assert web.command.stop(signal.SIGTERM) == 0
    journal = Journal.open(f"sqlite:///{tmp_path / 'state' / 'journal.db'}", clock=SystemClock())
    rows = [row for piece in journal.rows() for row in piece]
    payloads = {Envelope.parse(payload).sequence: payload for _, payload in rows if b'/recorder"' in payload}
    assert payloads == {row.sequence: row.payload for row in recorder.outbox.rows(0, limit=said + 10)}
    state = SiteProjection()
    rebuild(journal.rows(), state)
    snapshot = journal.newest_snapshot("site", SiteProjection.VERSION)
    if snapshot is not None:
        again = SiteProjection.load(snapshot.data)
        rebuild(journal.rows(snapshot.position), again)
        assert state.dump() == again.dump()
    journal.close()


def test_broker_that_is_killed_costs_no_event(web, recorder, stopped_mosquitto):
    """What the broker forgot is asked for again."""
    stopped_mosquitto.start()
    recorder.start()
    web.start()
    now_ms = 1_795_392_000_000
    for round_ in range(3):
        recorder.say(*(segment("cam0", now_ms + 60_000 * (100 * round_ + number)) for number in range(100)))
        time.sleep(0.1)
        stopped_mosquitto.kill()
        stopped_mosquitto.start()
    until(lambda: len(web.newest()) == 300, 60, web.said)
    assert list(range(1, 301)) == sorted(web.newest())


def test_web_stops_cleanly_and_quickly_with_open_streams(web, stopped_mosquitto):
    """SIGTERM ends it within the five seconds that it has, also with clients: one that takes longer gets status 1."""
    stopped_mosquitto.start()
    web.start()
    with httpx.stream("GET", f"{web.url}/api/events/stream", timeout=60) as response:
        next(response.iter_lines())
        assert web.command.stop(signal.SIGTERM) == 0
    assert "Traceback" not in web.said()


def test_full_disk_stops_no_page_and_loses_no_event(web, recorder, stopped_mosquitto, tmp_path):
    """While the journal takes nothing the site answers and says why; with room again everything comes."""
    state_dir = tmp_path / "web-state"
    with small_disk(state_dir, 24 << 20):
        web.write(stopped_mosquitto.port, ["cam0", "cam1"], state_dir=state_dir.name)
        stopped_mosquitto.start()
        recorder.start()
        web.start()
        ballast = fill(state_dir, 0)
        recorder.say(*(segment("cam0", 1_795_392_000_000 + 60_000 * number) for number in range(400)))
        until(lambda: "journal_unavailable" in [one["code"] for one in web.health()["reasons"]], said=web.said)
        for path in ("/", "/api/site", "/api/events", "/api/channels/cam0/coverage", "/metrics"):
            assert web.get(path).status_code == 200
        ballast.unlink()
        until(lambda: len(web.newest()) == 400, 60, web.said)
        until(lambda: "journal_unavailable" not in [one["code"] for one in web.health()["reasons"]], said=web.said)
        assert web.command.stop(signal.SIGTERM) == 0


def test_port_that_is_taken_is_said(web):
    """Another program on the port: the key, the number and what to do, and exit status 2."""
    with socket.create_server(("127.0.0.1", web.port)):
        command = [*EDGE, "web", "--config", web.config]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert f"web.port {web.port}: another program listens there already" in ended.stderr


def test_reload_takes_new_channels(web, stopped_mosquitto):
    """SIGHUP: a channel that was added is there, without a restart."""
    web.start()
    assert web.get("/api/channels/cam2").status_code == 404
    web.write(stopped_mosquitto.port, ["cam0", "cam2"])
    web.command.process.send_signal(signal.SIGHUP)
    until(lambda: web.get("/api/channels/cam2").status_code == 200, said=web.said)
    assert web.get("/api/channels/cam1").status_code == 404
    web.config.write_text("site: [")
    web.command.process.send_signal(signal.SIGHUP)
    until(lambda: "configuration_not_reloaded" in web.said(), said=web.said)
    assert web.get("/api/channels/cam2").status_code == 200


def test_damaged_journal_is_moved_aside_and_filled_again(web, recorder, stopped_mosquitto, tmp_path):
    """What the outbox still holds comes again by replay."""
    stopped_mosquitto.start()
    recorder.start()
    recorder.say(*(20 * [recording("cam0"), stopped("cam0")]))
    web.start()
    until(lambda: len(web.newest()) == 40, said=web.said)
    web.kill()
    for path in (tmp_path / "state").glob("journal.db*"):
        path.write_bytes(b"\xff" * 65_536)
    web.start()
    until(lambda: len(web.newest()) == 40, 60, web.said)
