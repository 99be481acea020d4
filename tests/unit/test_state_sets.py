"""Intervals, marks and segments against plain models of them."""

from bisect import bisect_left

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.state import marks as marks_module
from edge.state.intervals import Intervals
from edge.state.marks import MOST_MARKS, Codes, Marks
from edge.state.segments import JOIN_MS, MOST_DAYS, Segments

DAY = 86_400_000
ranges = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda pair: (pair[0], sum(pair))), max_size=20)


def numbers(intervals):
    """The numbers in some ranges."""
    return {number for start, end in intervals for number in range(start, end)}


@given(ranges, ranges, st.integers(0, 70))
def test_intervals_hold_what_was_added_and_nothing_else(added, removed, probe):
    """A union of ranges is the union of their numbers."""
    held, other = Intervals(1, 100), Intervals(1, 100)
    for start, end in added:
        whole = held.add(start, end)
        assert whole[0] <= start < end <= whole[1]
        assert whole in list(held)
    for start, end in removed:
        other.add(start, end)
    assert numbers(held) == numbers(added)
    assert held.total == len(numbers(added))
    assert held.holds(probe) == (probe in numbers(added))
    assert numbers(held.without(other)) == numbers(added) - numbers(removed)
    assert numbers(held.between(10, 40)) == {number for number in numbers(added) if 10 <= number < 40}
    held.clip(30)
    assert numbers(held) == {number for number in numbers(added) if number >= 30}
    assert all(end < start for (_, end), (start, _) in zip(list(held), list(held)[1:], strict=False))


@given(ranges, st.randoms(use_true_random=False))
def test_intervals_that_join_over_small_holes_do_so_in_any_order(added, chance):
    """What is nearer than `join` is one."""
    one, other = Intervals(4, 100), Intervals(4, 100)
    for start, end in added:
        one.add(start, end)
    for start, end in chance.sample(added, len(added)):
        other.add(start, end)
    assert list(one) == list(other)
    assert all(start - end >= 4 for (_, end), (start, _) in zip(list(one), list(one)[1:], strict=False))


def test_intervals_over_their_number_forget_the_lowest():
    """A bound on what one process can make us remember."""
    held = Intervals(1, 3)
    for start in (30, 10, 20, 40):
        held.add(start, start + 1)
    assert list(held) == [(20, 21), (30, 31), (40, 41)]


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 5)), max_size=30), st.integers(-60, 60))
def test_marks_are_a_sorted_set(added, at):
    """Doubles count once, order does not count."""
    held = Marks()
    for time_ms, code in added:
        held.add(time_ms, code)
    plain = sorted(set(added))
    assert list(held.between(-100, 100)) == plain
    assert list(held.between(at, at + 10)) == [mark for mark in plain if at <= mark[0] < at + 10]
    place = bisect_left(plain, (at, 0))
    assert held.before(at) == (plain[place - 1] if place else None)
    held.clip(at)
    assert list(held.between(-100, 100)) == plain[place:]


def test_marks_over_their_number_forget_the_oldest(monkeypatch):
    """A camera that comes and goes for months."""
    assert MOST_MARKS >= 10_000
    monkeypatch.setattr(marks_module, "MOST_MARKS", 3)
    held = Marks()
    for time_ms in (5, 1, 4, 2, 3, 1):
        held.add(time_ms, 0)
    assert list(held.between(0, 10)) == [(3, 0), (4, 0), (5, 0)]


def test_codes_give_an_unknown_word_the_last_one():
    """A newer publisher may know more reasons."""
    codes = Codes(("started", "timeout", "unexplained"))
    assert [codes.word(codes.code(word)) for word in ("started", "timeout", "flood")] == [
        "started",
        "timeout",
        "unexplained",
    ]


# Times from hours before a midnight to hours after it, so that days meet.
starts = st.integers(-20, 20).map(lambda minutes: DAY + minutes * 60_000 + minutes % 7 * 300)
written = st.lists(st.tuples(starts, st.integers(0, 200_000)), max_size=25, unique_by=lambda one: one[0])


def segments_with(told):
    """Segments as a channel keeps them."""
    held = Segments()
    for start, length in told:
        held.day_of(start).add(start % DAY, length)
    return held


@example([(DAY, 0), (DAY - 58_200, 58_201)], DAY + 60_300, 0)  # the day before reaches further than its own day
@given(written, starts, st.integers(0, 3_000_000))
def test_runs_are_what_the_segments_cover_joined_over_less_than_a_second(told, start, length):
    """Against a sweep over all of them."""
    held = segments_with(told)
    swept = []
    for one, size in sorted(told):
        if swept and one - swept[-1][1] < JOIN_MS:
            swept[-1] = (swept[-1][0], max(swept[-1][1], one + size))
        else:
            swept.append((one, one + size))
    found = held.runs(start, start + length)
    cut = [(max(a, start), min(b, start + length)) for a, b in swept if b > start and a < start + length]
    assert [(max(a, start), min(b, start + length)) for a, b in found] == cut
    assert held.runs(start, start + length) == found
    ends = [min(b, start) for a, b in swept if a < start]
    assert held.end_before(start) == max(ends, default=None)
    assert held.start_after(start) == min((one for one, _ in told if one >= start), default=None)
    assert held.last_start_before(start) == max((one for one, _ in told if one < start), default=None)
    assert held.oldest_ms() == min((one for one, _ in told), default=None)


@given(written, starts, st.integers(1, 1_000_000))
def test_segments_whose_middle_is_in_a_dropped_range_are_gone(told, start, length):
    """And no others."""
    held = segments_with(told)
    held.runs(0, 2 * DAY)
    held.drop(start, start + length)
    kept = [(one, size) for one, size in told if not start <= one + size // 2 < start + length]
    straight = segments_with(kept)
    assert held.runs(0, 3 * DAY) == straight.runs(0, 3 * DAY)


@given(st.lists(st.tuples(st.integers(0, 12), *[st.integers(0, 2**40)] * 3), max_size=30))
def test_losses_are_kept_once_for_each_segment(told):
    """The greater figure where two differ; what does not fit is as much as fits."""
    held = Segments()
    plain = {}
    for start, *figures in told:
        held.day_of(start).add_loss(start, *figures)
        capped = [min(figure, 2**32 - 1) for figure in figures]
        plain[start] = [max(pair) for pair in zip(plain.get(start, [0, 0, 0]), capped, strict=True)]
    assert list(held.losses(0, DAY)) == [(start, *figures) for start, figures in sorted(plain.items())]


@pytest.mark.parametrize("order", [1, -1])
def test_days_over_their_number_forget_the_oldest_whichever_came_first(order):
    """One day with a wrong clock costs one day."""
    held = Segments()
    for number in [9_000_000, *range(MOST_DAYS + 5)][::order]:
        day = held.day_of(number * DAY)
        if day is not None:
            day.add(0, 60_000)
    assert len(held.days) == MOST_DAYS
    assert held.floor_ms == 6 * DAY
    assert sorted(held.days) == [*range(6, MOST_DAYS + 5), 9_000_000]
    assert held.day_of(5 * DAY) is None
