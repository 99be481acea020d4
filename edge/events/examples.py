"""One whole example of every event, for schemas, documentation and tests."""

from datetime import UTC, datetime

from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.topics import EventTopic

SITE = "jkt-001"
CHANNEL = "lobby"


def example(event: type[EventData]) -> Envelope:
    """The example of an event in its envelope."""
    return Envelope.build(
        event.read(event.example),
        site=SITE,
        process=event.publishers[0],
        epoch="01KAQFYK00N8TG6ZQ3V5M7W9XA",
        sequence=5091,
        time=datetime(2026, 11, 23, 2, 22, 0, 123_000, tzinfo=UTC),
        subject=None if event.subject == "site" else CHANNEL,
    )


def topic(envelope: Envelope) -> EventTopic:
    """The local topic that an event is published on."""
    return EventTopic(envelope.process, envelope.event_type, envelope.subject)
