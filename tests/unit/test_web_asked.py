"""What a request may ask for, and what the outermost layer makes of it."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.web.asked import DAY_MS, range_ms, time_ms
from edge.web.door import safe_path
from edge.web.entrance import own_hosts
from edge.web.problem import ProblemError

NOW_MS = 1_795_392_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-23T02:22:00Z", 1_795_400_520_000, id="utc"),
        pytest.param("2026-11-23T09:22:00+07:00", 1_795_400_520_000, id="jakarta"),
        pytest.param("2026-11-23T09:22:00 07:00", 1_795_400_520_000, id="plus-not-escaped"),
        pytest.param("2026-11-22T22:22:00-04:00", 1_795_400_520_000, id="west"),
        pytest.param("2026-11-23t02:22:00.5z", 1_795_400_520_500, id="small-letters"),
        pytest.param("2026-11-23 02:22:00.123456789Z", 1_795_400_520_123, id="nanoseconds-rounded-down"),
    ],
)
def test_time_of_any_offset_is_understood(text, expected):
    """RFC 3339 times come out as milliseconds of UTC."""
    assert expected == time_ms("from", text)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-23", "2026-11-23T02:22:00", "1795400520", "2026-W48-1T00:00:00Z", "2026-13-01T00:00:00Z",
     "2026-11-23T24:01:00Z", "2026-11-23T02:22:60Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
     "2026-11-23T02:22:00+99:99", "\uff12026-11-23T02:22:00Z"],
)  # fmt: skip
def test_text_that_is_no_time_is_a_problem(text):
    """Anything else is refused by the name of the parameter."""
    with pytest.raises(ProblemError, match="from: must be"):
        time_ms("from", text)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_times(text):
    """Whatever is sent, the answer is a number or a problem."""
    with suppress(ProblemError):
        assert isinstance(time_ms("from", text), int)


@given(st.integers(0, 3_155_000_000_000), st.integers(-23 * 60, 23 * 60))
def test_every_time_is_read_as_it_was_written(since_2000_ms, offset_min):
    """Reading undoes writing, whatever the offset."""
    expected_ms = 946_684_800_000 + since_2000_ms
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=expected_ms)
    written = moment.astimezone(timezone(timedelta(minutes=offset_min))).isoformat(timespec="milliseconds")
    assert expected_ms == time_ms("to", written)


def test_range_is_the_last_day_where_nothing_is_asked():
    """Without `to` it ends now, without `from` it is a day long."""
    assert range_ms(None, None, NOW_MS) == (NOW_MS - DAY_MS, NOW_MS)
    assert (time_ms("to", "2026-11-22T00:00:00Z") - DAY_MS) == range_ms(None, "2026-11-22T00:00:00Z", NOW_MS)[0]


@given(st.text(max_size=60))
def test_path_after_the_login_stays_here(wanted):
    """Where the login leads begins with one slash and holds no line break."""
    path = safe_path(wanted)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert path.isprintable()


def test_machine_knows_its_own_names():
    """A loopback address of IPv6 stands in brackets in Host."""
    assert {"", "localhost", "127.0.0.1", "[::1]"} == own_hosts("::1")
    assert "127.0.0.5" in own_hosts("127.0.0.5")
