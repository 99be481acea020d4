"""What the recorder says, as far as the validator needs it: which channel records, and which segments are finished."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from edge.bus.connection import Message
from edge.errors import StopReason
from edge.events.catalog import RecordingStarted, RecordingStopped, SegmentWritten
from edge.events.envelope import Envelope
from edge.events.errors import EventError
from edge.events.topics import EventTopic
from edge.events.values import parse_timestamp
from edge.recordings.segment import SegmentName
from edge.validator.rejection import Span

TOPICS: Final = tuple(
    EventTopic.filter("recorder", kind) for kind in ("recording_started", "recording_stopped", "segment_written")
)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Finished:
    """A segment is finished."""

    channel: str
    span: Span


@dataclass(frozen=True, slots=True)
class Turned:
    """A channel records (`stopped` is None), or no longer does; `place` orders these words of the recorder."""

    channel: str
    place: tuple[str, int]
    stopped: StopReason | None
    at_ms: int
    started: RecordingStarted | None = None


def read(messages: Sequence[Message], site: str) -> Iterator[Finished | Turned]:
    """What messages say; those that are of another site or cannot be read say nothing."""
    for message in messages:
        try:
            envelope = Envelope.parse(message.payload)
            event = envelope.event()
        except EventError as error:
            _log.warning("event_unreadable", topic=message.topic[:200], error=str(error))
            continue
        channel = envelope.subject
        if envelope.site != site or channel is None:
            continue
        if isinstance(event, SegmentWritten):
            parsed = SegmentName.parse(event.path)
            if parsed is not None and not parsed[1] and parsed[0].channel == channel:
                yield Finished(channel, Span(parsed[0].start_ms, milliseconds(event.end)))
        elif isinstance(event, RecordingStarted | RecordingStopped):
            place, at_ms = (envelope.epoch, envelope.sequence), milliseconds(envelope.time)
            if isinstance(event, RecordingStarted):
                yield Turned(channel, place, None, at_ms, event)
            else:
                yield Turned(channel, place, event.reason, at_ms)


def milliseconds(timestamp: str) -> int:
    """A timestamp of the wire as milliseconds of UTC."""
    return round(parse_timestamp(timestamp).timestamp() * 1000)
