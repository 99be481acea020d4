"""The digest of a range: a chain of SHA-256 over the announced segments, as docs/audit.md defines it. Pure.

Who has the files alone can make it again: it is made of paths and of hashes of files, and of nothing else.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

START: Final = bytes(32)


def link(before: bytes, name: str, digest: bytes) -> bytes:
    """The next value of a chain: the hash of the value before it, a name, a zero byte and a hash."""
    return sha256(before + name.encode() + b"\0" + digest).digest()


def whole(channels: Mapping[str, bytes]) -> bytes:
    """The digest over channels from the last value of each one's chain; one without a segment changes nothing."""
    value = START
    for channel in sorted(channels):
        if channels[channel] != START:
            value = link(value, channel, channels[channel])
    return value
