"""Messages as they came off the broker, read: events, heartbeats, answers, acks. Pure; nothing is stored or sent.

A message that nobody can read, or that speaks for somebody else, is a refusal: it stops none of those behind it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.bus.connection import Message
from edge.events.errors import EventError, MessageError, TopicError
from edge.events.messages import Ack, Heartbeat, ReplayReply, Will, parse_state
from edge.events.topics import AckTopic, EventTopic, ReplyTopic, StateTopic
from edge.journal.arrival import Arrival, Kind, Refusal, milliseconds
from edge.journal.positions import Process, Source
from edge.journal.scope import Place, Scope

FRESH_MS: Final = 30_000
BRIDGE: Final = "bridge"  # not a process: HQ's broker says there whether a site's bridge is connected
_BRIDGE_STATES: Final = {b"1": True, b"0": False}


@dataclass(frozen=True, slots=True)
class State:
    """What a process, or the broker in its place, said of it."""

    process: Process
    message: Heartbeat | Will
    at_ms: int  # when it was true
    fresh: bool  # not left over from long ago


@dataclass(slots=True)
class Reading:
    """Messages, read; each list in the order of arrival."""

    arrivals: list[Arrival] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    replies: list[tuple[Process, ReplayReply]] = field(default_factory=list)
    acks: list[tuple[str, Ack, int]] = field(default_factory=list)
    bridges: list[tuple[str, bool, int]] = field(default_factory=list)  # site, connected, when it was heard


HasRoom = Callable[[Source, Kind | None, int | None], bool]


def read(
    messages: Sequence[Message], scope: Scope, now_ms: int, has_room: HasRoom = lambda *_: True
) -> Reading:
    """All messages of sites that this process owns; those of others are left to their owners.

    `has_room` says whether a journal can remember one more source, kind of event, or number with a hole before it.
    """
    reading = Reading()
    for message in messages:
        try:
            place = scope.place(message.topic)
            if place is not None:
                _read(reading, message, place, now_ms, has_room)
        except EventError as error:
            reading.refusals.append(Refusal(message.topic, message.payload, str(error), now_ms))
    return reading


def _read(reading: Reading, message: Message, place: Place, now_ms: int, has_room: HasRoom) -> None:
    kind = place.topic.partition("/")[0]
    if kind == EventTopic.kind:
        arrival = _arrival(message, place, now_ms)
        _check_room(has_room, arrival.source, arrival.kind, None if _follows(arrival, reading) else arrival.sequence)
        if arrival.before is not None:
            _check_room(has_room, arrival.before[0])
        reading.arrivals.append(arrival)
    elif kind == StateTopic.kind:
        _read_state(reading, message, place, now_ms, has_room)
    elif kind == ReplyTopic.kind:
        process = Process(place.site, ReplyTopic.parse(place.topic).process)
        reading.replies.append((process, ReplayReply.parse(message.payload)))
    elif kind == AckTopic.kind:
        _read_ack(reading, message, place, now_ms)
    else:
        raise TopicError(f"topic {place.topic[:200]!r} is nothing that a journal hears")


def _arrival(message: Message, place: Place, now_ms: int) -> Arrival:
    topic = EventTopic.parse(place.topic)
    arrival = Arrival.read(message.payload, now_ms)
    if arrival.source.site != place.site:
        raise TopicError(f"an event of site {arrival.source.site} came by way of site {place.site}")
    if arrival.source.process != topic.process:  # the broker's rights go by topic
        raise TopicError(f"{topic.process} published an event in the name of {arrival.source.process}")
    return arrival


def _follows(arrival: Arrival, reading: Reading) -> bool:
    """Whether the event is the next of the one read before it."""
    before = reading.arrivals[-1] if reading.arrivals else None
    return before is not None and (before.source, before.sequence) == (arrival.source, arrival.sequence - 1)


def _read_state(reading: Reading, message: Message, place: Place, now_ms: int, has_room: HasRoom) -> None:
    _, _, name = place.topic.partition("/")
    if "/" in name:  # a state per channel, which is for people and other programs
        return
    if name == BRIDGE:
        up = _BRIDGE_STATES.get(message.payload)
        if up is None and message.payload:
            raise MessageError("the state of a bridge is neither 1 nor 0")
        if up is not None:
            reading.bridges.append((place.site, up, now_ms))
        return
    process = Process(place.site, StateTopic.parse(place.topic).process)
    if not message.payload:  # somebody cleared the retained message
        return
    state = parse_state(message.payload)
    _check_room(has_room, Source(*process, state.epoch))
    at_ms, fresh = now_ms, True
    if message.retained and isinstance(state, Heartbeat):
        at_ms = min(milliseconds(state.time), now_ms)
        fresh = now_ms - at_ms <= FRESH_MS
    reading.states.append(State(process, state, at_ms, fresh))


def _read_ack(reading: Reading, message: Message, place: Place, now_ms: int) -> None:
    process = AckTopic.parse(place.topic).process
    if not message.payload:
        return
    ack = Ack.parse(message.payload)
    at_ms = now_ms if ack.time is None else min(milliseconds(ack.time), now_ms)
    reading.acks.append((process, ack, at_ms))


def _check_room(has_room: HasRoom, source: Source, kind: Kind | None = None, sequence: int | None = None) -> None:
    if not has_room(source, kind, sequence):
        raise TopicError(
            f"{source}: site {source.site} has named more epochs, processes or channels than can be real,"
            " or left out too many numbers"
        )
