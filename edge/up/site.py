"""What runs at a site: the programs of a configuration, and the lines that say where to look."""

import asyncio
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge import logs
from edge.config import BROKER_PORT, Config, load
from edge.errors import ConfigError
from edge.up.broker import LOOPBACK, OwnBroker, free_port, own_broker
from edge.up.supervisor import Program, Supervisor

LOCAL_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here
PROCESSES: Final = ("recorder", "retention", "validator", "reporter", "web")


def run_site(config_path: Path, broker_template: Path | None) -> int:
    """Run every process of a site until told to stop; with a broker of its own where a template is given."""
    config = load(config_path)
    programs, broker = site_programs(config, config_path, broker_template)
    say_where_to_look(config, config_path, broker)
    return supervise(config, programs)


def run_broker(config_path: Path, broker_template: Path) -> int:
    """Run the site's Mosquitto alone, looked after as under `edge up`, until told to stop; raises ConfigError."""
    config = load(config_path)
    port = config.broker.port
    if config.broker.host not in LOOPBACK or free_port(port) != port:
        raise ConfigError(f"{config.broker.host}:{port} is not free here; change broker.port or end the other")
    broker = own_broker(config, broker_template, port)
    sys.stdout.write(f"  events         {broker.watch}\n")
    sys.stdout.flush()
    return supervise(config, [broker.program])


def site_programs(
    config: Config, config_path: Path, broker_template: Path | None
) -> tuple[list[Program], OwnBroker | None]:
    """The programs of a site, in the order of their start, and the broker among them, if any."""
    broker, programs, environment = None, [], {BROKER_PORT: str(config.broker.port)}
    if broker_template is not None and config.broker.host in LOOPBACK:
        broker = own_broker(config, broker_template, free_port(config.broker.port))
        programs, environment = [broker.program], broker.environment
    command = [sys.executable, "-m", "edge"]
    options = ["--config", str(config_path.resolve())]
    programs += [Program(name, [*command, name, *options], environment, reloads=True) for name in PROCESSES]
    return programs, broker


def supervise(config: Config, programs: Sequence[Program]) -> int:
    """Keep programs running until told to stop; returns the exit status."""
    close_logs = logs.configure(config.log, "up")
    try:
        asyncio.run(_run(programs))
    finally:
        close_logs()
    return 0


async def _run(programs: Sequence[Program]) -> None:
    await Supervisor(programs).run()


def say_where_to_look(
    config: Config, config_path: Path, broker: OwnBroker | None, more: Sequence[str] = ()
) -> None:
    """Print what a person needs who has just started a site."""
    path = config_path.resolve()
    watch = f"mosquitto_sub -h {config.broker.host} -p {config.broker.port} -v -t 'event/#'"
    words = f".venv/bin/edge events --config {path}"
    if broker is not None:
        watch = broker.watch
        words = " ".join([*(f"{name}={shlex.quote(value)}" for name, value in broker.environment.items()), words])
    lines = (
        f"site           {config.site}, {len([one for one in config.channels if one.enabled])} channels",
        f"configuration  {path}",
        f"page           http://{_address(config.web.bind)}:{config.web.port}/",
        *more,
        f"recordings     {config.storage.root}",
        f"events         {watch}",
        f"               or in words: {words}",
        "stop           Ctrl-C",
    )
    sys.stdout.write("".join(f"  {line}\n" for line in lines))
    sys.stdout.flush()


def _address(bind: str) -> str:
    """What to type into a browser on this machine to reach an address that is listened on."""
    host = LOCAL_ADDRESS.get(bind, bind)
    return f"[{host}]" if ":" in host else host
