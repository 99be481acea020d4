"""MP4 boxes (ISO/IEC 14496-12): building them, and walking them where they lie in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from edge.errors import Mp4Error

BOX_HEADER = Struct(">I4s")  # size including this header, type


@dataclass(frozen=True, slots=True)
class Box:
    """Where one box lies: `start` of its header, `body` behind it, `end` behind the box."""

    kind: bytes
    start: int
    body: int
    end: int


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box around `parts`."""
    size = BOX_HEADER.size + sum(map(len, parts))
    return b"".join((BOX_HEADER.pack(size, kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box that begins with a version and flags."""
    return box(kind, (version << 24 | flags).to_bytes(4, "big"), *parts)


def walk(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that lie one after the other in data[start:end]; Mp4Error at one that does not fit."""
    while start < end:
        if start + BOX_HEADER.size > end:
            raise Mp4Error(f"{end - start} bytes at {start} are no box")
        size, kind = BOX_HEADER.unpack_from(data, start)
        if not BOX_HEADER.size <= size <= end - start:
            raise Mp4Error(f"box {kind!r} at {start} says {size} bytes; {end - start} are there")
        yield Box(kind, start, start + BOX_HEADER.size, start + size)
        start += size


def descend(data: bytes, parent: Box, *path: bytes) -> Box:
    """The first box below `parent` along `path`; Mp4Error if it is missing."""
    for kind in path:
        child = next((each for each in walk(data, parent.body, parent.end) if each.kind == kind), None)
        if child is None:
            raise Mp4Error(f"no box {kind!r} in {parent.kind!r} at {parent.start}")
        parent = child
    return parent
