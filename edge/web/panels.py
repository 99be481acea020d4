"""What is known of a channel, as figures and words for a page. Pure."""

from typing import Final

from edge.state.views import ChannelView
from edge.words.sentences import codec_words
from edge.words.times import Times

_RIGHT_CLOCK_S: Final = 1.0
_NONE: Final = "\N{EN DASH}"


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
