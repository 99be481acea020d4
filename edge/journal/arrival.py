"""A payload that arrived, read as far as a journal needs it, and the stored event that becomes of it. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple, Self

from edge.events.catalog import ProcessStarted, SegmentWritten, UnknownEvent
from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.errors import EventDataError
from edge.events.values import parse_timestamp
from edge.journal.positions import Source

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored event; `position` is its place in the order of arrival, which grows and is never given twice."""

    position: int
    site: str
    process: str
    epoch: str
    sequence: int
    event_type: str
    event_version: int
    channel: str | None
    time_ms: int
    received_ms: int
    understood: bool  # the data keeps its model; only such events become state
    payload: bytes  # exactly the bytes that came


class Kind(NamedTuple):
    """What events are looked up by."""

    site: str
    process: str
    event_type: str
    channel: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that arrived, before it is known whether it is new."""

    source: Source
    sequence: int
    kind: Kind
    event_version: int
    time_ms: int
    received_ms: int
    understood: bool
    payload: bytes
    span_ms: tuple[int, int] | None = None  # of a segment: from when until when it reaches
    before: tuple[Source, int] | None = None  # of a start: the epoch before this one and its last number

    @classmethod
    def read(cls, payload: bytes, received_ms: int) -> Self:
        """The event in a payload; raises EnvelopeError. Data that breaks its model is kept, but not understood."""
        envelope = Envelope.parse(payload)
        source = Source(envelope.site, envelope.process, envelope.epoch)
        try:
            event = envelope.event()
        except EventDataError as error:
            event = UnknownEvent(envelope.event_type, envelope.event_version, {"error": str(error)})
        return cls(
            source=source,
            sequence=envelope.sequence,
            kind=Kind(envelope.site, envelope.process, envelope.event_type, envelope.subject),
            event_version=envelope.event_version,
            time_ms=milliseconds(envelope.time),
            received_ms=received_ms,
            understood=not isinstance(event, UnknownEvent),
            payload=payload,
            span_ms=_span_ms(event),
            before=_before(event, source),
        )

    def entry(self, position: int) -> Entry:
        """The event as it stands at a position."""
        return Entry(
            position=position,
            site=self.source.site,
            process=self.source.process,
            epoch=self.source.epoch,
            sequence=self.sequence,
            event_type=self.kind.event_type,
            event_version=self.event_version,
            channel=self.kind.channel,
            time_ms=self.time_ms,
            received_ms=self.received_ms,
            understood=self.understood,
            payload=self.payload,
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A payload on an event topic that is no event of this site; kept aside for whoever looks for the reason."""

    topic: str
    payload: bytes
    reason: str
    received_ms: int


def milliseconds(timestamp: str) -> int:
    """Milliseconds since 1970 of a timestamp of the wire; raises ValueError for any other text."""
    since = parse_timestamp(timestamp) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _span_ms(event: EventData | UnknownEvent) -> tuple[int, int] | None:
    if isinstance(event, SegmentWritten):
        return milliseconds(event.start), milliseconds(event.end)
    return None


def _before(event: EventData | UnknownEvent, source: Source) -> tuple[Source, int] | None:
    if not isinstance(event, ProcessStarted) or event.previous_epoch is None or event.previous_epoch == source.epoch:
        return None
    return source._replace(epoch=event.previous_epoch), event.previous_last_sequence or 0
