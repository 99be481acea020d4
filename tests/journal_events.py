"""Events and messages as a journal gets them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from edge.bus.connection import Message
from edge.events.catalog import ClockJumped, ProcessStarted, SegmentWritten
from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.topics import EventTopic
from edge.events.values import timestamp
from edge.journal.arrival import Arrival

SITE = "jkt-001"
EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
LATER_EPOCH = "01KBQFYK00N8TG6ZQ3V5M7W9XA"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
JUMP = ClockJumped(step_s=1.0, wall_before="2026-11-23T02:22:03.500Z", wall_after="2026-11-23T02:22:00.000Z")


def payload(sequence: int, data: EventData = JUMP, *, process="recorder", epoch=EPOCH, channel=None, site=SITE, minute=0) -> bytes:
    time = NOON + timedelta(minutes=minute)
    envelope = Envelope.build(
        data, site=site, process=process, epoch=epoch, sequence=sequence, time=time, subject=channel
    )
    return envelope.to_json()


def arrival(sequence: int, data: EventData = JUMP, *, received_ms: int = 1_000, **about) -> Arrival:
    return Arrival.read(payload(sequence, data, **about), received_ms)


def arrivals(first: int, last: int, **about) -> list[Arrival]:
    """Alike but for their number, read once: reading each would cost most of the time of a test."""
    model = arrival(first, **about)
    number = f"{first:020d}".encode()
    return [
        replace(model, sequence=sequence, payload=model.payload.replace(number, f"{sequence:020d}".encode()))
        for sequence in range(first, last + 1)
    ]


def segment(minute: float, *, seconds: float = 60, sha: str = "0") -> SegmentWritten:
    start, end = NOON + timedelta(minutes=minute), NOON + timedelta(minutes=minute, seconds=seconds)
    return SegmentWritten.read(
        {**SegmentWritten.example, "start": timestamp(start), "end": timestamp(end), "sha256": sha * 64}
    )


def started(epoch: str, previous: tuple[str, int] | None) -> ProcessStarted:
    before, last = previous or (None, None)
    return ProcessStarted.read(
        {**ProcessStarted.example, "epoch": epoch, "previous_epoch": before, "previous_last_sequence": last}
    )


def message(body: bytes, topic: str | None = None, *, retained: bool = False) -> Message:
    if topic is None:
        envelope = Envelope.parse(body)
        topic = str(EventTopic(envelope.process, envelope.event_type, envelope.subject))
    return Message(topic, body, retained, 1, 1)
