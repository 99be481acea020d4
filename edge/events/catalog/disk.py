"""What retention says of the disk: how full it is, and what is wrong with it."""

from typing import ClassVar, Final, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData
from edge.events.values import (
    Bytes,
    ChannelId,
    Count,
    NotNegative,
    Percent,
    Seconds,
    Text,
    Timestamp,
)

Stuck = Literal["protected", "not_ours", "files"]
"""Why a disk over its limit cannot be helped: only protected footage is left, what fills it is not Saksi's, or it takes
no further file (inodes), whose files are not Saksi's either."""

_ROOT_DESCRIPTION: Final = "mount point of the recordings"


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
