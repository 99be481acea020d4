"""What the validator says: whether the picture of a channel is worth keeping."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData
from edge.events.values import Number, RelativePath, Seconds, Timestamp

InvalidReason = Literal["black", "frozen", "no_signal", "covered", "blurred", "unreachable", "auth_failed", "no_video"]
RejectReason = Literal["black", "frozen", "no_signal", "covered", "blurred", "undecodable"]


class ChannelInvalid(EventData):
    """The picture of a channel is not worth keeping, confirmed over several looks."""

    publishers = ("validator",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "reason": "black",
        "measured": 3.1,
        "threshold": 16.0,
        "since": "2026-11-23T02:21:30.000Z",
        "segment": "lobby/2026-11-23/lobby_20261123T022100000Z.mp4",
        "picture": "lobby/2026-11-23/lobby_20261123T022130000Z.jpg",
    }

    reason: InvalidReason = Field(description="what is wrong with it")
    measured: Number | None = Field(description="the measure that decided; null when there was no picture to measure")
    threshold: Number | None = Field(description="the limit that it was held against; null likewise")
    since: Timestamp = Field(description="when the first bad look was taken")
    segment: RelativePath | None = Field(description="segment that shows it; null when there is none")
    picture: RelativePath | None = Field(description="a picture of it; null when there is none")


class ChannelValid(EventData):
    """The picture of a channel is good again."""

    publishers = ("validator",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {"was": "black", "invalid_for_s": 312.5}

    was: InvalidReason = Field(description="what was wrong")
    invalid_for_s: Seconds = Field(description="how long it was")


class SegmentRejected(EventData):
    """A segment holds no picture worth keeping: after `retention.quarantine_hours` it is the first to go."""

    publishers = ("validator",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "path": "lobby/2026-11-23/lobby_20261123T022100000Z.mp4",
        "reason": "black",
    }

    path: RelativePath = Field(description="file of the segment, relative to `storage.root`")
    reason: RejectReason = Field(description="why")
