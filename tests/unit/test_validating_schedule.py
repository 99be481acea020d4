"""When channels are looked at: evenly, not twice soon after another, sooner where there is something to catch up with."""

from itertools import pairwise

import pytest

from edge.codec.formats import VideoFormat
from edge.recordings.newest import Keyframe
from edge.recordings.segment import SegmentName
from edge.validator.backlog import MOST_BEHIND_MS, MOST_SEGMENTS, MOST_TRIES, Backlog
from edge.validator.rejection import Span
from edge.validator.schedule import Schedule

S = 1_000_000_000
VIDEO = VideoFormat("h264", (), 0, 0, None, None, (1, 1), None, None)  # type: ignore[arg-type]


def run(schedule, until_ns, look):
    """Look whenever something is due; returns (time, channel) of each look."""
    done = []
    while (due := schedule.next()) is not None and due[1] <= until_ns:
        channel, at_ns = due
        done.append((at_ns, channel))
        look(channel, at_ns)
    return done


def test_looks_of_all_channels_lie_evenly():
    """32 channels every 10 s: a look every 312.5 ms, and each channel every 10 s."""
    schedule = Schedule(10)
    names = [f"camera-{number:02d}" for number in range(32)]
    schedule.plan(names, 0)
    done = run(schedule, 100 * S, lambda channel, at: schedule.looked(channel, at, behind=False))
    times = [at for at, _ in done]
    assert {after - before for before, after in pairwise(times)} == {312_500_000}
    first = [at for at, channel in done if channel == "camera-00"]
    assert {after - before for before, after in pairwise(first)} == {10 * S}


def test_look_that_came_late_moves_the_plan():
    """After a pause there is one look, not all that were missed."""
    schedule = Schedule(10)
    schedule.plan(["lobby"], 0)
    schedule.looked("lobby", 95 * S, behind=False)
    assert schedule.next() == ("lobby", 105 * S)


def test_nothing_new_is_tried_again_sooner_for_a_while():
    """A keyframe that is a little late is not waited for a whole turn; a camera that is gone costs little."""
    schedule = Schedule(10)
    schedule.plan(["lobby"], 0)
    done = run(schedule, 100 * S, schedule.missed)
    gaps = [after - before for (before, _), (after, _) in pairwise(done)]
    assert gaps[:8] == [2.5 * S] * 8
    assert set(gaps[8:]) == {10 * S}


def test_channel_with_segments_to_catch_up_with_is_due_sooner():
    """The present is reached soon."""
    schedule = Schedule(8)
    schedule.plan(["lobby"], 0)
    schedule.looked("lobby", 0, behind=True)
    assert schedule.next() == ("lobby", 1 * S)


def test_channels_come_and_go():
    """A reload keeps the turns of the others."""
    schedule = Schedule(10)
    schedule.plan(["lobby", "gate"], 0)
    schedule.looked("lobby", 0, behind=False)
    schedule.plan(["lobby", "dock"], 3 * S)
    done = run(schedule, 20 * S, lambda channel, at: schedule.looked(channel, at, behind=False))
    assert done == [(3 * S, "dock"), (10 * S, "lobby"), (13 * S, "dock"), (20 * S, "lobby")]
    schedule.plan([], 0)
    assert schedule.next() is None


def keyframes(start_ms, seconds):
    name = SegmentName("lobby", start_ms)
    return [Keyframe(name, place, place, 1, start_ms + 1000 * place, VIDEO) for place in range(seconds)]


@pytest.fixture
def backlog():
    return Backlog(10_000)


def test_segment_that_was_looked_into_while_it_grew_does_not_wait(backlog):
    """In steady state there is nothing to catch up with."""
    backlog.add(Span(0, 60_000), judged_ms=55_000, now_ms=61_000)
    assert not backlog.waiting


def test_segments_of_a_pause_wait_in_order_and_once(backlog):
    """What came while the validator was away, also where events come twice."""
    for start_ms in (0, 60_000, 60_000, 0, 120_000):
        backlog.add(Span(start_ms, start_ms + 60_000), judged_ms=0, now_ms=180_000)
    assert [one.span.start_ms for one in backlog.waiting] == [0, 60_000, 120_000]


def test_what_is_too_much_or_too_old_is_passed_over_and_counted(backlog):
    """The present matters more than what an hour ago was."""
    for number in range(MOST_SEGMENTS + 10):
        backlog.add(Span(number * 1000, number * 1000 + 20_000 + number), judged_ms=0, now_ms=300_000)
    assert (len(backlog.waiting), backlog.skipped) == (MOST_SEGMENTS, 10)
    backlog.add(Span(2_000_000, 2_060_000), judged_ms=0, now_ms=2_060_000 + MOST_BEHIND_MS)
    assert (len(backlog.waiting), backlog.skipped) == (1, MOST_SEGMENTS + 10)


def test_looks_into_a_segment_are_an_interval_apart(backlog):
    """One every 10 s of the 60, and none before what was judged."""
    backlog.add(Span(0, 60_000), judged_ms=0, now_ms=60_000)
    examination = backlog.waiting[0]
    examination.opened(keyframes(0, 60))
    judged_ms, looks = 0, []
    while (found := examination.next(backlog.not_before_ms(judged_ms))) is not None:
        examination.judged += 1
        judged_ms = found.taken_ms
        looks.append(judged_ms)
    assert looks == [10_000, 20_000, 30_000, 40_000, 50_000]
    assert not examination.is_undecodable


def test_segment_of_which_nothing_can_be_decoded_is_tried_all_over(backlog):
    """A few keyframes from its beginning to its end, then it is given up."""
    backlog.add(Span(0, 60_000), judged_ms=0, now_ms=60_000)
    examination = backlog.waiting[0]
    examination.opened(keyframes(0, 60))
    tried = []
    while (found := examination.next(10_000)) is not None:
        examination.damaged += 1
        tried.append(found.position)
    assert len(tried) == MOST_TRIES
    assert tried[-1] >= 50
    assert examination.is_undecodable
