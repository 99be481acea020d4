"""Moves a damaged mosquitto.db aside: with most of them Mosquitto 2.0 does not start at all.

After a power cut the file may be all zeros or end too early. Where only pages in it are gone Mosquitto starts, with
whatever it made of them. Nothing is lost without the file: what waited in it lies in the outboxes, and is asked for.
"""

import struct
from pathlib import Path
from typing import BinaryIO, Final

from edge.errors import ConfigError

MEMORY: Final = "mosquitto.db"
ASIDE: Final = "mosquitto.db.unreadable"
"""One is kept, the newest: it is for whoever wants to know why."""
_MAGIC: Final = b"\x00\xb5\x00mosquitto db"
_HEAD: Final = struct.Struct("!15sII")  # magic, checksum (always 0), version
_CHUNK: Final = struct.Struct("!II")  # kind, length of what follows
_VERSION: Final = 6  # of Mosquitto 1.6 and later; older ones are Mosquitto's to judge
_KINDS: Final = range(1, 9)


def mend(folder: Path) -> str | None:
    """Move the memory of a broker that does not run aside where it is damaged; returns how, None where it is not."""
    path = folder / MEMORY
    try:
        with path.open("rb") as file:
            fault = unreadable(file, path.stat().st_size)
    except FileNotFoundError:
        return None
    except OSError as error:
        fault = f"it cannot be read ({error.strerror})"
    if fault is not None:
        move_aside(folder)
    return fault


def move_aside(folder: Path) -> bool:
    """Have the broker begin with an empty memory; False where it has none. Raises ConfigError."""
    path = folder / MEMORY
    try:
        path.replace(folder / ASIDE)
    except FileNotFoundError:
        return False
    except OSError as error:
        words = f"{path} is damaged and cannot be moved aside ({error.strerror}); remove it, or the broker stays down"
        raise ConfigError(words) from error
    return True


def unreadable(file: BinaryIO, size_bytes: int) -> str | None:
    """What is wrong with the file, None where nothing is; what its records say is not looked into."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return f"it has {size_bytes} bytes and no head"
    magic, _, version = _HEAD.unpack(head)
    if magic != _MAGIC:
        return "it is all zeros" if not any(head) else "it does not begin as such a file does"
    place = _HEAD.size
    while version == _VERSION and place < size_bytes:
        chunk = file.read(_CHUNK.size)
        if len(chunk) < _CHUNK.size:
            return f"it ends within a record at byte {place}"
        kind, length = _CHUNK.unpack(chunk)
        if kind not in _KINDS:
            return f"there is no record at byte {place} where one should begin"
        place += _CHUNK.size + length
        if place > size_bytes:
            return f"it ends before the record that ends at byte {place}"
        file.seek(place)
    return None
