"""From a message of the broker to a line on the terminal. Knows no broker."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from edge.bus.connection import Message
from edge.check.printable import printable
from edge.events.envelope import Envelope
from edge.events.errors import EnvelopeError, EventDataError, MessageError, PayloadError, TopicError
from edge.events.messages import parse_state
from edge.events.payload import decode, encode
from edge.events.topics import StateTopic
from edge.events.values import parse_timestamp
from edge.tail.presence import Presence
from edge.words.sentences import sentence
from edge.words.times import localized

EVENT_PREFIX: Final = "event/"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are shown; empty is all of them. Whoever asks for some is not told of processes."""

    types: Collection[str] = ()
    channels: Collection[str] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing was asked for in particular."""
        return not self.types and not self.channels

    def covers(self, envelope: Envelope) -> bool:
        """Whether an event is among them."""
        return (not self.types or envelope.event_type in self.types) and (
            not self.channels or envelope.subject in self.channels
        )


class Reader:
    """Turns messages into lines for people; a line with the date stands before the first event of each day."""

    def __init__(self, zone: ZoneInfo, wanted: Wanted) -> None:
        self._zone = zone
        self._wanted = wanted
        self._presence = Presence()
        self._day: date | None = None

    def lines(self, message: Message, now: datetime) -> list[str]:
        """The lines of a message, none where it tells nothing new; every character is safe to print."""
        is_event = message.topic.startswith(EVENT_PREFIX)
        found = self._event(message, now) if is_event else self._state(message, now)
        if found is None:
            return []
        time, process, channel, words = found
        local = time.astimezone(self._zone)
        line = printable(f"{local:%H:%M:%S %Z} {process:<10} {channel or '-':<12} {localized(words, local)}")
        if local.date() == self._day:
            return [line]
        self._day = local.date()
        return [f"--- {local:%Y-%m-%d}, {self._zone.key} ---", line]

    def _event(self, message: Message, now: datetime) -> tuple[datetime, str, str | None, str] | None:
        try:
            envelope = Envelope.parse(message.payload)
            if not self._wanted.covers(envelope):
                return None
            words = sentence(envelope.event())
        except (EnvelopeError, EventDataError) as error:
            return now, "?", None, f"what came on {message.topic} is no event of ours: {error}"
        return parse_timestamp(envelope.time), envelope.process, envelope.subject, words

    def _state(self, message: Message, now: datetime) -> tuple[datetime, str, str | None, str] | None:
        if not self._wanted.everything or not message.payload:
            return None
        try:
            process = StateTopic.parse(message.topic).process
            state = parse_state(message.payload)
        except (TopicError, MessageError) as error:
            return now, "?", None, f"what came on {message.topic} is no state of a process: {error}"
        words = self._presence.change(process, state, retained=message.retained)
        return None if words is None else (now, process, None, words)


def json_line(message: Message, wanted: Wanted) -> str | None:
    """The payload of an event as it came, None for one that is not wanted or is none.

    What holds characters that a terminal acts on, or line breaks, is written anew with these escaped: the same JSON.
    """
    try:
        if not wanted.covers(Envelope.parse(message.payload)):
            return None
        text = message.payload.decode()
        return text if text.isprintable() else encode(decode(message.payload)).decode()
    except (EnvelopeError, PayloadError):
        return None
