"""What a site knows of HQ: acknowledged, behind, silent; old acks that the broker kept are no news."""

import pytest
from state_story import EPOCHS, beat

from edge.state import SiteProjection, site_view
from edge.state.hq_link import BEHIND, HqLink

T = 1_795_392_000_000
OLD, NEW = EPOCHS[0], EPOCHS[2]


def processes(last_sequence, epoch=OLD):
    """A recorder that has come so far."""
    state = SiteProjection()
    state.hear("recorder", beat(0, epoch=epoch, last_sequence=last_sequence), T)
    return site_view(state, (), ("recorder",), T, segment_s=60).processes


def seen(link, last_sequence, after_s, epoch=OLD):
    view = link.view(processes(last_sequence, epoch), T + 1000 * after_s)
    return view.status, view.behind


def told(link, *sequences, at_s=0, epoch=OLD):
    for sequence in sequences:
        link.told("recorder", epoch, sequence, T + 1000 * at_s)


def acked(link, to, at_s=0, epoch=OLD):
    link.acked("recorder", epoch, to, T + 1000 * at_s)


def test_nothing_heard_is_waited_for_and_then_silent():
    """A minute with events and without a word of HQ."""
    link = HqLink()
    assert seen(link, 0, 3600) == ("waiting", 0)
    told(link, 1)
    assert seen(link, 1, 59) == ("waiting", 1)
    assert seen(link, 1, 60) == ("silent", 1)


def test_idle_site_is_linked_however_old_the_last_ack_is():
    """HQ says nothing while there is nothing new."""
    link = HqLink()
    told(link, 1, 2)
    acked(link, 2, at_s=8)
    assert seen(link, 2, 86_400) == ("linked", 0)
    told(link, 3, at_s=86_400)
    assert seen(link, 3, 86_459) == ("linked", 1)
    assert seen(link, 3, 86_460) == ("silent", 1)


def test_ack_that_comes_on_is_progress_even_when_more_wait():
    """A backlog that drains is no silence."""
    link = HqLink()
    told(link, 1, 500)
    for step in range(1, 5):
        acked(link, 100 * step, at_s=50 * step)
        assert seen(link, 500, 50 * step + 59) == ("behind" if 500 - 100 * step >= BEHIND else "linked", 500 - 100 * step)
    assert seen(link, 500, 260)[0] == "silent"


def test_silence_is_over_with_the_ack():
    """And it says since when it lasts while it does."""
    link = HqLink()
    told(link, 7)
    assert link.view(processes(7), T + 90_000).since_ms == T
    acked(link, 7, at_s=95)
    view = link.view(processes(7), T + 99_000)
    assert (view.status, view.since_ms, view.acked_ms, view.held, view.newest) == ("linked", None, T + 95_000, 7, 7)


@pytest.mark.parametrize("order", [1, -1])
def test_ack_of_an_earlier_epoch_or_number_changes_nothing(order):
    """Retained acks come again, and late."""
    link = HqLink()
    told(link, 5, epoch=NEW)
    for epoch, to in [(OLD, 900), (NEW, 5)][::order]:
        acked(link, to, epoch=epoch)
    assert seen(link, 5, 10, epoch=NEW) == ("linked", 0)


def test_new_epoch_is_behind_until_it_is_acknowledged():
    """An ack for what was before says nothing of it."""
    link = HqLink()
    told(link, 500)
    acked(link, 500)
    told(link, 300, epoch=NEW)
    assert seen(link, 300, 5, epoch=NEW) == ("behind", 300)


def test_old_ack_that_the_broker_kept_does_not_make_waiting_younger():
    """It is as old as HQ says."""
    link = HqLink()
    told(link, 9)
    acked(link, 4, at_s=-3600)
    assert seen(link, 9, 60) == ("silent", 5)
    assert link.view(processes(9), T).acked_ms == T - 3_600_000
