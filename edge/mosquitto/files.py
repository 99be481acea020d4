"""Files put in place whole, with the mode and the owner that they need. Knows nothing of what they hold."""

import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from edge.errors import ConfigError

SECRET: Final = 0o600
OPEN: Final = 0o644
ENTERED: Final = 0o711
"""Of a folder that is passed through and not listed."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @classmethod
    def named(cls, name: str) -> Self:
        """The user with a name; raises ConfigError where there is none."""
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            raise ConfigError(f"there is no user {name!r} on this machine; make it first: adduser --system") from None
        return cls(user.pw_name, user.pw_uid, user.pw_gid)

    @classmethod
    def present(cls) -> Self:
        """Whoever runs this."""
        return cls.named(pwd.getpwuid(os.geteuid()).pw_name)


def mosquitto_owner() -> Owner:
    """Who a Mosquitto started by this user runs as: its own user where root starts it and there is one."""
    if os.geteuid() == 0:
        with suppress(ConfigError):
            return Owner.named("mosquitto")
    return Owner.present()


def make_folder(path: Path, owner: Owner, *, mode: int = 0o755) -> None:
    """Have a folder with this mode and owner; raises OSError."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    hand_over(path, owner)


def write_file(path: Path, content: bytes, owner: Owner, *, mode: int = OPEN) -> None:
    """Put a file in place: the old one or the new one is there, never half of one; raises OSError."""
    if _content(path) == content:
        path.chmod(mode)
    else:
        fresh = path.with_name(f".{path.name}.new")
        with suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        fresh.rename(path)
    hand_over(path, owner)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def hand_over(path: Path, owner: Owner) -> None:
    """Give a file or folder to a user, where we are root and may; raises OSError."""
    if os.geteuid() == 0:
        os.chown(path, owner.uid, owner.gid)
