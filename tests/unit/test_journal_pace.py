"""How fast a site writes: a flood is seen whatever holds it up, a backlog and a burst are none."""

from dataclasses import replace
from itertools import chain

import pytest
from journal_events import SITE, arrival

from edge.journal.pace import LEAST_EVENTS_S, MOST_MINUTES, REMEMBERED_MS, Paces, is_flood

NOON_MS = arrival(1).time_ms
MINUTE_MS = 60_000
MODEL = arrival(1).entry(1)
OTHER = "sby-002"


def written(minutes, a_minute, *, site=SITE, begin_ms=NOON_MS):
    """Events that a site wrote, so many in each of some minutes."""
    return [
        replace(MODEL, site=site, time_ms=begin_ms + minute * MINUTE_MS + 60_000 * place // a_minute)
        for minute in range(minutes)
        for place in range(a_minute)
    ]


def test_a_site_that_writes_much_is_told_after_three_minutes():
    """With what it held for all of them, and it alone."""
    paces = Paces()
    for minute in range(4):
        begin_ms = NOON_MS + minute * MINUTE_MS
        paces.add(written(1, 6_000, begin_ms=begin_ms) + written(1, 32, site=OTHER, begin_ms=begin_ms), begin_ms)
        assert paces.fast(begin_ms) == ({SITE: 100.0} if minute >= 2 else {})


def test_a_flood_that_arrives_slowly_is_told_as_fast_as_it_was_written():
    """The line brings less a minute than is written in one: when it happened counts, not when it came."""
    paces, events = Paces(), written(3, 6_000)
    for second in range(180):
        paces.add(events[second * 100 : second * 100 + 100], NOON_MS + second * 2_000)
    assert paces.fast(NOON_MS + 360_000) == {SITE: 100.0}


def test_a_backlog_that_comes_in_a_rush_is_none():
    """Days of every process at once, each from another time on."""
    paces = Paces()
    backlogs = [written(600, 32, begin_ms=NOON_MS - 86_400_000 + shift) for shift in (0, 7_000_000, 31_000_000)]
    events = list(chain.from_iterable(zip(*backlogs, strict=True)))
    for begin in range(0, len(events), 500):
        paces.add(events[begin : begin + 500], NOON_MS + begin // 10)
        assert paces.fast(NOON_MS + begin // 10) == {}


def test_a_burst_is_none():
    """Many cameras that go at once, or a clock that lands in one minute: it takes three."""
    paces = Paces()
    paces.add(written(2, 3_000) + written(9, 100, begin_ms=NOON_MS + 2 * MINUTE_MS), NOON_MS)
    assert paces.fast(NOON_MS) == {}


def test_it_is_over_when_no_such_minute_has_come_for_a_while():
    """And told anew when it begins again."""
    paces = Paces()
    paces.add(written(3, 6_000), NOON_MS)
    assert paces.fast(NOON_MS + REMEMBERED_MS - 1) == {SITE: 100.0}
    assert paces.fast(NOON_MS + REMEMBERED_MS) == {}
    paces.add(written(3, 3_000, begin_ms=NOON_MS + 3_600_000), NOON_MS + 3_600_000)
    assert paces.fast(NOON_MS + 3_600_000) == {SITE: 50.0}


def test_a_site_that_makes_up_times_fills_no_memory():
    """A few minutes of each site are remembered, those that something came of last."""
    paces = Paces()
    for minute in range(1_000):
        paces.add(written(1, 1, begin_ms=minute * 7 * MINUTE_MS), NOON_MS)
    assert len(paces._minutes[SITE]) == MOST_MINUTES


@pytest.mark.parametrize(
    ("events_s", "usual_s", "told"),
    [(LEAST_EVENTS_S, 0.5, True), (19, 0.5, False), (84, 8.5, False), (85, 8.5, True), (500, 512.0, False), (100, 0, True)],
)
def test_what_is_a_flood_depends_on_what_the_channels_make(events_s, usual_s, told):
    """Many channels with short segments write much, and rightly so."""
    assert is_flood(events_s, usual_s) == told
