"""A file that only takes up room: removed when the disk of the state folder is full, so that the database can go on.

Pruning makes room on that disk where both are the same one, but SQLite wants to write before it may.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

RESERVE_BYTES: Final = 16 << 20
NEARLY_FULL_BYTES: Final = 4 << 20
"""With less free the reserve is given up, before anything is opened."""
ROOM_AGAIN_BYTES: Final = 4 * RESERVE_BYTES

_log = structlog.get_logger()


class Reserve:
    """The reserve of one state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "retention.reserve"
        self._folder = state_dir

    def release_if_full(self) -> None:
        """Give it up where next to nothing is free."""
        with suppress(OSError):
            if self._free_bytes() < NEARLY_FULL_BYTES:
                self.release()

    def release(self) -> None:
        """Give it up."""
        with suppress(OSError):
            size = self._path.stat().st_size
            self._path.unlink()
            _log.warning("reserve_released", bytes=size, path=str(self._path))

    def refill(self) -> None:
        """Take it again once there is room; a disk that does not allow it goes without."""
        try:
            if self._path.exists() or self._free_bytes() < ROOM_AGAIN_BYTES:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            except OSError:
                self._path.unlink()
                raise
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("reserve_not_made", path=str(self._path), error=error.strerror)

    def _free_bytes(self) -> int:
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize
