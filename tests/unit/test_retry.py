"""Waiting before a retry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.retry import Backoff, delay_s


@pytest.mark.parametrize(
    ("attempt", "expected_s"),
    [(-1, 0.5), (0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (1_000_000, 10.0)],
)
def test_growing_attempts_wait_twice_as_long_up_to_the_most(attempt, expected_s):
    """Each failure doubles the wait until the bound."""
    assert delay_s(attempt, first_s=0.5, most_s=10, random=lambda: 0.5) == expected_s


@pytest.mark.parametrize(("chance", "expected_s"), [(0.0, 0.8), (0.5, 1.0), (0.75, 1.1)])
def test_jitter_spreads_the_wait_around_the_plain_one(chance, expected_s):
    """Cameras that dropped together do not come back together."""
    assert delay_s(0, first_s=1, most_s=10, random=lambda: chance) == pytest.approx(expected_s)


@given(
    st.integers(),
    st.floats(0.01, 100),
    st.floats(0.01, 600),
    st.floats(1, 10),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
)
def test_any_policy_waits_between_zero_and_the_most(attempt, first_s, most_s, factor, jitter, chance):
    """No attempt number overflows, and no jitter passes the bound."""
    wait_s = delay_s(attempt, first_s=first_s, most_s=most_s, factor=factor, jitter=jitter, random=lambda: chance)
    assert 0 <= wait_s <= most_s


def test_process_that_keeps_dying_is_restarted_ever_later():
    """Delays are 0.5, 1, 2, 4 .. and stay at the bound."""
    backoff = Backoff(most_s=3)
    assert backoff.delay_s == 0
    delays_s = []
    for _ in range(5):
        backoff = backoff.died(lived_s=0.1)
        delays_s.append(backoff.delay_s)
    assert delays_s == [0.5, 1, 2, 3, 3]


def test_process_that_lived_long_is_restarted_soon():
    """A death after a stable life counts as the first."""
    backoff = Backoff(stable_s=30).died(1).died(1).died(1)
    assert backoff.died(lived_s=30).delay_s == 0.5
