"""From what is seen of a site to the documents of the API. Pure; knows no request."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from edge.clock import rfc3339
from edge.events.messages import Protection
from edge.state.hq_link import HqLinkView
from edge.state.views import (
    AudioView,
    ChannelView,
    DiskView,
    HarmedView,
    LivestreamView,
    ProcessView,
    ProtectionView,
    PrunedView,
    RetentionView,
    SegmentView,
    SiteView,
    Span,
    Trouble,
    VideoView,
)
from edge.web import documents as doc
from edge.web import history, keeping


def time_text(time_ms: int) -> str:
    """Milliseconds as RFC 3339."""
    return rfc3339(time_ms * 1_000_000)


def time_or_none(time_ms: int | None) -> str | None:
    """The same where there may be no time."""
    return None if time_ms is None else time_text(time_ms)


def trouble(one: Trouble) -> doc.TroubleDocument:
    """A trouble without what only people who are logged in may read."""
    return doc.TroubleDocument(one.severity, one.about, one.subject, one.code, time_or_none(one.since_ms))


def totals(view: SiteView) -> doc.ChannelTotals:
    """Channels by status."""
    one = view.totals
    return doc.ChannelTotals(one.total, one.recording, one.invalid, one.offline, one.off, one.unknown)


def disk_summary(disk: DiskView) -> doc.DiskSummary:
    """The disk in short."""
    used = None
    if disk.total_bytes and disk.free_bytes is not None:
        used = round(100 * max(0, disk.total_bytes - disk.free_bytes) / disk.total_bytes, 1)
    return doc.DiskSummary(disk.state, used, disk.hours_left)


def health(site: str, view: SiteView, hq: HqLinkView | None) -> doc.HealthDocument:
    """Whether the site does its work."""
    return doc.HealthDocument(
        status=view.health,
        site=site,
        time=time_text(view.now_ms),
        reasons=[trouble(one) for one in view.troubles],
        processes={one.name: one.status for one in view.processes},
        channels=totals(view),
        disk=disk_summary(view.disk),
        hq_link="none" if hq is None else hq.status,
    )


def livestream(channel: str, one: LivestreamView) -> doc.LivestreamDocument:
    """Whether a channel can be watched live."""
    return doc.LivestreamDocument(
        channel, one.ready, time_text(one.since_ms), one.rtsp, one.webrtc, one.hls, one.reason, one.detail
    )


def channel(one: ChannelView) -> doc.ChannelDocument:
    """A channel now."""
    return doc.ChannelDocument(
        id=one.id,
        name=one.name,
        status=one.status,
        reason=one.reason,
        detail=one.detail,
        since=time_or_none(one.since_ms),
        video=None if one.video is None else _video(one.video),
        audio=None if one.audio is None else _audio(one.audio),
        url=one.url,
        server=one.server,
        camera_clock_offset_s=one.camera_clock_offset_s,
        bitrate_bits_s=one.bitrate_bits_s,
        last_segment=None if one.last_segment is None else _segment(one.last_segment),
        oldest=time_or_none(one.oldest_ms),
        recorded_s=one.recorded_s,
        expected_s=one.expected_s,
        lost_packets_24h=one.lost_packets_24h,
        suspect_s_24h=one.suspect_s_24h,
        dropped_s_24h=one.dropped_s_24h,
        backlog_bytes=one.backlog_bytes,
        livestream=None if one.livestream is None else livestream(one.id, one.livestream),
        protected=[_protected(kept) for kept in one.protected],
    )


def _protected(one: ProtectionView) -> keeping.ProtectedDocument:
    return keeping.ProtectedDocument(
        one.id, time_text(one.start_ms), time_text(one.end_ms), one.note, one.by, time_text(one.since_ms)
    )


def protection(one: Protection) -> keeping.ProtectionDocument:
    """Footage that is kept, as retention tells it."""
    return keeping.ProtectionDocument(
        id=one.protection,
        from_=one.from_,
        to=one.to,
        note=one.note,
        by=one.by,
        since=one.since,
        channel=one.channel,
        segments=one.segments,
        bytes=one.bytes,
    )


def _video(one: VideoView) -> doc.VideoDocument:
    return doc.VideoDocument(one.codec, one.width, one.height, one.fps, one.codec_string)


def _audio(one: AudioView) -> doc.AudioDocument:
    return doc.AudioDocument(one.codec, one.sample_rate, one.channels)


def _segment(one: SegmentView) -> doc.SegmentDocument:
    return doc.SegmentDocument(one.path, time_text(one.start_ms), time_text(one.end_ms), one.bytes, one.duration_s)


def process(one: ProcessView) -> doc.ProcessDocument:
    """A process now."""
    return doc.ProcessDocument(
        name=one.name,
        expected=one.expected,
        status=one.status,
        since=time_or_none(one.since_ms),
        last_heard=time_or_none(one.last_heard_ms),
        started=time_or_none(one.started_ms),
        version=one.version,
        host=one.host,
        epoch=one.epoch,
        last_sequence=one.last_sequence,
        bdseq=one.bdseq,
        pid=one.pid,
        stopped=one.stopped,
        detail=one.detail,
        metrics=dict(one.metrics),
    )


def disk(one: DiskView) -> keeping.DiskDocument:
    """The disk of the recordings."""
    return keeping.DiskDocument(
        state=one.state,
        since=time_or_none(one.since_ms),
        detail=one.detail,
        stuck=one.stuck,
        mount=one.mount,
        device=one.device,
        measured=time_or_none(one.measured_ms),
        total_bytes=one.total_bytes,
        used_bytes=one.used_bytes,
        free_bytes=one.free_bytes,
        recordings_bytes=one.recordings_bytes,
        unknown_files=one.unknown_files,
        write_rate_bytes_s=one.write_rate_bytes_s,
        hours_left=one.hours_left,
        smart=one.smart,
        serial=one.serial,
        protected_bytes=one.protected_bytes,
        oldest={name: time_text(oldest_ms) for name, oldest_ms in one.oldest_ms.items()},
        forecast_days=dict(one.forecast_days),
        short=[_short(short) for short in one.short],
        last_pruned=None if one.last_pruned is None else _pruned(one.last_pruned),
        verified=time_or_none(one.verified_ms),
        damaged=None if one.harmed is None else _damage(one.harmed),
    )


def disk_now(one: DiskView, receipts: Sequence[tuple[int, Mapping[str, Any]]] | None) -> keeping.DiskNowDocument:
    """The disk with receipts (time, data of `disk_pruned`) for what was deleted lately."""
    pruned = None if receipts is None else [_receipt(at_ms, data) for at_ms, data in receipts]
    return keeping.DiskNowDocument(**msgspec.structs.asdict(disk(one)), pruned=pruned)


def _receipt(at_ms: int, data: Mapping[str, Any]) -> keeping.ReceiptDocument:
    ranges = [
        keeping.PrunedRangeDocument(
            channel=one["channel"],
            from_=one["from"],
            to=one["to"],
            segments=one["segments"],
            bytes=one["bytes"],
            oldest_kept=one["oldest_kept"],
        )
        for one in data["channels"]
    ]
    return keeping.ReceiptDocument(time_text(at_ms), data["rule"], data["segments"], data["bytes"], ranges)


def _damage(one: HarmedView) -> keeping.DamageDocument:
    return keeping.DamageDocument(time_text(one.at_ms), one.count, one.path)


def _short(one: RetentionView) -> keeping.RetentionDocument:
    return keeping.RetentionDocument(
        one.channel, one.promise_days, one.forecast_days, time_text(one.short_from_ms), time_text(one.since_ms)
    )


def _pruned(one: PrunedView) -> keeping.PrunedDocument:
    return keeping.PrunedDocument(time_text(one.at_ms), one.rule, one.segments, one.bytes)


def hq_link(one: HqLinkView) -> doc.HqLinkDocument:
    """The way to headquarters."""
    return doc.HqLinkDocument(one.status, one.held, one.newest, time_or_none(one.acked_ms), time_or_none(one.since_ms))


def site(
    name: str, timezone: str, view: SiteView, version: int, position: int, hq: HqLinkView | None
) -> doc.SiteDocument:
    """Everything about a site now."""
    return doc.SiteDocument(
        site=name,
        timezone=timezone,
        time=time_text(view.now_ms),
        status=view.health,
        version=version,
        position=position,
        newest_event=time_or_none(view.newest_event_ms),
        reasons=[trouble(one) for one in view.troubles],
        totals=totals(view),
        channels=[channel(one) for one in view.channels],
        processes=[process(one) for one in view.processes],
        disk=disk(view.disk),
        hq_link=None if hq is None else hq_link(hq),
    )


def coverage(name: str, from_ms: int, to_ms: int, spans: Sequence[Span]) -> history.CoverageDocument:
    """What became of every moment of a range."""
    milliseconds = dict.fromkeys(("recorded", "rejected", "gap", "pruned", "future"), 0)
    for one in spans:
        milliseconds[one.kind] += one.end_ms - one.start_ms
    return history.CoverageDocument(
        channel=name,
        from_=time_text(from_ms),
        to=time_text(to_ms),
        totals_s={kind: total / 1000 for kind, total in milliseconds.items()},  # type: ignore[misc] # the kinds
        spans=[
            history.SpanDocument(
                one.kind, time_text(one.start_ms), time_text(one.end_ms), one.reason, one.invalid, one.growing
            )
            for one in spans
        ],
    )


def recording(data: Mapping[str, Any], state: history.RecordingState) -> history.RecordingDocument:
    """A segment as its `segment_written` has it."""
    return history.RecordingDocument(
        path=data["path"],
        start=data["start"],
        end=data["end"],
        duration_s=data["duration_s"],
        bytes=data["bytes"],
        sha256=data["sha256"],
        reason=data["reason"],
        state=state,
        lost_packets=data["lost_packets"],
        suspect_s=data["suspect_s"],
    )
