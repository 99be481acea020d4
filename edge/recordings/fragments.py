"""Reads the fragments of a segment on disk, one after the other; what is being written meanwhile comes a look later."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from edge.errors import Mp4Error
from edge.mp4.fragment import MDAT_HEAD_BYTES, MOOF_HEAD_BYTES, PRFT_BYTES, moof_bytes
from edge.recordings.segment import SegmentName

_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_MOOF_BYTES: Final = 4 << 20


class Place(NamedTuple):
    """Where a fragment lies: its header, and behind that its data."""

    start: int
    data: int
    end: int


def open_segment(root: Path, name: SegmentName) -> BinaryIO:
    """A segment under the name that it has now; FileNotFoundError if it has none or is no file."""
    try:
        return _open_path(root, name.part_path)
    except FileNotFoundError:
        return _open_path(root, name.path)


def _open_path(root: Path, path: str) -> BinaryIO:
    try:
        descriptor = os.open(root / path, _OPEN_FLAGS)
    except OSError as error:
        raise FileNotFoundError(f"{path} is a link") if error.errno == errno.ELOOP else error from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{path} is no file")
    return os.fdopen(descriptor, "rb", buffering=0)


def fragments(file: BinaryIO, start: int, file_bytes: int) -> Iterator[Place]:
    """Every whole fragment from here on; reads no more than where the next one begins."""
    while True:
        head = read_at(file, start, PRFT_BYTES + MOOF_HEAD_BYTES)
        try:
            size = moof_bytes(head)
        except Mp4Error:
            return
        mdat = start + PRFT_BYTES + size
        end = mdat + int.from_bytes(read_at(file, mdat, 4), "big")
        if size > _MOST_MOOF_BYTES or not mdat + MDAT_HEAD_BYTES < end <= file_bytes:
            return
        yield Place(start, mdat + MDAT_HEAD_BYTES, end)
        start = end


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Bytes of a file; fewer where it ends."""
    file.seek(offset)
    return file.read(size)
