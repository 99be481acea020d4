"""What is wrong with a site, as a list: the cause before what follows from it, the longest first."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from edge.state.fact import DAY_MS
from edge.state.projection import RECORDER, SiteProjection
from edge.state.views import ChannelView, DiskView, ProcessView, Severity, Trouble

STEP_S: Final = 2.0
STEP_SHOWN_MS: Final = 3_600_000
LOST_SHOWN_MS: Final = DAY_MS
HARMED_SHOWN_MS: Final = 7 * DAY_MS
MISSING_PATIENCE_MS: Final = 10_000
"""Events that are missing were asked for again and mostly come within a second: for so long nobody is alarmed."""
_RANK: Final = (
    ("events", "silent"),
    ("disk", "missing"),
    ("disk", "full"),
    ("disk", "faulty"),
    ("process", ""),
    ("channel", ""),
    ("disk", ""),
    ("events", ""),
    ("clock", ""),
)


def troubles(
    state: SiteProjection,
    channels: Sequence[ChannelView],
    processes: Sequence[ProcessView],
    disk: DiskView,
    now_ms: int,
) -> tuple[Trouble, ...]:
    """All that is wrong, worst first."""
    found = [*_silence(processes), *_of_processes(processes), *_of_channels(channels, processes)]
    found += [*_of_disk(disk, channels, now_ms), *_of_events(state, now_ms), *_of_clock(state, now_ms)]
    return tuple(sorted(found, key=_weight))


def _weight(trouble: Trouble) -> tuple[bool, int, int, str]:
    """Where a trouble stands in the list."""
    exact = (trouble.about, trouble.code)
    rank = _RANK.index(exact if exact in _RANK else (trouble.about, ""))
    since_ms = trouble.since_ms if trouble.since_ms is not None else 0
    return trouble.severity != "down", rank, since_ms, trouble.subject


def _silence(processes: Sequence[ProcessView]) -> Iterator[Trouble]:
    """When everybody falls silent at once and nobody said goodbye, it is the broker that is gone."""
    expected = [process for process in processes if process.expected]
    quiet = [one for one in expected if one.status in ("late", "offline") and one.since_ms == one.last_heard_ms]
    if len(expected) > 1 and len(quiet) == len(expected):
        last_heard_ms = max((one.last_heard_ms for one in quiet if one.last_heard_ms is not None), default=None)
        yield Trouble("down", "events", "broker", "silent", last_heard_ms, {"last_heard_ms": last_heard_ms})


def _of_processes(processes: Sequence[ProcessView]) -> Iterator[Trouble]:
    for process in processes:
        if process.status == "online" or not process.expected:
            continue
        code: str = {"unknown": "unheard"}.get(process.status, process.status)
        severity: Severity = "down" if process.name == RECORDER and process.status == "offline" else "degraded"
        params: dict[str, Any] = {"detail": process.detail, "last_heard_ms": process.last_heard_ms}
        code = "failed" if process.stopped == "failed" else code
        yield Trouble(severity, "process", process.name, code, process.since_ms, params)


def _of_channels(channels: Sequence[ChannelView], processes: Sequence[ProcessView]) -> Iterator[Trouble]:
    any_records = any(channel.status in ("recording", "picture_fault") for channel in channels)
    starting = any(process.name == RECORDER and process.status == "online" for process in processes)
    for channel in channels:
        if channel.status in ("recording", "off"):
            continue
        if channel.status == "unknown" and starting:  # it has a minute before a channel counts as offline
            continue
        severity: Severity = "degraded" if any_records else "down"
        params = {"name": channel.name, "status": channel.status, "detail": channel.detail}
        yield Trouble(severity, "channel", channel.id, channel.reason or "unheard", channel.since_ms, params)


def _of_disk(disk: DiskView, channels: Sequence[ChannelView], now_ms: int) -> Iterator[Trouble]:
    records = any(channel.status in ("recording", "picture_fault") for channel in channels)
    figures = {"free_bytes": disk.free_bytes, "total_bytes": disk.total_bytes, "hours_left": disk.hours_left}
    params: dict[str, Any] = {"detail": disk.detail, "stuck": disk.stuck, **figures}
    if disk.state in ("low", "full", "missing", "faulty"):
        bearable = disk.state == "low" or (disk.state == "faulty" and records)
        severity: Severity = "degraded" if bearable else "down"
        yield Trouble(severity, "disk", disk.mount or "", disk.state, disk.since_ms, params)
    if disk.harmed is not None and now_ms - disk.harmed.at_ms <= HARMED_SHOWN_MS:
        damage = {"count": disk.harmed.count, "detail": disk.harmed.path}
        yield Trouble("degraded", "disk", disk.mount or "", "harmed", disk.harmed.at_ms, damage)
    if disk.smart == "failing":
        yield Trouble("degraded", "disk", disk.mount or "", "failing", disk.measured_ms, params)
    names = {channel.id: channel.name for channel in channels}
    for short in disk.short:
        promise = {"promise_days": short.promise_days, "forecast_days": short.forecast_days}
        name = names.get(short.channel or "", short.channel)
        params = {"name": name, **promise, "short_from_ms": short.short_from_ms}
        yield Trouble("degraded", "disk", short.channel or "", "short", short.since_ms, params)


def _of_events(state: SiteProjection, now_ms: int) -> Iterator[Trouble]:
    for name, losses in sorted(state.losses.items()):
        missing = losses.count_missing()
        if missing and losses.missing_ms is not None and now_ms - losses.missing_ms >= MISSING_PATIENCE_MS:
            yield Trouble("degraded", "events", name, "missing", losses.missing_ms, {"count": missing})
        for code, since_ms, count in (
            ("lost", losses.gone_ms, losses.count_gone()),
            ("truncated", losses.truncated_ms, losses.count_truncated()),
            ("conflicting", losses.conflicting_ms, losses.count_conflicting()),
        ):
            if count and since_ms is not None and now_ms - since_ms <= LOST_SHOWN_MS:
                yield Trouble("degraded", "events", name, code, since_ms, {"count": count})


def _of_clock(state: SiteProjection, now_ms: int) -> Iterator[Trouble]:
    step = state.clock.newest
    if step is not None and abs(step.value) >= STEP_S and now_ms - step.time_ms <= STEP_SHOWN_MS:
        yield Trouble("degraded", "clock", RECORDER, "stepped", step.time_ms, {"step_s": step.value})
