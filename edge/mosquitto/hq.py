"""Everything that headquarters' Mosquitto is started with, written into one folder from the committed files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.errors import ConfigError
from edge.mosquitto.files import ENTERED, SECRET, Owner, make_folder, write_file
from edge.mosquitto.site import CREDENTIALS, keep_passwords, rights, write_hashes
from edge.mosquitto.templates import read_template, users_of, with_lines

PROGRAMS_USER: Final = "hq_programs"
DEBUG_USER: Final = "hq_debug"


@dataclass(frozen=True, slots=True)
class HqBroker:
    """What is particular to this machine's broker of headquarters."""

    folder: Path
    """Where its files are written."""
    data: Path | None
    """Where it keeps its memory; None leaves that to the committed configuration."""
    ca_file: Path
    cert_file: Path
    key_file: Path
    sites_port: int
    programs_port: int
    broker_user: Owner
    """Who the broker runs as."""
    programs_user: Owner
    """Who `edge hq` runs as: reads the passwords."""


def write_hq(broker: HqBroker, template: Path) -> Path:
    """Write configuration, access list and passwords; returns the configuration. Raises ConfigError.

    `template` is the committed hq/mosquitto.conf; acl lies beside it.
    """
    configuration = _configuration(broker, template)
    acl = rights(template.with_name("acl"), broker.folder)
    users = users_of(read_template(template.with_name("acl")))
    folder, owner = broker.folder, broker.broker_user
    try:
        make_folder(folder, owner, mode=ENTERED)
        passwords = keep_passwords(folder / CREDENTIALS, users, broker.programs_user)
        write_file(folder / "acl", acl.encode(), owner, mode=SECRET)
        write_hashes(folder / "passwords", passwords, owner)
        write_file(folder / "mosquitto.conf", configuration.encode(), owner)
    except OSError as error:
        raise ConfigError(f"headquarters' broker cannot be set up in {folder}: {error}") from error
    return folder / "mosquitto.conf"


def _configuration(broker: HqBroker, template: Path) -> str:
    folder = broker.folder
    lines = {
        r"listener \d+ 127\.0\.0\.1": f"listener {broker.programs_port} 127.0.0.1",
        r"listener \d+": f"listener {broker.sites_port}",
        "password_file .*": f"password_file {folder / 'passwords'}",
        "acl_file .*": f"acl_file {folder / 'acl'}",
        "cafile .*": f"cafile {broker.ca_file}",
        "certfile .*": f"certfile {broker.cert_file}",
        "keyfile .*": f"keyfile {broker.key_file}",
    }
    if broker.data is not None:
        lines["persistence_location .*"] = f"persistence_location {broker.data}/"
    return with_lines(read_template(template), template, lines) + f"user {broker.broker_user.name}\n"
