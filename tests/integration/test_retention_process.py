"""The real `edge retention` beside a real Mosquitto: it hears of segments, keeps evidence when asked, and stops."""

import io
import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from acceptance_support import until
from retention_site import HOUR_MS, MINUTE_MS, RetentionSite

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.outbox import Outbox
from edge.bus.relay import Relay
from edge.clock import SystemClock, rfc3339
from edge.config import load
from edge.errors import NoAnswer
from edge.events.catalog import SegmentWritten
from edge.recordings.catalog import Catalog
from edge.retention.commands import Wish, ask, protect, protected, unprotect

REPOSITORY = Path(__file__).parents[2]
PROGRAM = "import sys; from pathlib import Path; from edge.retention.main import run; sys.exit(run(Path(sys.argv[1])))"
NOW_MS = time.time_ns() // 1_000_000


class Life:
    """A site with a running process."""

    def __init__(self, folder: Path, port: int) -> None:
        self.site = RetentionSite(folder, folder / "root", clock=SystemClock())
        self.config_path = folder / "edge.yaml"
        self.log = folder / "retention.log"
        settings = {
            "site": "test-site",
            "timezone": "Asia/Jakarta",
            "state_dir": str(self.site.state_dir),
            "broker": {"host": "127.0.0.1", "port": port},
            "storage": {"root": str(self.site.root)},
            "retention": {"max_used_percent": 99, "min_free_bytes": 0},
            "channels": [{"id": name, "url": "rtsp://10.0.0.1/main"} for name in self.site.channels],
        }
        self.config_path.write_text(yaml.safe_dump(settings))
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(self.config_path)], cwd=REPOSITORY, stdout=log, stderr=log
            )

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def catalogued(self) -> int:
        """Segments in the catalog of a process that has ended."""
        device = json.loads((self.site.root / ".saksi").read_text())["device"]
        catalog = Catalog.open(self.site.state_dir / "catalog.db", device)
        try:
            return sum(one.segments for one in catalog.usage().values())
        finally:
            catalog.close()

    def known(self) -> int:
        """Segments in the catalog of the process that runs."""
        with closing(sqlite3.connect(self.site.state_dir / "catalog.db", timeout=5)) as db:
            try:
                return db.execute("SELECT count(*) FROM segments").fetchone()[0]
            except sqlite3.OperationalError:  # the process is just making its tables
                return 0

    def say_written(self, names) -> None:
        """As the recorder does, over the broker."""
        clock = SystemClock()
        outbox = Outbox.open(self.site.state_dir / "recorder.outbox", site="test-site", process="recorder", clock=clock)
        broker = PahoBroker(BrokerAddress("127.0.0.1", self.port), "test-site-recorder", clock=clock)
        relay = Relay(outbox, broker, clock)
        relay.start()
        broker.start()
        for name in names:
            end = rfc3339((name.start_ms + MINUTE_MS) * 1_000_000)
            data = {"path": name.path, "start": rfc3339(name.start_ms * 1_000_000), "end": end, "bytes": 1000}
            outbox.append(SegmentWritten.read(SegmentWritten.example | data), channel=name.channel)
        deadline = time.monotonic() + 60
        while outbox.published < outbox.last_sequence:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        relay.stop()
        broker.stop()
        outbox.close()


@pytest.fixture
def life(tmp_path: Path, mosquitto):
    one = Life(tmp_path, mosquitto.port)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait()


def local(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(load_zone()).strftime("%Y-%m-%dT%H:%M:%S")


def load_zone():
    from zoneinfo import ZoneInfo

    return ZoneInfo("Asia/Jakarta")


def test_evidence_is_kept_on_command_and_let_go_on_command(life: Life):
    """protect, protected and unprotect as a technician uses them, in local times; over a restart too."""
    for minute in range(5):
        life.site.record("lobby", NOW_MS - 3 * HOUR_MS + minute * MINUTE_MS)
    life.start()
    start, end = local(NOW_MS - 3 * HOUR_MS), local(NOW_MS - 3 * HOUR_MS + 2 * MINUTE_MS)
    out = io.StringIO()
    assert protect(life.config_path, "lobby", start, end, "fight at the door", out) == 0
    assert "lobby from " in out.getvalue()
    config = load(life.config_path)
    deadline = time.monotonic() + 60
    while (made := ask(config, Wish("list")).protections[0]).segments < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert (made.segments, made.bytes, made.note) in [(2, 2000, "fight at the door"), (3, 3000, "fight at the door")]
    out = io.StringIO()
    assert protect(life.config_path, "loby", start, end, "x", out) == 1
    assert "there is no channel 'loby'; the site has dock, lobby" in out.getvalue()
    assert life.stop() == 0
    life.start()
    out = io.StringIO()
    assert protected(life.config_path, None, out, json=True) == 0
    [listed] = json.loads(out.getvalue())
    assert listed["protection"] == made.protection
    out = io.StringIO()
    assert unprotect(life.config_path, made.protection, out) == 0
    assert unprotect(life.config_path, made.protection, out) == 1
    assert "edge protected lists them" in out.getvalue()
    out = io.StringIO()
    assert protected(life.config_path, "lobby", out) == 0
    assert out.getvalue() == "nothing is protected\n"
    assert life.stop() == 0
    life.site.open()
    [kept], [ended] = life.site.said("footage_protected"), life.site.said("footage_unprotected")
    assert kept["subject"] == ended["subject"] == "lobby"
    assert kept["protection"] == ended["protection"] == made.protection
    life.site.close()


def test_long_list_comes_in_parts(life: Life, capsys):
    """More protections than one payload holds."""
    life.start()
    config = load(life.config_path)
    for number in range(45):
        from_ = rfc3339((NOW_MS - number * HOUR_MS) * 1_000_000)
        to = rfc3339((NOW_MS - number * HOUR_MS + MINUTE_MS) * 1_000_000)
        reply = ask(config, Wish("protect", channel="dock", from_=from_, to=to, note="ß" * 500, by="x"))
        assert reply.status == "done"
    out = io.StringIO()
    assert protected(life.config_path, None, out) == 0
    assert len(out.getvalue().splitlines()) == 45
    assert capsys.readouterr().out == ""  # of the connection nothing is said where the answer stands
    assert life.stop() == 0


def test_segments_are_heard_of_and_not_walked_for(life: Life):
    """What the recorder says while retention runs, and while it is away, is in the catalog."""
    life.start()
    until(lambda: '"started"' in life.log.read_text() and (life.site.state_dir / "catalog.db").exists())
    time.sleep(1.5)  # where it is not connected yet, it walks later
    names = [life.site.record("lobby", NOW_MS - HOUR_MS + place * MINUTE_MS) for place in range(20)]
    life.say_written(names)
    ghost = names[-1].later(5)
    life.say_written([ghost])
    until(lambda: life.known() == 20)
    assert life.stop() == 0
    assert life.catalogued() == 20
    more = [life.site.record("lobby", NOW_MS - HOUR_MS + place * MINUTE_MS) for place in range(20, 30)]
    life.say_written(more)
    life.start()
    until(lambda: life.known() == 30)
    assert life.stop() == 0
    assert life.catalogued() == 30
    life.site.open()
    assert not life.site.said("segments_missing")
    life.site.close()


def test_command_without_retention_or_broker_is_not_taken_for_done(life: Life, mosquitto):
    """Evidence that is not known to be kept is said to be so."""
    config = load(life.config_path)
    with pytest.raises(NoAnswer, match="retention does not answer"):
        ask(config, Wish("list"), answer_s=0.5)
    mosquitto.stop()
    with pytest.raises(NoAnswer, match="does not answer: is the site running"):
        ask(config, Wish("list"), answer_s=0.5)
