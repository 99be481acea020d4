"""The tree of segments seen through descriptors, so that what is looked at and deleted is on the disk that was marked.

The root is opened once and its mark read through that descriptor. Everything below is reached from there without ever
following a link or crossing to another file system: a folder that is swapped for a link while we look leads nowhere.
Only files that segments' names own are ever deleted; all else is counted.
"""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import FileIO
from typing import Final, Literal, Self

from edge.errors import StorageMissing
from edge.recordings.mark import MarkedRoot
from edge.recordings.segment import CHANNEL_FOLDER, DAY_FOLDER, MARK_FILE, SegmentName

MOST_COUNTED: Final = 10_000
"""In one folder that is not ours; more are not worth the time."""
LEAST_FREE_FILES: Final = 64
"""With fewer a site of many channels has none tomorrow: each needs a folder a day and a file at a time."""
_OURS: Final = frozenset({MARK_FILE, f"{MARK_FILE}.new", "lost+found"})
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Outcome = Literal["deleted", "absent", "foreign", "refused"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of segments, oldest day first, and files that are not Saksi's by the folder they lie in."""

    folders: list[tuple[str, str]]
    unknown_files: dict[tuple[str, str], int]


@dataclass(slots=True)
class Listing:
    """One day of one channel: finished segments, and how many files are not Saksi's. Growing segments are neither."""

    segments: set[SegmentName] = field(default_factory=set)
    unknown_files: int = 0


@dataclass(frozen=True, slots=True)
class Space:
    """The file system that holds the tree; `used_bytes` by whomever, `free_bytes` for users who are not root."""

    total_bytes: int
    used_bytes: int
    free_bytes: int
    read_only: bool
    total_files: int = 0
    """How many files there can be; 0 where the file system has no such limit."""
    free_files: int = 0

    @property
    def is_short_of_files(self) -> bool:
        """Whether the next files will not fit although there may be bytes free."""
        return self.total_files > 0 and self.free_files < LEAST_FREE_FILES


class Tree:
    """A storage root that is held open."""

    def __init__(self, descriptor: int) -> None:
        self._root = descriptor
        self._device = os.fstat(descriptor).st_dev

    @classmethod
    @contextmanager
    def held(cls, marked: MarkedRoot) -> Iterator[Self]:
        """The tree of a root for the length of a block; raises StorageMissing where it is not the disk marked."""
        marked.check()
        try:
            descriptor = os.open(marked.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageMissing(f"{marked.root} cannot be opened: {error.strerror}") from error
        try:
            if _device_by_mark(descriptor) != marked.device:
                raise StorageMissing(f"{marked.root} was replaced while it was looked at")
            yield cls(descriptor)
        finally:
            os.close(descriptor)

    def space(self) -> Space:
        """Measure the file system; raises OSError rather than guess."""
        found = os.fstatvfs(self._root)
        return Space(
            total_bytes=found.f_blocks * found.f_frsize,
            used_bytes=(found.f_blocks - found.f_bfree) * found.f_frsize,
            free_bytes=found.f_bavail * found.f_frsize,
            read_only=bool(found.f_flag & os.ST_RDONLY),
            total_files=found.f_files,
            free_files=found.f_favail,
        )

    def layout(self) -> Layout:
        """Look at the root and the channels' folders, not at the days; raises OSError."""
        folders: list[tuple[str, str]] = []
        unknown: dict[tuple[str, str], int] = {}
        for entry in _entries(self._root):
            if entry.is_dir(follow_symlinks=False) and CHANNEL_FOLDER.fullmatch(entry.name):
                with self._folder(entry.name) as descriptor:
                    strangers = 0
                    for inner in _entries(descriptor):
                        if inner.is_dir(follow_symlinks=False) and DAY_FOLDER.fullmatch(inner.name):
                            folders.append((entry.name, inner.name))
                        else:
                            strangers += _files(inner, descriptor)
                    unknown[entry.name, ""] = strangers
            elif entry.name not in _OURS:
                unknown["", ""] = unknown.get(("", ""), 0) + _files(entry, self._root)
        return Layout(sorted(folders, key=lambda one: (one[1], one[0])), unknown)

    def listing(self, channel: str, day: str) -> Listing:
        """What one folder holds; nothing where there is no such folder. Raises OSError."""
        found = Listing()
        try:
            with self._folder(channel, day) as descriptor:
                for entry in _entries(descriptor):
                    parsed = SegmentName.parse(f"{channel}/{day}/{entry.name}")
                    if parsed is None or not entry.is_file(follow_symlinks=False):
                        found.unknown_files += _files(entry, descriptor)
                    elif not parsed[1]:
                        found.segments.add(parsed[0])
        except FileNotFoundError:
            pass
        return found

    def status(self, name: SegmentName) -> os.stat_result | None:
        """Size and times of a finished segment; None where there is no such file. Raises OSError."""
        channel, day, file = name.path.split("/")
        try:
            with self._folder(channel, day) as descriptor:
                found = os.stat(file, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return found if stat.S_ISREG(found.st_mode) else None

    def open(self, name: SegmentName) -> FileIO:
        """A finished segment to read; FileNotFoundError where there is none, OSError for what is no file of ours."""
        channel, day, file = name.path.split("/")
        with self._folder(channel, day) as folder:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is no file")
        return FileIO(descriptor)

    def delete(self, names: Iterable[SegmentName]) -> Iterator[tuple[SegmentName, Outcome]]:
        """Unlink finished segments, a folder after the other; raises OSError where the disk as a whole fails.

        `refused` is a file that may not be deleted or a bad sector in its folder; the others are gone on with.
        """
        by_folder: dict[str, list[SegmentName]] = {}
        for name in names:
            by_folder.setdefault(name.folder, []).append(name)
        for folder, inside in by_folder.items():
            try:
                with self._folder(*folder.split("/")) as descriptor:
                    for name in inside:
                        yield name, _unlink(name, descriptor)
            except FileNotFoundError:
                yield from ((name, "absent") for name in inside)
            except (NotADirectoryError, PermissionError) as error:
                foreign: Outcome = "foreign" if isinstance(error, NotADirectoryError) else "refused"
                yield from ((name, foreign) for name in inside)

    def remove_folder(self, channel: str, day: str | None) -> bool:
        """Remove a day's folder, or a channel's (None), if it is empty; whether it is gone."""
        with suppress(OSError):
            if day is None:
                os.rmdir(channel, dir_fd=self._root)
            else:
                with self._folder(channel) as descriptor:
                    os.rmdir(day, dir_fd=descriptor)
            return True
        return False

    def sync_folder(self, folder: str) -> None:
        """Make the names of a day's folder durable; one that is gone was removed from its parent, which is synced."""
        channel, day = folder.split("/")
        try:
            with self._folder(channel, day) as descriptor:
                os.fsync(descriptor)
        except FileNotFoundError:
            os.fsync(self._root)

    @contextmanager
    def _folder(self, *steps: str) -> Iterator[int]:
        """A descriptor of a folder of this file system; links raise NotADirectoryError, as do other mounts."""
        descriptor = os.dup(self._root)
        try:
            for step in steps:
                try:
                    inner = os.open(step, _FOLDER, dir_fd=descriptor)
                except OSError as error:
                    if error.errno == errno.ELOOP:
                        raise NotADirectoryError(errno.ENOTDIR, "a link", step) from error
                    raise
                os.close(descriptor)
                descriptor = inner
                if os.fstat(descriptor).st_dev != self._device:
                    raise NotADirectoryError(errno.ENOTDIR, "another file system", step)
            yield descriptor
        finally:
            os.close(descriptor)


def _unlink(name: SegmentName, folder: int) -> Outcome:
    file = name.path.rpartition("/")[2]
    try:
        if not stat.S_ISREG(os.stat(file, dir_fd=folder, follow_symlinks=False).st_mode):
            return "foreign"
        os.unlink(file, dir_fd=folder)
    except FileNotFoundError:
        return "absent"
    except PermissionError:
        return "refused"
    return "deleted"


def _entries(descriptor: int) -> list[os.DirEntry[str]]:
    with os.scandir(descriptor) as entries:
        return list(entries)


def _files(entry: os.DirEntry[str], descriptor: int) -> int:
    """How many files an entry that is not ours stands for."""
    if not entry.is_dir(follow_symlinks=False):
        return 1
    count = 0
    with suppress(OSError):
        for _, _, files, _ in os.fwalk(entry.name, dir_fd=descriptor, follow_symlinks=False):
            count += len(files)
            if count >= MOST_COUNTED:
                break
    return min(count, MOST_COUNTED)


def _device_by_mark(root: int) -> str | None:
    try:
        descriptor = os.open(MARK_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError):
        return None
    device = values.get("device") if isinstance(values, dict) else None
    return device if isinstance(device, str) else None
