"""Real Mosquittos of sites and of HQ, made by `edge keys` and the configuration writers, that tests may kill.

A command prefix such as `["ip", "netns", "exec", NS]` runs a broker elsewhere; its ports are looked up in /proc, so that
this works in a network namespace too.
"""

import io
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from acceptance_support import stop_mosquitto
from free_ports import free_port

from edge.clock import SystemClock
from edge.config import HqLinkConfig
from edge.keys.main import make_authority, make_server, make_sites
from edge.mosquitto.files import Owner
from edge.mosquitto.hq import PROGRAMS_USER, HqBroker, write_hq
from edge.mosquitto.site import SiteBroker, mosquitto_program, write_site

TEMPLATES = Path(__file__).parents[1] / "mosquitto"
CLOCK = SystemClock()
_LISTENING = "0A"


class Keys:
    """An authority with certificates for HQ and its sites, as `edge keys` makes them."""

    def __init__(self, folder: Path, sites: Sequence[str], hosts: Sequence[str] = ("localhost", "127.0.0.1")) -> None:
        self.folder = folder
        said = io.StringIO()
        make_authority(folder, CLOCK, said, name="tests")
        make_server(folder, hosts, CLOCK, said)
        make_sites(folder, sites, CLOCK, said)

    def link(self, site: str, host: str, port: int) -> HqLinkConfig:
        """The section hq of a site's edge.yaml."""
        return HqLinkConfig(host=host, port=port, **self.files(site))

    def files(self, site: str) -> dict[str, Path]:
        """Authority, certificate and key of a site."""
        folder = self.folder / "sites" / site
        return {"ca_file": folder / "ca.crt", "cert_file": folder / "site.crt", "key_file": folder / "site.key"}


class RealMosquitto:
    """A Mosquitto process; ports, files and memory stay the same over restarts."""

    def __init__(self, folder: Path, ports: Sequence[int], prefix: Sequence[str] = ()) -> None:
        self.folder = folder
        self.ports = tuple(ports)
        self.prefix = list(prefix)
        self.configuration = folder / "mosquitto.conf"
        self.process: subprocess.Popen[bytes] | None = None

    def change(self, settings: Mapping[str, object], file: Path | None = None) -> None:
        """Change settings of the written configuration; takes effect at the next start."""
        path = file or self.configuration
        text = path.read_text()
        for key, value in settings.items():
            text, found = re.subn(rf"(?m)^{re.escape(key)} .*$", f"{key} {value}", text)
            text = text if found else f"{text}{key} {value}\n"
        path.write_text(text)

    def start(self) -> None:
        """Start it and wait until it listens at all its ports."""
        assert self.process is None
        with (self.folder / "mosquitto.log").open("ab") as log:
            command = [*self.prefix, mosquitto_program(), "-c", str(self.configuration)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not set(self.ports) <= self.listening():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def listening(self) -> set[int]:
        """The ports at which the process listens, in whichever network namespace it is."""
        assert self.process is not None
        folder, found, own = Path(f"/proc/{self.process.pid}"), set(), set()
        try:
            own = {one.readlink().name for one in (folder / "fd").iterdir()}
            lines = [line.split() for name in ("tcp", "tcp6") for line in (folder / "net" / name).read_text().splitlines()[1:]]
        except OSError:
            return set()
        for fields in lines:
            if fields[3] == _LISTENING and f"socket:[{fields[9]}]" in own:
                found.add(int(fields[1].rsplit(":", 1)[1], 16))
        return found

    @property
    def pid(self) -> int:
        """The number of the running process."""
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def rss_bytes(self) -> int:
        """Memory that the process holds now."""
        return psutil.Process(self.pid).memory_info().rss

    def kill(self) -> None:
        """Kill -9, having made sure that the process is the one that listens."""
        assert self.process is not None
        assert set(self.ports) <= self.listening()
        self.process.kill()
        self.process.wait()
        self.process = None

    def save(self) -> None:
        """Have it write its memory to the disk now."""
        path = self.folder / "mosquitto.db"
        before = path.stat().st_mtime_ns if path.exists() else 0
        psutil.Process(self.pid).send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 30
        while not path.exists() or path.stat().st_mtime_ns == before:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def reload(self) -> None:
        """Have it read users and rights again."""
        psutil.Process(self.pid).send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it in order, as systemd does."""
        if self.process is not None:
            process, self.process = self.process, None
            stop_mosquitto(process)

    def log(self) -> str:
        """What it said, of all its lives."""
        path = self.folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def password(self, user: str) -> str:
        """The password of one of its users."""
        return (self.folder / "credentials" / user).read_text().strip()


class Hq(RealMosquitto):
    """HQ's broker; `ports` are that of its own programs (loopback, password) and that of the sites (TLS)."""

    def __init__(self, folder: Path, keys: Keys, *, ports: Sequence[int] = (), prefix: Sequence[str] = ()) -> None:
        programs_port, sites_port = ports or (free_port(), free_port())
        super().__init__(folder, (programs_port, sites_port), prefix)
        self.programs_port, self.sites_port = programs_port, sites_port
        me = Owner.present()
        broker = HqBroker(
            folder=folder,
            data=folder,
            ca_file=keys.folder / "ca.crt",
            cert_file=keys.folder / "hq" / "hq.crt",
            key_file=keys.folder / "hq" / "hq.key",
            sites_port=sites_port,
            programs_port=programs_port,
            broker_user=me,
            programs_user=me,
        )
        write_hq(broker, TEMPLATES / "hq" / "mosquitto.conf")

    def login(self) -> dict[str, object]:
        """The section broker of an hq.yaml."""
        password_file = self.folder / "credentials" / PROGRAMS_USER
        return {
            "host": "127.0.0.1",
            "port": self.programs_port,
            "username": PROGRAMS_USER,
            "password_file": str(password_file),
        }


class Site(RealMosquitto):
    """A site's broker with its bridge to `hq_host`:`hq_port`; without keys it has no bridge."""

    def __init__(
        self,
        folder: Path,
        site: str,
        keys: Keys | None = None,
        *,
        hq_port: int = 0,
        hq_host: str = "127.0.0.1",
        port: int = 0,
        prefix: Sequence[str] = (),
        fast: bool = True,
    ) -> None:
        """`fast`: the bridge tries again within 1 to 2 s and gives a silent line up within 8 s, for tests."""
        self.site = site
        self.port = port or free_port()
        super().__init__(folder, (self.port,), prefix)
        me = Owner.present()
        link = None if keys is None else keys.link(site, hq_host, hq_port)
        broker = SiteBroker(site, self.port, folder, folder, link, broker_user=me, programs_user=me)
        write_site(broker, TEMPLATES / "mosquitto.conf")
        self.bridge = folder / "conf.d" / "bridge.conf"
        if link is not None and fast:
            self.change({"restart_timeout": "1 2", "keepalive_interval": 5}, self.bridge)

    def login(self) -> dict[str, object]:
        """The section broker of an edge.yaml."""
        return {"host": "127.0.0.1", "port": self.port, "credentials_dir": str(self.folder / "credentials")}
