"""Names of epochs sort by age, whatever the clock does between them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.bus.epoch import new_epoch
from edge.bus.outbox import Outbox
from edge.clock import ManualClock
from edge.events.ulid import ulid

WALL_NS = st.integers(0, 4_000_000_000 * 10**9)


@given(st.lists(WALL_NS, min_size=2, max_size=8))
def test_each_epoch_sorts_after_the_one_before_it(times):
    """Also when the clock goes back by years, and for two within a millisecond."""
    epochs = [new_epoch(times[0])]
    for wall_ns in times[1:]:
        epochs.append(new_epoch(wall_ns, epochs[-1]))
    assert epochs == sorted(set(epochs))
    assert {len(epoch) for epoch in epochs} == {26}


def test_a_clock_that_runs_on_gives_its_own_time():
    """Only where the order would break the time of the name is not the clock's."""
    before = new_epoch(10**18)
    assert new_epoch(10**18 + 10**9, before)[:10] == ulid(10**18 + 10**9, bytes(10))[:10]


def test_a_name_that_is_no_epoch_is_not_followed():
    """A note that somebody wrote by hand stops no process."""
    assert len(new_epoch(10**18, "zzz")) == 26


def test_an_outbox_made_anew_after_the_clock_went_back_has_the_later_epoch(tmp_path: Path):
    """Deleted, with only its note left, on a machine whose clock is wrong by a year."""
    clock = ManualClock()
    path = tmp_path / "recorder.outbox"
    first = Outbox.open(path, site="jkt-001", process="recorder", clock=clock)
    first.close()
    path.unlink()
    clock.step_wall(-365 * 86_400)
    second = Outbox.open(path, site="jkt-001", process="recorder", clock=clock)
    assert second.previous == (first.epoch, 0)
    assert second.epoch > first.epoch
    second.close()
