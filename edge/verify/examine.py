"""Holds one segment against what was announced of it, and if asked decodes it."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from typing import Final

from edge.errors import Mp4Error
from edge.recordings.segment import SegmentName
from edge.recordings.store import sha256_of
from edge.recordings.tree import Tree
from edge.verify.announced import Announced
from edge.verify.decoding import Undecodable
from edge.verify.findings import Finding

Decode = Callable[[FileIO], int]
_CONTRADICTED: Final = "it was announced twice, each time with another content"


@dataclass(frozen=True, slots=True)
class Examined:
    """A segment that was there: how many bytes were read, pictures decoded, and what is off."""

    bytes: int
    pictures: int = 0
    finding: Finding | None = None


def examine(tree: Tree, name: SegmentName, announced: Announced | None, decode: Decode | None = None) -> Examined:
    """Read a segment; raises FileNotFoundError where it is not there (any more)."""
    try:
        with tree.open(name) as file:
            try:
                return _held(file, name, announced, decode)
            finally:
                with suppress(OSError):  # what was read is read once: others need the memory more
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    except FileNotFoundError:
        raise
    except OSError as error:
        return Examined(0, finding=Finding("unreadable", name.path, error.strerror or str(error)))


def _held(file: FileIO, name: SegmentName, announced: Announced | None, decode: Decode | None) -> Examined:
    size = os.fstat(file.fileno()).st_size
    changed = None
    if announced is not None:
        changed = f"it has {size} bytes, {announced.bytes} were announced" if size != announced.bytes else None
        if changed is None and sha256_of(file) != announced.sha256:
            changed = "its content is not what was announced"
        elif changed is None and announced.contradicted:
            changed = _CONTRADICTED
    if changed is not None:
        return Examined(size, finding=Finding("changed", name.path, changed))
    pictures = 0
    if decode is not None:
        try:
            pictures = decode(file)
        except (Undecodable, Mp4Error) as error:
            return Examined(size, finding=Finding("undecodable", name.path, str(error)))
    if announced is None:
        return Examined(size, pictures, Finding("unknown", name.path, "nobody announced it"))
    return Examined(size, pictures)
