"""The documents of the API about the disk: how full it is, what is kept and what was deleted. Knows no request."""

from typing import Annotated

from msgspec import Meta, Struct, field

from edge.events.values import CHANNEL_PATTERN
from edge.state.views import DiskState
from edge.web.fields import Bytes, Count, Time

_TIME_WANTED = Meta(description="RFC 3339 with any offset.", extra_json_schema={"format": "date-time"})


class ProtectedDocument(Struct, frozen=True):
    """A stretch of a channel that is kept from deletion."""

    id: str
    from_: Time = field(name="from")
    to: Time
    note: Annotated[str, Meta(description="Why, in the words of who asked.")]
    by: Annotated[str, Meta(description="Who asked.")]
    since: Annotated[Time, Meta(description="When it was asked for.")]


class ProtectionDocument(ProtectedDocument, frozen=True):
    """A stretch of footage that is kept from deletion, and what that holds now."""

    channel: str
    segments: Count
    bytes: Bytes


class ProtectionsDocument(Struct, frozen=True):
    """All that is kept from deletion, the oldest protection first."""

    protections: list[ProtectionDocument]


class ProtectionWish(Struct, frozen=True):
    """What is to be kept from deletion."""

    channel: Annotated[str, Meta(pattern=CHANNEL_PATTERN, description="Channel, also one that is configured no more.")]
    from_: Annotated[str, _TIME_WANTED] = field(name="from")
    to: Annotated[str, _TIME_WANTED]
    note: Annotated[str, Meta(min_length=1, max_length=500, description="Why, for whoever finds it in a year.")]


class RetentionDocument(Struct, frozen=True):
    """Recordings that will not reach back as far as promised."""

    channel: str | None
    promise_days: float
    forecast_days: float
    short_from: Time
    since: Time


class PrunedDocument(Struct, frozen=True):
    """The newest receipt for deleted segments."""

    at: Time
    rule: Annotated[str, Meta(description="`space`, `age`, `quota` or `rejected`: why they had to go.")]
    segments: int
    bytes: Bytes


class PrunedRangeDocument(Struct, frozen=True):
    """A run of deleted segments of one channel."""

    channel: str
    from_: Time = field(name="from")
    to: Time
    segments: int
    bytes: Bytes
    oldest_kept: Annotated[Time | None, Meta(description="Start of the channel's oldest segment then.")]


class ReceiptDocument(PrunedDocument, frozen=True):
    """A receipt for deleted segments: what went, and why."""

    channels: list[PrunedRangeDocument]


class DamageDocument(Struct, frozen=True):
    """Segments that were read back at random and were damaged."""

    at: Time
    segments: int
    path: Annotated[str, Meta(description="One of them.")]


class DiskDocument(Struct, frozen=True):
    """The disk of the recordings, by its newest measure; figures are null until there was one."""

    state: DiskState
    since: Time | None
    detail: str | None
    stuck: Annotated[
        str | None,
        Meta(description="Why nothing more is deleted: `protected` (only protected footage is left) or `not_ours`."),
    ]
    mount: str | None
    device: str | None
    measured: Time | None
    total_bytes: int | None
    used_bytes: int | None
    free_bytes: int | None
    recordings_bytes: int | None
    unknown_files: int | None
    write_rate_bytes_s: float | None
    hours_left: float | None
    smart: Annotated[str | None, Meta(description="What the disk says of itself: `ok`, `failing`, `unknown`.")]
    serial: str | None
    protected_bytes: Annotated[int | None, Meta(description="Of the recordings, kept from deletion.")]
    oldest: Annotated[dict[str, Time], Meta(description="Start of the oldest segment, for each channel.")]
    forecast_days: Annotated[
        dict[str, float], Meta(description="How far back recordings will reach at the present rate, for each channel.")
    ]
    short: list[RetentionDocument]
    last_pruned: PrunedDocument | None
    verified: Annotated[Time | None, Meta(description="When segments were last read back at random.")]
    damaged: Annotated[DamageDocument | None, Meta(description="When that last found any that were damaged.")]


class DiskNowDocument(DiskDocument, frozen=True):
    """The disk, and what was deleted from it lately."""

    pruned: Annotated[
        list[ReceiptDocument] | None, Meta(description="Newest first; null while the journal cannot be read.")
    ]
