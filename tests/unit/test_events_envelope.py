import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.events.catalog import EVENTS, ClockJumped, RecordingStopped, RetentionShort, SegmentWritten, UnknownEvent
from edge.events.envelope import Envelope
from edge.events.errors import EnvelopeError, EventDataError, EventTooLarge, PayloadError
from edge.events.examples import example
from edge.events.payload import MAX_PAYLOAD_BYTES, decode, encode
from edge.events.ulid import ulid

EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
WHERE = {
    "site": "jkt-001",
    "process": "recorder",
    "epoch": EPOCH,
    "sequence": 5091,
    "time": datetime(2026, 11, 23, 2, 22, 0, 123_999, tzinfo=UTC),
}
STOPPED = RecordingStopped(reason="timeout", detail="no packets", retry_in_s=0.5)


def changed(**attributes):
    """The payload of a good envelope with some attributes changed; None takes one out."""
    document = json.loads(Envelope.build(STOPPED, **WHERE, subject="lobby").to_json()) | attributes
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def test_event_of_a_channel_is_one_line_in_the_order_of_the_design():
    """The payload is fixed byte for byte."""
    assert Envelope.build(STOPPED, **WHERE, subject="lobby").to_json() == (
        b'{"specversion":"1.0","type":"cctv.recording_stopped.v1","source":"/jkt-001/recorder",'
        b'"id":"01KAQFYK00N8TG6ZQ3V5M7W9XA-00000000000000005091","sequence":"00000000000000005091",'
        b'"epoch":"01KAQFYK00N8TG6ZQ3V5M7W9XA","time":"2026-11-23T02:22:00.123Z","subject":"lobby",'
        b'"partitionkey":"jkt-001","data":{"reason":"timeout","detail":"no packets","retry_in_s":0.5}}'
    )


def test_event_of_the_site_has_no_subject():
    """An event about the whole site leaves the attribute out."""
    assert "subject" not in json.loads(Envelope.build(ClockJumped.read(ClockJumped.example), **WHERE).to_json())


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_example_round_trips_byte_for_byte(event):
    """What was built, written, parsed and written again is the same, envelope and event."""
    envelope = example(event)
    payload = envelope.to_json()
    assert envelope == Envelope.parse(payload)
    assert payload == Envelope.parse(payload).to_json()
    assert event.read(event.example) == Envelope.parse(payload).event()


def test_time_of_another_zone_is_written_as_utc():
    """Times are UTC whatever zone they came in."""
    jakarta = datetime(2026, 11, 23, 9, 22, tzinfo=timezone(timedelta(hours=7)))
    assert Envelope.build(STOPPED, **WHERE | {"time": jakarta}, subject="lobby").time == "2026-11-23T02:22:00.000Z"


def test_naive_time_is_refused():
    """A time without a zone is a mistake of the program."""
    with pytest.raises(ValueError, match="no time zone"):
        Envelope.build(STOPPED, **WHERE | {"time": datetime(2026, 11, 23)}, subject="lobby")  # noqa: DTZ001 - the case


WRONG_SUBJECTS = {
    "channel event without channel": (SegmentWritten, None),
    "site event with channel": (ClockJumped, "lobby"),
}


@pytest.mark.parametrize(("event", "subject"), WRONG_SUBJECTS.values(), ids=WRONG_SUBJECTS)
def test_event_about_the_wrong_thing_is_refused(event, subject):
    """An event of a channel names it; an event of the site names none."""
    with pytest.raises(EventDataError, match=event.event_type):
        Envelope.build(event.read(event.example), **WHERE, subject=subject)


@pytest.mark.parametrize("subject", [None, "lobby"])
def test_event_about_either_takes_both(subject):
    """`retention_short` may be about a channel or the site."""
    assert subject == Envelope.build(RetentionShort.read(RetentionShort.example), **WHERE, subject=subject).subject


WRONG_PLACES = {
    "site in capitals": {"site": "JKT"},
    "empty site": {"site": ""},
    "process with slash": {"process": "a/b"},
    "process with newline": {"process": "recorder\n"},
    "epoch that is no ULID": {"epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XU"},
    "sequence zero": {"sequence": 0},
    "sequence beyond the database": {"sequence": 2**63},
    "channel with wildcard": {"subject": "+"},
    "channel that means none": {"subject": "_"},
}


@pytest.mark.parametrize("wrong", WRONG_PLACES.values(), ids=WRONG_PLACES)
def test_envelope_with_a_wrong_attribute_cannot_be_built(wrong):
    """What breaks a rule is refused where it enters."""
    with pytest.raises(EnvelopeError, match=next(iter(wrong))):
        Envelope.build(STOPPED, **{**WHERE, "subject": "lobby", **wrong})


NOT_ENVELOPES = {
    "nothing": (b"", "not JSON"),
    "text": (b"online", "not JSON"),
    "not UTF-8": (b'{"a":"\xff"}', "not JSON"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "not JSON"),
    "a list": (b"[]", "not a JSON object but a list"),
    "an empty object": (b"{}", "specversion is missing"),
    "not a number": (b'{"a":NaN}', "NaN is not a JSON number"),
    "number out of range": (b'{"a":1e999}', "out of range"),
    "half a surrogate pair": (b'{"a":"\\ud800"}', "not JSON"),
    "bottomless": (b"[" * 60_000, "not JSON"),
    "endless number": (b'{"a":' + b"9" * 10_000 + b"}", "not JSON"),
    "too large": (b" " * (MAX_PAYLOAD_BYTES + 1), "at most 65536"),
    "other specversion": (changed(specversion="0.3"), "specversion '0.3' is not 1.0"),
    "no type": (changed(type=None), "type is missing"),
    "type of somebody else": (changed(type="com.example.thing"), "type 'com.example.thing' is not"),
    "type without version": (changed(type="cctv.segment_written"), "is not cctv.<type>.v<version>"),
    "type with version 0": (changed(type="cctv.segment_written.v0"), "is not cctv.<type>.v<version>"),
    "source without process": (changed(source="/jkt-001"), "is not /<site>/<process>"),
    "source without slash": (changed(source="jkt-001/recorder/x"), "is not /<site>/<process>"),
    "source of a bad site": (changed(source="/JKT/recorder"), "site 'JKT' does not match"),
    "id of another event": (changed(id=f"{EPOCH}-00000000000000005092"), "is not epoch and sequence"),
    "short sequence": (changed(sequence="5091"), "sequence '5091' is not 20 digits"),
    "sequence in other digits": (changed(sequence="\u0660" * 20), "is not 20 digits"),
    "sequence as a number": (changed(sequence=5091), "sequence is missing or not a string"),
    "sequence too large": (changed(sequence="9" * 20), "is not between 1 and"),
    "epoch in small letters": (changed(epoch=EPOCH.lower()), "epoch '01kaq"),
    "time with offset": (changed(time="2026-11-23T09:22:00.123+07:00"), "time: "),
    "subject that is a list": (changed(subject=[]), "subject is not a string"),
    "subject that is empty": (changed(subject=""), "subject '' does not match"),
    "partition of another site": (changed(partitionkey="jkt-002"), "partitionkey 'jkt-002' is not the site"),
    "no data": (changed(data=None), "data is missing"),
    "data that is text": (changed(data="x"), "data is missing or not an object"),
}


@pytest.mark.parametrize(("payload", "words"), NOT_ENVELOPES.values(), ids=NOT_ENVELOPES)
def test_payload_that_is_no_envelope_is_refused_in_words(payload, words):
    """Each way of not being an envelope has its sentence."""
    with pytest.raises(EnvelopeError) as refused:
        Envelope.parse(payload)
    assert words in str(refused.value)


def test_null_subject_is_refused():
    """Absent and null are not the same bytes, so only one of them is allowed."""
    with pytest.raises(EnvelopeError, match="subject is not a string"):
        Envelope.parse(changed(subject="lobby").replace(b'"lobby"', b"null"))


def test_attribute_that_was_invented_later_is_ignored():
    """CloudEvents may carry extensions that we do not know."""
    assert Envelope.parse(changed()) == Envelope.parse(changed(recordedtime="x"))


def test_event_of_a_later_version_is_kept_and_not_understood():
    """A journal of an older release keeps what a newer one said."""
    later = Envelope.parse(changed(type="cctv.recording_stopped.v2"))
    assert UnknownEvent("recording_stopped", 2, STOPPED.document()) == later.event()


def test_known_event_with_wrong_data_parses_and_says_so_when_read():
    """The envelope is judged alone, so that a journal can keep the bytes."""
    wrong = Envelope.parse(changed(data={"reason": "tired"}))
    with pytest.raises(EventDataError, match=r"^recording_stopped: reason: .*; detail: Field required"):
        wrong.event()


# A machine that runs everything at once is slow at drawing, not wrong.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@patient
@given(st.binary(max_size=300))
def test_any_bytes_parse_or_are_refused(payload):
    """No bytes make the parser raise anything but its own error."""
    with suppress(EnvelopeError):
        Envelope.parse(payload)


@patient
@given(
    st.dictionaries(st.sampled_from([*json.loads(changed()), "subject", "x"]), json_values, max_size=4),
    st.sets(st.sampled_from(list(json.loads(changed()))), max_size=1),
)
def test_any_change_to_an_envelope_parses_or_is_refused(changes, removed):
    """No JSON in the place of an attribute makes the parser raise anything but its own error."""
    document = {key: value for key, value in (json.loads(changed()) | changes).items() if key not in removed}
    with suppress(EnvelopeError, EventDataError):
        envelope = Envelope.parse(json.dumps(document).encode())
        assert envelope == Envelope.parse(envelope.to_json())
        envelope.event()


@patient
@given(st.integers(0, 400), st.integers(0, 255))
def test_any_damaged_byte_parses_or_is_refused(position, value):
    """A flipped byte is refused, or was in the data."""
    payload = bytearray(example(RecordingStopped).to_json())
    payload[position % len(payload)] = value
    with suppress(EnvelopeError):
        Envelope.parse(bytes(payload))


@patient
@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_any_object_is_written_on_one_safe_line_and_read_back(document):
    """One line of UTF-8 with nothing in it that a terminal acts on or a line reader splits at."""
    payload = encode(document)
    assert len(payload.decode().splitlines()) == 1
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in payload.decode())
    assert document == decode(payload)


def test_indonesian_stays_readable_and_controls_do_not():
    """Letters are UTF-8 as they are; bidirectional and line-separating characters are escaped."""
    assert encode({"name": "pérahu \u202e\u2028"}) == b'{"name":"p\xc3\xa9rahu \\u202e\\u2028"}'


def test_payload_over_the_limit_is_refused():
    """64 KiB is what every broker on the way is set to carry."""
    edge = MAX_PAYLOAD_BYTES - len(encode({"a": ""}))
    assert len(encode({"a": "x" * edge})) == MAX_PAYLOAD_BYTES
    with pytest.raises(EventTooLarge, match="at most 65536"):
        encode({"a": "x" * (edge + 1)})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), "\ud800"])
def test_what_json_cannot_say_is_refused(value):
    """Nothing leaves that a strict reader would refuse."""
    with pytest.raises(PayloadError, match="cannot be written as JSON"):
        encode({"a": value})


def test_ulid_of_known_time_and_randomness_is_known():
    """Ends of the range, and a time in between."""
    assert ulid(0, bytes(10)) == "0" * 26
    assert ulid(((1 << 48) - 1) * 1_000_000, b"\xff" * 10) == "7" + "Z" * 25
    assert ulid(1_469_918_176_385_000_000, bytes(10)) == "01ARYZ6S41" + "0" * 16


@patient
@given(st.integers(0, 10**18), st.integers(0, 10**18), st.binary(min_size=10, max_size=10))
def test_ulids_sort_by_time(one_ms, other_ms, randomness):
    """The order of ULIDs is the order of their milliseconds."""
    one_ms, other_ms = one_ms % 2**48, other_ms % 2**48
    one, other = ulid(one_ms * 1_000_000, randomness), ulid(other_ms * 1_000_000, randomness)
    assert (one_ms < other_ms) == (one < other)


@pytest.mark.parametrize(("wall_ns", "randomness"), [(-1, bytes(10)), (2**48 * 1_000_000, bytes(10)), (0, bytes(9))])
def test_ulid_of_what_does_not_fit_is_refused(wall_ns, randomness):
    """Times before 1970 and too little randomness are mistakes."""
    with pytest.raises(ValueError, match="ULID"):
        ulid(wall_ns, randomness)
