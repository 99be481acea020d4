"""From messages of the broker to lines on a terminal."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.bus.connection import Message
from edge.events.catalog import EVENTS, ProcessStarted, RecordingStopped, SegmentWritten
from edge.events.envelope import Envelope
from edge.events.examples import example, topic
from edge.events.messages import Heartbeat, Will
from edge.tail.lines import Reader, Wanted, json_line

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 23, 2, 22, 5, tzinfo=UTC)
WRITTEN = example(SegmentWritten)


def message(topic_name, payload, *, retained=False):
    return Message(str(topic_name), payload, retained, 1, 1)


def event(envelope):
    return message(topic(envelope), envelope.to_json())


def state(process, said, *, retained=False):
    return message(f"state/{process}", said.to_json(), retained=retained)


def beat(**changes):
    return Heartbeat.read({**Heartbeat.example, **changes})


@pytest.fixture
def reader():
    return Reader(JAKARTA, Wanted())


def test_line_has_local_time_process_channel_and_sentence(reader):
    """Times are the site's, and the date stands once before the first line of a day."""
    assert reader.lines(event(WRITTEN), NOW) == [
        "--- 2026-11-23, Asia/Jakarta ---",
        "09:22:00 WIB recorder   lobby        segment written: 60.0 s, 30.2 MB, 1501 pictures, nothing lost",
    ]
    assert len(reader.lines(event(WRITTEN), NOW)) == 1


def test_times_inside_a_sentence_are_local_too(reader):
    """The day is left out where it is the line's own."""
    reader.lines(event(WRITTEN), NOW)
    (line,) = reader.lines(event(example(EVENTS["channel_invalid"])), NOW)
    assert line.endswith("since 09:21:30")
    (line,) = reader.lines(event(example(EVENTS["retention_short"])), NOW)
    assert line.endswith("short from 2026-12-14 07:00:00")


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_makes_one_line(reader, name):
    """One line an event, whatever it is."""
    reader.lines(event(WRITTEN), NOW)
    (line,) = reader.lines(event(example(EVENTS[name])), NOW)
    assert line.isprintable()


def test_hostile_words_do_not_reach_the_terminal(reader):
    """A camera that writes escape sequences into its answers changes nothing on the screen of who looks."""
    data = {"reason": "stream_error", "detail": "x\x1b[2J\x9b31m\u202eevil\r\nline\x07", "retry_in_s": None}
    hostile = {**json.loads(example(RecordingStopped).to_json()), "data": data}
    payload = json.dumps(hostile, ensure_ascii=False).encode()
    lines = reader.lines(message("event/recorder/recording_stopped/lobby", payload), NOW)
    lines += reader.lines(message("event/a\x1b[2J/b/c", b"{\x1b[2J"), NOW)
    assert all(line.isprintable() for line in lines)
    assert json_line(message("event/x", payload), Wanted()).isprintable()


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{}", WRITTEN.to_json().replace(b"60.04", b'"long"')])
def test_message_that_is_no_event_is_told_as_such(reader, payload):
    """Somebody published what is none of ours: seen, not fatal."""
    lines = reader.lines(message("event/recorder/segment_written/lobby", payload), NOW)
    assert "is no event of ours" in lines[-1]


def test_json_line_is_the_payload_unchanged():
    """Machines get the very bytes."""
    assert json_line(event(WRITTEN), Wanted()).encode() == WRITTEN.to_json()
    assert json_line(message("event/x", b"no"), Wanted()) is None


def test_payload_of_several_lines_becomes_one():
    """The same JSON, one event a line."""
    spread = json.dumps(json.loads(WRITTEN.to_json()), indent=1).encode()
    assert json_line(message("event/x", spread), Wanted()).encode() == WRITTEN.to_json()


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Wanted(types={"segment_written"}), [True, False]),
        (Wanted(channels={"lobby"}), [True, False]),
        (Wanted(channels={"gate"}), [False, False]),
        (Wanted(types={"process_started"}), [False, True]),
    ],
)
def test_filters_leave_out_everything_else(wanted, shown):
    """Types and channels narrow what is shown, in both forms, and processes are not told of."""
    reader = Reader(JAKARTA, wanted)
    messages = [event(WRITTEN), event(example(ProcessStarted))]
    assert [bool(reader.lines(one, NOW)) for one in messages] == shown
    assert [json_line(one, wanted) is not None for one in messages] == shown
    assert reader.lines(state("recorder", beat()), NOW) == []


def told(reader, *messages):
    return [line.split("-            ")[-1] for one in messages for line in reader.lines(one, NOW) if "---" not in line]


def test_processes_come_and_go_in_words(reader):
    """A heartbeat is worth a line when it is the first, after an absence, or of another run."""
    later = {"started": "2026-11-23T02:23:00.000Z", "bdseq": 20}
    words = told(
        reader,
        state("recorder", beat(), retained=True),
        state("recorder", beat(last_sequence=5092)),
        state("recorder", beat(**later)),
        state("recorder", Will.read({**Will.example, "bdseq": 20})),
        state("recorder", Will.read({**Will.example, "bdseq": 20})),
        state("recorder", beat(**later)),
    )
    assert words == [
        "is online since 09:00:00: version 0.1.0, 5091 events so far",
        "was started anew: version 0.1.0, 5091 events so far",
        "went offline",
        "came online: version 0.1.0, 5091 events so far",
    ]


def test_will_of_an_earlier_connection_is_ignored(reader):
    """The broker's late news of a process that is back already."""
    assert told(reader, state("web", beat(bdseq=13)), state("web", Will.read(Will.example)))[1:] == []


def test_process_that_is_away_when_we_come_is_told(reader):
    """The retained Will says so."""
    assert told(reader, state("web", Will.read(Will.example), retained=True)) == ["is offline"]


def test_state_that_is_none_is_told_and_a_cleared_one_is_not(reader):
    """An empty retained payload is how a state is taken away."""
    assert "is no state of a process" in told(reader, message("state/web", b"{}"))[0]
    assert told(reader, message("state/web", b"")) == []


def test_envelope_of_another_version_is_named(reader):
    """A newer release's event is shown by its name."""
    newer = Envelope.parse(WRITTEN.to_json().replace(b"segment_written.v1", b"segment_written.v2"))
    assert "segment_written (version 2)" in reader.lines(event(newer), NOW)[-1]
