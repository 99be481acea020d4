"""What retention says of segments: what it deleted and why, what it keeps, how far back recordings reach."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData, Value
from edge.events.values import (
    Bytes,
    ChannelId,
    Count,
    NotNegative,
    RelativePath,
    Seconds,
    Text,
    Timestamp,
    Ulid,
)

MOST_PATHS: Final = 20
_SomePaths = Annotated[tuple[RelativePath, ...], Field(max_length=MOST_PATHS)]


class PrunedRange(Value):
    """A run of deleted segments of one channel, with nothing kept in between."""

    channel: ChannelId = Field(description="channel")
    from_: Timestamp = Field(description="start of the first deleted segment")
    to: Timestamp = Field(description="end of the last deleted segment")
    segments: Count = Field(description="deleted segments")
    bytes: Bytes = Field(description="their size")
    oldest_kept: Timestamp | None = Field(
        description="start of the channel's oldest segment now; null when it has none left"
    )


class DiskPruned(EventData):
    """A receipt for deleted segments: which seconds of which channel are gone, and by which rule."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "rule": "space",
        "segments": 10,
        "bytes": 302141440,
        "channels": [
            {
                "channel": "lobby",
                "from": "2026-10-24T02:11:00.000Z",
                "to": "2026-10-24T02:21:00.000Z",
                "segments": 10,
                "bytes": 302141440,
                "oldest_kept": "2026-10-24T02:21:00.000Z",
            },
        ],
    }

    rule: Literal["space", "age", "rejected", "quota"] = Field(description="why they had to go")
    segments: Count = Field(description="deleted segments in all")
    bytes: Bytes = Field(description="their size")
    channels: tuple[PrunedRange, ...] = Field(description="what went, a range each; a channel may have several")


class SegmentsMissing(EventData):
    """Segments are gone from the disk that retention did not delete."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "segments": 1,
        "bytes": 30214144,
        "channels": [
            {
                "channel": "lobby",
                "from": "2026-11-20T08:00:00.000Z",
                "to": "2026-11-20T08:01:00.000Z",
                "segments": 1,
                "bytes": 30214144,
                "oldest_kept": "2026-10-24T02:21:00.000Z",
            },
        ],
    }

    segments: Count = Field(description="missing segments in all")
    bytes: Bytes = Field(description="their size when they were last seen")
    channels: tuple[PrunedRange, ...] = Field(description="what is missing, a range each; a channel may have several")


class CatalogRebuilt(EventData):
    """The index of segments was made anew from the disk."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "reason": "damaged",
        "segments": 1382400,
        "bytes": 3398000000000,
        "took_s": 84.2,
    }

    reason: Literal["missing", "damaged", "outdated", "other_disk"] = Field(
        description="why the old one could not be gone on with; `missing` also at the first start"
    )
    segments: Count = Field(description="segments found")
    bytes: Bytes = Field(description="their size")
    took_s: Seconds = Field(description="how long it took")


class SegmentsVerified(EventData):
    """Segments picked at random were read, held against what was announced of them, and decoded."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "checked": 1,
        "held": 1,
        "bytes": 30214144,
        "pictures": 1501,
        "changed": [],
        "unreadable": ["lobby/2026-11-20/lobby_20261120T080000000Z.mp4"],
        "undecodable": [],
    }

    checked: Count = Field(description="segments that were looked at")
    held: Count = Field(description="of these, held against the size and hash of their announcement")
    bytes: Bytes = Field(description="their size")
    pictures: Count = Field(description="pictures that were decoded")
    changed: _SomePaths = Field(description="segments that are not what was announced, at most 20")
    unreadable: _SomePaths = Field(description="segments that the disk does not give, at most 20")
    undecodable: _SomePaths = Field(description="segments that no decoder can show, at most 20")


class FootageProtected(EventData):
    """A stretch of a channel's footage is kept, however old it gets and full the disk, until somebody lets it go."""

    publishers = ("retention",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "protection": "01KAQG0W4M2D9C6T8R5Y7B3EHK",
        "from": "2026-11-20T08:00:00.000Z",
        "to": "2026-11-20T09:30:00.000Z",
        "note": "forklift accident, asked for by the insurer",
        "by": "sari",
    }

    protection: Ulid = Field(description="name of the protection")
    from_: Timestamp = Field(description="start of what is kept")
    to: Timestamp = Field(description="end of what is kept")
    note: Text = Field(description="why, in the words of who asked")
    by: Text = Field(description="who asked")


class FootageUnprotected(EventData):
    """A protection is over: the footage may be deleted like any other."""

    publishers = ("retention",)
    subject = "channel"
    example: ClassVar[dict[str, JsonValue]] = {
        "protection": "01KAQG0W4M2D9C6T8R5Y7B3EHK",
        "from": "2026-11-20T08:00:00.000Z",
        "to": "2026-11-20T09:30:00.000Z",
        "note": "forklift accident, asked for by the insurer",
        "by": "sari",
    }

    protection: Ulid = Field(description="name of the protection")
    from_: Timestamp = Field(description="start of what was kept")
    to: Timestamp = Field(description="end of what was kept")
    note: Text = Field(description="why it had been protected")
    by: Text = Field(description="who let it go")


class RetentionShort(EventData):
    """Recordings will not reach back as far as was promised."""

    publishers = ("retention",)
    subject = "either"
    example: ClassVar[dict[str, JsonValue]] = {
        "channel": "lobby",
        "promise_days": 30.0,
        "forecast_days": 21.5,
        "short_from": "2026-12-14T00:00:00.000Z",
    }

    channel: ChannelId | None = Field(description="channel; null for the whole site")
    promise_days: NotNegative = Field(description="days that were promised (`retention.promise_days`)")
    forecast_days: NotNegative = Field(description="days that the disk will hold at the present rate")
    short_from: Timestamp = Field(description="when recordings begin to reach back less than promised")


class RetentionRestored(EventData):
    """Recordings will reach back as far as was promised again."""

    publishers = ("retention",)
    subject = "either"
    example: ClassVar[dict[str, JsonValue]] = {"channel": "lobby", "promise_days": 30.0, "forecast_days": 34.0}

    channel: ChannelId | None = Field(description="channel; null for the whole site")
    promise_days: NotNegative = Field(description="days that were promised (`retention.promise_days`)")
    forecast_days: NotNegative = Field(description="days that the disk will hold at the present rate")
