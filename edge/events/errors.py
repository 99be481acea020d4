"""The errors of events.

EventError
├── EventDataError     the data of an event breaks the catalog: names field and rule
├── EventTooLarge      a payload is over the 64 KiB that brokers and bridges are set to carry
├── PayloadError       bytes are not one JSON object
│   ├── EnvelopeError  a payload is not an event envelope
│   └── MessageError   a payload is not the heartbeat, ack, command or reply that its topic promises
└── TopicError         a string is not one of Saksi's topics
"""

from edge.errors import SaksiError


class EventError(SaksiError):
    """An event, message or topic cannot be used."""


class EventDataError(EventError):
    """The data of an event breaks the catalog."""


class EventTooLarge(EventError):  # noqa: N818 - named for the state
    """A payload is larger than the broker and its bridge are set to carry."""


class PayloadError(EventError):
    """Bytes are not one JSON object."""


class EnvelopeError(PayloadError):
    """A payload is not an event envelope."""


class MessageError(PayloadError):
    """A payload is not the message that its topic promises."""


class TopicError(EventError):
    """A string is not one of Saksi's topics."""
