"""Ranges are sets of numbers: every operation agrees with Python's sets."""

from hypothesis import given
from hypothesis import strategies as st

from edge.journal.ranges import Ranges

NUMBERS = st.sets(st.integers(1, 60))


def ranges(numbers: set[int]) -> Ranges:
    return Ranges.of_numbers(numbers)


def numbers(found: Ranges) -> set[int]:
    return {number for first, last in found for number in range(first, last + 1)}


def check_form(found: Ranges) -> None:
    """In order, none empty, none touching the next."""
    for first, last in found:
        assert first <= last
    for (_, last), (first, _) in zip(found.spans, found.spans[1:], strict=False):
        assert last + 1 < first


@given(NUMBERS, NUMBERS)
def test_ranges_of_numbers_behave_as_the_sets_of_them(left: set[int], right: set[int]):
    """Union, difference and intersection, and their form."""
    for found, expected in (
        (ranges(left), left),
        (ranges(left) | ranges(right), left | right),
        (ranges(left) - ranges(right), left - right),
        (ranges(left) & ranges(right), left & right),
    ):
        assert numbers(found) == expected
        check_form(found)


@given(NUMBERS, st.integers(0, 61))
def test_questions_are_answered_as_by_the_set(some: set[int], number: int):
    """Membership, count, ends and what lies below."""
    found = ranges(some)
    assert (number in found) == (number in some)
    assert found.count == len(some)
    assert (found.first, found.last) == (min(some, default=0), max(some, default=0))
    assert numbers(found.up_to(number)) == {one for one in some if one <= number}
    check_form(found.up_to(number))
    assert bool(found) == bool(some)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=8))
def test_ranges_that_overlap_become_their_union(given_ranges):
    """Whatever their order; one whose end lies before its start holds nothing."""
    found = Ranges.of(given_ranges)
    assert numbers(found) == {number for first, last in given_ranges for number in range(first, last + 1)}
    check_form(found)


def test_a_million_numbers_in_a_row_are_one_range():
    """So memory does not grow with the number of events."""
    found = Ranges()
    for first in range(1, 1_000_001, 500):
        found |= Ranges(((first, first + 499),))
    assert found.spans == ((1, 1_000_000),)
