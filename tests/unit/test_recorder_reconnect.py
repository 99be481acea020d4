"""When a camera is tried again, which accounts are spared, and what the recorder makes of the wall clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import ManualClock
from edge.errors import AuthFailed, CameraError, CameraTimeout, NotFound, StreamEnded, StreamError, Unreachable
from edge.recorder.reconnect import Accounts, wait_s
from edge.recorder.wallclock import STEP_NS, WallClock

LEAST, MIDDLE, MOST = (lambda: 0.0), (lambda: 0.5), (lambda: 1 - 2**-53)
ACCOUNT = ("10.0.0.11", "edge", "secret")


def asking(seconds: float) -> StreamError:
    error = StreamError("the camera has no room for one more viewer")
    error.retry_after_s = seconds
    return error


@pytest.mark.parametrize(
    ("error", "failures", "least_s", "most_s"),
    [
        pytest.param(StreamEnded(""), 1, 0, 0.3, id="first failure: at once, spread a little"),
        pytest.param(Unreachable(""), 1, 0, 0.3, id="first failure to reach it: at once"),
        pytest.param(StreamEnded(""), 2, 0.4, 0.6, id="second failure: half a second"),
        pytest.param(NotFound(""), 3, 0.8, 1.2, id="third: a second"),
        pytest.param(StreamError(""), 6, 6.4, 25 / 3, id="sixth: eight seconds"),
        pytest.param(StreamError(""), 100, 20 / 3, 25 / 3, id="hundredth: no longer"),
        pytest.param(Unreachable(""), 2, 0.75, 1.25, id="unreachable: looked for each second"),
        pytest.param(Unreachable(""), 10_000, 0.75, 1.25, id="unreachable for hours: still each second"),
        pytest.param(CameraTimeout(""), 4, 1.6, 2.4, id="silent: growing room"),
        pytest.param(AuthFailed(""), 1, 96, 144, id="refused password: minutes from the first time on"),
        pytest.param(AuthFailed(""), 2, 192, 288, id="refused again: twice as long"),
        pytest.param(AuthFailed(""), 50, 1440, 1800, id="refused for ever: half an hour at most"),
        pytest.param(asking(4), 1, 4, 4, id="camera that asks for a wait: from the first time on"),
        pytest.param(asking(4), 2, 4, 4, id="camera that asks for a wait: at least that"),
        pytest.param(asking(4), 6, 6.4, 25 / 3, id="camera that asks for less than it would get"),
        pytest.param(asking(30), 1, 10, 10, id="camera that asks for much: ten seconds at most"),
    ],
)
def test_wait_before_the_next_try(error: CameraError, failures: int, least_s: float, most_s: float):
    """The table of waits, with the luckiest and the unluckiest draw."""
    assert pytest.approx(least_s) == wait_s(error, failures, LEAST)
    assert pytest.approx(most_s) == wait_s(error, failures, MOST)
    assert least_s <= wait_s(error, failures, MIDDLE) <= most_s


@given(
    st.sampled_from([Unreachable, NotFound, CameraTimeout, StreamEnded, StreamError]),
    st.integers(1, 1 << 40),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(0, 1e9),
)
def test_wait_is_never_longer_than_ten_seconds(kind, failures, draw, asked_s):
    """However often it failed and whatever it asks for, but for a refused password."""
    error = kind("")
    error.retry_after_s = asked_s
    assert 0 <= wait_s(error, failures, lambda: draw) <= 10


def test_account_that_two_channels_were_refused_with_is_spared():
    """All its channels wait until the last of the refused may try again."""
    accounts = Accounts()
    accounts.refuse(ACCOUNT, "lobby", 220)
    accounts.refuse(ACCOUNT, "gate", 150)
    assert [accounts.wait_s(ACCOUNT, now_s) for now_s in (100, 149, 150, 220)] == [120, 71, 0, 0]


@pytest.mark.parametrize("other", [("10.0.0.12", *ACCOUNT[1:]), (ACCOUNT[0], "viewer", ACCOUNT[2]), (*ACCOUNT[:2], "")])
def test_refused_account_spares_no_other(other):
    """Another camera, user or password is tried at once."""
    accounts = Accounts()
    accounts.refuse(ACCOUNT, "lobby", 220)
    accounts.refuse(ACCOUNT, "gate", 220)
    assert accounts.wait_s(other, 100) == 0


def test_one_refused_channel_holds_up_no_other():
    """One channel may lack a right, however often it is refused."""
    accounts = Accounts()
    accounts.refuse(ACCOUNT, "lobby", 120)
    accounts.refuse(ACCOUNT, "lobby", 220)
    assert accounts.wait_s(ACCOUNT, 100) == 0


def test_account_with_which_a_channel_streams_is_not_spared():
    """It works; only when the last stream has ended do new refusals count."""
    accounts = Accounts()
    accounts.refuse(ACCOUNT, "lobby", 220)
    accounts.begin(ACCOUNT)
    accounts.refuse(ACCOUNT, "gate", 220)
    accounts.refuse(ACCOUNT, "yard", 220)
    assert accounts.wait_s(ACCOUNT, 100) == 0
    accounts.end(ACCOUNT)
    assert accounts.wait_s(ACCOUNT, 100) == 120


@pytest.mark.parametrize("step_s", [0.5, -0.5, 3600, -1e9])
def test_step_of_the_wall_clock_is_told_once(step_s):
    """What the old clock would have shown, and what the new one does; the next look finds nothing odd."""
    clock = ManualClock()
    wall = WallClock(clock)
    before_ns = clock.wall_ns()
    clock.advance(0.25)
    clock.step_wall(step_s)
    step = wall.look()
    assert step is not None
    assert (round(step_s * 1e9), before_ns + 250_000_000) == (step.step_ns, step.wall_before_ns)
    assert clock.wall_ns() == step.wall_after_ns == clock.monotonic_ns() + wall.offset_ns
    assert wall.look() is None


def test_clock_that_is_slewed_is_followed_silently():
    """An hour of the steepest slew of NTP, in looks four times a second: no step, and no error left."""
    clock = ManualClock()
    wall = WallClock(clock)
    for _ in range(14_400):
        clock.advance(0.25)
        clock.step_wall(0.25 * 500e-6)
        assert wall.look() is None
    assert clock.wall_ns() == clock.monotonic_ns() + wall.offset_ns


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e9, 1e9)), max_size=20))
def test_wall_clock_is_right_after_every_look(moves):
    """Whatever happens to the clocks, a look leaves the true offset, and steps are those of half a second or more."""
    clock = ManualClock()
    wall = WallClock(clock)
    for run_s, step_s in moves:
        clock.advance(run_s)
        clock.step_wall(step_s)
        step = wall.look()
        assert clock.wall_ns() == clock.monotonic_ns() + wall.offset_ns
        assert (abs(round(step_s * 1e9)) >= STEP_NS) == (step is not None)
