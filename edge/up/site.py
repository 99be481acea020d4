"""What runs at a site: the programs of a configuration, and the lines that say where to look."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge import logs
from edge.config import BROKER_PORT, Config, load
from edge.up.broker import LOOPBACK, broker_program, free_port
from edge.up.supervisor import Program, Supervisor

LOCAL_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here
PROCESSES: Final = ("recorder", "retention", "validator", "web")


def run_site(config_path: Path, broker_template: Path | None) -> int:
    """Run every process of a site until told to stop; with a broker of its own where a template is given."""
    config = load(config_path)
    programs, port = site_programs(config, config_path, broker_template)
    say_where_to_look(config, config_path, port)
    return supervise(config, programs)


def site_programs(config: Config, config_path: Path, broker_template: Path | None) -> tuple[list[Program], int]:
    """The programs of a site, in the order of their start, and the broker's port."""
    port = config.broker.port
    programs = []
    if broker_template is not None and config.broker.host in LOOPBACK:
        port = free_port(port)
        programs.append(broker_program(broker_template, config.state_dir / "broker", port))
    command = [sys.executable, "-m", "edge"]
    options = ["--config", str(config_path.resolve())]
    environment = {BROKER_PORT: str(port)}
    programs += [Program(name, [*command, name, *options], environment, reloads=True) for name in PROCESSES]
    return programs, port


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


def say_where_to_look(config: Config, config_path: Path, broker_port: int, more: Sequence[str] = ()) -> None:
    """Print what a person needs who has just started a site."""
    watch = f"mosquitto_sub -h {config.broker.host} -p {broker_port} -v -t 'event/#'"
    path = config_path.resolve()
    lines = (
        f"site           {config.site}, {len([one for one in config.channels if one.enabled])} channels",
        f"configuration  {path}",
        f"page           http://{_address(config.web.bind)}:{config.web.port}/",
        *more,
        f"recordings     {config.storage.root}",
        f"events         {watch}",
        f"               or in words: EDGE_BROKER_PORT={broker_port} .venv/bin/edge events --config {path}",
        "stop           Ctrl-C",
    )
    sys.stdout.write("".join(f"  {line}\n" for line in lines))
    sys.stdout.flush()


def _address(bind: str) -> str:
    """What to type into a browser on this machine to reach an address that is listened on."""
    host = LOCAL_ADDRESS.get(bind, bind)
    return f"[{host}]" if ":" in host else host
