"""From a media of the description to the track that takes its packets apart."""

import re

from edge.codec.formats import AudioFormat
from edge.rtsp.audio import AacTrack, AudioTrack, G711Track
from edge.rtsp.formats import sprop_sets
from edge.rtsp.h264 import H264Rules
from edge.rtsp.h265 import H265Rules
from edge.rtsp.sdp import MediaDescription
from edge.rtsp.video import VideoTrack


def video_track(media: MediaDescription) -> VideoTrack:
    """The track of an H.264 or H.265 media, with the parameter sets of its description in force."""
    rules = H264Rules() if media.encoding == "H264" else H265Rules()
    return VideoTrack(rules, media.payload_type, sprop_sets(media))


def audio_track(media: MediaDescription, audio: AudioFormat) -> AudioTrack:
    """The track of an AAC or G.711 media."""
    if audio.codec != "aac":
        return G711Track(media.payload_type, audio.channels)
    return AacTrack(
        media.payload_type,
        audio.samples_per_unit,
        size_bits=_bits(media.fmtp.get("sizelength"), 13),
        index_bits=_bits(media.fmtp.get("indexlength"), 3),
    )


def _bits(text: str | None, usual: int) -> int:
    """A field width of AAC's AU headers; the usual one of AAC-hbr where it is absent or senseless."""
    value = int(text) if text and re.fullmatch(r"[0-9]{1,2}", text) else usual
    return value if value <= 32 else usual
