"""The name of a picture that is kept of a channel: channel and time as a path, and the path back. No I/O."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from edge.clock import utc

PICTURES: Final = "pictures"
"""Folder of all of them, below `state_dir`."""
REFERENCE: Final = "reference.jpg"
"""How a channel looks when it is well, in the channel's folder."""
_FILE: Final = re.compile(
    r"(?P<channel>[a-z0-9_-]{1,32})_(?P<date>\d{8})T(?P<time>\d{6})(?P<ms>\d{3})Z\.jpg", re.ASCII
)


@dataclass(frozen=True, slots=True)
class PictureName:
    """A picture that a channel showed at a millisecond of UTC; its path is relative to the folder of pictures."""

    channel: str
    taken_ms: int

    @property
    def file(self) -> str:
        """The last part of the path, which says all."""
        return f"{self.channel}_{self._taken:%Y%m%dT%H%M%S}{self.taken_ms % 1000:03d}Z.jpg"

    @property
    def path(self) -> str:
        """Where the picture lies."""
        return f"{self.channel}/{self._taken:%Y-%m-%d}/{self.file}"

    @property
    def _taken(self) -> datetime:
        return utc(self.taken_ms * 1_000_000)

    @classmethod
    def of_file(cls, file: str) -> Self | None:
        """The name behind the last part of a path; None where that is not of a picture."""
        match = _FILE.fullmatch(file)
        if match is None:
            return None
        try:
            taken = datetime.strptime(match["date"] + match["time"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        name = cls(match["channel"], int(taken.timestamp()) * 1000 + int(match["ms"]))
        return name if name.file == file else None

    @classmethod
    def parse(cls, path: str) -> Self | None:
        """The name behind a whole path; None where that is not of a picture."""
        name = cls.of_file(path.rpartition("/")[2])
        return name if name is not None and name.path == path else None
