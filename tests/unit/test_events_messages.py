import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.events.errors import MessageError
from edge.events.messages import (
    MESSAGES,
    Ack,
    ChannelState,
    Heartbeat,
    ProtectCommand,
    ProtectReply,
    ReplayCommand,
    ReplayReply,
    Will,
    parse_state,
)

EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
EVERY_MESSAGE = pytest.mark.parametrize("message", MESSAGES, ids=[message.name for message in MESSAGES])

SPELLINGS = {
    "heartbeat": (
        Heartbeat(
            epoch=EPOCH,
            bdseq=12,
            last_sequence=0,
            started="2026-11-23T02:00:00.000Z",
            time="2026-11-23T02:22:00.123Z",
            version="0.1.0",
            pid=1,
        ),
        (
            b'{"status":"online","epoch":"01KAQFYK00N8TG6ZQ3V5M7W9XA","bdseq":12,"last_sequence":0,'
            b'"started":"2026-11-23T02:00:00.000Z","time":"2026-11-23T02:22:00.123Z","version":"0.1.0","pid":1,"metrics":{}}'
        ),
    ),
    "will": (
        Will(epoch=EPOCH, bdseq=12),
        b'{"status":"offline","epoch":"01KAQFYK00N8TG6ZQ3V5M7W9XA","bdseq":12}',
    ),
    "ack": (
        Ack(epoch=EPOCH, contiguous_to=5091, time="2026-11-23T02:22:00.123Z"),
        b'{"epoch":"01KAQFYK00N8TG6ZQ3V5M7W9XA","contiguous_to":5091,"time":"2026-11-23T02:22:00.123Z"}',
    ),
    "channel state": (
        ChannelState(status="recording", recording=True, reason=None, since=None, time="2026-11-23T02:22:00.123Z"),
        b'{"status":"recording","recording":true,"reason":null,"since":null,"time":"2026-11-23T02:22:00.123Z"}',
    ),
    "replay command": (
        ReplayCommand(transaction="t-1", epoch=EPOCH, from_=1, to=2),
        b'{"transaction":"t-1","epoch":"01KAQFYK00N8TG6ZQ3V5M7W9XA","from":1,"to":2}',
    ),
    "replay reply": (
        ReplayReply(transaction="t-1", status="partial", available_from=2),
        b'{"transaction":"t-1","status":"partial","available_from":2}',
    ),
    "protect command": (
        ProtectCommand(transaction="t-1", action="unprotect", protection=EPOCH, by="sari"),
        (
            b'{"transaction":"t-1","action":"unprotect","protection":"01KAQFYK00N8TG6ZQ3V5M7W9XA","channel":null,'
            b'"from":null,"to":null,"note":null,"by":"sari","after":null}'
        ),
    ),
    "protect reply": (
        ProtectReply(transaction="t-1", status="refused", detail="no"),
        b'{"transaction":"t-1","status":"refused","detail":"no","protections":[],"more":false}',
    ),
}


@pytest.mark.parametrize(("message", "payload"), SPELLINGS.values(), ids=SPELLINGS)
def test_message_is_written_and_parsed(message, payload):
    """The messages of the design, byte for byte, both ways."""
    assert payload == message.to_json()
    assert message == type(message).parse(payload)


@EVERY_MESSAGE
def test_example_reads_back_as_itself(message):
    """An example names every field."""
    assert message.example == message.read(message.example).document()


@EVERY_MESSAGE
def test_missing_field_is_named_and_extra_one_ignored(message):
    """A message without what it must say is refused; one that says more is not."""
    missing = next(name for name in ("epoch", "transaction", "status") if name in message.example)
    assert message.read(message.example) == message.read(message.example | {"invented_later": 1})
    with pytest.raises(MessageError, match=f"^{message.name}: {missing}: Field required$"):
        message.read({name: value for name, value in message.example.items() if name != missing})


@pytest.mark.parametrize("parse", [parse_state, *(message.parse for message in MESSAGES)])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payload=st.binary(max_size=100) | st.sampled_from([b"{}", b"[]", b'{"status":[]}', b'{"status":"online"}']))
def test_any_bytes_are_refused_in_words(parse, payload):
    """No bytes make a parser raise anything but its own error."""
    with pytest.raises(MessageError) as refused:
        parse(payload)
    assert str(refused.value)


def test_state_is_a_heartbeat_or_a_will():
    """The same topic holds both; the status tells which."""
    assert isinstance(parse_state(Heartbeat.read(Heartbeat.example).to_json()), Heartbeat)
    assert isinstance(parse_state(Will.read(Will.example).to_json()), Will)


def test_replay_of_a_range_that_ends_before_it_begins_is_refused():
    """A command that asks for nothing is a mistake."""
    with pytest.raises(MessageError, match="to 1 is before from 2"):
        ReplayCommand.parse(b'{"transaction":"t","epoch":"01KAQFYK00N8TG6ZQ3V5M7W9XA","from":2,"to":1}')


UNCLEAR = {
    '"action":"protect","channel":"lobby"': "protect needs from, to, note, by",
    '"action":"unprotect","by":"sari"': "unprotect needs protection",
    (
        '"action":"protect","channel":"lobby","note":"n","by":"b",'
        '"from":"2026-11-20T08:00:00.000Z","to":"2026-11-20T08:00:00.000Z"'
    ): "is not after from",
}


@pytest.mark.parametrize(("fields", "problem"), UNCLEAR.items())
def test_protect_command_that_does_not_say_enough_is_refused(fields, problem):
    """Evidence is not kept by guessing."""
    with pytest.raises(MessageError, match=problem):
        ProtectCommand.parse(f'{{"transaction":"t",{fields}}}'.encode())
