"""Sample times: whatever a camera's clock does, decoding never goes back and what is plausible is kept exactly."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.recorder.timeline import AudioTimeline, VideoTimeline, signed
from edge.recorder.trust import DEEPEST_REORDER, JUMP_S

TICK_NS = 1_000_000_000 // 90_000
FRAME = 3600
FRAME_NS = 40_000_000
DAY_S = 86_400
depths = st.none() | st.integers(0, 4)
wild_steps = st.one_of(
    st.integers(-200_000, 200_000),
    st.just(0),
    st.sampled_from([FRAME, 1800, 1500, 3003, -100_000 * 90_000, 100_000 * 90_000, 1 << 31, (1 << 31) - 1]),
)
arrival_steps = st.one_of(
    st.integers(0, 100_000_000), st.just(FRAME_NS), st.sampled_from([0, 20 * 10**9, DAY_S * 10**9])
)


def place_all(timeline, timestamps, arrivals=None):
    if arrivals is None:
        arrivals = [place * FRAME_NS for place in range(len(timestamps))]
    return [timeline.place(t & 0xFFFF_FFFF, a) for t, a in zip(timestamps, arrivals, strict=True)]


def reordered(depth, groups):
    """Timestamps in decoding order of mini groups of pictures that need to be held back by `depth`."""
    order = [0]
    for _ in range(groups):
        base = max(order)
        tail = list(range(base + 1, base + 2 ** (depth - 1) + 1)) if depth else [base + 1]
        order += bisected(tail) if depth else tail
    return [place * FRAME for place in order]


def bisected(shown):
    """A pyramid of B-pictures: the last first, then the middle of what is left, and so on."""
    if not shown:
        return []
    *rest, last = shown
    middle = len(rest) // 2
    return [last, *bisected(rest[: middle + 1]), *bisected(rest[middle + 1 :])] if rest else [last]


def held_back(timestamps):
    """By how many pictures the deepest one is overtaken."""
    return max(sum(earlier > one for earlier in timestamps[:place]) for place, one in enumerate(timestamps))


@given(st.lists(st.tuples(wild_steps, arrival_steps), max_size=80), depths, st.integers(0, (1 << 32) - 1))
def test_any_clock_gives_decode_times_that_rise(steps, depth, first):
    """Wraps, jumps, freezes, steps back: every picture gets a time, and decoding rises with each, by 32 bits at most."""
    timestamps = list(accumulate((step for step, _ in steps), initial=first))
    arrivals = list(accumulate((step for _, step in steps), initial=0))
    times = place_all(VideoTimeline(depth), timestamps, arrivals)
    assert len(timestamps) == len(times)
    assert times[0].decode == 0
    for earlier, later in pairwise(times):
        assert 0 < later.decode - earlier.decode < 1 << 32
        assert abs(later.show - later.decode) < 1 << 31


@given(
    st.lists(st.integers(1, 5 * 90_000), min_size=1, max_size=60),
    st.integers(0, (1 << 32) - 1),
    st.lists(st.integers(-200, 200), min_size=60, max_size=60),
    st.sampled_from([None, 0]),
)
def test_rising_timestamps_keep_their_spacing(spacing, first, jitter_ms, depth):
    """Over a wrap and with arrival that jitters, the spacing is the camera's to the tick, and nothing is odd."""
    timestamps = list(accumulate(spacing, initial=first))
    even = [(t - first) * TICK_NS for t in timestamps]
    arrivals = list(accumulate((a + j * 1_000_000 for a, j in zip(even, [0, *jitter_ms], strict=False)), max))
    times = place_all(VideoTimeline(depth), timestamps, arrivals)
    assert [t - first for t in timestamps] == [time.decode for time in times]
    assert [time.show for time in times] == [time.decode for time in times]
    assert not any(time.discontinuity for time in times)


@pytest.mark.parametrize("jump_s", [100_000, -100_000, JUMP_S + 1, -(JUMP_S + 1), -2, 1 << 14])
@pytest.mark.parametrize("depth", [None, 0, 2])
def test_jump_of_the_clock_goes_on_by_arrival(jump_s, depth):
    """The picture behind a jump is marked and comes as late as it arrived; then the camera's spacing counts again."""
    before = [place * FRAME for place in range(20)]
    behind = [before[-1] + jump_s * 90_000 + place * FRAME for place in range(20)]
    arrivals = [place * FRAME_NS for place in range(20)]
    arrivals += [arrivals[-1] + 70_000_000 + place * FRAME_NS for place in range(20)]
    times = place_all(VideoTimeline(depth), before + behind, arrivals)
    assert [place for place, time in enumerate(times) if time.discontinuity] == [20]
    assert times[20].show - times[19].show == 6300  # 70 ms
    assert {FRAME} == {later.show - earlier.show for earlier, later in pairwise(times[20:])}


@pytest.mark.parametrize(("jump_s", "late_s"), [(1.2, 0), (2.5, 0), (2.5, 0.9), (9.5, 0.9)])
@pytest.mark.parametrize("depth", [None, 0, 2])
def test_small_leap_ahead_of_arrival_goes_on_by_arrival(jump_s, depth, late_s):
    """A clock that is set forward by seconds leaves no hole, even where the picture before it came late."""
    stamps = [place * FRAME + (place >= 100) * round(jump_s * 90_000) for place in range(200)]
    arrivals = [place * FRAME_NS + (90 <= place < 98) * round(late_s * 1e9) for place in range(200)]
    times = place_all(VideoTimeline(depth), stamps, list(accumulate(arrivals, max)))
    assert [place for place, time in enumerate(times) if time.discontinuity] == [100]
    late = sum(later.show - earlier.show - FRAME for earlier, later in pairwise(times))
    assert -late_s * 90_000 <= late <= 0


@given(st.lists(st.integers(80, 8000), min_size=20, max_size=50), st.sampled_from([FRAME, 6000, 18_000]), st.randoms())
def test_late_delivery_is_no_leap(reads_ms, spacing, random):
    """Stalls of seconds, what was kept coming at once, pictures left out meanwhile: the spacing is the camera's."""
    reads = [0, *accumulate(ms * 10**6 for ms in reads_ms)]
    stamps, arrivals, at = [], [], 0
    for place in range(reads[-1] * 9 // 100_000 // spacing):
        due_ns = place * spacing * 100_000 // 9
        at += reads[at] < due_ns
        while reads[at] < due_ns:
            at += 1
        if place == 0 or reads[at] - due_ns < 900_000_000 or random.random() < 0.5:
            stamps.append(place * spacing)
            arrivals.append(reads[at])
    times = place_all(VideoTimeline(0), stamps, arrivals)
    assert stamps == [time.show for time in times]
    assert not any(time.discontinuity for time in times)


def test_congestion_that_ends_is_no_leap():
    """A camera that falls seconds behind over half a minute, throws away what it kept, and is in time again."""
    stamps = [place * FRAME for place in range(750)] + [(750 + 200 + place) * FRAME for place in range(200)]
    arrivals = [round(place * FRAME_NS * 1.25) for place in range(750)]
    arrivals += [(950 + place) * FRAME_NS for place in range(200)]
    times = place_all(VideoTimeline(0), stamps, arrivals)
    assert stamps == [time.show for time in times]
    assert not any(time.discontinuity for time in times)


def test_clock_that_is_slower_than_it_says_is_no_jump():
    """A camera that says 25 pictures a second in its timestamps and sends 21 (open-nvr)."""
    stamps = [place * FRAME for place in range(20_000)]
    times = place_all(VideoTimeline(0), stamps, [place * 10**9 // 21 for place in range(20_000)])
    assert stamps == [time.show for time in times]


@pytest.mark.parametrize("age_s", [0.5, 4, 9])
@pytest.mark.parametrize("kept", [1, 25])
def test_pictures_kept_by_the_camera_keep_their_age(age_s, kept):
    """At PLAY some cameras send their last keyframe, or all pictures since, at once, and then go on in time."""
    stamps = [place * FRAME for place in range(kept)]
    live = round(age_s * 90_000) + stamps[-1]
    stamps += [live + place * FRAME for place in range(100)]
    arrivals = [0] * kept + [place * FRAME_NS for place in range(100)]
    times = place_all(VideoTimeline(0), stamps, arrivals)
    assert stamps == [time.show for time in times]


@given(st.integers(1, 200), st.integers(1, 40), depths)
def test_frozen_clock_goes_on_by_arrival(frozen, behind, depth):
    """Pictures under one timestamp are spaced as usual, and a clock that runs again costs nothing."""
    timestamps = [0] * frozen + [place * FRAME for place in range(1, behind + 1)]
    times = place_all(VideoTimeline(depth), timestamps)
    assert not any(time.discontinuity for time in times)
    shown = [time.show for time in times]
    assert {FRAME} == {later - earlier for earlier, later in pairwise(shown)}


@given(st.lists(st.integers(0, 300), min_size=50, max_size=400))
def test_shared_timestamps_read_late_gain_no_time(late_ms):
    """Two pictures under each timestamp are never further ahead of the camera's clock than the latest read was late."""
    timestamps = [place // 2 * 2 * FRAME for place in range(len(late_ms))]
    arrivals = list(accumulate((place * FRAME_NS + ms * 1_000_000 for place, ms in enumerate(late_ms)), max))
    times = place_all(VideoTimeline(0), timestamps, arrivals)
    ahead = [time.show - times[0].show - timestamp for time, timestamp in zip(times, timestamps, strict=True)]
    assert max(ahead) <= FRAME + max(late_ms) * 90
    assert all(later.show > earlier.show for earlier, later in pairwise(times))


@given(st.integers(1, 4), st.booleans(), st.integers(0, (1 << 32) - 1), st.integers(2, 12))
def test_reordered_pictures_keep_their_show_times(depth, known, first, groups):
    """B-pictures are shown exactly as the camera says; where the depth is known, none is decoded after it is shown."""
    shown = reordered(depth, groups)
    depth = held_back(shown)
    times = place_all(VideoTimeline(depth if known else None), [first + t for t in shown])
    assert [t - shown[0] for t in shown] == [time.show - times[0].show for time in times]
    assert not any(time.discontinuity for time in times)
    if known:
        assert all(time.show >= time.decode for time in times)


@given(st.integers(1, 4), st.integers(6, 20))
def test_unknown_depth_is_learned_in_the_first_group(depth, groups):
    """Only pictures until the depth is learned may be decoded after they are shown; the depth stays bounded."""
    shown = reordered(depth, groups)
    timeline = VideoTimeline(None)
    times = place_all(timeline, shown)
    learned = 2 * 2 ** (depth - 1) + 2
    assert all(time.show >= time.decode for time in times[learned:])
    assert max(time.show - time.decode for time in times) <= (DEEPEST_REORDER + 9) * FRAME


def test_reorder_depth_that_was_understated_is_learned():
    """A stream that reorders deeper than its parameter sets say keeps its show times, and decoding catches up."""
    shown = reordered(3, 10)
    times = place_all(VideoTimeline(1), shown)
    assert [t - shown[0] for t in shown] == [time.show - times[0].show for time in times]
    assert all(time.show >= time.decode for time in times[12:])


def test_small_step_back_without_reordering_is_a_discontinuity():
    """Where the stream says that it does not reorder, a step back of the clock is one, however small."""
    shown = [0, 3600, 7200, 5400, 9000, 12600]
    times = place_all(VideoTimeline(0), shown)
    assert [place for place, time in enumerate(times) if time.discontinuity] == [3]
    assert {FRAME} == {later.show - earlier.show for earlier, later in pairwise(times)}


@given(st.integers(1, 4), st.integers(8, 20))
def test_reordering_that_is_denied_is_learned(depth, groups):
    """Parameter sets may be wrong: from the second group on pictures are shown as the camera says."""
    shown = reordered(depth, groups)
    times = place_all(VideoTimeline(0), shown)
    learned = 2 * 2 ** (depth - 1) + 2
    assert not any(time.discontinuity for time in times[learned:])
    offsets = {time.show - stamp for time, stamp in zip(times[learned:], shown[learned:], strict=True)}
    assert len(offsets) == 1
    assert sum(time.discontinuity for time in times) <= 2 ** (depth - 1)


def test_clock_that_counts_down_is_not_taken_for_reordering():
    """The first step back is news, the others are not, and pictures stay in the order in which they came."""
    times = place_all(VideoTimeline(0), [100_000 - place * FRAME for place in range(25)])
    assert [time.discontinuity for time in times] == [False, True] + [False] * 23
    assert {FRAME} == {later.show - earlier.show for earlier, later in pairwise(times)}


def test_new_parameter_sets_that_reorder_are_followed():
    """A camera that is switched to B-pictures in mid-stream gets its show times, without a discontinuity a picture."""
    timeline = VideoTimeline(0)
    plain = [place * FRAME for place in range(10)]
    place_all(timeline, plain)
    timeline.expect_reorder(2)
    shown = [plain[-1] + FRAME + t for t in reordered(2, 8)]
    times = [timeline.place(t, (10 + place) * FRAME_NS) for place, t in enumerate(shown)]
    assert [t - shown[0] for t in shown] == [time.show - times[0].show for time in times]
    assert not any(time.discontinuity for time in times)
    assert all(time.show >= time.decode for time in times)
    assert all(later.decode > earlier.decode for earlier, later in pairwise(times))


@given(st.lists(st.integers(1, 2000), max_size=60), st.integers(0, (1 << 32) - 1))
def test_audio_keeps_its_own_spacing(steps, first):
    """Audio that arrives when it should is placed by its own clock, also over a wrap."""
    timestamps = list(accumulate(steps, initial=first))
    timeline = AudioTimeline(8000)
    places = [timeline.place(t & 0xFFFF_FFFF, 10**9 + (t - first) * 125_000, 160) for t in timestamps]
    assert [t - first for t in timestamps] == places


@given(st.lists(st.tuples(wild_steps, arrival_steps), max_size=80), st.integers(0, (1 << 32) - 1))
def test_audio_that_any_clock_times_goes_on(steps, first):
    """Whatever the clock does, each unit begins after the one before, and no pause is longer than arrival allows."""
    timeline = AudioTimeline(8000)
    timestamp, arrival_ns = first, 5 * 10**9
    before = first_place = timeline.place(timestamp, arrival_ns, 160)
    gained = 800
    for step, wait_ns in steps:
        timestamp, arrival_ns = (timestamp + step) & 0xFFFF_FFFF, arrival_ns + wait_ns
        place = timeline.place(timestamp, arrival_ns, 160)
        assert before < place
        assert place - before <= 160 + 800 or place - first_place <= (arrival_ns - 5 * 10**9) * 8000 // 10**9 + gained
        gained += 160 + 800
        before = place


@pytest.mark.parametrize(
    ("difference", "expected"), [(0, 0), (1, 1), (-1, -1), (0xFFFF_FFFF, -1), (1 << 31, -(1 << 31)), (-(1 << 32), 0)]
)
def test_difference_of_timestamps_is_the_short_way_round(difference, expected):
    """Timestamps have 32 bits and wrap."""
    assert expected == signed(difference)
