"""Which segments lie wholly inside a stretch of bad looks."""

import pytest

from edge.validator.rejection import Span, Stretch

S = 1_000
GAP = 30 * S


@pytest.fixture
def stretch():
    one = Stretch(GAP)
    one.clean(0)
    return one


def bad(stretch, *seconds, since=None, confirmed=True):
    found = []
    for second in seconds:
        found += stretch.bad(second * S, since_ms=since and since * S, confirmed=confirmed)
    return found


def span(start, end):
    return Span(start * S, end * S)


def test_segment_between_two_bad_looks_is_rejected_once_there_is_a_look_behind_it(stretch):
    """A segment is decided about when the next look shows that the fault went on."""
    assert bad(stretch, 10, 20, 30, since=10) == []
    assert stretch.finished(span(15, 35), confirmed=True) == []
    assert bad(stretch, 40) == [span(15, 35)]


def test_segment_in_which_the_fault_began_or_ended_is_kept(stretch):
    """Part of it is good."""
    bad(stretch, 10, 20, 30, since=10)
    assert stretch.finished(span(5, 25), confirmed=True) == []
    assert stretch.finished(span(25, 45), confirmed=True) == []
    stretch.clean(46 * S)
    assert bad(stretch, 50, 60, since=50) == []


def test_segment_with_a_clean_look_inside_is_kept_although_the_verdict_stands(stretch):
    """One good look is a good picture, even where it does not yet end the verdict."""
    bad(stretch, 10, 20, 30, since=10)
    stretch.clean(40 * S)
    stretch.finished(span(35, 55), confirmed=True)
    assert bad(stretch, 50, 60) == []


def test_unconfirmed_fault_rejects_only_after_it_was_confirmed(stretch):
    """The segments wait for the verdict."""
    assert bad(stretch, 10, 20, confirmed=False) == []
    assert stretch.finished(span(12, 16), confirmed=False) == []
    assert bad(stretch, 30, since=10) == [span(12, 16)]


def test_hole_without_looks_ends_the_stretch(stretch):
    """What nobody saw is kept."""
    bad(stretch, 10, 20, since=10)
    stretch.finished(span(15, 75), confirmed=True)
    assert bad(stretch, 90, 100) == []


def test_first_connection_that_never_showed_a_clean_picture_counts_from_its_beginning():
    """Nothing counts before it was judged: the segments before the first look belong to the fault."""
    stretch = Stretch(GAP)
    stretch.finished(span(1, 9), confirmed=False)
    assert bad(stretch, 10, 20, confirmed=False) == []
    assert bad(stretch, 30, since=10) == [span(1, 9)]


def test_frozen_began_with_the_look_that_seemed_clean(stretch):
    """A picture that is seen again makes the look before one of the fault."""
    stretch.clean(10 * S)
    bad(stretch, 20, confirmed=False)
    stretch.finished(span(12, 18), confirmed=False)
    assert stretch.waiting == []  # it began before the first bad look: kept
    stretch.finished(span(22, 28), confirmed=False)
    assert bad(stretch, 30, since=10) == [span(22, 28)]


def test_event_that_comes_again_rejects_nothing_again(stretch):
    """Events are published more than once."""
    bad(stretch, 10, 20, 30, since=10)
    stretch.finished(span(15, 25), confirmed=True)
    assert stretch.finished(span(15, 25), confirmed=True) == []
    assert bad(stretch, 40) == []


def test_clean_channel_keeps_nothing_waiting(stretch):
    """In steady state there is nothing to remember."""
    for second in range(10, 600, 10):
        stretch.clean(second * S)
        if second % 60 == 0:
            stretch.finished(span(second - 60, second), confirmed=False)
    assert stretch.waiting == []


def test_clock_that_is_set_back_begins_a_new_stretch(stretch):
    """Times before and after do not lie on one line: only what the new looks enclose is rejected."""
    bad(stretch, 1000, 1010, 1020, since=1000)
    stretch.finished(span(1012, 1018), confirmed=True)
    assert bad(stretch, 100, 110) == []
    assert stretch.finished(span(90, 105), confirmed=True) == []
    assert stretch.finished(span(102, 108), confirmed=True) == [span(102, 108)]
