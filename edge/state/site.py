"""The site at a moment: every channel, process and disk, and what is wrong, worst first."""

from collections.abc import Sequence
from typing import Final

from edge.state.channels import ChannelState
from edge.state.disk import disk_view
from edge.state.fact import DAY_MS
from edge.state.last_day import LastDays
from edge.state.processes import process_view
from edge.state.projection import RECORDER, SiteProjection
from edge.state.recording import Recording, recording_now
from edge.state.troubles import troubles
from edge.state.views import (
    AudioView,
    ChannelSetting,
    ChannelStatus,
    ChannelView,
    DiskState,
    DiskView,
    Health,
    LivestreamView,
    ProcessView,
    ProtectionView,
    SegmentView,
    SiteView,
    Totals,
    VideoView,
)

_ORDER: Final[dict[ChannelStatus, int]] = {"offline": 0, "picture_fault": 1, "unknown": 2, "recording": 3, "off": 3}
_DISK_STOPS: Final[dict[str, DiskState]] = {"disk_full": "full", "storage_missing": "missing"}


def site_view(
    state: SiteProjection,
    settings: Sequence[ChannelSetting],
    expected_processes: Sequence[str],
    now_ms: int,
    *,
    segment_s: int,
    days: LastDays | None = None,
) -> SiteView:
    """What can be seen of a site; processes that are expected come first, then those that were heard besides."""
    days = days or LastDays()
    channels = [channel_view(state, setting, now_ms, segment_s=segment_s, days=days) for setting in settings]
    channels.sort(key=lambda channel: _ORDER[channel.status])
    names = [*expected_processes, *sorted((state.processes.keys() | state.heard.keys()) - set(expected_processes))]
    processes = tuple(
        process_view(
            name, state.processes.get(name), state.heard.get(name), now_ms, expected=name in expected_processes
        )
        for name in names
    )
    disk = disk_view(state.disk, _recorder_says(channels))
    found = troubles(state, channels, processes, disk, now_ms)
    return SiteView(
        health=_health(channels, processes, disk, trouble=bool(found)),
        now_ms=now_ms,
        troubles=found,
        channels=tuple(channels),
        processes=processes,
        disk=disk,
        totals=_totals(channels),
        newest_event_ms=state.newest_event_ms,
    )


def channel_view(
    state: SiteProjection, setting: ChannelSetting, now_ms: int, *, segment_s: int, days: LastDays | None = None
) -> ChannelView:
    """What can be seen of a channel."""
    held = state.channels.get(setting.id)
    channel = held if held is not None else ChannelState()
    status, now = _status(setting, channel, recording_now(state, held, now_ms, segment_s))
    video, audio = _formats(channel)
    session = channel.session.value if channel.session is not None else [None] * 5
    last = _last_segment(channel)
    recorded_s, expected_s = (days or LastDays()).of(state, setting.id, now_ms, segment_s)
    losses = list(channel.segments.losses(now_ms - DAY_MS, now_ms + DAY_MS))
    return ChannelView(
        id=setting.id,
        name=setting.name,
        status=status,
        reason=now.reason,
        detail=now.detail,
        since_ms=now.since_ms,
        video=video,
        audio=audio,
        url=session[2],
        server=session[4],
        camera_clock_offset_s=session[3],
        bitrate_bits_s=last.bytes * 8 / last.duration_s if last is not None and last.duration_s > 0 else None,
        last_segment=last,
        oldest_ms=channel.segments.oldest_ms(),
        recorded_s=recorded_s,
        expected_s=expected_s,
        lost_packets_24h=sum(lost for _, lost, _, _ in losses),
        suspect_s_24h=sum(suspect_ms for _, _, suspect_ms, _ in losses) / 1000,
        dropped_s_24h=sum(dropped_ms for *_, dropped_ms in losses) / 1000,
        backlog_bytes=_backlog_bytes(state, setting.id),
        livestream=_livestream(channel),
        protected=_protected(channel),
    )


def _status(setting: ChannelSetting, channel: ChannelState, now: Recording) -> tuple[ChannelStatus, Recording]:
    if not setting.enabled:
        return "off", Recording("offline")
    if now.status == "unheard":
        return "unknown", now
    if now.status == "recording" and channel.invalid is not None and channel.invalid.value is not None:
        reason, since_ms = channel.invalid.value
        return "picture_fault", Recording("recording", reason, None, since_ms)
    return now.status, now


def _formats(channel: ChannelState) -> tuple[VideoView | None, AudioView | None]:
    """Video and audio by the newest event that names them."""
    last, session = channel.last, channel.session
    video = audio = None
    if last is not None and (session is None or last.key > session.key):
        video, audio = last.value[5:7]
    elif session is not None:
        video, audio = session.value[:2]
    return VideoView(*video) if video is not None else None, AudioView(*audio) if audio is not None else None


def _last_segment(channel: ChannelState) -> SegmentView | None:
    return SegmentView(*channel.last.value[:5]) if channel.last is not None else None


def _backlog_bytes(state: SiteProjection, channel: str) -> int | None:
    heard = state.heard.get(RECORDER)
    channels = heard.beat.metrics.get("channels") if heard is not None and heard.beat is not None else None
    said = channels.get(channel) if isinstance(channels, dict) else None
    backlog = said.get("backlog_bytes") if isinstance(said, dict) else None
    return backlog if isinstance(backlog, int) else None


def _livestream(channel: ChannelState) -> LivestreamView | None:
    said = channel.livestream
    if said is None:
        return None
    ready, rtsp, webrtc, hls, reason, detail = said.value
    return LivestreamView(ready, said.time_ms, rtsp, webrtc, hls, reason, detail)


def _protected(channel: ChannelState) -> tuple[ProtectionView, ...]:
    kept: list[ProtectionView] = []
    for name, said in channel.protections.items():
        if said.value is not None:
            start_ms, end_ms, note, by = said.value
            kept.append(ProtectionView(name, start_ms, end_ms, note, by, said.time_ms))
    return tuple(sorted(kept, key=lambda one: (one.start_ms, one.id)))


def _recorder_says(channels: Sequence[ChannelView]) -> tuple[DiskState, int, str] | None:
    """What the disk is like by the channels that it stops."""
    stopped = [channel for channel in channels if channel.status == "offline" and channel.reason in _DISK_STOPS]
    if not stopped:
        return None
    first = min(stopped, key=lambda channel: channel.since_ms or 0)
    return _DISK_STOPS[first.reason or ""], first.since_ms or 0, first.detail or ""


def _totals(channels: Sequence[ChannelView]) -> Totals:
    statuses = [channel.status for channel in channels]
    return Totals(
        total=len(statuses),
        recording=statuses.count("recording"),
        invalid=statuses.count("picture_fault"),
        offline=statuses.count("offline"),
        off=statuses.count("off"),
        unknown=statuses.count("unknown"),
    )


def _health(
    channels: Sequence[ChannelView], processes: Sequence[ProcessView], disk: DiskView, *, trouble: bool
) -> Health:
    wanted = [channel for channel in channels if channel.status != "off"]
    nothing = bool(wanted) and not any(channel.status in ("recording", "picture_fault") for channel in wanted)
    recorder_gone = any(one.name == RECORDER and one.expected and one.status == "offline" for one in processes)
    starting = nothing and not trouble
    if (nothing and not starting) or recorder_gone or disk.state in ("full", "missing"):
        return "down"
    return "degraded" if trouble or starting else "ok"
