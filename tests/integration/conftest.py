"""A real Mosquitto with the committed configuration, on a free port, that tests may kill and bring back.

It lets everybody in without a name: tests that use it are not about rights. Those are held to the committed users and
access list by test_broker_rights.py and test_bridge_security.py, with the brokers of hq_brokers.py.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from acceptance_support import stop_mosquitto
from free_ports import free_port

CONFIGURATION = Path(__file__).parents[2] / "mosquitto" / "mosquitto.conf"


class Mosquitto:
    """One broker process; port and persistence folder stay the same over restarts."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        text = CONFIGURATION.read_text()
        text, ports = re.subn(r"(?m)^listener 1883 127\.0\.0\.1$", f"listener {self.port} 127.0.0.1", text)
        text, places = re.subn(r"(?m)^persistence_location .*$", f"persistence_location {folder}/", text)
        text, users = re.subn(r"(?m)^(password_file|acl_file|include_dir) .*\n", "", text)
        text, fences = re.subn(r"(?m)^allow_anonymous false$", "allow_anonymous true", text)
        assert (ports, places, users, fences) == (1, 1, 3, 1)
        self._file = folder / "mosquitto.conf"
        self._file.write_text(f"{text}\nuser root\n{extra}" if os.geteuid() == 0 else f"{text}\n{extra}")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(["mosquitto", "-c", str(self._file)], stderr=log, stdout=log)
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
                assert self._process.poll() is None, (self.folder / "mosquitto.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.01)

    def kill(self) -> None:
        """Kill -9, having made sure that the process is the one that listens."""
        assert self._process is not None
        listening = [
            connection.laddr.port
            for connection in psutil.Process(self._process.pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == [self.port]
        self._process.kill()
        self._process.wait()
        self._process = None

    def save(self) -> None:
        """Have it write its memory to disk now, as every autosave_interval."""
        assert self._process is not None
        before = (self.folder / "mosquitto.db").stat().st_mtime_ns if (self.folder / "mosquitto.db").exists() else 0
        self._process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 30
        while (
            not (self.folder / "mosquitto.db").exists() or (self.folder / "mosquitto.db").stat().st_mtime_ns == before
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in order, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            stop_mosquitto(process)


def _mosquitto_in(folder: Path) -> Iterator[Mosquitto]:
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    folder.mkdir(exist_ok=True)
    broker = Mosquitto(folder)
    yield broker
    broker.stop()


@pytest.fixture
def stopped_mosquitto(tmp_path: Path):
    """A Mosquitto that is not running yet."""
    yield from _mosquitto_in(tmp_path / "mosquitto")


@pytest.fixture(scope="module")
def lasting_mosquitto(tmp_path_factory: pytest.TempPathFactory):
    """A running Mosquitto for all tests of a module, which leave it alone."""
    for broker in _mosquitto_in(tmp_path_factory.mktemp("mosquitto")):
        broker.start()
        yield broker


@pytest.fixture
def mosquitto(stopped_mosquitto: Mosquitto) -> Mosquitto:
    """A running Mosquitto."""
    stopped_mosquitto.start()
    return stopped_mosquitto
