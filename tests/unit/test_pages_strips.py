"""Coverage as bars, and a day of the site's time zone as a line."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.events.catalog import EVENTS
from edge.state.views import Span
from edge.web.days import day_of
from edge.web.happenings import NOTABLE, ROUTINE, SHAPES
from edge.web.strips import COLUMNS, LEAST_PERCENT, MOST_BARS, bars, stretches, title
from edge.words.catalog import Words
from edge.words.times import Times

NOW = int(datetime(2026, 11, 23, 7, 2, 31, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
TIMES = Times(Words("en"), ZoneInfo("Asia/Jakarta"), NOW)
BEGIN = NOW - DAY


def drawn(*spans):
    return bars(stretches(spans), BEGIN, NOW, TIMES)


def test_segments_that_follow_each_other_are_one_bar():
    """What was recorded without a break is drawn without one."""
    spans = [Span("recorded", BEGIN + at * 60_000, BEGIN + (at + 1) * 60_000) for at in range(1440)]
    assert [(bar.left, bar.width, bar.look) for bar in drawn(*spans)] == [(0, 100, "recorded")]


def test_short_gap_is_wide_enough_to_be_seen():
    """Four seconds of a day are a twentieth of a pixel, and still a gap; drawn last, so that nothing hides it."""
    middle = BEGIN + DAY // 2
    found = drawn(
        Span("recorded", BEGIN, middle), Span("gap", middle, middle + 4000, "timeout"), Span("recorded", middle + 4000, NOW)
    )
    assert (found[-1].look, found[-1].left, found[-1].width) == ("gap", 50, LEAST_PERCENT)
    assert found[-1].title == "02:02 to 02:02, 4.0 s: gap, the camera stopped sending"


def test_gap_at_the_end_stays_inside():
    """A camera that went this second is seen too."""
    found = drawn(Span("recorded", BEGIN, NOW - 1000), Span("gap", NOW - 1000, NOW, "ended"))
    assert found[-1].left + found[-1].width <= 100


@pytest.mark.parametrize(
    ("span", "look", "words"),
    [
        (Span("recorded", BEGIN, NOW), "recorded", "recorded"),
        (Span("recorded", BEGIN, NOW, None, "black"), "fault", "picture fault, black"),
        (Span("rejected", BEGIN, NOW, "frozen"), "rejected", "rejected, frozen"),
        (Span("pruned", BEGIN, NOW, "space"), "pruned", "deleted, to make room"),
        (Span("gap", BEGIN, NOW, "recorder_down"), "gap", "gap, the recorder did not run"),
        (Span("gap", BEGIN, NOW, "not_yet"), "before", "before the first recording"),
    ],
)
def test_span_looks_and_says_what_it_is(span, look, words):
    """Every kind of span has its look and its words."""
    (one,) = stretches([span])
    assert one.look == look
    assert title(one, TIMES).endswith(f": {words}")


def test_future_is_not_drawn():
    """What is yet to come is neither recorded nor missing."""
    assert stretches([Span("future", NOW, NOW + DAY)]) == []


def test_channel_that_comes_and_goes_is_drawn_in_columns():
    """Thousands of gaps make a hundred columns, each as high as it is recorded, not a page of megabytes."""
    spans = []
    for at in range(1440):
        start = BEGIN + at * 60_000
        spans += [Span("recorded", start, start + 45_000), Span("gap", start + 45_000, start + 60_000, "ended")]
    found = drawn(*spans)
    assert len(found) == COLUMNS
    assert {bar.height for bar in found} == {75}


@given(st.lists(st.tuples(st.sampled_from(["recorded", "gap", "pruned", "rejected"]), st.integers(1, DAY // 20))))
def test_bars_never_leave_the_strip(pieces):
    """Whatever the spans: inside, and no more than can be drawn."""
    spans, at = [], BEGIN
    for kind, length in pieces:
        end = min(NOW, at + length)
        spans.append(Span(kind, at, end, "ended" if kind == "gap" else "space" if kind == "pruned" else None))
        at = end
    found = drawn(*spans)
    assert len(found) <= MOST_BARS
    for bar in found:
        assert 0 <= bar.left <= 100.001
        assert bar.left + bar.width <= 100.01


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Jakarta", date(2026, 11, 22), 24),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Asia/Kathmandu", date(2026, 11, 22), 24),
    ],
)
def test_day_is_as_long_as_it_is_there(zone, day, hours):
    """Midnight to midnight of the site, also where clocks change."""
    found = day_of(day, Times(Words("en"), ZoneInfo(zone), NOW))
    assert (found.end_ms - found.start_ms) / 3_600_000 == hours
    assert len(found.hours) == hours
    assert found.hours[0].label == "00"
    assert found.now is None


def test_today_has_no_day_after_and_a_mark_for_now():
    """Nobody leafs into the future."""
    found = day_of(None, TIMES)
    assert (found.day, found.previous, found.following) == (date(2026, 11, 23), date(2026, 11, 22), None)
    assert found.now == pytest.approx(58.5, abs=0.1)
    assert day_of(date(2999, 1, 1), TIMES) == found
    assert day_of(date(1, 1, 1), TIMES).previous is None


def test_every_event_has_a_shape_or_is_plain():
    """No shape is kept for an event that is no more."""
    assert set(SHAPES) <= set(EVENTS)
    assert set(NOTABLE) | ROUTINE == set(EVENTS)
