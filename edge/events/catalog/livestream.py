"""What the livestream process says: where a channel can be watched live."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData
from edge.events.values import RedactedUrl, Text


class LivestreamReady(EventData):
    """A channel can be watched live; the camera is asked only while somebody does."""

    publishers = ("livestream",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "rtsp": "rtsp://10.0.0.2:8554/lobby",
        "webrtc": "/channels/lobby/webrtc",
        "hls": "/channels/lobby/live.m3u8",
    }

    rtsp: RedactedUrl | None = Field(description="URL or path for RTSP players, no secret in it; null when not offered")
    webrtc: RedactedUrl | None = Field(description="URL or path for WebRTC, no secret in it; null when not offered")
    hls: RedactedUrl | None = Field(
        description="URL or path of the HLS playlist, no secret in it; null when not offered"
    )


class LivestreamLost(EventData):
    """A channel can be watched live no longer."""

    publishers = ("livestream",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "reason": "gateway",
        "detail": "go2rtc ended with status 1; it is started again",
    }

    reason: Literal["gateway", "camera", "config", "shutdown"] = Field(
        description="`gateway` does not run; `camera` gives no stream; `config`: the channel was removed"
    )
    detail: Text = Field(description="the reason in words, with what to do")
