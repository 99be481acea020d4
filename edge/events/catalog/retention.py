"""What retention says: how full the disk is, what it deleted and why, how far back recordings will reach."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData, Value
from edge.events.values import Bytes, ChannelId, Count, NotNegative, Percent, Seconds, Text, Timestamp

_ROOT_DESCRIPTION = "mount point of the recordings"


class DiskMeasured(EventData):
    """The disk of the recordings, measured at an interval."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "mount": "/srv/saksi",
        "device": "/dev/sdb1",
        "total_bytes": 4000787030016,
        "used_bytes": 3400668975513,
        "free_bytes": 600118054503,
        "recordings_bytes": 3398000000000,
        "unknown_files": 0,
        "write_rate_bytes_s": 16000000.0,
        "hours_left": 10.4,
        "oldest": {"lobby": "2026-10-24T02:21:00.000Z"},
        "smart": "ok",
    }

    mount: Text = Field(description=_ROOT_DESCRIPTION)
    device: Text = Field(description="device that is mounted there")
    total_bytes: Bytes = Field(description="size of the file system")
    used_bytes: Bytes = Field(description="used, by whomever")
    free_bytes: Bytes = Field(description="free for the recorder")
    recordings_bytes: Bytes = Field(description="used by segments")
    unknown_files: Count = Field(
        description="files under the storage root that are not Saksi's; they are never deleted"
    )
    write_rate_bytes_s: NotNegative = Field(description="how fast recordings grow")
    hours_left: NotNegative | None = Field(
        description="until the disk is full at this rate; null when it does not fill"
    )
    oldest: dict[ChannelId, Timestamp] = Field(description="for each channel, the start of its oldest segment")
    smart: Literal["ok", "failing", "unknown"] = Field(description="what the disk says of its own health")


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

    rule: Literal["space", "age", "rejected"] = Field(description="why they had to go")
    segments: Count = Field(description="deleted segments in all")
    bytes: Bytes = Field(description="their size")
    channels: tuple[PrunedRange, ...] = Field(description="what went, a range each; a channel may have several")


class DiskLow(EventData):
    """The disk is over its limit although retention deletes what it may."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "mount": "/srv/saksi",
        "total_bytes": 4000787030016,
        "free_bytes": 200039351500,
        "used_percent": 95.0,
        "hours_left": 3.5,
    }

    mount: Text = Field(description=_ROOT_DESCRIPTION)
    total_bytes: Bytes = Field(description="size of the file system")
    free_bytes: Bytes = Field(description="free for the recorder")
    used_percent: Percent = Field(description="used, by whomever")
    hours_left: NotNegative | None = Field(
        description="until the disk is full at the present rate; null when it does not fill"
    )


class DiskFull(EventData):
    """No space is left: recording stands still until there is."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "mount": "/srv/saksi",
        "total_bytes": 4000787030016,
        "free_bytes": 0,
        "used_percent": 100.0,
    }

    mount: Text = Field(description=_ROOT_DESCRIPTION)
    total_bytes: Bytes = Field(description="size of the file system")
    free_bytes: Bytes = Field(description="free for the recorder")
    used_percent: Percent = Field(description="used, by whomever")


class DiskRecovered(EventData):
    """The disk is within its limits again, or back."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "was": "full",
        "lasted_s": 42.5,
        "mount": "/srv/saksi",
        "total_bytes": 4000787030016,
        "free_bytes": 600118054503,
        "used_percent": 85.0,
    }

    was: Literal["low", "full", "missing"] = Field(description="what is over")
    lasted_s: Seconds = Field(description="how long it lasted")
    mount: Text = Field(description=_ROOT_DESCRIPTION)
    total_bytes: Bytes = Field(description="size of the file system")
    free_bytes: Bytes = Field(description="free for the recorder")
    used_percent: Percent = Field(description="used, by whomever")


class DiskMissing(EventData):
    """The storage root is not the disk that was marked: nothing is written there and nothing deleted."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "mount": "/srv/saksi",
        "expected_device": "/dev/sdb1",
        "found_device": None,
        "detail": "/srv/saksi/.saksi is missing; is the disk mounted?",
    }

    mount: Text = Field(description="mount point where the recordings should be")
    expected_device: Text | None = Field(description="device by the mark; null when the mark cannot be read")
    found_device: Text | None = Field(description="device that is mounted there; null when there is none")
    detail: Text = Field(description="what is wrong in words, with what to do")


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
