"""The report of a site, written from what is seen of it. Pure: no clock, no file, no configuration."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge.clock import rfc3339
from edge.events.catalog import SiteReported
from edge.events.report import (
    Report,
    ReportedChannel,
    ReportedDisk,
    ReportedEvents,
    ReportedLinks,
    ReportedProcess,
    ReportedShort,
    ReportedTotals,
    ReportedTrouble,
)
from edge.state.fact import DAY_MS
from edge.state.report_size import fitting
from edge.state.views import ChannelSetting, ChannelView, DiskView, LivestreamView, ProcessView, SiteView, Span, Trouble

_RECORDED: Final = ("recording", "picture_fault")


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What a report says that is not seen from events: the configuration, as far as HQ needs it."""

    settings: tuple[ChannelSetting, ...]
    timezone: str
    segment_s: int
    promise_days: float
    expected_processes: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class HeldEvents:
    """How complete the events of a process are held, in its newest epoch; lost ones count over all epochs."""

    process: str
    epoch: str
    newest: int
    missing: int
    lost: int


def site_reported(
    view: SiteView,
    spans: Mapping[str, Sequence[Span]],
    facts: ReportFacts,
    held: Sequence[HeldEvents],
) -> SiteReported:
    """The event of a report; `spans` are each channel's coverage of the 24 hours before the view."""
    small = fitting(report(view, spans, facts, held))
    return SiteReported(
        from_=_text(view.now_ms - DAY_MS), to=_text(view.now_ms), status=view.health, report=small
    )


def report(
    view: SiteView, spans: Mapping[str, Sequence[Span]], facts: ReportFacts, held: Sequence[HeldEvents]
) -> Report:
    """The whole report of a site, however large."""
    channels = {channel.id: channel for channel in view.channels}
    totals = view.totals
    return Report(
        time=_text(view.now_ms),
        status=view.health,
        version=facts.version,
        timezone=facts.timezone,
        segment_s=facts.segment_s,
        promise_days=float(facts.promise_days),
        expected_processes=facts.expected_processes,
        totals=ReportedTotals(
            total=totals.total,
            recording=totals.recording,
            invalid=totals.invalid,
            offline=totals.offline,
            off=totals.off,
            unknown=totals.unknown,
        ),
        troubles=tuple(_trouble(one) for one in view.troubles),
        channels=tuple(
            _channel(one, channels[one.id], spans.get(one.id, ())) for one in facts.settings if one.id in channels
        ),
        processes=tuple(_process(one, facts.version) for one in view.processes),
        disk=_disk(view.disk),
        events=tuple(
            ReportedEvents(
                process=one.process, epoch=one.epoch, newest=one.newest, missing=one.missing, lost=one.lost
            )
            for one in held
        ),
        newest_event=_time(view.newest_event_ms),
    )


def _channel(setting: ChannelSetting, view: ChannelView, spans: Sequence[Span]) -> ReportedChannel:
    gaps: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for span in spans:
        length_ms = span.end_ms - span.start_ms
        if span.kind != "gap":
            sums[span.kind] += length_ms
            sums["invalid"] += length_ms if span.invalid else 0
        elif span.reason != "not_yet":
            gaps[span.reason or "unexplained"] += length_ms
    recorded_ms = sums["recorded"] + sums["rejected"] + sums["pruned"]
    return ReportedChannel(
        id=setting.id,
        name=None if setting.name == setting.id else setting.name,
        enabled=setting.enabled,
        status=view.status,
        reason=view.reason,
        detail=view.detail,
        since=_time(view.since_ms),
        last_segment=_last_segment(view),
        recorded_s=recorded_ms / 1000,
        expected_s=(recorded_ms + gaps.total()) / 1000,
        rejected_s=sums["rejected"] / 1000,
        pruned_s=sums["pruned"] / 1000,
        invalid_s=sums["invalid"] / 1000,
        gaps={reason: length_ms / 1000 for reason, length_ms in sorted(gaps.items())},
        lost_packets=view.lost_packets_24h,
        live=_live(view.livestream),
        links=_links(view.livestream),
    )


def _last_segment(view: ChannelView) -> str | None:
    if view.status in _RECORDED or view.last_segment is None:
        return None
    return _text(view.last_segment.end_ms)


def _live(livestream: LivestreamView | None) -> Literal["ready", "lost"] | None:
    return None if livestream is None else "ready" if livestream.ready else "lost"


def _links(livestream: LivestreamView | None) -> ReportedLinks | None:
    if livestream is None or not livestream.ready:
        return None
    return ReportedLinks(rtsp=livestream.rtsp, webrtc=livestream.webrtc, hls=livestream.hls)


def _process(view: ProcessView, version: str) -> ReportedProcess:
    return ReportedProcess(
        name=view.name,
        expected=view.expected,
        status=view.status,
        since=_time(view.since_ms),
        version=None if view.version == version else view.version,
    )


def _trouble(trouble: Trouble) -> ReportedTrouble:
    return ReportedTrouble(
        severity=trouble.severity,
        about=trouble.about,
        subject=trouble.subject,
        code=trouble.code,
        since=_time(trouble.since_ms),
    )


def _disk(view: DiskView) -> ReportedDisk:
    return ReportedDisk(
        state=view.state,
        since=_time(view.since_ms),
        detail=view.detail,
        measured=_time(view.measured_ms),
        total_bytes=view.total_bytes,
        used_bytes=view.used_bytes,
        free_bytes=view.free_bytes,
        recordings_bytes=view.recordings_bytes,
        write_rate_bytes_s=view.write_rate_bytes_s,
        hours_left=view.hours_left,
        smart=view.smart,
        stuck=view.stuck,
        short=tuple(
            ReportedShort(
                channel=one.channel, forecast_days=one.forecast_days, short_from=_text(one.short_from_ms)
            )
            for one in view.short
        ),
    )


def _text(time_ms: int) -> str:
    return rfc3339(time_ms * 1_000_000)


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else _text(time_ms)
