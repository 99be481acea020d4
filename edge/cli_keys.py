"""The sub-commands of `edge` for certificates and the files of both brokers. Parses and hands over, nothing more."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.cli_options import DEFAULT_CONFIG, ConfigOption
from edge.clock import SystemClock

keys_app = typer.Typer(help="Certificates to try out sites and headquarters with.", no_args_is_help=True)

FolderOption = Annotated[Path, typer.Option("--folder", help="Where the authority and all that it signs are kept.")]
DaysOption = Annotated[int, typer.Option("--days", help="For how long it holds.")]
RenewOption = Annotated[bool, typer.Option("--renew", help="Put a new certificate in place of the one that is there.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Where the broker keeps its memory; else /var/lib/mosquitto.")
]
TemplatesOption = Annotated[
    Path | None, typer.Option("--templates", help="The project's folder mosquitto, where it is not found by itself.")
]
BrokerUserOption = Annotated[
    str | None, typer.Option("--broker-user", help="Who the broker runs as; else mosquitto, or who runs this.")
]
ProgramsUserOption = Annotated[
    str | None, typer.Option("--programs-user", help="Who edge runs as and reads the passwords; else who runs this.")
]
DEFAULT_FOLDER = Path("keys")


@keys_app.command()
def ca(
    folder: FolderOption = DEFAULT_FOLDER,
    *,
    name: Annotated[str, typer.Option("--name", help="What it is called.")] = "Saksi trial authority",
    days: DaysOption = 3650,
) -> None:
    """Make the authority that signs headquarters and its sites, and say how to use a real one."""
    from edge.keys.main import make_authority

    raise typer.Exit(make_authority(folder, SystemClock(), sys.stdout, name=name, days=days))


@keys_app.command()
def hq(
    hosts: Annotated[list[str], typer.Argument(metavar="HOST...", help="Every name and address that sites dial.")],
    folder: FolderOption = DEFAULT_FOLDER,
    *,
    days: DaysOption = 825,
    renew: RenewOption = False,
) -> None:
    """Make the certificate of headquarters' broker."""
    from edge.keys.main import make_server

    raise typer.Exit(make_server(folder, hosts, SystemClock(), sys.stdout, days=days, renew=renew))


@keys_app.command()
def site(
    sites: Annotated[list[str], typer.Argument(metavar="SITE...", help="Ids of sites, as in their edge.yaml.")],
    folder: FolderOption = DEFAULT_FOLDER,
    *,
    days: DaysOption = 825,
    renew: RenewOption = False,
) -> None:
    """Make the certificate of each of these sites."""
    from edge.keys.main import make_sites

    raise typer.Exit(make_sites(folder, sites, SystemClock(), sys.stdout, days=days, renew=renew))


def bridge_config(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: Annotated[Path, typer.Option("--folder", help="Where they are written.")] = Path("/etc/saksi/broker"),
    *,
    data: DataOption = None,
    templates: TemplatesOption = None,
    broker_user: BrokerUserOption = None,
    programs_user: ProgramsUserOption = None,
) -> None:
    """Write what a site's Mosquitto is started with: users, rights, passwords, and the bridge to headquarters."""
    from edge.keys.brokers import write_site_files

    status = write_site_files(
        config,
        folder,
        SystemClock(),
        sys.stdout,
        data=data,
        templates=templates,
        broker_user=broker_user,
        programs_user=programs_user,
    )
    raise typer.Exit(status)


def hq_broker_config(
    keys: Annotated[Path, typer.Option("--keys", help="The folder of edge keys.")] = DEFAULT_FOLDER,
    folder: Annotated[Path, typer.Option("--folder", help="Where they are written.")] = Path("/etc/saksi/hq-broker"),
    *,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Where the sites dial, with certificates.")
    ] = 8883,
    programs_port: Annotated[
        int, typer.Option("--programs-port", min=1, max=65535, help="Where edge hq logs in, on loopback.")
    ] = 1883,
    data: DataOption = None,
    templates: TemplatesOption = None,
    broker_user: BrokerUserOption = None,
    programs_user: ProgramsUserOption = None,
) -> None:
    """Write what headquarters' Mosquitto is started with: its two doors, rights and passwords."""
    from edge.keys.brokers import write_hq_files

    status = write_hq_files(
        keys,
        folder,
        sys.stdout,
        sites_port=port,
        programs_port=programs_port,
        data=data,
        templates=templates,
        broker_user=broker_user,
        programs_user=programs_user,
    )
    raise typer.Exit(status)


def broker(
    config: ConfigOption = DEFAULT_CONFIG,
    templates: TemplatesOption = None,
) -> None:
    """Run a site's Mosquitto alone, with its files under state_dir, and keep it serving the site whatever happens."""
    from edge.mosquitto.templates import templates_folder
    from edge.up.site import run_broker

    raise typer.Exit(run_broker(config, templates_folder(templates) / "mosquitto.conf"))


def broker_mend(
    folder: Annotated[Path, typer.Argument(help="Where the broker keeps mosquitto.db.")] = Path("/var/lib/mosquitto"),
) -> None:
    """Set a damaged mosquitto.db aside before the broker starts: with it, it would not. For ExecStartPre of systemd."""
    from edge.keys.brokers import mend_memory

    raise typer.Exit(mend_memory(folder, sys.stdout))


def add_to(app: typer.Typer) -> None:
    """Add these sub-commands to `edge`."""
    app.add_typer(keys_app, name="keys")
    app.command("bridge-config")(bridge_config)
    app.command("hq-broker-config")(hq_broker_config)
    app.command("broker")(broker)
    app.command("broker-mend")(broker_mend)
