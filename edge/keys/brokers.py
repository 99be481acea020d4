"""`edge bridge-config` and `edge hq-broker-config`: the files of both brokers, ready to be started with."""

from pathlib import Path
from typing import Final, TextIO

from edge.clock import Clock
from edge.config import load
from edge.errors import ConfigError
from edge.mosquitto.certificates import check_link, date_fault, ends_at
from edge.mosquitto.files import ENTERED, Owner, make_folder, mosquitto_owner
from edge.mosquitto.hq import HqBroker, write_hq
from edge.mosquitto.memory import ASIDE, MEMORY, mend
from edge.mosquitto.site import CREDENTIALS, WATCH, SiteBroker, copy_files, copy_keys, write_site
from edge.mosquitto.templates import templates_folder

_TAKEN: Final = """\
         one that runs takes users and rights on SIGHUP; a new bridge wants a restart
         a renewed certificate: run this again, then restart it
"""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


def write_site_files(
    config_path: Path,
    folder: Path,
    clock: Clock,
    out: TextIO,
    *,
    data: Path | None = None,
    templates: Path | None = None,
    broker_user: str | None = None,
    programs_user: str | None = None,
) -> int:
    """Write what a site's Mosquitto is started with from its edge.yaml; raises ConfigError."""
    config = load(config_path)
    if config.broker.host not in _LOOPBACK:
        raise ConfigError(f"broker.host is {config.broker.host}: a site's own broker listens on 127.0.0.1 alone")
    folder, owner = folder.resolve(), _broker_owner(broker_user)
    ends = link = None
    if config.hq is not None:
        check_link(config.site, config.hq)
        fault = date_fault(config.hq, clock.wall_ns())
        if fault is not None:
            raise ConfigError(fault)
        ends = ends_at(config.hq)
        link = copy_keys(config.hq, _made(folder, owner) / "tls", owner)
    broker = SiteBroker(
        site=config.site,
        port=config.broker.port,
        folder=folder,
        data=data and data.resolve(),
        link=link,
        broker_user=owner,
        programs_user=_owner(programs_user),
    )
    configuration = write_site(broker, templates_folder(templates) / "mosquitto.conf")
    out.write(f"wrote    {configuration}, acl, passwords\n")
    if config.hq is not None and ends is not None:
        out.write(f"bridge   to {config.hq.host}:{config.hq.port}, by a certificate until {ends:%Y-%m-%d}\n")
    else:
        out.write("bridge   none: the configuration has no section hq\n")
    if config.broker.credentials_dir != folder / CREDENTIALS:
        out.write(f"next     in edge.yaml, section broker: credentials_dir: {folder / CREDENTIALS}\n")
    out.write(f"start    mosquitto -c {configuration}\n")
    out.write(_TAKEN)
    out.write(f"look     XDG_CONFIG_HOME={folder / WATCH} mosquitto_sub -v -t 'event/#'\n")
    return 0


def write_hq_files(
    keys: Path,
    folder: Path,
    out: TextIO,
    *,
    sites_port: int = 8883,
    programs_port: int = 1883,
    data: Path | None = None,
    templates: Path | None = None,
    broker_user: str | None = None,
    programs_user: str | None = None,
) -> int:
    """Write what headquarters' Mosquitto is started with, its certificate from the folder of edge keys; ConfigError."""
    files = {name: keys.resolve() / "hq" / name for name in ("ca.crt", "hq.crt", "hq.key")}
    for path in files.values():
        if not path.is_file():
            raise ConfigError(f"{path} is not there: make it with edge keys hq HOST --folder {keys}")
    folder, owner = folder.resolve(), _broker_owner(broker_user)
    ca_file, cert_file, key_file = copy_files(files, _made(folder, owner) / "tls", owner)
    broker = HqBroker(
        folder=folder,
        data=data and data.resolve(),
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        sites_port=sites_port,
        programs_port=programs_port,
        broker_user=owner,
        programs_user=_owner(programs_user),
    )
    configuration = write_hq(broker, templates_folder(templates) / "hq" / "mosquitto.conf")
    out.write(f"wrote    {configuration}, acl, passwords\n")
    out.write(f"next     in hq.yaml: broker: {{port: {programs_port}, username: hq_programs, ")
    out.write(f"password_file: {folder / CREDENTIALS / 'hq_programs'}}}\n")
    out.write(f"start    mosquitto -c {configuration}\n")
    out.write(_TAKEN)
    return 0


def _made(folder: Path, owner: Owner) -> Path:
    try:
        make_folder(folder, owner, mode=ENTERED)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made ({error.strerror}); run this as root, or name another") from error
    return folder


def mend_memory(folder: Path, out: TextIO) -> int:
    """Set the memory of a broker that does not run aside where it is damaged; raises ConfigError."""
    fault = mend(folder)
    if fault is not None:
        out.write(f"{folder / MEMORY} is damaged: {fault}; it is {folder / ASIDE} now, and the broker begins empty.\n")
        out.write("What waited in it lies in the outboxes, and is asked for again.\n")
    return 0


def _broker_owner(name: str | None) -> Owner:
    """Who a broker that this user starts runs as: started by root, Mosquitto takes its own user where there is one."""
    return mosquitto_owner() if name is None else Owner.named(name)


def _owner(name: str | None) -> Owner:
    return Owner.present() if name is None else Owner.named(name)
