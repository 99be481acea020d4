"""A sentence for every event of the catalog, with what matters most in front. Pure; words are not yet safe to print.

One table, held against the catalog by a test: a new event without a sentence does not pass.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from edge.events import catalog
from edge.events.data import EventData
from edge.words import disk_sentences as disk
from edge.words.catalog import ENGLISH, Words

_LONG_VIDEO: Final = {"h264": "H.264", "h265": "H.265"}
_LONG_AUDIO: Final = {"aac": "AAC", "pcma": "G.711 A-law", "pcmu": "G.711 mu-law"}


def sentence(event: EventData | catalog.UnknownEvent, words: Words = ENGLISH) -> str:
    """What an event says, without time, process and channel."""
    if isinstance(event, catalog.UnknownEvent):
        return words("event.unknown", type=event.event_type, version=event.event_version)
    return SENTENCES[type(event)](event, words)


def codec_words(codec: str) -> str:
    """A codec as people write it: `H.264`, `G.711 A-law`."""
    return _LONG_VIDEO.get(codec) or _LONG_AUDIO.get(codec, codec)


def _process_started(event: catalog.ProcessStarted, words: Words) -> str:
    host = words("event.process_started.host", host=event.host) if event.host else ""
    return words("event.process_started", version=event.version, pid=event.pid) + host


def _process_stopped(event: catalog.ProcessStopped, words: Words) -> str:
    uptime = words.duration(event.uptime_s)
    return _with(words(f"event.process_stopped.{event.reason}", uptime=uptime), event.detail)


def _outbox_truncated(event: catalog.OutboxTruncated, words: Words) -> str:
    size, limit = words.size(event.bytes), words.size(event.max_bytes)
    return words("event.outbox_truncated", first=event.from_, last=event.to, size=size, limit=limit)


def _recording_started(event: catalog.RecordingStarted, words: Words) -> str:
    video, audio = event.video, event.audio
    begin = words("event.recording_started", codec=codec_words(video.codec), width=video.width, height=video.height)
    if video.fps:
        begin += words("event.recording_started.fps", fps=words.figure(video.fps))
    parts = [begin, codec_words(audio.codec) if audio else words("event.recording_started.no_audio")]
    if event.attempt > 1:
        parts.append(words("event.recording_started.tries", count=event.attempt))
    offset_s = event.camera_clock_offset_s
    if offset_s is not None and abs(offset_s) >= 1:
        way = "ahead" if offset_s > 0 else "behind"
        parts.append(words(f"event.recording_started.{way}", offset=words.duration(abs(offset_s))))
    return ", ".join(parts)


def _segment_written(event: catalog.SegmentWritten, words: Words) -> str:
    key = "event.segment_written"
    losses = []
    if event.lost_packets:
        losses.append(words.count(f"{key}.lost", event.lost_packets))
    if event.dropped_fragments:
        losses.append(words(f"{key}.dropped", duration=words.duration(event.dropped_s)))
    if event.suspect_s:
        losses.append(words(f"{key}.suspect", duration=words.duration(event.suspect_s)))
    if event.gap_before_s:
        losses.append(words(f"{key}.gap", duration=words.duration(event.gap_before_s)))
    duration = f"{words.number(event.duration_s, 1)} {words('unit.s')}"
    parts = [
        words(key, duration=duration, size=words.size(event.bytes), pictures=event.packets),
        *(losses or [words(f"{key}.whole")]),
        words.of_code("cut", event.reason),
    ]
    return ", ".join(part for part in parts if part)


def _recording_stopped(event: catalog.RecordingStopped, words: Words) -> str:
    if event.retry_in_s is None:
        again = ""
    elif event.retry_in_s < 1:
        again = words("event.recording_stopped.at_once")
    else:
        again = words("event.retry", wait=words.duration(event.retry_in_s))
    return words("event.recording_stopped", why=_with(words.of_code("stopped", event.reason), event.detail)) + again


def _clock_jumped(event: catalog.ClockJumped, words: Words) -> str:
    way = "ahead" if event.step_s > 0 else "back"
    return words(f"event.clock_jumped.{way}", step=words.duration(abs(event.step_s)), time=event.wall_after)


def _channel_invalid(event: catalog.ChannelInvalid, words: Words) -> str:
    key = "event.channel_invalid"
    measured = ""
    if event.measured is not None and event.threshold is not None:
        figures = {"measured": words.figure(event.measured), "threshold": words.figure(event.threshold)}
        measured = words(f"{key}.measured", **figures)
    begin = words(key, reason=words.of_code("picture", event.reason))
    return begin + measured + words(f"{key}.since", time=event.since)


def _channel_valid(event: catalog.ChannelValid, words: Words) -> str:
    was, lasted = words.of_code("picture", event.was), words.duration(event.invalid_for_s)
    return words("event.channel_valid", reason=was, lasted=lasted)


def _segment_rejected(event: catalog.SegmentRejected, words: Words) -> str:
    return words("event.segment_rejected", reason=words.of_code("picture", event.reason), path=event.path)


def _site_reported(event: catalog.SiteReported, words: Words) -> str:
    status = words.of_code("top.title", event.status)
    return words("event.site_reported", status=status, start=event.from_, end=event.to)


def _report_delivered(event: catalog.ReportDelivered, words: Words) -> str:
    key = "event.report_delivered"
    parts = [words(key, via=event.via.upper(), took=words.duration(event.took_s))]
    if event.attempts > 1:
        parts.append(words(f"{key}.tries", count=event.attempts))
    return ", ".join(parts)


def _report_failed(event: catalog.ReportFailed, words: Words) -> str:
    if event.retry_in_s is None:
        again = words("event.report_failed.given_up")
    else:
        again = words("event.retry", wait=words.duration(event.retry_in_s))
    return words.count("event.report_failed", event.attempts, via=event.via.upper(), detail=event.detail) + again


def _livestream_ready(event: catalog.LivestreamReady, words: Words) -> str:
    ways = [way for way in (event.rtsp, event.webrtc, event.hls) if way]
    return words("event.livestream_ready", ways=", ".join(ways) or words("event.livestream_ready.none"))


def _livestream_lost(event: catalog.LivestreamLost, words: Words) -> str:
    return words("event.livestream_lost", why=_with(words.of_code("lost", event.reason), event.detail))


def _events_missing(event: catalog.EventsMissing, words: Words) -> str:
    how = words.of_code("missing", event.how)
    return words("event.events_missing", first=event.from_, last=event.to, source=event.source, how=how)


def _events_recovered(event: catalog.EventsRecovered, words: Words) -> str:
    how = words.of_code("recovered", event.how)
    return words("event.events_recovered", first=event.from_, last=event.to, source=event.source, how=how)


def _events_conflicting(event: catalog.EventsConflicting, words: Words) -> str:
    return words("event.events_conflicting", sequence=event.sequence, source=event.source)


def _with(words: str, detail: str | None) -> str:
    return f"{words}: {detail}" if detail else words


SENTENCES: Final[Mapping[type[EventData], Callable[[Any, Words], str]]] = {
    catalog.ProcessStarted: _process_started,
    catalog.ProcessStopped: _process_stopped,
    catalog.OutboxTruncated: _outbox_truncated,
    catalog.RecordingStarted: _recording_started,
    catalog.SegmentWritten: _segment_written,
    catalog.RecordingStopped: _recording_stopped,
    catalog.ClockJumped: _clock_jumped,
    catalog.DiskMeasured: disk.disk_measured,
    catalog.DiskPruned: disk.disk_pruned,
    catalog.DiskLow: disk.disk_low,
    catalog.DiskFull: disk.disk_full,
    catalog.DiskRecovered: disk.disk_recovered,
    catalog.DiskMissing: disk.disk_missing,
    catalog.DiskFaulty: disk.disk_faulty,
    catalog.RetentionShort: disk.retention_short,
    catalog.RetentionRestored: disk.retention_restored,
    catalog.FootageProtected: disk.footage_protected,
    catalog.FootageUnprotected: disk.footage_unprotected,
    catalog.SegmentsMissing: disk.segments_missing,
    catalog.SegmentsVerified: disk.segments_verified,
    catalog.CatalogRebuilt: disk.catalog_rebuilt,
    catalog.ChannelInvalid: _channel_invalid,
    catalog.ChannelValid: _channel_valid,
    catalog.SegmentRejected: _segment_rejected,
    catalog.SiteReported: _site_reported,
    catalog.ReportDelivered: _report_delivered,
    catalog.ReportFailed: _report_failed,
    catalog.LivestreamReady: _livestream_ready,
    catalog.LivestreamLost: _livestream_lost,
    catalog.EventsMissing: _events_missing,
    catalog.EventsRecovered: _events_recovered,
    catalog.EventsConflicting: _events_conflicting,
}
