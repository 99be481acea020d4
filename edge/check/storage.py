"""The disk of the recordings as it is now, and how long recordings fit on it. The forecast is pure."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

from edge.config import RetentionConfig
from edge.words.quantities import DAY_S

COUNT_LIMIT_S: Final = 3.0
"""A tree of a million segments takes longer to count; then what is there already is left out of the forecast."""

_SUFFIX = ".mp4"


@dataclass(frozen=True, slots=True)
class Disk:
    """The storage root; sizes are 0 where it is missing. `recordings_bytes` is None where counting took too long."""

    root: Path
    state: Literal["ok", "missing", "not_a_folder", "not_writable"]
    detail: str = ""
    total_bytes: int = 0
    free_bytes: int = 0
    recordings_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long recordings fit at the measured rate.

    `assumed` channels could not be measured and are taken to be like the others. `days_left` is until the oldest
    segments have to go, `days_kept` how far back recordings will reach then.
    """

    bits_s: float
    measured: int
    assumed: int
    days_left: float
    days_kept: float


def look_at_disk(root: Path) -> Disk:
    """Measure the disk and try to write on it; what is written has no name and is gone at once."""
    if not root.exists():
        return Disk(root, "missing")
    if not root.is_dir():
        return Disk(root, "not_a_folder")
    usage = psutil.disk_usage(str(root))
    try:
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"\0")
    except OSError as error:
        detail = (error.strerror or type(error).__name__).lower()
        return Disk(root, "not_writable", detail, usage.total, usage.free)
    return Disk(root, "ok", "", usage.total, usage.free, _recordings_bytes(root))


def reserve_bytes(disk: Disk, retention: RetentionConfig) -> int:
    """What retention keeps free."""
    return max(retention.min_free_bytes, round(disk.total_bytes * (1 - retention.max_used_percent / 100)))


def forecast(disk: Disk, retention: RetentionConfig, bits_s: Sequence[float | None]) -> Forecast | None:
    """How long the channels with these rates (None: not measured) fit; None where nothing is known."""
    known = [rate for rate in bits_s if rate]
    if not known or disk.total_bytes == 0:
        return None
    total_bits_s = sum(known) / len(known) * len(bits_s)
    bytes_a_day = total_bits_s / 8 * DAY_S
    room_bytes = max(0, disk.free_bytes - reserve_bytes(disk, retention))
    kept_bytes = max(0, disk.free_bytes + (disk.recordings_bytes or 0) - reserve_bytes(disk, retention))
    days_kept = kept_bytes / bytes_a_day
    return Forecast(
        total_bits_s,
        len(known),
        len(bits_s) - len(known),
        room_bytes / bytes_a_day,
        min(days_kept, retention.max_age_days or days_kept),
    )


def _recordings_bytes(root: Path) -> int | None:
    """Size of all segments under `<root>/<channel>/<day>/`; None where that takes too long to say."""
    until_s = time.monotonic() + COUNT_LIMIT_S
    total = 0
    for folder, folders, files in os.walk(root):
        if time.monotonic() > until_s:
            return None
        if len(Path(folder).relative_to(root).parts) == 2:
            folders.clear()
            total += sum(_size_bytes(Path(folder, name)) for name in files if name.endswith(_SUFFIX))
    return total


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # retention may be at work
        return 0
