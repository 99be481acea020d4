"""Pictures that are kept: of every fault, and of how a channel looks when it is well. The folder has a bound.

Files are named by `edge.recordings.picture`; only files with such names are ever deleted.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.recordings.picture import REFERENCE, PictureName
from edge.recordings.segment import CHANNEL_FOLDER

MOST_PICTURES: Final = 2000
MOST_BYTES: Final = 128 << 20


class Evidence:
    """The pictures below one folder; blocking, for one thread at a time."""

    def __init__(self, folder: Path, *, most_pictures: int = MOST_PICTURES, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self._most_pictures = most_pictures
        self._most_bytes = most_bytes

    def keep(self, channel: str, taken_ms: int, jpeg: bytes) -> str:
        """Keep a picture of a fault, letting the oldest go; returns its path in the folder. Raises OSError."""
        path = PictureName(channel, taken_ms).path
        self._write(path, jpeg)
        self._let_go()
        return path

    def keep_reference(self, channel: str, jpeg: bytes) -> None:
        """Keep how the channel looks when it is well, in place of the picture before. Raises OSError."""
        self._write(f"{channel}/{REFERENCE}", jpeg)

    def reference_age_s(self, channel: str, now_s: float) -> float | None:
        """How old the reference picture is, None where there is none."""
        try:
            return now_s - (self.folder / channel / REFERENCE).stat().st_mtime
        except OSError:
            return None

    def _write(self, path: str, jpeg: bytes) -> None:
        final = self.folder / path
        final.parent.mkdir(parents=True, exist_ok=True)
        new = final.with_suffix(".new")
        with new.open("wb") as file:
            file.write(jpeg)
            file.flush()
            os.fsync(file.fileno())
        new.replace(final)

    def _let_go(self) -> None:
        found = sorted(self._pictures(), key=lambda one: one[0])
        count, size = len(found), sum(one[2] for one in found)
        for _, path, path_bytes in found:
            if count <= self._most_pictures and size <= self._most_bytes:
                return
            with suppress(OSError):
                path.unlink()
                path.parent.rmdir()  # if it was the last of its day
            count, size = count - 1, size - path_bytes

    def _pictures(self) -> list[tuple[int, Path, int]]:
        """Time, path and size of every picture of a fault."""
        found: list[tuple[int, Path, int]] = []
        for channel in self.folder.iterdir():
            if not CHANNEL_FOLDER.fullmatch(channel.name) or not channel.is_dir() or channel.is_symlink():
                continue
            for path in channel.glob("*/*.jpg"):
                name = PictureName.of_file(path.name)
                if name is not None and name.channel == channel.name:
                    found.append((name.taken_ms, path, path.lstat().st_size))
        return found
