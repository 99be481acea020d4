"""What the signalling hands to the connection that carries it."""

from dataclasses import dataclass

from edge.codec.formats import AudioFormat
from edge.rtsp.sdp import MediaDescription
from edge.rtsp.url import RtspUrl


@dataclass(frozen=True, slots=True)
class Binding:
    """A stream that was set up: its RTP comes on `channel`, its RTCP on the next; `audio_format` is None for video."""

    media: MediaDescription
    channel: int
    audio_format: AudioFormat | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from an answer: bytes to send, a stream to listen to, or an end of the signalling."""

    send: bytes = b""
    bind: Binding | None = None
    playing: bool = False
    over: bool = False
    redirect: RtspUrl | None = None
