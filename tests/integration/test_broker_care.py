"""A site's broker under the supervisor: it goes on serving the site when headquarters' side would take it down."""

import shutil
import socket
import subprocess
import sys
import threading

import pytest
import yaml
from acceptance_support import Command, environment, until
from free_ports import free_port
from hq_brokers import CLOCK, TEMPLATES, Hq, Keys
from mqtt_client import ACCEPTED, Client

from edge.mosquitto.probe import answers, handshake_fault
from edge.up.broker_care import BrokerCare

pytestmark = pytest.mark.skipif(shutil.which("mosquitto") is None, reason="mosquitto is not installed")
# As `edge broker`, with looks and tries that come sooner.
QUICK = """
import sys
from pathlib import Path
from edge.up import broker_care, supervisor
from edge.up.site import run_broker
supervisor.LOOK_S, broker_care.AGAIN_S = 0.5, 2.0
sys.exit(run_broker(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.fixture
def keys(tmp_path):
    """HQ at 127.0.0.1 and one site."""
    return Keys(tmp_path / "keys", ["jkt-001"])


@pytest.fixture
def hq(tmp_path, keys):
    """HQ's broker, running."""
    (tmp_path / "hq").mkdir()
    broker = Hq(tmp_path / "hq", keys)
    broker.start()
    yield broker
    broker.stop()


def one_who_closes_at_once():
    """A load balancer without anything behind it."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return server


def test_handshake_is_judged_as_the_bridge_would_find_it(keys, hq, tmp_path):
    """Good, another name, another authority, one who hangs up: and nobody there is no fault of the handshake."""
    good = keys.link("jkt-001", "127.0.0.1", hq.sites_port)
    assert handshake_fault(good) is None
    assert handshake_fault(good.model_copy(update={"port": free_port()})) is None
    named = good.model_copy(update={"host": "127.0.0.2"})
    assert "127.0.0.2" in handshake_fault(named)
    other = Keys(tmp_path / "other", ["jkt-001"]).link("jkt-001", "127.0.0.1", hq.sites_port)
    assert "is not accepted" in handshake_fault(other)
    with one_who_closes_at_once() as server:
        assert "ends the handshake" in handshake_fault(good.model_copy(update={"port": server.getsockname()[1]}))
    assert "cannot be used" in handshake_fault(good.model_copy(update={"key_file": tmp_path / "none"}))


def break_certificate(hq, tmp_path) -> str:
    """Give HQ a certificate of another authority; returns the configuration as it was."""
    right = hq.configuration.read_text()
    wrong = Keys(tmp_path / "wrong", ["jkt-001"])
    hq.stop()
    hq.change({"certfile": wrong.folder / "hq" / "hq.crt", "keyfile": wrong.folder / "hq" / "hq.key"})
    hq.start()
    return right


def looked_after(tmp_path, keys, hq) -> tuple[Command, int]:
    """`edge broker` of a site whose bridge leads to this HQ, and its port."""
    port = free_port()
    link = {name: str(path) for name, path in keys.files("jkt-001").items()} | {"host": "127.0.0.1", "port": hq.sites_port}
    settings = {
        "site": "jkt-001",
        "state_dir": str(tmp_path / "state"),
        "storage": {"root": str(tmp_path / "recordings")},
        "broker": {"port": port},
        "hq": link,
        "channels": [{"id": "lobby", "url": "rtsp://127.0.0.1:1/x"}],
    }
    (tmp_path / "edge.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-c", QUICK, tmp_path / "edge.yaml", TEMPLATES / "mosquitto.conf"]
    return Command(command, tmp_path, env=environment()), port


def test_broker_serves_its_site_while_headquarters_certificate_is_wrong_and_bridges_when_it_is_right(keys, hq, tmp_path):
    """Mosquitto 2.0.11 would hang for ever: it runs without its bridge, and with it as soon as that can be."""
    right = break_certificate(hq, tmp_path)
    running, port = looked_after(tmp_path, keys, hq)
    try:
        until(lambda: answers(port), 30, running.said)
        until(lambda: "hq_handshake_failed" in running.said(), 30, running.said)
        password = (tmp_path / "state" / "broker" / "credentials" / "recorder").read_text().strip()
        with Client(port, user="recorder", password=password) as recorder:
            for number in range(3):
                assert recorder.publish(f"event/recorder/x/{number}") == ACCEPTED
        assert not (tmp_path / "state" / "broker" / "conf.d" / "bridge.conf").exists()
        hq.stop()
        hq.configuration.write_text(right)
        hq.start()
        with Client(hq.programs_port, user="hq_debug", password=hq.password("hq_debug")) as reader:
            reader.subscribe("cctv/#")
            until(lambda: any(one[:2] == ("cctv/jkt-001/state/bridge", b"1") for one in reader.received), 60, running.said)
        assert "its bridge can be tried again" in running.said()
    finally:
        running.end()


def test_broker_that_spins_and_does_not_answer_is_ended(tmp_path):
    """It has a whole core, its port takes connections, and nothing comes back; one that answers is left alone."""
    spin = "import socket, sys\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", spin], stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            care = BrokerCare(tmp_path, port_is_free=lambda: False, port=port, link=None, set_bridge=print, clock=CLOCK)
            assert care.ailing(process.pid) is None
            until(lambda: care.ailing(process.pid) == "it is busy and does not answer", 90)
        finally:
            process.kill()


def test_busy_broker_that_answers_is_left_alone(hq, tmp_path):
    """Load is no fault; its answer, a refusal, is enough."""
    assert answers(hq.programs_port)
    assert not answers(free_port())
