"""The name of a segment: there and back, and nothing else is taken for one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.recordings.segment import SegmentName

START_MS = 1_795_400_521_123
CHANNELS = st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True)
TIMES_MS = st.integers(0, 253_402_300_799_999)  # until the end of 9999


@pytest.mark.parametrize(
    ("channel", "start_ms", "path"),
    [
        ("lobby", START_MS, "lobby/2026-11-23/lobby_20261123T022201123Z.mp4"),
        ("a", 0, "a/1970-01-01/a_19700101T000000000Z.mp4"),
        ("a_b-9", 1_709_251_199_999, "a_b-9/2024-02-29/a_b-9_20240229T235959999Z.mp4"),
        ("_", 1_709_251_200_000, "_/2024-03-01/__20240301T000000000Z.mp4"),
    ],
)
def test_name_is_spelled_as_the_design_says(channel, start_ms, path):
    """Channel, day and milliseconds of UTC; a growing segment says `.part`."""
    name = SegmentName(channel, start_ms)
    assert (path, path.replace(".mp4", ".part.mp4")) == (name.path, name.part_path)
    assert (name, False) == SegmentName.parse(name.path)
    assert (name, True) == SegmentName.parse(name.part_path)


@given(CHANNELS, TIMES_MS)
def test_name_comes_back_from_its_path(channel, start_ms):
    """Any channel and any millisecond until the year 10000."""
    name = SegmentName(channel, start_ms)
    assert (name, False) == SegmentName.parse(name.path)
    assert (name, True) == SegmentName.parse(name.part_path)
    assert name.path.startswith(name.folder + "/")


@given(CHANNELS, TIMES_MS, TIMES_MS)
def test_names_of_a_channel_sort_by_time(channel, one, other):
    """As values and as paths, so that a listing is in order."""
    first, second = SegmentName(channel, min(one, other)), SegmentName(channel, max(one, other))
    assert first <= second
    assert first.path <= second.path


HOSTILE = {
    "empty": "",
    "absolute": "/lobby/2026-11-23/lobby_20261123T022201123Z.mp4",
    "climbing out": "../lobby/2026-11-23/lobby_20261123T022201123Z.mp4",
    "climbing out in the middle": "lobby/../2026-11-23/lobby_20261123T022201123Z.mp4",
    "climbing out as a channel": "../2026-11-23/.._20261123T022201123Z.mp4",
    "deeper": "a/lobby/2026-11-23/lobby_20261123T022201123Z.mp4",
    "doubled slash": "lobby//2026-11-23/lobby_20261123T022201123Z.mp4",
    "another channel's": "lobby/2026-11-23/gate_20261123T022201123Z.mp4",
    "another day's": "lobby/2026-11-24/lobby_20261123T022201123Z.mp4",
    "no such day": "lobby/2026-02-30/lobby_20260230T022201123Z.mp4",
    "no such hour": "lobby/2026-11-23/lobby_20261123T242201123Z.mp4",
    "leap second": "lobby/2026-11-23/lobby_20261123T235960000Z.mp4",
    "upper case": "Lobby/2026-11-23/Lobby_20261123T022201123Z.mp4",
    "channel too long": f"{'a' * 33}/2026-11-23/{'a' * 33}_20261123T022201123Z.mp4",
    "other digits": "lobby/٢٠٢٦-11-23/lobby_20261123T022201123Z.mp4",
    "dotless i": "l\u0131obby/2026-11-23/l\u0131obby_20261123T022201123Z.mp4",
    "newline behind": "lobby/2026-11-23/lobby_20261123T022201123Z.mp4\n",
    "zero byte": "lobby/2026-11-23/lobby_20261123T022201123Z.mp4\0",
    "set aside": "lobby/2026-11-23/lobby_20261123T022201123Z.part.mp4.unreadable",
    "part twice": "lobby/2026-11-23/lobby_20261123T022201123Z.part.part.mp4",
    "other kind": "lobby/2026-11-23/lobby_20261123T022201123Z.mkv",
    "copy of a person": "lobby/2026-11-23/lobby_20261123T022201123Z (1).mp4",
    "no milliseconds": "lobby/2026-11-23/lobby_20261123T022201Z.mp4",
    "local time": "lobby/2026-11-23/lobby_20261123T022201123.mp4",
    "backslashes": "lobby\\2026-11-23\\lobby_20261123T022201123Z.mp4",
    "the mark": ".saksi",
}


@pytest.mark.parametrize("path", HOSTILE.values(), ids=HOSTILE)
def test_other_paths_are_no_segments(path):
    """What the store has not named it does not own."""
    assert SegmentName.parse(path) is None


@given(st.text() | st.from_regex(r"[a-z0-9_-]{1,3}/[0-9-]{10}/[a-z0-9_-]{1,3}_[0-9T]{8,20}Z(\.part)?\.mp4"))
def test_any_text_is_a_segment_only_if_it_is_spelled_so(text):
    """Whatever is taken for a segment is exactly the path of that segment: two paths never mean one."""
    parsed = SegmentName.parse(text)
    if parsed is not None:
        name, grows = parsed
        assert text == (name.part_path if grows else name.path)


def test_later_name_is_so_much_later():
    """For when a stepped clock would give a name twice; it may be of the next day."""
    name = SegmentName("lobby", int(datetime(2026, 11, 23, 23, 59, 59, 999_000, UTC).timestamp() * 1000))
    assert name.later(1).path == "lobby/2026-11-24/lobby_20261124T000000000Z.mp4"
