"""Everything that a site's Mosquitto is started with, written into one folder from the committed files.

Run again it changes nothing that is still right: a user keeps its password, and a hash its salt.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.config import DEBUG_USER, HqLinkConfig, read_secret
from edge.errors import ConfigError
from edge.mosquitto.files import ENTERED, SECRET, Owner, make_folder, write_file
from edge.mosquitto.passwords import new_password, password_file
from edge.mosquitto.templates import read_template, users_of, with_blanks, with_lines

BRIDGE_USER: Final = "bridge"
"""The bridge is inside the broker: its name has rights and no password, so that nobody can log in with it."""
CREDENTIALS: Final = "credentials"
WATCH: Final = "watch"
"""Folder of the options for mosquitto_sub, as XDG_CONFIG_HOME: a password in its arguments would be seen by all."""
_PRIVATE: Final = 0o700


@dataclass(frozen=True, slots=True)
class SiteBroker:
    """What is particular to one site's broker."""

    site: str
    port: int
    folder: Path
    """Where its files are written."""
    data: Path | None
    """Where it keeps its memory; None leaves that to the committed configuration."""
    link: HqLinkConfig | None
    broker_user: Owner
    """Who the broker runs as: reads hashes and rights."""
    programs_user: Owner
    """Who the processes run as: reads the passwords."""


def write_site(broker: SiteBroker, template: Path) -> Path:
    """Write configuration, access list, passwords and bridge; returns the configuration. Raises ConfigError.

    `template` is the committed mosquitto.conf; acl and bridge.conf lie beside it.
    """
    configuration = _configuration(broker, template)
    acl = rights(template.with_name("acl"), broker.folder)
    users = users_of(read_template(template.with_name("acl")))
    folder, owner = broker.folder, broker.broker_user
    try:
        make_folder(folder, owner, mode=ENTERED)
        make_folder(folder / "conf.d", owner)
        passwords = keep_passwords(folder / CREDENTIALS, users, broker.programs_user)
        _write_watch(broker, passwords[DEBUG_USER])
        write_file(folder / "acl", acl.encode(), owner, mode=SECRET)
        write_hashes(folder / "passwords", passwords, owner)
        write_file(folder / "mosquitto.conf", configuration.encode(), owner)
    except OSError as error:
        raise ConfigError(f"the broker cannot be set up in {folder}: {error}") from error
    write_bridge(broker, template, wanted=broker.link is not None)
    return folder / "mosquitto.conf"


def write_bridge(broker: SiteBroker, template: Path, *, wanted: bool) -> None:
    """Write the bridge of a site that has a link, or take it away; raises ConfigError."""
    path = broker.folder / "conf.d" / "bridge.conf"
    try:
        if broker.link is None or not wanted:
            path.unlink(missing_ok=True)
            return
        text = _bridge(broker.site, broker.link, template.with_name("bridge.conf"))
        write_file(path, text.encode(), broker.broker_user)
    except OSError as error:
        raise ConfigError(f"the bridge cannot be set up in {path.parent}: {error}") from error


def rights(template: Path, folder: Path) -> str:
    """The committed access list, and after it what this machine alone has in acl.local; raises ConfigError."""
    own = folder / "acl.local"
    return read_template(template) + (f"\n{read_template(own)}" if own.exists() else "")


def copy_keys(link: HqLinkConfig, folder: Path, owner: Owner) -> HqLinkConfig:
    """Copy the certificates of a link to where the broker's own user can read them; raises ConfigError."""
    from_, to = (link.ca_file, link.cert_file, link.key_file), ("ca.crt", "site.crt", "site.key")
    ca_file, cert_file, key_file = copy_files(dict(zip(to, from_, strict=True)), folder, owner)
    return link.model_copy(update={"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file})


def copy_files(files: Mapping[str, Path], folder: Path, owner: Owner) -> list[Path]:
    """Copy files into a private folder of a user under these names, in this order; raises ConfigError."""
    try:
        make_folder(folder, owner, mode=_PRIVATE)
        for name, source in files.items():
            write_file(folder / name, source.read_bytes(), owner, mode=SECRET)
    except OSError as error:
        raise ConfigError(f"the certificates of the broker cannot be copied to {folder}: {error}") from error
    return [folder / name for name in files]


def keep_passwords(folder: Path, users: Iterable[str], owner: Owner) -> dict[str, str]:
    """The password of every user who can log in, made where there is none yet; raises OSError and ConfigError."""
    make_folder(folder, owner, mode=_PRIVATE)
    passwords = {}
    for user in users:
        path = folder / user
        if user == BRIDGE_USER:
            continue
        passwords[user] = read_secret(path, "broker.credentials_dir") if path.exists() else new_password()
        write_file(path, f"{passwords[user]}\n".encode(), owner, mode=SECRET)
    return passwords


def write_hashes(path: Path, passwords: Mapping[str, str], owner: Owner) -> None:
    """Write the file that the broker compares passwords with; raises OSError."""
    before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    write_file(path, password_file(passwords, before).encode(), owner, mode=SECRET)


def mosquitto_program() -> str:
    """Where Mosquitto is installed; raises ConfigError."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ConfigError("mosquitto is not installed: apt-get install mosquitto")
    return found


def _configuration(broker: SiteBroker, template: Path) -> str:
    folder = broker.folder
    lines = {
        r"listener \d+ 127\.0\.0\.1": f"listener {broker.port} 127.0.0.1",
        "password_file .*": f"password_file {folder / 'passwords'}",
        "acl_file .*": f"acl_file {folder / 'acl'}",
        "include_dir .*": f"include_dir {folder / 'conf.d'}",
    }
    if broker.data is not None:
        lines["persistence_location .*"] = f"persistence_location {broker.data}/"
    return with_lines(read_template(template), template, lines) + f"user {broker.broker_user.name}\n"


def _bridge(site: str, link: HqLinkConfig, template: Path) -> str:
    values = {"SITE": site, "HOST": f"[{link.host}]" if ":" in link.host else link.host, "PORT": str(link.port)}
    values |= {"CA_FILE": str(link.ca_file), "CERT_FILE": str(link.cert_file), "KEY_FILE": str(link.key_file)}
    return with_blanks(read_template(template), template, values)


def _write_watch(broker: SiteBroker, password: str) -> None:
    options = f"-h 127.0.0.1\n-p {broker.port}\n-u {DEBUG_USER}\n-P {password}\n"
    make_folder(broker.folder / WATCH, broker.programs_user, mode=_PRIVATE)
    write_file(broker.folder / WATCH / "mosquitto_sub", options.encode(), broker.programs_user, mode=SECRET)
