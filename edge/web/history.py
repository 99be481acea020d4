"""The documents of the API about what was: coverage, recordings, events and their completeness. Knows no request."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from edge.state.views import SpanKind
from edge.web.fields import Bytes, Count, Time

RecordingState = Literal["recorded", "rejected", "pruned"]
Range = Annotated[tuple[int, int], Meta(description="First and last sequence.")]


class SpanDocument(Struct, frozen=True):
    """A stretch of a channel's time; the spans of a range leave nothing out."""

    kind: SpanKind
    start: Time
    end: Time
    reason: Annotated[str | None, Meta(description="Why there is a gap, or why it was rejected or pruned.")]
    invalid: Annotated[str | None, Meta(description="What was wrong with the picture while it was recorded.")]
    growing: Annotated[bool, Meta(description="Part of the segment that is being written.")]


class CoverageDocument(Struct, frozen=True):
    """What became of every moment of a range."""

    channel: str
    from_: Time = field(name="from")
    to: Time
    totals_s: Annotated[dict[SpanKind, float], Meta(description="Seconds by kind.")]
    spans: list[SpanDocument]


class RecordingDocument(Struct, frozen=True):
    """A segment that was recorded."""

    path: str
    start: Time
    end: Time
    duration_s: float
    bytes: Bytes
    sha256: str
    reason: Annotated[str, Meta(description="Why the segment ended.")]
    state: Annotated[
        RecordingState,
        Meta(description="`pruned`: deleted since, with a receipt; `rejected`: judged not worth keeping."),
    ]
    lost_packets: Count
    suspect_s: float


class RecordingsDocument(Struct, frozen=True):
    """The segments of a channel in a range, oldest first."""

    channel: str
    from_: Time = field(name="from")
    to: Time
    recordings: list[RecordingDocument]
    next: Annotated[str | None, Meta(description="Address of the next page.")]


class EventDocument(Struct, frozen=True):
    """An event as it stands in the journal."""

    position: Annotated[int, Meta(description="Order of arrival here; grows, with holes.")]
    received: Time
    event: Annotated[dict[str, Any], Meta(description="The CloudEvents envelope, byte for byte as it came.")]


class EventsDocument(Struct, frozen=True):
    """Events in the order asked for."""

    events: list[EventDocument]
    next: Annotated[str | None, Meta(description="Address of the next page; null at the end.")]


class SourceDocument(Struct, frozen=True):
    """How complete the events of one process and epoch are."""

    source: str
    epoch: str
    first: int
    contiguous_to: Annotated[int, Meta(description="Everything up to here is in the journal.")]
    newest: Annotated[int, Meta(description="The newest sequence that is known of.")]
    count: Annotated[int, Meta(description="Events in the journal.")]
    missing: Annotated[list[Range], Meta(description="Asked for again.")]
    lost: Annotated[list[Range], Meta(description="Nobody has them any longer.")]


class CompletenessDocument(Struct, frozen=True):
    """Proof of what the journal holds, and what it lacks."""

    sources: list[SourceDocument]
