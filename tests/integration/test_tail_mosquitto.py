"""The tail of a site's events on a real Mosquitto, in a thread and as a process."""

import io
import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.clock import SystemClock
from edge.events.catalog import RecordingStopped, SegmentWritten
from edge.events.examples import example, topic
from edge.events.messages import Heartbeat, Will
from edge.tail.main import run

WRITTEN, STOPPED = example(SegmentWritten), example(RecordingStopped)
SEGMENT_WORDS = "09:22:00 WIB recorder   lobby        segment written: 60.0 s, 30.2 MB, 1501 pictures, nothing lost"


def until(condition, wait_s=60):
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def write_config(folder: Path, port: int, **broker) -> Path:
    document = {
        "site": "jkt-001",
        "timezone": "Asia/Jakarta",
        "state_dir": "state",
        "broker": {"port": port, **broker},
        "channels": [{"id": "lobby", "url": "rtsp://10.0.0.11/"}],
    }
    path = folder / "edge.yaml"
    path.write_text(json.dumps(document))
    return path


class Tailing:
    """What a tail in a thread has written so far."""

    def __init__(self):
        self.out, self.err, self.stop, self.status = io.StringIO(), io.StringIO(), threading.Event(), None

    @property
    def lines(self):
        return self.out.getvalue().splitlines()


@contextmanager
def tailing(config: Path, *, as_json: bool = False, **filters):
    tail = Tailing()

    def follow():
        tail.status = run(config, json=as_json, out=tail.out, err=tail.err, stop=tail.stop, **filters)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield tail
    finally:
        tail.stop.set()
        thread.join()


@pytest.fixture
def publisher(mosquitto):
    broker = PahoBroker(
        BrokerAddress("127.0.0.1", mosquitto.port), "recorder", clock=SystemClock(), durable=False, reconnect_s=(1, 1)
    )
    broker.start()
    until(lambda: broker.connected)
    yield broker
    broker.stop()


def say(publisher, envelope):
    assert publisher.publish(str(topic(envelope)), envelope.to_json())


def heard(publisher, tail):
    """Wait until the tail listens: what is published before is not for it."""

    def arrived():
        say(publisher, WRITTEN)
        return tail.lines

    until(arrived)


def test_events_and_processes_are_told_as_they_come(mosquitto, publisher, tmp_path):
    """What is retained at the start, then each event and each process that comes or goes, a line each."""
    publisher.publish("state/recorder", Heartbeat.read(Heartbeat.example).to_json(), retain=True)
    with tailing(write_config(tmp_path, mosquitto.port)) as tail:
        until(lambda: any("is online since" in line for line in tail.lines))
        say(publisher, WRITTEN)
        say(publisher, STOPPED)
        publisher.publish("state/recorder", Will.read(Will.example).to_json(), retain=True)
        until(lambda: any("went offline" in line for line in tail.lines))
    assert SEGMENT_WORDS in tail.lines
    stopped = next(line for line in tail.lines if "recording stopped" in line)
    assert stopped.endswith("no video packet for 5 s; is the camera overloaded? - next try at once")
    assert (tail.status, tail.err.getvalue()) == (0, "")


def test_json_is_the_published_bytes(mosquitto, publisher, tmp_path):
    """Every line is a payload, and nothing else is written; states are no events."""
    with tailing(write_config(tmp_path, mosquitto.port), as_json=True) as tail:
        heard(publisher, tail)
        publisher.publish("state/recorder", Heartbeat.read(Heartbeat.example).to_json(), retain=True)
        publisher.publish("event/recorder/segment_written/lobby", b"\x1b[2J garbage")
        say(publisher, STOPPED)
        until(lambda: STOPPED.to_json().decode() in tail.lines)
    assert set(tail.lines) == {WRITTEN.to_json().decode(), STOPPED.to_json().decode()}


def test_filters_show_only_what_was_asked_for(mosquitto, publisher, tmp_path):
    """A type of event, of a channel."""
    with tailing(write_config(tmp_path, mosquitto.port), types=["recording_stopped"], channels=["lobby"]) as tail:

        def stopped_told():
            say(publisher, WRITTEN)
            say(publisher, STOPPED)
            return tail.lines

        until(stopped_told)
    assert all("recording stopped" in line for line in tail.lines[1:])


def test_broker_that_goes_is_told_once_and_once_that_it_is_back(mosquitto, publisher, tmp_path):
    """However often the connection is tried meanwhile."""
    with tailing(write_config(tmp_path, mosquitto.port)) as tail:
        heard(publisher, tail)
        mosquitto.kill()
        until(lambda: "waiting for it" in tail.err.getvalue())
        before = len(tail.lines)
        mosquitto.start()
        until(lambda: "is back" in tail.err.getvalue())
        until(lambda: publisher.connected)
        say(publisher, STOPPED)
        until(lambda: len(tail.lines) > before)
    where = f"127.0.0.1:{mosquitto.port}"
    assert tail.err.getvalue().splitlines() == [
        f"nothing listens at {where}, where the broker should be; waiting for it",
        f"the broker at {where} is back",
    ]
    assert tail.status == 0


@pytest.mark.parametrize(
    ("filters", "words"),
    [({"types": ["segment_writen"]}, "there is no event 'segment_writen'"), ({"channels": ["x"]}, "no channel 'x'")],
)
def test_misspelt_filter_is_refused(tmp_path, filters, words):
    """It would wait for ever."""
    err = io.StringIO()
    assert run(write_config(tmp_path, 1), json=False, out=io.StringIO(), err=err, **filters) == 2
    assert words in err.getvalue()


def test_password_file_that_is_not_there_is_bad_configuration(tmp_path):
    """Told at once, not at every connection."""
    err = io.StringIO()
    config = write_config(tmp_path, 1, username="edge", password_file="nowhere")
    assert run(config, json=False, out=io.StringIO(), err=err) == 2
    assert "broker.password_file" in err.getvalue()


SCRIPT = "import sys; from pathlib import Path; from edge.tail.main import run; sys.exit(run(Path(sys.argv[1]), json=False, out=sys.stdout))"


@pytest.mark.parametrize("ending", ["ctrl_c", "reader_gone"])
def test_process_ends_quietly_with_status_zero(mosquitto, publisher, tmp_path, ending):
    """Ctrl-C, or the end of a pipe such as `edge events | head`, is how it is meant to end."""
    command = [sys.executable, "-c", SCRIPT, str(write_config(tmp_path, mosquitto.port))]
    publisher.publish("state/recorder", Heartbeat.read(Heartbeat.example).to_json(), retain=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        if ending == "ctrl_c":
            process.send_signal(signal.SIGINT)
        else:
            process.stdout.close()

            def ended():
                say(publisher, WRITTEN)
                return process.poll() is not None

            until(ended)
        assert process.wait(30) == 0
        assert process.stderr.read() == b""
