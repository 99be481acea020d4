"""A sentence for every event of the catalog, with what matters most in front. Pure; words are not yet safe to print.

One table, held against the catalog by a test: a new event without a sentence does not pass.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from edge.check.quantities import days_words, duration_words, rate_words, size_words
from edge.events import catalog
from edge.events.data import EventData

STOPPED: Final[Mapping[catalog.StopReason, str]] = {
    "unreachable": "camera away",
    "auth_failed": "wrong password",
    "not_found": "no such path",
    "timeout": "camera silent",
    "ended": "camera hung up",
    "stream_error": "bad stream",
    "unsupported": "video cannot be recorded",
    "disk_full": "disk full",
    "storage_missing": "disk missing",
    "shutdown": "told to stop",
    "config": "configuration changed",
    "crash": "a defect of ours",
}
CUT: Final[Mapping[catalog.CutReason, str]] = {
    "rollover": "",
    "disconnect": "ends as the camera was lost",
    "discontinuity": "ends where the stream changed",
    "shutdown": "ends as the recorder stopped",
    "recovered": "recovered after a crash",
    "config": "ends as the configuration changed",
}
_LONG_VIDEO: Final = {"h264": "H.264", "h265": "H.265"}
_LONG_AUDIO: Final = {"aac": "AAC", "pcma": "G.711 A-law", "pcmu": "G.711 mu-law"}


def sentence(event: EventData | catalog.UnknownEvent) -> str:
    """What an event says, without time, process and channel."""
    if isinstance(event, catalog.UnknownEvent):
        return f"{event.event_type} (version {event.event_version}), which this release does not know"
    return SENTENCES[type(event)](event)


def _process_started(event: catalog.ProcessStarted) -> str:
    return f"started: version {event.version}, process {event.pid}" + (f" on {event.host}" if event.host else "")


def _process_stopped(event: catalog.ProcessStopped) -> str:
    how = "stopped" if event.reason == "clean" else "failed"
    return _with(f"{how} after {duration_words(event.uptime_s)}", event.detail)


def _outbox_truncated(event: catalog.OutboxTruncated) -> str:
    size, limit = size_words(event.bytes), size_words(event.max_bytes)
    return f"events {event.from_} to {event.to} were dropped ({size}): the outbox was over {limit}"


def _recording_started(event: catalog.RecordingStarted) -> str:
    video, audio = event.video, event.audio
    fps = f" at {video.fps:g} frames/s" if video.fps else ""
    sound = f", {_LONG_AUDIO[audio.codec]}" if audio else ", no audio"
    tries = f", after {event.attempt} tries" if event.attempt > 1 else ""
    offset_s = event.camera_clock_offset_s
    clock = ""
    if offset_s is not None and abs(offset_s) >= 1:
        clock = f", camera clock {duration_words(abs(offset_s))} {'ahead' if offset_s > 0 else 'behind'}"
    return f"recording started: {_LONG_VIDEO[video.codec]} {video.width}x{video.height}{fps}{sound}{tries}{clock}"


def _segment_written(event: catalog.SegmentWritten) -> str:
    losses = []
    if event.lost_packets:
        losses.append(f"{event.lost_packets} packets lost")
    if event.dropped_fragments:
        losses.append(f"{duration_words(event.dropped_s)} dropped as the disk was too slow")
    if event.suspect_s:
        losses.append(f"{duration_words(event.suspect_s)} may not decode")
    if event.gap_before_s:
        losses.append(f"a gap of {duration_words(event.gap_before_s)} before it")
    parts = [
        f"segment written: {event.duration_s:.1f} s",
        size_words(event.bytes),
        f"{event.packets} pictures",
        *(losses or ["nothing lost"]),
        CUT[event.reason],
    ]
    return ", ".join(part for part in parts if part)


def _recording_stopped(event: catalog.RecordingStopped) -> str:
    if event.retry_in_s is None:
        again = ""
    elif event.retry_in_s < 1:
        again = " - next try at once"
    else:
        again = f" - next try in {duration_words(event.retry_in_s)}"
    return f"recording stopped: {_with(STOPPED[event.reason], event.detail)}{again}"


def _clock_jumped(event: catalog.ClockJumped) -> str:
    way = "ahead" if event.step_s > 0 else "back"
    return f"the clock was set {way} by {duration_words(abs(event.step_s))}, to {event.wall_after}"


def _disk_measured(event: catalog.DiskMeasured) -> str:
    full = f", full in {duration_words(event.hours_left * 3600)}" if event.hours_left is not None else ""
    strangers = f", {event.unknown_files} files that are not ours" if event.unknown_files else ""
    smart = ", the disk says that it is failing" if event.smart == "failing" else ""
    free = f"{size_words(event.free_bytes)} of {size_words(event.total_bytes)} free"
    rate = rate_words(event.write_rate_bytes_s * 8)
    return f"disk {event.mount}: {free}, grows by {rate}{full}{strangers}{smart}"


def _disk_pruned(event: catalog.DiskPruned) -> str:
    why = {"space": "to make room", "age": "as they were too old", "rejected": "as they held no picture worth keeping"}
    channels = len({span.channel for span in event.channels})
    of = f"of {channels} channel{'' if channels == 1 else 's'}"
    return f"deleted {event.segments} segments {of} ({size_words(event.bytes)}) {why[event.rule]}"


def _disk_low(event: catalog.DiskLow) -> str:
    left = f", full in {duration_words(event.hours_left * 3600)}" if event.hours_left is not None else ""
    return f"disk {event.mount} is low: {size_words(event.free_bytes)} free ({event.used_percent:.0f} % used){left}"


def _disk_full(event: catalog.DiskFull) -> str:
    return f"disk {event.mount} is full: nothing is recorded until there is room"


def _disk_recovered(event: catalog.DiskRecovered) -> str:
    free = f"{size_words(event.free_bytes)} free"
    return f"disk {event.mount} is well again after {duration_words(event.lasted_s)} of being {event.was}: {free}"


def _disk_missing(event: catalog.DiskMissing) -> str:
    return f"disk {event.mount} is missing: {event.detail}"


def _retention_short(event: catalog.RetentionShort) -> str:
    short = f"{days_words(event.forecast_days)}, {days_words(event.promise_days)} are promised"
    return f"recordings will reach back only {short}; short from {event.short_from}"


def _channel_invalid(event: catalog.ChannelInvalid) -> str:
    measured = ""
    if event.measured is not None and event.threshold is not None:
        measured = f" (measured {event.measured:g}, limit {event.threshold:g})"
    return f"picture fault: {_plain(event.reason)}{measured}, since {event.since}"


def _channel_valid(event: catalog.ChannelValid) -> str:
    return f"picture good again: was {_plain(event.was)} for {duration_words(event.invalid_for_s)}"


def _segment_rejected(event: catalog.SegmentRejected) -> str:
    return f"segment rejected: {_plain(event.reason)}, {event.path}"


def _site_reported(event: catalog.SiteReported) -> str:
    return f"site reported: {event.status}, from {event.from_} to {event.to}"


def _report_delivered(event: catalog.ReportDelivered) -> str:
    tries = f", after {event.attempts} tries" if event.attempts > 1 else ""
    return f"report delivered over {event.via.upper()} in {duration_words(event.took_s)}{tries}"


def _report_failed(event: catalog.ReportFailed) -> str:
    again = " - given up" if event.retry_in_s is None else f" - next try in {duration_words(event.retry_in_s)}"
    tries = f"{event.attempts} {'try' if event.attempts == 1 else 'tries'}"
    return f"report not delivered over {event.via.upper()} after {tries}: {event.detail}{again}"


def _livestream_ready(event: catalog.LivestreamReady) -> str:
    ways = [way for way in (event.rtsp, event.webrtc, event.hls) if way]
    return f"live picture ready: {', '.join(ways) or 'no way to watch it is offered'}"


def _livestream_lost(event: catalog.LivestreamLost) -> str:
    why = {
        "gateway": "the gateway does not run",
        "camera": "the camera gives no stream",
        "config": "the channel was removed",
        "shutdown": "told to stop",
    }
    return f"live picture lost: {_with(why[event.reason], event.detail)}"


def _events_missing(event: catalog.EventsMissing) -> str:
    how = {
        "hole": "later ones have come",
        "heartbeat": "its heartbeat is ahead",
        "gone": "it has them no longer, they are lost",
    }
    return f"events {event.from_} to {event.to} of {event.source} are missing: {how[event.how]}"


def _events_recovered(event: catalog.EventsRecovered) -> str:
    how = "by replay" if event.how == "replay" else "late"
    return f"events {event.from_} to {event.to} of {event.source} have come {how}"


def _with(words: str, detail: str | None) -> str:
    return f"{words}: {detail}" if detail else words


def _plain(code: str) -> str:
    return code.replace("auth_failed", "wrong password").replace("_", " ")


SENTENCES: Final[Mapping[type[EventData], Callable[[Any], str]]] = {
    catalog.ProcessStarted: _process_started,
    catalog.ProcessStopped: _process_stopped,
    catalog.OutboxTruncated: _outbox_truncated,
    catalog.RecordingStarted: _recording_started,
    catalog.SegmentWritten: _segment_written,
    catalog.RecordingStopped: _recording_stopped,
    catalog.ClockJumped: _clock_jumped,
    catalog.DiskMeasured: _disk_measured,
    catalog.DiskPruned: _disk_pruned,
    catalog.DiskLow: _disk_low,
    catalog.DiskFull: _disk_full,
    catalog.DiskRecovered: _disk_recovered,
    catalog.DiskMissing: _disk_missing,
    catalog.RetentionShort: _retention_short,
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
}
