"""What retention says: how full the disk is, what it deleted and why, what it keeps, how far back recordings reach."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData, Value
from edge.events.values import (
    Bytes,
    ChannelId,
    Count,
    NotNegative,
    Percent,
    RelativePath,
    Seconds,
    Text,
    Timestamp,
    Ulid,
)

Stuck = Literal["protected", "not_ours", "files"]
"""Why a disk over its limit cannot be helped: only protected footage is left, what fills it is not Saksi's, or it takes
no further file (inodes), whose files are not Saksi's either."""

_ROOT_DESCRIPTION = "mount point of the recordings"
MOST_PATHS: Final = 20
_SomePaths = Annotated[tuple[RelativePath, ...], Field(max_length=MOST_PATHS)]


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
        "serial": "WD-WX12D71A1B2C",
        "protected_bytes": 1208566784,
        "forecast_days": {"lobby": 27.4},
        "state": "ok",
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
    serial: Text | None = Field(default=None, description="serial number of the disk; null where it does not tell")
    protected_bytes: Bytes = Field(default=0, description="used by segments that are protected from deletion")
    forecast_days: dict[ChannelId, NotNegative] = Field(
        default={}, description="for each channel, how far back recordings will reach at the present rate, in days"
    )
    state: Literal["ok", "low", "full", "missing", "faulty"] | None = Field(
        default=None, description="how retention judges the disk; null from a release that did not say"
    )


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
        "reason": "not_ours",
    }

    mount: Text = Field(description=_ROOT_DESCRIPTION)
    total_bytes: Bytes = Field(description="size of the file system")
    free_bytes: Bytes = Field(description="free for the recorder")
    used_percent: Percent = Field(description="used, by whomever")
    hours_left: NotNegative | None = Field(
        description="until the disk is full at the present rate; null when it does not fill"
    )
    reason: Stuck | None = Field(
        default=None, description="why nothing more is deleted; null when deletion only does not keep pace"
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
        "reason": "protected",
    }

    mount: Text = Field(description=_ROOT_DESCRIPTION)
    total_bytes: Bytes = Field(description="size of the file system")
    free_bytes: Bytes = Field(description="free for the recorder")
    used_percent: Percent = Field(description="used, by whomever")
    reason: Stuck | None = Field(
        default=None, description="why nothing more is deleted; null when deletion only does not keep pace"
    )


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

    was: Literal["low", "full", "missing", "faulty"] = Field(description="what is over")
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


class DiskFaulty(EventData):
    """The disk is there, but it cannot be written or fails to read: nothing is deleted until that is over."""

    publishers = ("retention",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "mount": "/srv/saksi",
        "device": "/dev/sdb1",
        "fault": "read_only",
        "detail": "the disk is mounted read-only: look into the system log, check the file system, mount it again",
    }

    mount: Text = Field(description=_ROOT_DESCRIPTION)
    device: Text = Field(description="device that is mounted there")
    fault: Literal["read_only", "io_error", "not_permitted"] = Field(description="what is wrong")
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


class RetentionRestored(EventData):
    """Recordings will reach back as far as was promised again."""

    publishers = ("retention",)
    subject = "either"
    example: ClassVar[dict[str, JsonValue]] = {"channel": "lobby", "promise_days": 30.0, "forecast_days": 34.0}

    channel: ChannelId | None = Field(description="channel; null for the whole site")
    promise_days: NotNegative = Field(description="days that were promised (`retention.promise_days`)")
    forecast_days: NotNegative = Field(description="days that the disk will hold at the present rate")
