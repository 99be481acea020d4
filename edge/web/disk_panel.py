"""The disk as figures and words for a page: how full, why it is in trouble, how far back, what was deleted. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.state.facts import Keeping
from edge.state.views import DiskView
from edge.words.times import Times

LATELY: Final = 3
_NONE: Final = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the disk's bar, in percent."""

    left: float
    width: float
    look: str
    words: str


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a channel reaches, and how far it will once the disk is at its limit."""

    channel: str
    name: str
    oldest: str
    will: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one receipt says."""

    at_ms: int
    words: str


@dataclass(frozen=True, slots=True)
class DiskPanel:
    """The disk: its bar, why it is in trouble ("" when it is not), lines below it, and all in a word (`short`)."""

    parts: tuple[Part, ...]
    label: str
    because: str
    lines: tuple[str, ...]
    short: str
    reaches: tuple[Reach, ...]
    deleted: tuple[Deleted, ...]


def disk_panel(
    disk: DiskView,
    names: Mapping[str, str],
    keeping: Keeping,
    receipts: Sequence[tuple[int, Mapping[str, Any]]],
    times: Times,
) -> DiskPanel:
    """What is to be seen of a disk; `names` are those of the channels, in the order of the configuration."""
    words = times.words
    short = words(f"disk_state.{disk.state}")
    because = _because(disk, times)
    deleted = tuple(_deleted(at_ms, data, names, times) for at_ms, data in receipts[:LATELY])
    if disk.total_bytes is None or disk.used_bytes is None or disk.measured_ms is None:
        lines = (words("page.disk_unmeasured"),) if disk.state == "unknown" else ()
        return DiskPanel((), "", because, lines, short, (), deleted)
    parts = _parts(disk, disk.total_bytes, disk.used_bytes, times)
    label = words("page.disk_label", total=words.size(disk.total_bytes), parts=", ".join(part.words for part in parts))
    if disk.state == "ok":
        short = f"{words.number(100 - next(part.width for part in parts if part.look == 'free'))} %"
    reaches = tuple(_reaches(disk, names, times))
    return DiskPanel(
        tuple(parts), label, because, tuple(_lines(disk, keeping, times)), short, reaches, deleted
    )


def _parts(disk: DiskView, total: int, used: int, times: Times) -> list[Part]:
    words = times.words
    recordings = min(disk.recordings_bytes or 0, used)
    free = disk.free_bytes if disk.free_bytes is not None else max(0, total - used)
    sizes = (("recordings", recordings), ("other", max(0, total - recordings - free)), ("free", free))
    parts, left = [], 0.0
    for look, size in sizes:
        width = 100 * size / max(1, total)
        parts.append(Part(round(left, 2), round(width, 2), look, words(f"page.disk_{look}", size=words.size(size))))
        left += width
    return parts


def _because(disk: DiskView, times: Times) -> str:
    """Why it is not well, as retention or the recorder said it."""
    words = times.words
    if disk.state in {"ok", "unknown"}:
        return ""
    if disk.stuck:
        return words("page.disk_stuck", why=words.of_code("stuck", disk.stuck))
    said = disk.detail or ""
    return said[:1].upper() + said[1:]


def _lines(disk: DiskView, keeping: Keeping, times: Times) -> list[str]:
    words, lines = times.words, []
    rate = disk.write_rate_bytes_s
    if rate and disk.state in {"ok", "low"}:
        keeps = _keeps(disk, rate, keeping, times)
        lines += [_full_in(disk, rate, keeping, times), *([keeps] if keeps else [])]
    if disk.protected_bytes:
        lines.append(words("page.disk_protected", size=words.size(disk.protected_bytes)))
    if disk.unknown_files:
        lines.append(words.count("page.disk_strangers", disk.unknown_files))
    lines += _health(disk, times)
    if disk.measured_ms is not None:
        lines.append(words("page.disk_measured", time=times.both(disk.measured_ms)))
    return lines


def _full_in(disk: DiskView, rate: float, keeping: Keeping, times: Times) -> str:
    """When it is full: as full as retention lets it become, or to the last byte where nothing more can be deleted."""
    words = times.words
    if disk.hours_left is None:
        return words("page.disk_steady", rate=words.rate(rate * 8))
    hours, room_bytes = disk.hours_left, _until_limit_bytes(disk, keeping)
    to_the_last = bool(disk.stuck) or room_bytes is None
    if room_bytes is not None and not disk.stuck:
        hours = min(hours, max(0.0, room_bytes) / rate / 3600)
    left = words.days(hours / 24) if hours >= 48 else words.duration(hours * 3600)
    return words("page.disk_full_in" if to_the_last else "page.disk_full_then", left=left, rate=words.rate(rate * 8))


def _keeps(disk: DiskView, rate: float, keeping: Keeping, times: Times) -> str | None:
    """By retention's forecast for channels without limits of their own, or as far as the disk alone tells."""
    words, room_bytes = times.words, _until_limit_bytes(disk, keeping)
    days = max(disk.forecast_days.values(), default=None)
    if days is None and room_bytes is not None:
        days = max(0.0, (disk.recordings_bytes or 0) + room_bytes) / rate / 86_400
    if days is None or keeping.promise_days is None:
        return None
    return words("page.disk_keeps", days=words.days(days), promise=words.days(keeping.promise_days))


def _until_limit_bytes(disk: DiskView, keeping: Keeping) -> float | None:
    """What may still be filled before the oldest have to make room; None where the limits are not known here."""
    if keeping.max_used_percent is None or keeping.min_free_bytes is None:
        return None
    total = disk.total_bytes or 0
    free = disk.free_bytes if disk.free_bytes is not None else total - (disk.used_bytes or 0)
    reserve = max(keeping.min_free_bytes, total * (1 - keeping.max_used_percent / 100))
    return free - reserve


def _health(disk: DiskView, times: Times) -> list[str]:
    words, lines = times.words, []
    if disk.smart is not None:
        lines.append(words("page.disk_health", health=words.of_code("smart", disk.smart)))
    if disk.serial:
        lines[-1:] = [f"{lines[-1]} {words('page.disk_serial', serial=disk.serial)}"] if lines else []
    harmed = disk.harmed
    if harmed is not None and harmed.at_ms == disk.verified_ms:
        time = times.both(harmed.at_ms)
        lines.append(words("page.disk_damaged", time=time, count=harmed.count, path=harmed.path))
    elif disk.verified_ms is not None:
        lines.append(words("page.disk_read_back", time=times.both(disk.verified_ms)))
    return lines


def _reaches(disk: DiskView, names: Mapping[str, str], times: Times) -> list[Reach]:
    """Channels in the order of the configuration, then those whose recordings outlived them there."""
    words = times.words
    known = disk.oldest_ms.keys() | disk.forecast_days.keys()
    found = []
    for channel in [*(one for one in names if one in known), *sorted(known - names.keys())]:
        oldest_ms, days = disk.oldest_ms.get(channel), disk.forecast_days.get(channel)
        oldest = _NONE if oldest_ms is None else times.both(oldest_ms)
        will = _NONE if days is None else words.days(days)
        found.append(Reach(channel, names.get(channel, channel), oldest, will))
    return found


def _deleted(at_ms: int, data: Mapping[str, Any], names: Mapping[str, str], times: Times) -> Deleted:
    words = times.words
    channels = sorted({names.get(one["channel"], one["channel"]) for one in data["channels"]})
    values = {"channels": words.some(channels) if channels else _NONE, "size": words.size(data["bytes"])}
    why = words.of_code("pruned", data["rule"])
    return Deleted(at_ms, words.count("page.deleted", data["segments"], why=why, **values))
