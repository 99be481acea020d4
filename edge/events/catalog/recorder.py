"""What the recorder says: when a channel records, what it has put on disk, and when the clock stepped."""

from typing import ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from edge.events.data import EventData, Value
from edge.events.values import (
    Bytes,
    Count,
    NotNegative,
    RedactedUrl,
    RelativePath,
    Seconds,
    Sequence,
    Sha256,
    SignedSeconds,
    Text,
    Timestamp,
)

_VIDEO: dict[str, JsonValue] = {
    "codec": "h264",
    "width": 1920,
    "height": 1080,
    "fps": 25.0,
    "codec_string": "avc1.64001F",
}
_AUDIO: dict[str, JsonValue] = {"codec": "aac", "sample_rate": 16000, "channels": 1}

StopReason = Literal[
    "unreachable",
    "auth_failed",
    "not_found",
    "timeout",
    "ended",
    "stream_error",
    "unsupported",
    "disk_full",
    "storage_missing",
    "shutdown",
    "config",
    "crash",
]
CutReason = Literal["rollover", "disconnect", "discontinuity", "shutdown", "recovered", "config"]


class Video(Value):
    """The video of a channel, as its parameter sets describe it."""

    codec: Literal["h264", "h265"] = Field(description="codec")
    width: Sequence = Field(description="width in pixels, after cropping")
    height: Sequence = Field(description="height in pixels, after cropping")
    fps: NotNegative | None = Field(description="frames a second by the parameter sets; null when they do not say")
    codec_string: Text = Field(description="RFC 6381 name, as browsers ask for it")


class Audio(Value):
    """The audio of a channel, kept as it came."""

    codec: Literal["aac", "pcma", "pcmu"] = Field(description="codec; pcma and pcmu are G.711")
    sample_rate: Sequence = Field(description="samples a second")
    channels: Sequence = Field(description="audio channels")


class RecordingStarted(EventData):
    """The first frame of a camera has arrived and a segment is being written."""

    publishers = ("recorder",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "video": _VIDEO,
        "audio": _AUDIO,
        "url": "rtsp://edge:***@10.0.0.11/main",
        "camera_clock_offset_s": -1.25,
        "attempt": 1,
        "server": "Rtsp Server/2.0",
    }

    video: Video = Field(description="video track")
    audio: Audio | None = Field(description="audio track; null when there is none or it is not recorded")
    url: RedactedUrl = Field(description="where the stream comes from, without the password")
    camera_clock_offset_s: SignedSeconds | None = Field(
        description="the camera's clock minus ours, by its RTCP sender reports; null when it sent none"
    )
    attempt: Sequence = Field(description="attempts to connect that this took since the channel last recorded")
    server: Text | None = Field(default=None, description="what the camera calls itself (`Server` header)")


class SegmentWritten(EventData):
    """A segment is finished and safe on disk, and its bytes will not change."""

    publishers = ("recorder",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "path": "lobby/2026-11-23/lobby_20261123T022100000Z.mp4",
        "start": "2026-11-23T02:21:00.000Z",
        "end": "2026-11-23T02:22:00.040Z",
        "duration_s": 60.04,
        "bytes": 30214144,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "video": _VIDEO,
        "audio": _AUDIO,
        "packets": 1501,
        "keyframes": 31,
        "lost_packets": 0,
        "dropped_fragments": 0,
        "dropped_s": 0.0,
        "suspect_s": 0.0,
        "gap_before_s": 0.0,
        "reason": "rollover",
    }

    path: RelativePath = Field(description="file, relative to `storage.root`")
    start: Timestamp = Field(description="arrival of the first frame")
    end: Timestamp = Field(
        description="where the last frame ends: the next segment of an unbroken recording starts here"
    )
    duration_s: Seconds = Field(description="duration of the media")
    bytes: Bytes = Field(description="size of the finished file")
    sha256: Sha256 = Field(description="SHA-256 of the finished file")
    video: Video = Field(description="video track")
    audio: Audio | None = Field(description="audio track; null when there is none")
    packets: Count = Field(description="video access units in the segment")
    keyframes: Count = Field(description="of these, keyframes")
    lost_packets: Count = Field(description="RTP packets that never arrived, by their sequence numbers")
    dropped_fragments: Count = Field(default=0, description="fragments dropped because the disk was too slow")
    dropped_s: Seconds = Field(default=0.0, description="media in the dropped fragments")
    suspect_s: Seconds = Field(
        description="media between a loss or a damaged frame and the next keyframe: it may not decode"
    )
    gap_before_s: Seconds | None = Field(
        description="time between the end of the channel's last segment and `start`; null when that is not known"
    )
    reason: CutReason = Field(
        description="why the segment ended: `rollover` at the wall-clock cut, `discontinuity` where timestamps or"
        " parameter sets changed, `recovered` after a crash"
    )

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        return self


class RecordingStopped(EventData):
    """A channel records no longer, or could not begin to; said once, not at every attempt."""

    publishers = ("recorder",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "reason": "timeout",
        "detail": "no video packet for 5 s; is the camera overloaded?",
        "retry_in_s": 0.5,
    }

    reason: StopReason = Field(description="coded reason of the gap that begins")
    detail: Text = Field(description="the reason in words, with what to do")
    retry_in_s: Seconds | None = Field(description="time until the next attempt; null when there will be none")


class ClockJumped(EventData):
    """The wall clock of the machine stepped: times before and after do not lie on one line."""

    publishers = ("recorder",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "step_s": -3.5,
        "wall_before": "2026-11-23T02:22:03.500Z",
        "wall_after": "2026-11-23T02:22:00.000Z",
    }

    step_s: SignedSeconds = Field(description="how far it stepped; negative is back")
    wall_before: Timestamp = Field(description="time that the old clock would have shown when the step was noticed")
    wall_after: Timestamp = Field(description="time that the new clock showed at that moment")
