"""Which of the offered streams are recorded: the first usable video, and the first usable audio if it is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.codec.formats import AudioFormat
from edge.errors import Unsupported
from edge.rtsp.formats import audio_format
from edge.rtsp.sdp import VIDEO_ENCODINGS, MediaDescription, SessionDescription

_VIDEO_NAMES = {"JPEG": "Motion JPEG", "MP4V-ES": "MPEG-4 Part 2", "MPV": "MPEG-1/2", "AV1": "AV1"}
_NEXT_STEP = "set H.264 or H.265 in the camera's video settings"


@dataclass(frozen=True, slots=True)
class Selection:
    """The streams to set up; `notes` say what is left out and why."""

    video: MediaDescription
    audio: MediaDescription | None
    audio_format: AudioFormat | None
    notes: tuple[str, ...]


def select(description: SessionDescription, *, audio: bool) -> Selection:
    """Choose among what a camera offers; Unsupported, with what it does offer, if no video can be recorded."""
    offered = _receivable(description.media)
    videos = [media for media in offered if media.kind == "video"]
    usable = [media for media in videos if media.encoding in VIDEO_ENCODINGS]
    open_ones = [media for media in usable if not media.encrypted]
    if not open_ones:
        raise Unsupported(_why_no_video(videos, usable))
    notes = [f"{len(open_ones)} video streams are offered, the first is recorded"] if len(open_ones) > 1 else []
    chosen: tuple[MediaDescription, AudioFormat] | None = None
    sounds = [media for media in offered if media.kind == "audio" and not media.encrypted] if audio else []
    for media in sounds:
        found = audio_format(media)
        if found:
            chosen = (media, found)
            break
    if sounds and not chosen:
        names = ", ".join(sorted({media.encoding or f"payload type {media.payload_type}" for media in sounds}))
        notes.append(f"audio is not recorded: {names} is neither AAC nor G.711")
    sound, sound_format = chosen or (None, None)
    return Selection(open_ones[0], sound, sound_format, tuple(notes))


def _receivable(media: Sequence[MediaDescription]) -> Sequence[MediaDescription]:
    """Streams towards us; a camera that marks all of them `sendonly` means its own point of view."""
    towards_us = [one for one in media if one.direction != "sendonly"]
    return towards_us or media


def _why_no_video(videos: Sequence[MediaDescription], usable: Sequence[MediaDescription]) -> str:
    if usable:
        return "the camera offers its video only encrypted as SRTP; switch SRTP off in the camera"
    if not videos:
        return "no video: the camera's description of this path names none; check the path in the channel's url"
    names = ", ".join(sorted({_name(media) for media in videos}))
    return f"the camera offers its video only as {names}; {_NEXT_STEP}"


def _name(media: MediaDescription) -> str:
    encoding = "".join(character for character in media.encoding[:20] if character.isprintable())
    return _VIDEO_NAMES.get(encoding, encoding) or f"payload type {media.payload_type}"
