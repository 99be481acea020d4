"""What is wrong with the site beside its cameras: disk, promise, broker, clock. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from edge.check.storage import Disk, Forecast, reserve_bytes
from edge.clock import utc
from edge.config import Config, RetentionConfig
from edge.words.quantities import days_words, size_words

FULL_BYTES: Final = 64 * 2**20
"""With less than this free nothing worth naming can be recorded."""
EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""A machine whose battery is empty comes up in 1970 or with the date of its firmware."""

_SLACK: Final = 0.01


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; a `fault` stops recording, a `warning` does not (yet)."""

    severity: Literal["fault", "warning"]
    about: Literal["storage", "retention", "broker", "clock"]
    what: str
    do: str


def site_findings(
    config: Config, disk: Disk, outlook: Forecast | None, broker: str | None, wall_ns: int
) -> tuple[Finding, ...]:
    """Everything wrong with the site, faults first; `broker` is why it cannot be reached."""
    found = [*_storage(disk, config.retention), *_promise(outlook, config.retention)]
    if broker is not None:
        do = "Start it, or correct the keys of broker; until then events wait in the outbox."
        found.append(Finding("warning", "broker", broker, do))
    now = utc(wall_ns)
    if now < EARLIEST:
        what = f"the clock of this machine says {now:%Y-%m-%d %H:%M} UTC"
        do = "Set it (timedatectl set-ntp true); segments are filed under the time that it shows."
        found.append(Finding("warning", "clock", what, do))
    return tuple(sorted(found, key=lambda finding: finding.severity))


def _storage(disk: Disk, retention: RetentionConfig) -> Iterator[Finding]:
    match disk.state:
        case "missing":
            do = "Mount the disk, or make the folder; nothing is recorded while it is missing."
            yield Finding("fault", "storage", f"storage.root {disk.root} is not there", do)
            return
        case "not_a_folder":
            do = "Name the folder of the recordings in storage.root."
            yield Finding("fault", "storage", f"storage.root {disk.root} is not a folder", do)
            return
        case "not_writable":
            do = "Let the user who runs edge write there, and look whether the disk is mounted read-only."
            yield Finding("fault", "storage", f"storage.root {disk.root} cannot be written ({disk.detail})", do)
    reserve = reserve_bytes(disk, retention)
    free = f"{size_words(disk.free_bytes)} of {size_words(disk.total_bytes)}"
    if disk.free_bytes < FULL_BYTES:
        yield Finding("fault", "storage", f"the disk is full: {free} are free", "Make room, or take a larger disk.")
    elif disk.free_bytes < reserve - disk.total_bytes * _SLACK:
        do = "Make room: the oldest segments are deleted as soon as recording begins."
        what = f"the disk is nearly full: {free} are free, retention keeps {size_words(reserve)} free"
        yield Finding("warning", "storage", what, do)


def _promise(outlook: Forecast | None, retention: RetentionConfig) -> Iterator[Finding]:
    if outlook is None or outlook.days_kept >= retention.promise_days:
        return
    what = (
        f"recordings will reach back {days_words(outlook.days_kept)}, {days_words(retention.promise_days)} are promised"
    )
    do = "Take a larger disk, lower the cameras' bitrate, or change retention.promise_days."
    yield Finding("warning", "retention", what, do)
