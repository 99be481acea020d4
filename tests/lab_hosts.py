"""Hosts of a lab: network namespaces where root, ports of the loopback address elsewhere. Knows no broker.

A namespace is called `saksi-<pid of its owner>-<random>-<host>`, so that whoever comes next can sweep away what an owner
that was killed has left, and nobody else's.
"""

import ctypes
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from free_ports import free_port

PREFIX = "saksi"
NETNS = Path("/run/netns")
NETNS_FILES = Path("/etc/netns")
"""`ip netns exec` lays the files in here over those of /etc."""
EVERYWHERE = "every.host"
"""In a namespace, the name of all hosts at once, as a name server gives for a cluster."""
_CLONE_NEWNET = 0x4000_0000
_LISTEN = "0A"
_libc = ctypes.CDLL(None, use_errno=True)


def can_namespace() -> bool:
    """Whether namespaces and the devices between them can be made here."""
    return os.geteuid() == 0 and shutil.which("ip") is not None and os.access("/dev/net/tun", os.W_OK)


def run_ip(*words: str) -> None:
    """`ip ...`; its complaint becomes the error."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"


def sweep() -> list[str]:
    """Remove the namespaces, with their processes, whose owner is gone; returns their names."""
    found = sorted(path.name for path in NETNS.glob(f"{PREFIX}-*")) if can_namespace() else []
    left = [name for name in found if not psutil.pid_exists(int(name.split("-")[1]))]
    for name in left:
        remove(name)
    return left


def remove(namespace: str) -> None:
    """Kill whatever lives in a namespace and take it away; harmless when it is gone."""
    listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    for pid in listed.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)
    shutil.rmtree(NETNS_FILES / namespace, ignore_errors=True)


def listening_ports(pid: int) -> set[int]:
    """The TCP ports on which this very process listens, in whatever namespace it lives."""
    inodes = set()
    with suppress(FileNotFoundError):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                if found := re.fullmatch(r"socket:\[(\d+)\]", str(fd.readlink())):
                    inodes.add(found[1])
    ports = set()
    for table in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and fields[9] in inodes:
                    ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


@dataclass
class Host:
    """One machine of the lab: an address, ports by name, and processes that live in it."""

    name: str
    address: str = "127.0.0.1"
    namespace: str | None = None
    ports: dict[str, int] = field(default_factory=dict)

    def port(self, name: str, usual: int) -> int:
        """The port of a service: the usual one in a namespace, a free one on the loopback address; the same each time."""
        if name not in self.ports:
            self.ports[name] = usual if self.namespace else free_port()
        return self.ports[name]

    @property
    def prefix(self) -> list[str]:
        """What stands before a command so that it runs here, under the number that it is started with, and dies with us."""
        words = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        return [*words, "setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else words

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have the calling thread, and threads that it starts, live in this host: for the test's own connections."""
        if self.namespace is None:
            yield
            return
        with Path("/proc/thread-self/ns/net").open() as home, (NETNS / self.namespace).open() as away:
            _enter(away.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def answers(self, port: int) -> bool:
        """Whether somebody listens on a port of this host."""
        with self.inside(), socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((self.address if self.namespace else "127.0.0.1", port)) == 0


@dataclass
class Program:
    """A program in a host that may be killed and started again; `listens`: the port by which it is known to be up."""

    host: Host
    command: Sequence[object]
    log_path: Path
    listens: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self, wait_s: float = 40) -> None:
        """Start it, and wait until this very process listens, where it does."""
        assert not self.running
        self.end()
        command = [*self.host.prefix, *(str(word) for word in self.command)]
        environment = {**os.environ, **self.environment}
        with self.log_path.open("ab") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=file, env=environment)
        deadline = time.monotonic() + wait_s
        while self.listens is not None and self.listens not in listening_ports(self._pid()):
            assert self.running, f"{self.command} ended:\n{self.log()[-3000:]}"
            assert time.monotonic() < deadline, (
                f"{self.command} does not listen on {self.listens}:\n{self.log()[-3000:]}"
            )
            time.sleep(0.05)

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def kill(self) -> None:
        """Kill -9, having made sure that the process is the one that listens."""
        assert self.listens is None or self.listens in listening_ports(self._pid()), self.log()[-3000:]
        self._end(signal.SIGKILL)

    def stop(self, wait_s: float = 15) -> int:
        """Ask it to end; returns its exit status."""
        return self._end(signal.SIGTERM, wait_s)

    def end(self) -> None:
        """End it, however it stands; harmless when it does not run."""
        if self.process is not None:
            self._end(signal.SIGKILL)

    def log(self) -> str:
        """What it said, over all its lives."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _end(self, number: signal.Signals, wait_s: float = 15) -> int:
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(number)
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        try:
            return process.wait(wait_s)
        finally:
            process.kill()
            process.wait()


@contextmanager
def hosts(names: Sequence[str], *, namespaced: bool) -> Iterator[Mapping[str, Host]]:
    """Make hosts, and take them away with everything that runs in them."""
    sweep()
    made = {}
    token = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(3)}"
    try:
        for number, name in enumerate(names, 1):
            made[name] = Host(name)
            if namespaced:
                made[name] = Host(name, f"10.77.0.{number}", f"{token}-{name}")
                _name_addresses(f"{token}-{name}", len(names))
                run_ip("netns", "add", f"{token}-{name}")
                run_ip("-n", f"{token}-{name}", "link", "set", "lo", "up")
        yield made
    finally:
        if namespaced:
            for name in made:
                remove(f"{token}-{name}")


def _name_addresses(namespace: str, count: int) -> None:
    folder = NETNS_FILES / namespace
    folder.mkdir(parents=True)
    lines = [f"10.77.0.{number} {EVERYWHERE}" for number in range(1, count + 1)]
    (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))


def _enter(namespace_fd: int) -> None:
    if _libc.setns(namespace_fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
