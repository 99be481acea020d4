"""The site's own Mosquitto under the supervisor: its files in a folder of the site, its users, and what mends it."""

import os
import shlex
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.clock import SystemClock
from edge.config import BROKER_CREDENTIALS, BROKER_PORT, OWN_BROKER, Config, HqLinkConfig
from edge.errors import ConfigError
from edge.mosquitto.certificates import check_link
from edge.mosquitto.files import Owner, hand_over, mosquitto_owner
from edge.mosquitto.memory import MEMORY
from edge.mosquitto.site import CREDENTIALS, WATCH, SiteBroker, copy_keys, mosquitto_program, write_bridge, write_site
from edge.up.broker_care import BrokerCare
from edge.up.supervisor import Program

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

@dataclass(frozen=True, slots=True)
class OwnBroker:
    """A broker that runs with the site: its program, and how the processes and people come in."""

    program: Program
    port: int
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process where this broker is and with which password it logs in."""
        return {BROKER_PORT: str(self.port), BROKER_CREDENTIALS: str(self.folder / CREDENTIALS)}

    @property
    def watch(self) -> str:
        """The command by which a person reads along."""
        options = shlex.quote(str(self.folder / WATCH))
        return f"XDG_CONFIG_HOME={options} mosquitto_sub -h 127.0.0.1 -p {self.port} -v -t 'event/#'"


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """The wanted port where nobody listens on it, else one that the system gives."""
    for port in (wanted, 0):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigError(f"no port is free on {host}")


def own_broker(config: Config, template: Path, port: int) -> OwnBroker:
    """Mosquitto on a loopback port with files and memory under state_dir; ConfigError where it cannot be run."""
    mosquitto = mosquitto_program()
    folder = (config.state_dir / OWN_BROKER).resolve()
    owner = _owner(folder)
    if config.hq is not None:
        check_link(config.site, config.hq)  # not its dates: a site goes on recording when they are over
    broker = SiteBroker(
        site=config.site,
        port=port,
        folder=folder,
        data=folder,
        link=config.hq and copy_keys(config.hq, folder / "tls", owner),
        broker_user=owner,
        programs_user=Owner.present(),
    )
    command = [mosquitto, "-c", str(write_site(broker, template))]
    care = _care(broker, config.hq, template)
    user = owner.name if os.geteuid() == 0 else None
    program = Program("mosquitto", command, user=user, before=care.before, ailing=care.ailing)
    return OwnBroker(program, port, folder)


def _care(broker: SiteBroker, link: HqLinkConfig | None, template: Path) -> BrokerCare:
    def set_bridge(wanted: bool) -> None:
        if wanted and link is not None:
            copy_keys(link, broker.folder / "tls", broker.broker_user)  # they may have been renewed
        write_bridge(broker, template, wanted=wanted)

    return BrokerCare(
        broker.folder,
        port_is_free=lambda: free_port(broker.port) == broker.port,
        port=broker.port,
        link=link,
        set_bridge=set_bridge,
        clock=SystemClock(),
    )


def _owner(folder: Path) -> Owner:
    """Who the broker runs as: Mosquitto's own user where root starts it and that user can reach the folder."""
    owner = mosquitto_owner()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reachable = all(parent.stat().st_mode & 0o001 for parent in folder.parents)
        owner = owner if reachable else Owner.present()
        if (folder / MEMORY).exists():  # of an earlier start by another user
            hand_over(folder / MEMORY, owner)
    except OSError as error:
        raise ConfigError(f"the broker cannot be set up in {folder}: {error}") from error
    return owner
