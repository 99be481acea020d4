"""`edge reporter` as a process, with a real broker and an HQ over HTTP: what it says, keeps, survives and posts."""

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Self

import psutil
import pytest
from acceptance_support import EDGE, Command, until
from reporting_hq import ReportHq
from test_web_process import Recorder
from web_site import recording, segment, stopped

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.subscriber import Tail
from edge.clock import SystemClock
from edge.events.catalog import SiteReported
from edge.events.envelope import Envelope

CLOCK = SystemClock()


class Listener:
    """Whoever subscribes to the site's broker: events by their key, retained messages by their topic."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.events: dict[str, Envelope] = {}

    def __enter__(self) -> Self:
        self._tail = Tail(PahoBroker(BrokerAddress("127.0.0.1", self.port), "listener", clock=CLOCK), ["event/#"])
        self._tail.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._tail.__exit__()

    def said(self, event_type: str) -> list[Envelope]:
        while (message := self._tail.next(0.01)) is not None:
            envelope = Envelope.parse(message.payload)
            self.events[f"{envelope.source}/{envelope.id}"] = envelope
        found = [one for one in self.events.values() if one.event_type == event_type]
        return sorted(found, key=lambda one: one.sequence)

    def retained(self, topic: str) -> dict[str, bytes]:
        """What a late subscriber gets at once."""
        broker = PahoBroker(BrokerAddress("127.0.0.1", self.port), "late", clock=CLOCK, durable=False)
        found: dict[str, bytes] = {}
        with Tail(broker, [topic]) as tail:
            until(lambda: broker.connected, 30)
            while (message := tail.next(1)) is not None:
                if message.retained:
                    found[message.topic] = message.payload
        return found


class Reporter:
    """The process, which may be killed and started again."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self.folder = folder
        self.broker_port = broker_port
        self.config = folder / "edge.yaml"
        self.command: Command | None = None
        self.write()

    def write(self, channels=("cam0", "cam1"), **reporter) -> None:
        values = {
            "site": "jkt-001",
            "timezone": "Asia/Jakarta",
            "state_dir": "state",
            "storage": {"root": "recordings"},
            "broker": {"port": self.broker_port},
            "reporter": {"every_s": 1} | reporter,
            "channels": [{"id": one, "url": f"rtsp://127.0.0.1/{one}"} for one in channels],
        }
        self.config.write_text(json.dumps(values))

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "EDGE_BROKER_PORT"}
        self.command = Command([*EDGE, "reporter", "--config", self.config], self.folder, env=environment)

    def said(self) -> str:
        return self.command.said() if self.command else ""

    def kill(self) -> None:
        self.command.process.kill()
        self.command.process.wait()


@pytest.fixture
def reporter(tmp_path, mosquitto):
    """`edge reporter`, not started."""
    (tmp_path / "state").mkdir(exist_ok=True)
    reporter = Reporter(tmp_path, mosquitto.port)
    yield reporter
    if reporter.command is not None:
        reporter.command.end()


@pytest.fixture
def recorder(tmp_path, mosquitto):
    """A recorder's bus, running."""
    (tmp_path / "state").mkdir(exist_ok=True)
    recorder = Recorder(tmp_path / "state", mosquitto.port)
    recorder.start()
    yield recorder
    recorder.stop()


@pytest.fixture
def listener(mosquitto):
    """Somebody who listens from the beginning."""
    with Listener(mosquitto.port) as listener:
        yield listener


@pytest.fixture
def hq():
    """HQ, answering well."""
    server = ReportHq().start()
    yield server
    server.stop()


def http(hq) -> dict:
    """The section of the configuration that posts there."""
    return {"url": f"http://127.0.0.1:{hq.port}/api/sites/jkt-001/reports"}


def test_reports_tell_how_the_site_is_at_an_interval(reporter, recorder, listener):
    """From events alone: the channels, the processes and the settings that HQ needs."""
    now_ms = CLOCK.wall_ns() // 1_000_000
    recorder.say(recording("cam0"), segment("cam0", now_ms - 60_000), stopped("cam1"))
    reporter.start()
    until(lambda: len(listener.said("site_reported")) >= 3, 60, reporter.said)
    report = SiteReported.read(listener.said("site_reported")[-1].data).report
    assert [(one.id, one.status, one.reason) for one in report.channels] == [
        ("cam0", "recording", None), ("cam1", "offline", "unreachable"),
    ]  # fmt: skip
    assert (report.timezone, report.segment_s, report.left_out) == ("Asia/Jakarta", 60, ())
    assert {one.name: one.status for one in report.processes}["recorder"] == "online"
    assert {one.process: one.missing for one in report.events}["recorder"] == 0


def test_what_gets_worse_is_reported_at_once(reporter, recorder, listener):
    """A camera that goes does not wait for the interval; that it is back does."""
    reporter.write(every_s=3600)
    recorder.say(recording("cam0"), recording("cam1"))
    reporter.start()
    until(lambda: listener.said("site_reported"), 60, reporter.said)
    time.sleep(5)
    recorder.say(stopped("cam1"))
    until(lambda: len(listener.said("site_reported")) == 2, 60, reporter.said)
    report = SiteReported.read(listener.said("site_reported")[-1].data).report
    assert {one.id: one.status for one in report.channels} == {"cam0": "recording", "cam1": "offline"}


def test_channel_states_are_retained_and_follow_the_configuration(reporter, recorder, listener):
    """Whoever subscribes late knows at once; a channel that is taken out of the configuration leaves the broker."""
    recorder.say(recording("cam0"), stopped("cam1"))
    reporter.start()
    retained = until(
        lambda: len(found := listener.retained("state/reporter/+")) == 2 and found, 60, reporter.said
    )
    states = {topic: json.loads(body) for topic, body in retained.items()}
    assert states["state/reporter/cam0"]["recording"] is True
    assert (states["state/reporter/cam1"]["status"], states["state/reporter/cam1"]["reason"]) == ("offline", "unreachable")
    reporter.command.stop(signal.SIGTERM)
    reporter.write(channels=["cam0", "cam2"])
    reporter.start()
    wanted = {"state/reporter/cam0", "state/reporter/cam2"}
    until(lambda: set(listener.retained("state/reporter/+")) == wanted, 60, reporter.said)


def test_reload_takes_channels_without_a_restart(reporter, recorder, listener):
    """SIGHUP: reports and retained states follow."""
    reporter.start()
    until(lambda: listener.said("site_reported"), 60, reporter.said)
    reporter.write(channels=["cam7"])
    reporter.command.process.send_signal(signal.SIGHUP)
    until(lambda: set(listener.retained("state/reporter/+")) == {"state/reporter/cam7"}, 60, reporter.said)
    said = len(listener.said("site_reported"))
    until(lambda: len(listener.said("site_reported")) >= said + 2, 60)
    (channel,) = SiteReported.read(listener.said("site_reported")[-1].data).report.channels
    assert channel.id == "cam7"


def test_broker_that_lost_what_was_retained_gets_it_again(reporter, recorder, listener, mosquitto):
    """A kill -9 of the broker may forget; the reporter says everything again on its new connection."""
    recorder.say(recording("cam0"))
    reporter.start()
    until(lambda: listener.retained("state/reporter/cam0"), 60, reporter.said)
    mosquitto.kill()
    (mosquitto.folder / "mosquitto.db").unlink(missing_ok=True)
    mosquitto.start()
    until(lambda: len(listener.retained("state/reporter/+")) == 2, 60, reporter.said)


def test_home_assistant_is_told_and_told_again_when_it_starts(reporter, recorder, listener, mosquitto):
    """Off it tells nothing; on, every entity has a configuration, again after its birth message; off again clears."""
    reporter.write(home_assistant={"prefix": "homeassistant"})
    reporter.start()
    topics = until(lambda: len(found := listener.retained("homeassistant/#")) == 11 and found, 60, reporter.said)
    document = json.loads(topics["homeassistant/binary_sensor/saksi_jkt-001/channel_cam0/config"])
    assert document["state_topic"] == "state/reporter/cam0"
    assert topics["homeassistant/binary_sensor/saksi_jkt-001/disk/state"] == b"OFF"
    broker = PahoBroker(BrokerAddress("127.0.0.1", mosquitto.port), "home-assistant", clock=CLOCK, durable=False)
    with Tail(broker, ["homeassistant/binary_sensor/#"]) as tail:
        until(lambda: broker.connected, 30)
        until(lambda: tail.next(20), 30)  # it is subscribed
        broker.publish("homeassistant/status", b"online")
        again: set[str] = set()
        while again != set(topics):
            message = tail.next(60)
            assert message is not None, again
            again |= set() if message.retained else {message.topic}
    reporter.command.stop(signal.SIGTERM)
    reporter.write()
    reporter.start()
    until(lambda: not listener.retained("homeassistant/#"), 60, reporter.said)


@pytest.mark.timeout(600)
def test_killed_reporter_delivers_every_report_once(reporter, recorder, listener, hq):
    """Kill -9 at random, HQ failing at random: by its key each report comes once, in order, the bytes of its event."""
    rng = random.Random(11)
    hq.script.extend(rng.choice([202, 202, 202, 202, 202, 503, "reset", "cut"]) for _ in range(60))
    reporter.write(http=http(hq))
    for _ in range(6):
        before = len(hq.keys())
        reporter.start()
        until(lambda before=before: len(hq.keys()) > before, 60, reporter.said)
        time.sleep(rng.uniform(0, 3))
        reporter.kill()
    hq.script.clear()
    reporter.start()
    said = until(lambda: listener.said("site_reported"), 60)
    until(lambda: len(hq.keys()) >= len(listener.said("site_reported")) - 2, 60, reporter.said)
    reporter.command.stop(signal.SIGTERM)
    said = listener.said("site_reported")
    taken = hq.keys()
    assert taken == [one.id for one in said][: len(taken)]
    assert len(taken) >= len(said) - 2  # the newest may be on their way
    assert all(hq.taken[one.id] == one.to_json() for one in said if one.id in hq.taken)
    delivered = [one.data["report"] for one in listener.said("report_delivered")]
    assert len(delivered) == len(set(delivered))
    assert set(delivered) <= set(taken)


def test_reporter_goes_on_from_what_it_knew(reporter, recorder, listener):
    """After a restart, before any new event, it still knows the site: from its own journal."""
    recorder.say(recording("cam0"), stopped("cam1"))
    reporter.start()
    until(lambda: listener.said("site_reported"), 60, reporter.said)
    reporter.kill()
    before = len(listener.said("site_reported"))
    reporter.start()
    until(lambda: len(listener.said("site_reported")) > before, 60, reporter.said)
    report = SiteReported.read(listener.said("site_reported")[-1].data).report
    assert [one.status for one in report.channels] == ["recording", "offline"]


def test_reporter_of_a_fresh_site_says_nothing_of_missing_events(reporter, recorder, listener):
    """What its own journal lacks it asks for; alarms are the web's to give."""
    recorder.say(*[stopped("cam1")] * 50)
    until(lambda: recorder.outbox.published == recorder.outbox.last_sequence)
    reporter.start()
    until(lambda: listener.said("site_reported"), 60, reporter.said)
    held = lambda: {  # noqa: E731
        one.process: (one.newest, one.missing)
        for one in SiteReported.read(listener.said("site_reported")[-1].data).report.events
    }
    until(lambda: held().get("recorder") == (50, 0), 60, reporter.said)
    assert not [one for one in listener.events.values() if one.event_type.startswith("events_")]


def test_reporter_stops_in_time_while_hq_hangs(reporter, recorder, listener, hq):
    """The attempt in hand is left, and made again by the next run with the same key."""
    hq.always = "hang"
    reporter.write(http=http(hq))
    reporter.start()
    until(lambda: hq.asked() == 1, 60, reporter.said)
    assert reporter.command.stop(signal.SIGTERM) == 0  # 1 after five seconds
    hq.always = 202
    reporter.start()
    until(hq.keys, 60, reporter.said)
    assert hq.keys()[0] == hq.requests[0].key


def test_token_is_in_no_log_and_in_no_process_list(reporter, recorder, listener, hq):
    """Also while HQ refuses it."""
    hq.always = 401
    (reporter.folder / "hq-token").write_text("do-not-show-this")
    reporter.write(http=http(hq) | {"token_file": "hq-token"})
    reporter.start()
    until(lambda: listener.said("report_failed"), 60, reporter.said)
    process = psutil.Process(reporter.command.process.pid)
    shown = json.dumps([*process.cmdline(), *process.environ().values(), reporter.said()])
    assert "do-not-show-this" not in shown
    assert not [one for one in listener.events.values() if b"do-not-show-this" in one.to_json()]
