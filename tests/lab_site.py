"""A site of a lab: its broker with the bridge, its configuration, and its processes, made up or real."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from hq_brokers import Hq, Keys
from hq_brokers import Site as SiteMosquitto
from lab_hosts import Host, Program
from lab_links import Link

PUBLISHER = Path(__file__).with_name("lab_publisher.py")


@dataclass
class Site:
    """One site: its broker and its processes."""

    name: str
    folder: Path
    host: Host
    link: Link
    broker: SiteMosquitto
    processes: dict[str, Program] = field(default_factory=dict)

    @property
    def state_dir(self) -> Path:
        """Where the outboxes lie."""
        return self.folder / "state"

    @property
    def config_path(self) -> Path:
        """The site's edge.yaml."""
        return self.folder / "edge.yaml"

    def outbox_path(self, process: str) -> Path:
        """The outbox of a process."""
        return self.state_dir / f"{process}.outbox"

    def outbox_paths(self) -> list[Path]:
        """All outboxes that there are."""
        return sorted(self.state_dir.glob("*.outbox"))

    def configure(self, **sections: object) -> None:
        """Write edge.yaml."""
        settings = {
            "site": self.name,
            "state_dir": str(self.state_dir),
            "broker": self.broker.login(),
            "channels": [{"id": "gate", "url": "rtsp://127.0.0.1:9/none"}],
        }
        self.config_path.write_text(yaml.safe_dump(settings | sections))

    def add_publisher(self, process: str, rate: float) -> Program:
        """A process that makes events up."""
        command = [sys.executable, PUBLISHER, self.config_path, process, rate]
        self.processes[process] = Program(self.host, command, self.folder / f"{process}.log")
        return self.processes[process]

    def tell_all(self, line: str) -> None:
        """Say a line to every process that makes events up."""
        for program in self.processes.values():
            if program.running and PUBLISHER in program.command:
                program.tell(line)


def make_site(
    folder: Path,
    name: str,
    machines: Mapping[str, Host],
    link: Link,
    at_hq: Sequence[str],
    brokers: Sequence[Program | Hq],
    keys: Keys,
) -> Site:
    """A site that is not started; its bridge dials `brokers`, which are in the hosts `at_hq`."""
    host = machines[name]
    ports = [one.sites_port if isinstance(one, Hq) else one.listens for one in brokers]
    ways = [link.to(machines[place], port) for place, port in zip(at_hq, ports, strict=True)]
    own_port = 1883 if host.namespace else 0
    broker = SiteMosquitto(
        folder / "broker", name, keys, hq_host=ways[0][0], hq_port=ways[0][1], port=own_port, prefix=host.prefix
    )
    if not isinstance(brokers[0], Hq):
        addresses = " ".join(f"{address}:{port}" for address, port in ways)
        broker.change(
            {"address": addresses, "try_private": "false", "bridge_protocol_version": "mqttv311"}, broker.bridge
        )
    site = Site(name, folder, host, link, broker)
    site.configure()
    return site
