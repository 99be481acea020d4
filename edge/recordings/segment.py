"""The name of a segment: channel and start as a path, and the path back as channel and start. No I/O."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from edge.clock import utc

MARK_FILE: Final = ".saksi"
CHANNEL_FOLDER: Final = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
DAY_FOLDER: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PATH = re.compile(
    r"(?P<channel>[a-z0-9_-]{1,32})/(?P<day>\d{4}-\d\d-\d\d)/"
    r"(?P=channel)_(?P<date>\d{8})T(?P<time>\d{6})(?P<ms>\d{3})Z(?P<part>\.part)?\.mp4",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """A segment of a channel that starts at a millisecond of UTC; its path is relative to the storage root."""

    channel: str
    start_ms: int

    @property
    def folder(self) -> str:
        """The channel's folder of the day, UTC."""
        return f"{self.channel}/{self._start:%Y-%m-%d}"

    @property
    def path(self) -> str:
        """Where the finished segment lies."""
        return f"{self.folder}/{self.channel}_{self._start:%Y%m%dT%H%M%S}{self.start_ms % 1000:03d}Z.mp4"

    @property
    def part_path(self) -> str:
        """Where the segment lies while it grows."""
        return self.path.removesuffix(".mp4") + ".part.mp4"

    def later(self, milliseconds: int) -> Self:
        """The name of the same channel that much later, for when a stepped clock would give a name twice."""
        return type(self)(self.channel, self.start_ms + milliseconds)

    @property
    def _start(self) -> datetime:
        return utc(self.start_ms * 1_000_000)

    @classmethod
    def parse(cls, path: str) -> tuple[Self, bool] | None:
        """The name behind a path and whether it is of a growing segment; None where the path is not one of ours."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        date, time = match["date"], match["time"]
        if match["day"] != f"{date[:4]}-{date[4:6]}-{date[6:]}":
            return None
        try:
            day = int(date[:4]), int(date[4:6]), int(date[6:])
            start = datetime(*day, int(time[:2]), int(time[2:4]), int(time[4:]), tzinfo=UTC)
        except ValueError:
            return None
        name = cls(match["channel"], int(start.timestamp()) * 1000 + int(match["ms"]))
        return name, match["part"] is not None
