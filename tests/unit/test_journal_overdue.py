"""How long a number may be missing before it is asked for."""

from edge.journal.overdue import Overdue
from edge.journal.positions import Source, Track
from edge.journal.ranges import Ranges

SOURCE = Source("jkt-001", "recorder", "01KAQFYK00N8TG6ZQ3V5M7W9XA")


def due_at(track_at, seconds) -> dict[float, list]:
    """Overdue ranges at each of some seconds."""
    overdue = Overdue()
    found = {}
    for second in seconds:
        due = overdue.look({SOURCE: track_at(second)}, round(second * 1e9))
        found[second] = list(due.get(SOURCE, Ranges()))
    return found


def received(*spans, heard: int = 0) -> Track:
    return Track(received=Ranges(spans), heard=heard)


def test_a_hole_is_due_after_two_seconds():
    """Not before, as a reconnect brings events out of order."""
    found = due_at(lambda _: received((1, 9), (20, 30)), [0, 1, 1.9, 2])
    assert found == {0: [], 1: [], 1.9: [], 2: [(10, 19)]}


def test_a_younger_hole_waits_for_its_own_two_seconds():
    """While the older one is due."""
    found = due_at(lambda s: received((1, 9), (20, 30)) if s < 2 else received((1, 9), (20, 30), (41, 50)), [0, 1, 2, 3, 4])
    assert found[2] == [(10, 19)]
    assert found[3] == [(10, 19)]
    assert found[4] == [(10, 19), (31, 40)]


def test_a_tail_is_due_when_the_heartbeat_is_ahead_for_five_seconds():
    """And only as far as it was ahead then."""
    found = due_at(lambda s: received((1, 9), heard=12 if s < 4 else 15), [0, 2, 4, 5, 6])
    assert found == {0: [], 2: [], 4: [], 5: [(10, 12)], 6: [(10, 12)]}


def test_a_tail_is_not_due_while_events_keep_coming():
    """A backlog of hours is on its way: asking for it would bring it twice."""
    found = due_at(lambda s: received((1, 10 + s), heard=10_000), range(30))
    assert not any(found.values())


def test_events_that_come_with_every_heartbeat_leave_no_tail_to_be_due():
    """The heartbeat may be ahead at each moment that is looked at."""
    found = due_at(lambda s: received((1, 10 * (1 + s // 4)), heard=10 * (1 + s // 4) + 3), range(40))
    assert not any(found.values())


def test_a_source_of_which_nothing_came_is_due_whole():
    """Its events went by before this journal was there."""
    assert due_at(lambda _: received(heard=100), [0, 5])[5] == [(1, 100)]


def test_nothing_is_due_straight_after_a_reconnect():
    """While the connection was away nothing could come."""
    overdue = Overdue()
    track = {SOURCE: received((1, 9), (20, 30))}
    overdue.look(track, 0)
    overdue.begin_again()
    assert not overdue.look(track, 10**10)
    assert overdue.look(track, 12 * 10**9)


def test_what_was_due_once_stays_due_while_a_part_of_it_comes():
    """A long replay is asked for piece by piece without a pause."""
    found = due_at(lambda s: received((1, 9 + 2 * s), heard=100), [0, 1])
    assert found == {0: [], 1: []}
    found = due_at(lambda s: received((1, 9 if s < 6 else 50), heard=100), [0, 5, 6])
    assert found == {0: [], 5: [(10, 100)], 6: [(51, 100)]}
