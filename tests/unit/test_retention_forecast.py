import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.retention.device import Health, read_answer
from edge.retention.forecast import MOST_DAYS, Recorded, hours_left, is_short, outlook, rate_bytes_ms, short_from_ms
from edge.retention.policy import DAY_MS, HOUR_MS


def test_rate_is_that_of_the_day_once_there_is_enough_of_it():
    """A noisy hour does not make the forecast jump; a new channel is judged by its first minutes."""
    assert rate_bytes_ms(Recorded(600, 60, 600, 60)) == 10
    assert rate_bytes_ms(Recorded(99_999, HOUR_MS, 24 * HOUR_MS, 24 * HOUR_MS)) == 1
    assert rate_bytes_ms(Recorded()) == 0


def test_all_channels_reach_equally_far():
    """The room divided by what all of them write in a day."""
    found = outlook({"a": 100 / DAY_MS, "b": 300 / DAY_MS}, 4_000, {}, {})
    assert found.days == pytest.approx({"a": 10.0, "b": 10.0})
    assert found.bytes_a_day == pytest.approx(400)


def test_what_a_limited_channel_leaves_goes_to_the_others():
    """A share or an age makes room for the rest."""
    rates = {"a": 100 / DAY_MS, "b": 100 / DAY_MS, "c": 0.0}
    assert outlook(rates, 2_000, {"a": 500}, {}).days == pytest.approx({"a": 5.0, "b": 15.0})
    assert outlook(rates, 2_000, {}, {"b": 2 * DAY_MS}).days == pytest.approx({"a": 18.0, "b": 2.0})
    assert outlook(rates, 2_000, {"a": 5_000}, {}).days == pytest.approx({"a": 10.0, "b": 10.0})
    assert outlook({"a": 1 / DAY_MS}, 10**9, {}, {}).days == {"a": MOST_DAYS}
    assert outlook({}, 1000, {}, {}).days == {}


@given(
    st.dictionaries(st.sampled_from("abcde"), st.floats(1, 1e6)),
    st.integers(0, 10**12),
    st.dictionaries(st.sampled_from("abcde"), st.integers(0, 10**9)),
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 10**10)),
)
def test_forecast_never_promises_more_than_the_room(a_day, room_bytes, shares, ages_ms):
    """What the days of all channels hold fits, and no channel is promised more than its own limits."""
    found = outlook({channel: size / DAY_MS for channel, size in a_day.items()}, room_bytes, shares, ages_ms)
    assert set(found.days) == set(a_day)
    assert sum(found.days[channel] * size for channel, size in a_day.items()) <= room_bytes * 1.000001 + 1
    for channel, days in found.days.items():
        assert days <= shares.get(channel, 2**62) / a_day[channel] * 1.000001
        assert days * DAY_MS <= ages_ms.get(channel, 2**62) * 1.000001


def test_promise_is_judged_with_hysteresis():
    """Short below the promise, enough only some way above it."""
    assert is_short(False, 29.9, 30)
    assert not is_short(False, 30.0, 30)
    assert is_short(True, 30.5, 30)
    assert not is_short(True, 31.0, 30)


def test_short_begins_when_what_was_promised_has_to_go():
    """At the limit with young footage: then; with older footage: while that is being replaced."""
    assert short_from_ms(0, 5, 20, 30, 10 * DAY_MS) == 10 * DAY_MS
    assert short_from_ms(0, 25, 20, 30, 0) == 0
    assert short_from_ms(0, 40, 20, 30, 0) == 10 * DAY_MS
    assert short_from_ms(0, 30, 20, 30, 0) == 0


def test_hours_left_are_those_of_a_disk_that_fills():
    """Null where nothing is written, and where deletion holds the disk at its limit."""
    assert hours_left(600118054503, 16_000_000, held=False) == 10.42
    assert hours_left(600, 0, held=False) is None
    assert hours_left(600, 100, held=True) is None


ANSWERS = {
    "well": ({"smart_status": {"passed": True}, "serial_number": "WD-1"}, 0, Health("ok", "WD-1")),
    "failing": ({"smart_status": {"passed": False}, "serial_number": "WD-1"}, 8, Health("failing", "WD-1")),
    "well with old errors": ({"smart_status": {"passed": True}}, 64, Health("ok")),
    "not allowed": ({"smartctl": {"exit_status": 2}}, 2, Health()),
    "behind a USB bridge": ({"serial_number": "", "smart_status": {"passed": True}}, 4, Health()),
    "no object": ([], 0, Health()),
    "another shape": ({"smart_status": 1}, 0, Health()),
}


@pytest.mark.parametrize(("answer", "status", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_answer_of_smartctl_is_read_or_taken_for_unknown(answer, status, expected):
    """What a disk does not clearly say is unknown, never an error."""
    assert read_answer(json.dumps(answer).encode(), status) == expected


def test_answer_that_is_no_json_is_unknown():
    """An old smartctl has no JSON."""
    assert read_answer(b"usage: smartctl", 1) == Health()
