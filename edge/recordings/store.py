"""The lifecycle of a segment on disk. Blocking; used from writer threads.

1. `free_name`, `create`: the root's mark is checked, the file `.part.mp4` is made, its folder synced.
2. `append`: whole fragments only; a write that fails half-way is cut off again.
3. `sync`: what was appended survives a power cut.
4. `finish`: the index is patched in, fdatasync, rename to `.mp4`, sync of the folder. Only then may anybody be told.

A crash between any two steps leaves a `.part.mp4` that can be cut back to its last whole fragment, or a finished file.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from edge.durable import sync_folder
from edge.errors import DiskFull, StorageError, StorageMissing
from edge.recordings.mark import MarkedRoot
from edge.recordings.segment import CHANNEL_FOLDER, DAY_FOLDER, SegmentName

HASHED_AT_ONCE_BYTES: Final = 1 << 20
LEAST_FREE_BYTES: Final = 4 << 20
"""With less free no segment is begun: on a disk that is nearly full it would end at once, again and again."""
_MOST_PIECES: Final = os.sysconf("SC_IOV_MAX")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class FinishedSegment:
    """A segment that is in place under its final name."""

    name: SegmentName
    bytes: int
    sha256: str


class Store:
    """The segments below one marked root."""

    def __init__(self, marked: MarkedRoot) -> None:
        self._marked = marked
        self.root = marked.root

    def check(self) -> None:
        """Raises StorageMissing if the root is not the disk that was marked."""
        self._marked.check()

    def free_name(self, name: SegmentName) -> SegmentName:
        """The name, or where a file of that name is there already, one that is some milliseconds later."""
        self.check()
        with storage_errors(self.root):
            disk = os.statvfs(self.root)
            if disk.f_bavail * disk.f_frsize < LEAST_FREE_BYTES:
                raise OSError(errno.ENOSPC, "less than 4 MiB are free")
            if disk.f_files and not disk.f_favail:
                raise OSError(errno.ENOSPC, "it takes no further file, though it has bytes free (df -i shows it)")
            while (self.root / name.path).exists() or (self.root / name.part_path).exists():
                name = name.later(1)
        return name

    def create(self, name: SegmentName, head: bytes) -> "PartFile":
        """Begin a segment under a free name."""
        self.check()
        with storage_errors(self.root):
            folder = self.root / name.folder
            if not folder.is_dir():
                folder.mkdir(parents=True)
                sync_folder(folder.parent)
                sync_folder(self.root)
            descriptor = os.open(self.root / name.part_path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        part = PartFile(self.root, name, descriptor, 0)
        try:
            part.append([head])
            with storage_errors(self.root):
                sync_folder(folder)
        except StorageError:
            with suppress(StorageError):
                part.abandon()
            raise
        return part

    def reopen(self, name: SegmentName, whole_bytes: int) -> "PartFile":
        """A part that was left behind; what lies behind its last whole fragment is cut off when it is finished."""
        with storage_errors(self.root):
            descriptor = os.open(self.root / name.part_path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        return PartFile(self.root, name, descriptor, whole_bytes)

    def holds(self, path: str) -> bool:
        """Whether there is anything under a path below the root."""
        with storage_errors(self.root):
            return (self.root / path).exists()

    def measure(self, name: SegmentName) -> FinishedSegment:
        """Size and hash of a segment that is in place."""
        with storage_errors(self.root), (self.root / name.path).open("rb", buffering=0) as file:
            return FinishedSegment(name, os.fstat(file.fileno()).st_size, sha256_of(file))

    def discard(self, name: SegmentName) -> None:
        """Remove a part that holds no picture."""
        with storage_errors(self.root):
            (self.root / name.part_path).unlink(missing_ok=True)

    def set_aside(self, name: SegmentName) -> str:
        """Give a part that cannot be read a name that no segment has; returns it."""
        path = name.part_path + ".unreadable"
        with storage_errors(self.root):
            (self.root / name.part_path).rename(self.root / path)
        return path

    def names(self, channel_folder: Path, newest_days: int | None) -> Iterator[tuple[SegmentName, bool]]:
        """The segments of a channel's newest days (None: all days), growing ones marked True; no other files."""
        with storage_errors(self.root):
            if not channel_folder.is_dir():
                return
            entries = [entry.name for entry in os.scandir(channel_folder) if entry.is_dir()]
            days = sorted(filter(DAY_FOLDER.fullmatch, entries), reverse=True)
        for day in days[:newest_days]:
            with storage_errors(self.root):
                files = sorted(entry.name for entry in os.scandir(channel_folder / day))
            for file in files:
                parsed = SegmentName.parse(f"{channel_folder.name}/{day}/{file}")
                if parsed is not None:
                    yield parsed

    def channel_folders(self) -> list[Path]:
        """The folders of all channels that were ever recorded here."""
        with storage_errors(self.root):
            folders = [Path(entry.path) for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False)]
        return sorted(folder for folder in folders if CHANNEL_FOLDER.fullmatch(folder.name))


class PartFile:
    """A segment that grows."""

    def __init__(self, root: Path, name: SegmentName, descriptor: int, size: int) -> None:
        self.name = name
        self.bytes = size
        self._root = root
        self._descriptor = descriptor

    def append(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Write all pieces or none; raises DiskFull or StorageMissing."""
        size = left = sum(map(len, pieces))
        try:
            with storage_errors(self._root):
                while left:
                    written = os.writev(self._descriptor, pieces[:_MOST_PIECES])
                    left -= written
                    if left:
                        pieces = [memoryview(b"".join(pieces))[written:]]
        except StorageError:
            self._cut_back()
            raise
        self.bytes += size

    def sync(self) -> None:
        """Make what was appended durable."""
        with storage_errors(self._root):
            os.fdatasync(self._descriptor)

    def finish(
        self, patches: Sequence[tuple[int, bytes]], step: Callable[[str], None] = lambda _: None
    ) -> FinishedSegment:
        """Put the segment in place; `step` is told of each step done, for tests that kill the process there."""
        with storage_errors(self._root):
            if os.fstat(self._descriptor).st_size != self.bytes:
                os.ftruncate(self._descriptor, self.bytes)
            for offset, data in patches:
                os.pwrite(self._descriptor, data, offset)
            step("patched")
            os.fdatasync(self._descriptor)
            step("synced")
            with os.fdopen(os.dup(self._descriptor), "rb", buffering=0) as file:
                file.seek(0)
                sha256 = sha256_of(file)
            final = self._root / self.name.path
            (self._root / self.name.part_path).rename(final)
            step("renamed")
            sync_folder(final.parent)
            step("in place")
        self.close()
        return FinishedSegment(self.name, self.bytes, sha256)

    def abandon(self) -> None:
        """Give up a segment that holds no picture."""
        self.close()
        with storage_errors(self._root):
            (self._root / self.name.part_path).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; a part stays where it is."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _cut_back(self) -> None:
        """Take away what a failed write left; where that fails too, finishing or recovery will."""
        try:
            os.ftruncate(self._descriptor, self.bytes)
            os.lseek(self._descriptor, self.bytes, os.SEEK_SET)
        except OSError:
            return


class storage_errors:  # noqa: N801 - reads like the function that it stands for
    """Turns errors of the file system into StorageMissing and DiskFull with words."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Translate an OSError."""
        if isinstance(error, OSError):
            if error.errno in _FULL:
                raise DiskFull(f"the disk of {self._root} is full: {error.strerror}") from error
            raise StorageMissing(f"{self._root} cannot be used: {error.strerror or error}") from error


def sha256_of(file: FileIO) -> str:
    """The hash of a file from where it stands, in pieces large enough that threads seldom take turns over it."""
    digest, piece = hashlib.sha256(), bytearray(HASHED_AT_ONCE_BYTES)
    view = memoryview(piece)
    while count := file.readinto(piece):
        digest.update(view[:count])
    return digest.hexdigest()
