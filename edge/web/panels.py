"""The disk, and the facts of a channel, as figures and words for a page. Pure."""

from dataclasses import dataclass
from typing import Final

from edge.config import RetentionConfig
from edge.state.views import ChannelView, DiskView
from edge.words.sentences import codec_words
from edge.words.times import Times

_RIGHT_CLOCK_S: Final = 1.0
_NONE: Final = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the disk's bar, in percent."""

    left: float
    width: float
    look: str
    words: str


@dataclass(frozen=True, slots=True)
class DiskPanel:
    """The disk: its bar, lines below it, and all of that in a word or two (`short`)."""

    parts: tuple[Part, ...]
    label: str
    lines: tuple[str, ...]
    short: str


def disk_panel(disk: DiskView, retention: RetentionConfig, times: Times) -> DiskPanel:
    """What is to be seen of a disk."""
    words = times.words
    state = words(f"disk_state.{disk.state}")
    if disk.total_bytes is None or disk.used_bytes is None or disk.measured_ms is None:
        lines = (words("page.disk_unmeasured"),) if disk.state == "unknown" else ()
        return DiskPanel((), "", lines, state)
    parts = _parts(disk, disk.total_bytes, disk.used_bytes, times)
    label = words("page.disk_label", total=words.size(disk.total_bytes), parts=", ".join(part.words for part in parts))
    percent = f"{words.number(100 * disk.used_bytes / max(1, disk.total_bytes))} %"
    short = percent if disk.state == "ok" else state
    return DiskPanel(tuple(parts), label, tuple(_disk_lines(disk, retention, times)), short)


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


def _disk_lines(disk: DiskView, retention: RetentionConfig, times: Times) -> list[str]:
    words, lines = times.words, []
    rate = disk.write_rate_bytes_s
    if rate:
        if disk.hours_left is not None:
            left = words.days(disk.hours_left / 24) if disk.hours_left >= 48 else words.duration(disk.hours_left * 3600)
            lines.append(words("page.disk_full_in", left=left, rate=words.rate(rate * 8)))
        else:
            lines.append(words("page.disk_steady", rate=words.rate(rate * 8)))
        holds = words.days(_room_bytes(disk, retention) / rate / 86_400)
        lines.append(words("page.disk_keeps", days=holds, promise=words.days(retention.promise_days)))
    if disk.unknown_files:
        lines.append(words.count("page.disk_strangers", disk.unknown_files))
    if disk.last_pruned:
        gone = disk.last_pruned
        time, size = times.both(gone.at_ms), words.size(gone.bytes)
        lines.append(words("page.disk_pruned", time=time, segments=gone.segments, size=size))
    if disk.measured_ms is not None:
        lines.append(words("page.disk_measured", time=times.both(disk.measured_ms)))
    return lines


def _room_bytes(disk: DiskView, retention: RetentionConfig) -> float:
    """How much recordings may fill, as retention goes by it."""
    total, used = disk.total_bytes or 0, disk.used_bytes or 0
    most = min(total * retention.max_used_percent / 100, total - retention.min_free_bytes)
    return max(0.0, most - (used - (disk.recordings_bytes or 0)))


def share_words(recorded_s: float, expected_s: float, times: Times) -> str:
    """How much of what could be recorded is: never 100 % while anything lacks."""
    if expected_s <= 0:
        return _NONE
    percent = min(100.0, 100 * recorded_s / expected_s)
    if percent > 99.95 and expected_s - recorded_s < 1:
        return "100 %"
    return f"{times.words.number(min(percent, 99.9), 1)} %"


def note(channel: ChannelView, times: Times) -> str:
    """What a tile says below its picture, without since when; "" where nothing is to be said."""
    words = times.words
    if channel.status == "off":
        return words("page.off_note")
    if channel.status == "offline":
        why = words.of_code("why", channel.reason) if channel.reason else words("gap.unexplained")
    elif channel.status == "picture_fault":
        why = words.of_code("picture", channel.reason or "")
    elif channel.camera_clock_offset_s is not None and abs(channel.camera_clock_offset_s) >= 60:
        way = "ahead" if channel.camera_clock_offset_s > 0 else "behind"
        return words(f"page.camera_clock.{way}", offset=words.duration(abs(channel.camera_clock_offset_s)))
    else:
        return ""
    return why[:1].upper() + why[1:]


def facts(channel: ChannelView, times: Times) -> list[tuple[str, str]]:
    """What is known of a channel, label and value."""
    words = times.words
    video, audio, last = channel.video, channel.audio, channel.last_segment
    found = [("fact.share", share_words(channel.recorded_s, channel.expected_s, times))]
    if channel.bitrate_bits_s is not None:
        found.append(("fact.rate", words.rate(channel.bitrate_bits_s)))
    if last:
        shown = {"time": times.both(last.end_ms), "duration": words.duration(last.duration_s)}
        found.append(("fact.last", words("fact.file", size=words.size(last.bytes), **shown)))
    if channel.oldest_ms is not None:
        found.append(("fact.oldest", times.both(channel.oldest_ms)))
    if video:
        fps = ", " + words("fact.fps", fps=words.figure(video.fps)) if video.fps else ""
        found.append(("fact.video", f"{codec_words(video.codec)} {video.width}x{video.height}{fps}"))
        sound = words("fact.no_audio")
        if audio:
            sound = f"{codec_words(audio.codec)}, {words.figure(audio.sample_rate / 1000)} kHz"
        found.append(("fact.audio", sound))
    if channel.server:
        found.append(("fact.camera", channel.server))
    if channel.url:
        found.append(("fact.url", channel.url))
    return [(words(key), value) for key, value in (*found, *_doubts(channel, times))]


def _doubts(channel: ChannelView, times: Times) -> list[tuple[str, str]]:
    words, found = times.words, []
    offset_s = channel.camera_clock_offset_s
    if offset_s is not None:
        if abs(offset_s) < _RIGHT_CLOCK_S:
            found.append(("fact.clock", words("fact.clock_right")))
        else:
            key = "fact.clock_ahead" if offset_s > 0 else "fact.clock_behind"
            found.append(("fact.clock", words(key, offset=words.duration(abs(offset_s)))))
    found.append(("fact.lost", words.number(channel.lost_packets_24h)))
    if channel.suspect_s_24h:
        found.append(("fact.suspect", words.duration(channel.suspect_s_24h)))
    if channel.dropped_s_24h:
        found.append(("fact.dropped", words.duration(channel.dropped_s_24h)))
    if channel.livestream:
        ready = "fact.live_ready" if channel.livestream.ready else "fact.live_lost"
        found.append(("fact.live", words(ready)))
    return found
