"""A throw-away PostgreSQL from Debian's package, on a unix socket, that tests may kill and bring back."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
OWNER = "postgres"


def needs_postgres() -> None:
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")


class PostgresServer:
    """One cluster with fsync as it comes; data and socket stay the same over restarts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="saksi-pg-"))  # short: a socket's path has at most 107 bytes
        self._as_owner = [] if os.geteuid() else ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]
        if self._as_owner:
            shutil.chown(self.folder, OWNER, OWNER)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username=saksi", "-D", str(self._data))

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://saksi@/postgres?host={self.folder}"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> "PostgresServer":
        options = ["-D", str(self._data), "-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}"]
        command = [*self._as_owner, str(BINARIES[-1] / "postgres"), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return self

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(f"user=saksi dbname=postgres host={self.folder}", autocommit=True)

    def kill(self) -> None:
        """Kill -9 the server and all its sessions."""
        assert self._process is not None
        sessions = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._process.kill()
        for session in sessions:
            try:
                os.kill(int(session), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once, whoever is connected
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_owner, str(BINARIES[-1] / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server, one for all tests: each takes partitions or databases of its own."""
    needs_postgres()
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.remove()
