"""Pictures whose timestamps cannot be trusted: evenly spaced, close to arrival, and no storm of cuts."""

from itertools import accumulate, pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder_pictures import SECOND, START_NS, WALL_OFFSET_NS, picture, record

from edge.recorder.spacing import EASY_TICKS, SECOND_TICKS, STRAY_TICKS, ticks
from edge.recorder.timeline import VideoTimeline
from edge.recorder.trust import DEEPEST_REORDER, GOOD_NS, JUMP_S, LEAP_S, MOST_SET, MOST_STILL

BROKEN = {
    "frozen": lambda place, start, step, _: start,
    "backward": lambda place, start, step, _: start - place * step,
    "random": lambda place, start, step, random: random.getrandbits(32),
    "shuttling": lambda place, start, step, _: start + place * step + place % 2 * 100_000 * SECOND_TICKS,
}
"""Timestamps of the pictures from the first bad one on, which comes a step after a good one at `start`."""
kinds = st.sampled_from(sorted(BROKEN))
reads_ms = st.integers(100, 250)
rates = st.sampled_from([1, 2, 5, 10, 15, 20, 25, 30, 50])
wild_steps = st.one_of(
    st.just(3600),
    st.sampled_from([0, -3600, 7200, 1, 81_000, -81_000, 100_000 * SECOND_TICKS, -100_000 * SECOND_TICKS, 1 << 31]),
)
stretches = st.lists(
    st.tuples(st.lists(wild_steps, min_size=1, max_size=4), st.integers(1, 200), st.sampled_from([0, 0, 0, 3, 12])),
    max_size=8,
)
"""Each some steps of the clock, again and again for so many pictures, after a pause in seconds."""


def stamps_of(kind, good, broken, step, seed=0):
    """A clock that is good for some pictures and then breaks."""
    random, start = Random(seed), (good - 1) * step
    return [place * step for place in range(good)] + [
        BROKEN[kind](place, start, step, random) for place in range(1, broken + 1)
    ]


def read_at(taken, read_ms, jitter_ms=0, seed=0):
    """When pictures are read that are taken at these times: several at once, and reads may be late."""
    random, every = Random(seed), read_ms * 1_000_000
    late = [random.randint(0, jitter_ms) * 1_000_000 for _ in range(taken[-1] // every + 2)]
    return list(accumulate(((one // every + 1) * every + late[one // every] for one in taken), max))


def place_all(timeline, stamps, arrivals):
    return [timeline.place(t & 0xFFFF_FFFF, a) for t, a in zip(stamps, arrivals, strict=True)]


def stream_of(parts, read_ms):
    """Timestamps and arrivals of stretches in which a clock does one thing after the other."""
    stamps, taken = [0], [0]
    for steps, count, pause_s in parts:
        taken[-1] += pause_s * SECOND
        for place in range(count):
            stamps.append(stamps[-1] + steps[place % len(steps)])
            taken.append(taken[-1] + 40_000_000)
    return stamps, read_at(taken, read_ms)


def break_clock(kind, fps, read_ms, jitter_ms, seed):
    """The times of five seconds of a good clock and a minute of a broken one, and the usual distance of the pictures."""
    step = SECOND_TICKS // fps
    stamps = stamps_of(kind, 5 * fps, 60 * fps, step, seed)
    arrivals = read_at([place * SECOND // fps for place in range(len(stamps))], read_ms, jitter_ms, seed)
    return place_all(VideoTimeline(0), stamps, arrivals), step


@settings(deadline=None)
@given(kinds, st.sampled_from([5, 10, 15, 25, 30]), reads_ms, st.integers(0, 60), st.integers(0, 1 << 16))
def test_clock_that_breaks_leaves_pictures_apart(kind, fps, read_ms, jitter_ms, seed):
    """However many pictures one read brings, they lie about as far apart as before, even where reads and pictures beat."""
    times, step = break_clock(kind, fps, read_ms, jitter_ms, seed)
    steps = [later.show - earlier.show for earlier, later in pairwise(times)]
    assert step * 3 // 4 <= min(steps)
    assert max(steps) <= step * 5 // 4 + ticks((jitter_ms + read_ms) * 1_000_000)
    assert sorted(steps)[len(steps) // 2] == pytest.approx(step, rel=1 / 12)
    assert sum(time.discontinuity for time in times) == (kind != "frozen")


@settings(deadline=None)
@given(kinds, st.sampled_from([10, 15, 25, 30]), st.integers(0, 40), st.integers(0, 1 << 16))
def test_clock_that_breaks_leaves_pictures_evenly_spaced(kind, fps, jitter_ms, seed):
    """Read as the recorder reads, most pictures lie as far apart as before to the tick, and none is much closer."""
    times, step = break_clock(kind, fps, 125, jitter_ms, seed)
    steps = [later.show - earlier.show for earlier, later in pairwise(times)]
    assert sorted(steps)[len(steps) // 10] == sorted(steps)[len(steps) * 9 // 10] == step
    assert step * 7 // 8 <= min(steps)


@settings(deadline=None)
@given(kinds, rates, st.sampled_from([1800, 3600, 6000]), reads_ms, st.integers(0, 60), st.integers(0, 1 << 16))
def test_clock_that_never_was_good_is_held_to_arrival(kind, fps, frame_ticks, read_ms, jitter_ms, seed):
    """Nobody knows the rate: pictures stay within a fragment or so of arrival, rise, and the rate is learned."""
    stamps = stamps_of(kind, 1, 90 * max(fps, 5), SECOND_TICKS // fps, seed)
    arrivals = read_at([place * SECOND // fps for place in range(len(stamps))], read_ms, jitter_ms, seed)
    times = place_all(VideoTimeline(0, frame_ticks), stamps, arrivals)
    late = [ticks(arrival - arrivals[0]) - time.show for arrival, time in zip(arrivals, times, strict=True)]
    assert max(late[2:]) <= STRAY_TICKS
    assert min(late) >= -STRAY_TICKS - EASY_TICKS
    assert all(later.decode > earlier.decode for earlier, later in pairwise(times))
    steps = sorted(later.show - earlier.show for earlier, later in pairwise(times[len(times) // 2 :]))
    assert steps[len(steps) // 2] == pytest.approx(SECOND_TICKS / fps, rel=0.05)


@settings(deadline=None, max_examples=200)
@given(stretches, reads_ms, st.sampled_from([None, 0, 2]))
def test_any_clock_is_news_once_in_a_while(parts, read_ms, reorder):
    """Wherever it jumps, stands still or runs backward: no two discontinuities lie closer than it takes to be believed."""
    stamps, arrivals = stream_of(parts, read_ms)
    times = place_all(VideoTimeline(reorder), stamps, arrivals)
    told = [arrival for arrival, time in zip(arrivals, times, strict=True) if time.discontinuity]
    assert all(later - earlier >= GOOD_NS for earlier, later in pairwise(told))
    assert all(later.decode > earlier.decode for earlier, later in pairwise(times))


@settings(deadline=None, max_examples=200)
@given(stretches, reads_ms, st.sampled_from([None, 0, 2]))
def test_belief_does_not_change_at_every_picture(parts, read_ms, reorder):
    """A clock is given up after some failures only, and believed again only when it was good, or nothing came, for long."""
    stamps, arrivals = stream_of(parts, read_ms)
    timeline, modes, elapsed = VideoTimeline(reorder), [False], []
    for stamp, (before, arrival) in zip(stamps, pairwise([arrivals[0], *arrivals]), strict=True):
        timeline.place(stamp & 0xFFFF_FFFF, arrival)
        modes.append(timeline.goes_by_arrival)
        elapsed.append(arrival - before)
    changes = [place for place, (was, now) in enumerate(pairwise(modes)) if was != now]
    for earlier, later in pairwise(changes):
        if modes[later]:
            assert arrivals[later] - arrivals[earlier] >= GOOD_NS or elapsed[later] > JUMP_S * SECOND
        else:
            assert later - earlier >= MOST_SET - 1


@pytest.mark.parametrize("kind", sorted(BROKEN))
@pytest.mark.parametrize("reorder", [None, 0])
def test_clock_that_is_good_again_is_believed_after_a_while(kind, reorder):
    """By arrival once, then by the camera to the tick, and coming back is no discontinuity."""
    random = Random(7)
    stamps = stamps_of(kind, 100, 200, 3600)
    steps = [random.randint(3000, 4200) for _ in range(400)]
    stamps += list(accumulate(steps, initial=stamps[-1]))[1:]
    arrivals = read_at(list(accumulate([40_000_000] * 299 + [step * 100_000 // 9 for step in steps], initial=0)), 125)
    timeline, times, modes = VideoTimeline(reorder), [], []
    for stamp, arrival in zip(stamps, arrivals, strict=True):
        times.append(timeline.place(stamp & 0xFFFF_FFFF, arrival))
        modes.append(timeline.goes_by_arrival)
    lost = modes.index(True)
    assert lost <= 100 + MOST_STILL
    back = modes.index(False, lost)
    assert not any(modes[back:])
    assert GOOD_NS <= arrivals[back] - arrivals[299 - DEEPEST_REORDER] < GOOD_NS + SECOND
    assert [later.show - earlier.show for earlier, later in pairwise(times[back:])] == steps[back - 299 :]
    assert not any(time.discontinuity for time in times[150:])


@pytest.mark.parametrize("kind", ["backward", "frozen"])
def test_jump_after_a_clock_was_given_up_is_one_failure_again(kind):
    """What it did before it was believed again does not count against it."""
    stamps = stamps_of(kind, 100, 200, 3600)
    stamps += [stamps[-1] + n * 3600 + (n > 150) * 30 * SECOND_TICKS for n in range(1, 300)]
    timeline, believed = VideoTimeline(0), []
    for stamp, arrival in zip(stamps, read_at([n * 40_000_000 for n in range(len(stamps))], 125), strict=True):
        timeline.place(stamp & 0xFFFF_FFFF, arrival)
        believed.append(not timeline.goes_by_arrival)
    assert not believed[410]
    assert all(believed[440:])


def test_reordering_that_begins_behind_a_broken_clock_is_learned():
    """A camera that counted down starts anew, with B-pictures that its parameter sets deny."""
    order = [group * 3 + n for group in range(200) for n in (3, 1, 2)]
    stamps = stamps_of("backward", 100, 300, 3600)
    stamps += [stamps[-1] + (n + 1) * 3600 for n in order]
    timeline = VideoTimeline(0)
    times = place_all(timeline, stamps, read_at([n * 40_000_000 for n in range(len(stamps))], 125))
    assert not timeline.goes_by_arrival
    assert len({time.show - stamp for time, stamp in zip(times[-300:], stamps[-300:], strict=True)}) == 1


@pytest.mark.parametrize("clock_s", [0, 30, -1])
def test_long_pause_of_a_clock_that_is_not_believed_is_told(clock_s):
    """Whatever the clock did meanwhile: ten seconds of media, and sound lies by what came after it."""
    stamps = stamps_of("backward", 100, 200, 3600)
    stamps += [stamps[-1] + clock_s * SECOND_TICKS - n * 3600 for n in range(10)]
    taken = [n * 40_000_000 + (n >= 300) * 30 * SECOND for n in range(310)]
    timeline, arrivals = VideoTimeline(0), read_at(taken, 125)
    times = place_all(timeline, stamps, arrivals)
    assert [n for n, time in enumerate(times) if time.discontinuity] == [100, 300]
    assert times[300].show - times[299].show == JUMP_S * SECOND_TICKS
    assert timeline.lateness_ns == pytest.approx(arrivals[-1] - times[-1].show * 100_000 // 9, abs=SECOND // 4)


def test_small_step_back_is_told_when_it_is_no_reordering():
    """Half a second back, where pictures may be reordered: known after eight of them, and evenly on by arrival."""
    stamps = [n * 3600 - (n >= 100) * 45_000 for n in range(200)]
    times = place_all(VideoTimeline(None), stamps, read_at([n * 40_000_000 for n in range(200)], 125))
    assert [n for n, time in enumerate(times) if time.discontinuity] == [108]
    assert {3600} == {later.show - earlier.show for earlier, later in pairwise(times[108:130])}


def test_two_pictures_under_each_timestamp_are_no_failure():
    """The clock is believed for good, and the second of two lies between the others."""
    timeline = VideoTimeline(0)
    stamps = [n // 2 * 7200 for n in range(1000)]
    times = place_all(timeline, stamps, read_at([n * 40_000_000 for n in range(1000)], 125))
    assert [n * 3600 for n in range(1000)] == [time.show for time in times]
    assert not timeline.goes_by_arrival


@pytest.mark.parametrize("jump_s", [100_000, -100_000, 30, -30, -2])
@pytest.mark.parametrize("place", range(100, 108))
def test_jump_between_pictures_of_one_read_leaves_them_apart(jump_s, place):
    """Nor is the wait for a read taken for a pause."""
    stamps = [n * 3600 + (n >= place) * jump_s * SECOND_TICKS for n in range(200)]
    times = place_all(VideoTimeline(0), stamps, read_at([n * 40_000_000 for n in range(200)], 125))
    assert {3600} == {later.show - earlier.show for earlier, later in pairwise(times)}
    assert [n for n, time in enumerate(times) if time.discontinuity] == [place]


def test_lost_pictures_change_the_spacing_for_a_while_only():
    """Without a clock what is lost is made up for by somewhat longer steps, and then they are as before, to the tick."""
    kept = [n for n in range(1500) if n not in range(240, 243) and n not in range(600, 608)]
    stamps = [min(n, 250) * 3600 for n in kept]
    times = place_all(VideoTimeline(0), stamps, read_at([n * 40_000_000 for n in kept], 125))
    steps = [later.show - earlier.show for earlier, later in pairwise(times)]
    assert {3600} == set(steps[245:590]) | set(steps[900:])
    assert max(steps[245:]) <= 3600 * 5 // 4
    assert abs(times[-1].show - 1499 * 3600) <= SECOND_TICKS // 8


def test_clock_that_is_fast_is_believed_after_a_jump():
    """Half as much again as arrival is no leap, however long it goes on and whatever came before."""
    stamps = [n * 5400 + (n >= 200) * 100_000 * SECOND_TICKS for n in range(3000)]
    times = place_all(VideoTimeline(0), stamps, read_at([n * 40_000_000 for n in range(3000)], 250))
    assert [n for n, time in enumerate(times) if time.discontinuity] == [200]
    assert {5400} == {later.show - earlier.show for earlier, later in pairwise(times)}


def test_jumps_far_between_are_news_each():
    """A clock that is set now and then is believed all the time, and each time a segment ends."""
    stamps = [n * 3600 + n // 150 * 100_000 * SECOND_TICKS for n in range(3000)]
    timeline = VideoTimeline(0)
    times = place_all(timeline, stamps, read_at([n * 40_000_000 for n in range(3000)], 125))
    assert [n for n, time in enumerate(times) if time.discontinuity] == list(range(150, 3000, 150))
    assert {3600} == {later.show - earlier.show for earlier, later in pairwise(times)}
    assert not timeline.goes_by_arrival


@pytest.mark.parametrize("run", [10, 20, 60])
def test_leaps_that_are_taken_back_gain_no_time(run):
    """A clock that goes to and fro by less than a second gets ahead of arrival by two of its leaps, not by each."""
    stamps = [n * 3600 + n // run % 2 * 81_000 for n in range(3000)]
    times = place_all(VideoTimeline(0), stamps, read_at([n * 40_000_000 for n in range(3000)], 125))
    ahead = [time.show - n * 3600 for n, time in enumerate(times)]
    assert max(ahead) <= 2 * LEAP_S * SECOND_TICKS
    assert ahead[-1] <= LEAP_S * SECOND_TICKS + STRAY_TICKS


@pytest.mark.parametrize("following", [lambda n: n // 3 * 10_800, lambda n: n * 100, lambda n: n // 8 * 28_800])
def test_clock_that_is_hardly_better_stays_given_up(following):
    """Frozen, then three or eight pictures to a timestamp, or one that creeps: pictures go on by arrival, evenly."""
    timeline = VideoTimeline(0)
    stamps = [0] * 50 + [following(n) for n in range(1, 1500)]
    times = place_all(timeline, stamps, [n * 40_000_000 for n in range(len(stamps))])
    assert timeline.goes_by_arrival
    assert {3600} == {later.show - earlier.show for earlier, later in pairwise(times)}


@pytest.mark.parametrize("kind", sorted(BROKEN))
@pytest.mark.parametrize("good", [1, 45])
def test_broken_clock_is_cut_once_and_then_on_the_wall_clock(kind, good):
    """A minute with a keyframe each second: at most one cut for the clock, all others on multiples of the length."""
    stamps = stamps_of(kind, good, 60 * 25, 3600)
    arrivals = [START_NS + one for one in read_at([n * 40_000_000 for n in range(len(stamps))], 125)]
    units = [
        picture(n, key=n % 25 == 0, timestamp=stamp, arrival_ns=arrival)
        for n, (stamp, arrival) in enumerate(zip(stamps, arrivals, strict=True))
    ]
    segments = record(units, segment_s=10)
    reasons = [segment.close.reason for segment in segments[:-1]]
    assert reasons.count("discontinuity") == (kind != "frozen")
    keys = [unit.arrival_ns for unit in units if unit.random_access]
    slots = [(arrival_ns + WALL_OFFSET_NS) // (10 * SECOND) for arrival_ns in keys]
    due = {key for key, (before, now) in zip(keys[1:], pairwise(slots), strict=True) if before != now}
    cut = [segment.open.start_ns for segment in segments[1:]]
    assert due <= set(cut)
    assert len(cut) - len(due) <= (kind != "frozen")
    lasts_s = [sum(segment.durations) / SECOND_TICKS for segment in segments]
    assert sum(lasts_s) == pytest.approx(len(units) / 25, abs=0.3)
