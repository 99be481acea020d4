"""PahoBroker over TLS to a real Mosquitto that wants a certificate, and what it says where one is wrong."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from acceptance_support import stop_mosquitto
from free_ports import free_port
from journal_site import until
from structlog.testing import capture_logs
from tls_files import Authority

from edge.bus.address import BrokerAddress, TlsFiles
from edge.bus.broker import PahoBroker
from edge.clock import SystemClock


class TlsMosquitto:
    """A broker on TLS alone; whoever comes is known by the name in its certificate."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.port = free_port()
        cert_file, key_file = self.authority.sign("broker", hosts=("127.0.0.1",))
        acl = folder / "acl"
        acl.write_text("pattern readwrite cctv/%u/#\n")
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(
            f"listener {self.port} 127.0.0.1\ncafile {self.authority.ca_file}\ncertfile {cert_file}\n"
            f"keyfile {key_file}\nrequire_certificate true\nuse_identity_as_username true\nallow_anonymous false\n"
            f"acl_file {acl}\n" + ("user root\n" if os.geteuid() == 0 else "")
        )
        self._process = subprocess.Popen(["mosquitto", "-c", str(self._conf)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        stop_mosquitto(self._process)


@pytest.fixture
def tls_mosquitto(tmp_path: Path):
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    broker = TlsMosquitto(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def connect(tls_mosquitto: TlsMosquitto):
    """Makes started clients that are stopped at the end."""
    made: list[PahoBroker] = []

    def make(tls: TlsFiles, host: str = "127.0.0.1") -> PahoBroker:
        address = BrokerAddress(host, tls_mosquitto.port, tls=tls)
        made.append(PahoBroker(address, f"client-{len(made)}", clock=SystemClock(), reconnect_s=(1, 1)))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


def test_a_client_with_a_certificate_is_who_it_says(tls_mosquitto: TlsMosquitto, connect) -> None:
    """Its rights are those of the name in it."""
    broker = connect(TlsFiles(tls_mosquitto.authority.ca_file, *tls_mosquitto.authority.sign("jkt-001")))
    came: list[str] = []
    answers: list = []
    broker.subscribe("cctv/+/state/recorder", lambda message: came.append(message.topic))
    broker.start()
    until(lambda: broker.connected)
    for site in ("sby-002", "jkt-001"):
        broker.publish(f"cctv/{site}/state/recorder", b"{}", done=answers.append)
    until(lambda: came and len(answers) == 2)
    assert came == ["cctv/jkt-001/state/recorder"]
    assert [answer.status for answer in answers] == ["refused", "accepted"]


# paho leaves the socket of a handshake that failed to the garbage collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("authority", "certificate verify failed"),
        ("host", "IP address mismatch|Hostname mismatch"),
        ("missing", "cannot be used together: No such file"),
        ("unknown client", "ended the connection at once"),
    ],
)
def test_a_certificate_that_does_not_do_is_said_in_the_log(
    tls_mosquitto: TlsMosquitto, connect, tmp_path: Path, wrong: str, words: str
) -> None:
    """And the client goes on trying: the files may be replaced meanwhile."""
    authority, host = tls_mosquitto.authority, "127.0.0.1"
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    files = TlsFiles(authority.ca_file, *authority.sign("jkt-001"))
    if wrong == "authority":
        files = TlsFiles(other.ca_file, *authority.sign("jkt-001"))
    elif wrong == "host":
        host = "localhost"
    elif wrong == "missing":
        files.key_file.unlink()
    else:
        files = TlsFiles(authority.ca_file, *other.sign("jkt-001"))
    with capture_logs() as logs:
        broker = connect(files, host)
        broker.start()
        until(lambda: any(re.search(words, str(log)) for log in logs))
        assert not broker.connected
        assert {log["event"] for log in logs} == {"broker_away"}


def test_a_renewed_certificate_is_taken_at_the_next_connect(tls_mosquitto: TlsMosquitto, connect, tmp_path: Path) -> None:
    """Without a restart."""
    (tmp_path / "other").mkdir()
    Authority(tmp_path / "other").sign("jkt-001")
    files = TlsFiles(
        tls_mosquitto.authority.ca_file, tmp_path / "other" / "jkt-001.crt", tmp_path / "other" / "jkt-001.key"
    )
    with capture_logs() as logs:
        broker = connect(files)
        broker.start()
        until(lambda: logs)
        for fresh, old in zip(tls_mosquitto.authority.sign("jkt-001"), (files.cert_file, files.key_file), strict=True):
            fresh.replace(old)
        until(lambda: broker.connected)
    assert [log["event"] for log in logs if log["event"] != "broker_away"] == ["broker_back"]
