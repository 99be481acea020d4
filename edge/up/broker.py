"""The site's own Mosquitto under the supervisor: the committed configuration with this machine's port and folder."""

import os
import pwd
import re
import shutil
import socket
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.errors import ConfigError
from edge.up.supervisor import Program

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LISTENER = re.compile(r"^listener \d+ 127\.0\.0\.1$", re.MULTILINE)
_LOCATION = re.compile(r"^persistence_location .*$", re.MULTILINE)


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


def broker_program(template: Path, folder: Path, port: int) -> Program:
    """Mosquitto on a loopback port with its memory in `folder`; raises ConfigError where it cannot be run."""
    mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if mosquitto is None:
        raise ConfigError("mosquitto is not installed: apt-get install mosquitto")
    try:
        text = template.read_text(encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        text, listeners = _LISTENER.subn(f"listener {port} 127.0.0.1", text)
        text, locations = _LOCATION.subn(f"persistence_location {folder.resolve()}/", text)
        if (listeners, locations) != (1, 1):
            raise ConfigError(f"{template} must hold one line 'listener PORT 127.0.0.1' and one 'persistence_location'")
        configuration = folder / "mosquitto.conf"
        owner = _unprivileged_owner(folder)
        configuration.write_text(text + f"user {owner}\n", encoding="utf-8")
        _hand_over(folder, owner)
    except OSError as error:
        raise ConfigError(f"the broker cannot be set up in {folder}: {error}") from error
    user = owner if os.geteuid() == 0 else None
    return Program("mosquitto", [mosquitto, "-c", str(configuration)], user=user)


def _unprivileged_owner(folder: Path) -> str:
    """Who the broker runs as: Mosquitto's own user where root starts it and that user can reach the folder."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        pwd.getpwnam("mosquitto")
    except KeyError:
        return "root"
    reachable = all(parent.stat().st_mode & 0o001 for parent in folder.resolve().parents)
    return "mosquitto" if reachable else "root"


def _hand_over(folder: Path, owner: str) -> None:
    """Give the broker its folder where it runs as another user than we do."""
    user = pwd.getpwnam(owner)
    if user.pw_uid != os.geteuid():
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
