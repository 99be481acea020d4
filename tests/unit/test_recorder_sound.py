"""Sound among the pictures: in step with them whatever delays both, by its own clock as far as that is right."""

from bisect import bisect_left
from itertools import accumulate, chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder_pictures import ALAW, SECOND, START_NS, picture, record, sound

from edge.recorder.timeline import Lateness

IN_STEP_S = 0.15
"""Sound may stray by 0.1 s, and a picture waits for up to 0.04 s before it is complete."""


def same(at_s):
    return at_s


def ticks(every_ms=80, seconds=20):
    return [place * every_ms / 1000 for place in range(seconds * 1000 // every_ms + 2)]


def stream_of(reads, *, seconds=20, video=same, audio=same, held_s=0, gop=25, first_sound_s=0):
    """Units of pictures and sound that began at the same time, as reads at these times find them.

    `video` and `audio` turn seconds into those of the camera's clocks; of the first `held_s` seconds each comes at 0.
    """
    units = []
    for number in range(seconds * 25):
        stamp = round(video(number / 25) * 90_000) + 7_000
        arrival_ns = read_at(reads, number / 25 - held_s)
        units.append((arrival_ns, 1, picture(number, key=number % gop == 0, timestamp=stamp, arrival_ns=arrival_ns)))
    for number in range(round(first_sound_s * 50), seconds * 50):
        stamp = round(audio(number / 50) * 8000) + 9_000
        arrival_ns = read_at(reads, number / 50 - held_s)
        units.append((arrival_ns, 0, sound(number, timestamp=stamp, arrival_ns=arrival_ns)))
    units.sort(key=lambda one: one[:2])  # of each read the segmenter gets the sound first
    return [unit for _, _, unit in units]


def read_at(reads, due_s):
    return START_NS + round(reads[bisect_left(reads, due_s)] * SECOND)


def placed(segment):
    """When pictures and units of sound of a segment are to be played, by number, in seconds of the segment."""
    pictures, sounds = {}, {}
    data = iter(segment.video[at - 5 : at - 1] for at in accumulate(segment.sizes))
    for at, offset in zip(segment.decode_times, segment.offsets, strict=True):
        pictures[int.from_bytes(next(data), "big")] = (at + offset) / 90_000
    numbers = iter(segment.audio[at : at + 4] for at in range(0, len(segment.audio), 160))
    for run in chain.from_iterable(one.runs[1:] for one in segment.fragments):
        for at in list(accumulate(run.durations, initial=run.base_time))[:-1]:
            sounds[int.from_bytes(next(numbers), "big")] = at / 8000
    return pictures, sounds


def skews(segment, ignore=lambda at_s: False):
    """How far each unit of sound is from the picture that began with it."""
    pictures, sounds = placed(segment)
    both = {number: at_s - pictures[number // 2] for number, at_s in sounds.items() if number // 2 in pictures}
    return [at_s for number, at_s in both.items() if number % 2 == 0 and not ignore(number / 50)]


def spacings(segment):
    return {round(8000 * (b - a)) for a, b in pairwise(placed(segment)[1].values())}


def in_step(segment, ignore=lambda at_s: False):
    found = skews(segment, ignore)
    assert found
    return max(map(abs, found)) <= IN_STEP_S


late_reads = st.lists(st.sampled_from([10, 80, 80, 80, 125, 300, 1000]), min_size=300, max_size=300)


@settings(max_examples=40, deadline=None)
@given(late_reads)
def test_late_reads_never_move_sound(waits_ms):
    """Reads up to a second late: the spacing in each segment is that of the clock, and sound is with its pictures."""
    reads = [*accumulate((ms / 1000 for ms in waits_ms), initial=0)]
    reads += [reads[-1] + at_s for at_s in ticks()]
    for segment in record(stream_of(reads, seconds=8), audio=ALAW):
        assert spacings(segment) == {160}
        assert in_step(segment)


@pytest.mark.parametrize("percent", [-1, -0.1, 0.1, 1])
@pytest.mark.parametrize("reads", [ticks(80, 60), ticks(700, 60)])
def test_drifting_sound_is_followed(percent, reads):
    """Slow or fast by a hundredth for a minute in one segment: never more than 0.2 s off, and not set right often."""
    units = stream_of(reads, seconds=60, audio=lambda at_s: at_s * (1 + percent / 100))
    (segment,) = record(units, audio=ALAW, segment_s=3600)
    assert max(map(abs, skews(segment))) <= 0.2
    at = list(placed(segment)[1].values())
    resets = sum(abs(b - a - 0.02 * (1 + percent / 100)) > 0.001 for a, b in pairwise(at))
    assert resets <= 6 * 11  # one step ahead, or ten short ones


@pytest.mark.parametrize("jump_s", [100_000, -100_000, 0.3, 1.2, 2.5, -0.02, -3, 30, 1 << 17])
@pytest.mark.parametrize("which", ["audio", "video", "both"])
def test_jumps_of_either_clock_do_not_part_them(jump_s, which):
    """Two seconds behind the jump at the latest all is as before, within the same segment."""
    jump = lambda at_s: at_s + jump_s * (at_s >= 7)  # noqa: E731
    clocks = {name: jump for name in ("audio", "video") if which in {name, "both"}}
    (segment,) = record(stream_of(ticks(), gop=10_000, **clocks), audio=ALAW, segment_s=3600)
    assert in_step(segment, lambda at_s: 7 <= at_s < 9)


@pytest.mark.parametrize("which", ["audio", "video"])
def test_frozen_clock_does_not_part_them(which):
    """A clock that stands still for five seconds, and goes on where it was."""
    freeze = lambda at_s: at_s if at_s < 7 else max(7, at_s - 5)  # noqa: E731
    (segment,) = record(stream_of(ticks(), gop=10_000, **{which: freeze}), audio=ALAW, segment_s=3600)
    assert in_step(segment, lambda at_s: 12 <= at_s < 14)


@pytest.mark.parametrize("held_s", [0.5, 2])
@pytest.mark.parametrize("silent", [0, 0.5, 1])
@pytest.mark.parametrize("wait_ms", [20, 80, 700])
def test_burst_at_the_start_keeps_them_in_step(held_s, silent, wait_ms):
    """A camera that first sends what it has kept, with the sound, with some of it, or without."""
    units = stream_of(ticks(wait_ms), held_s=held_s, first_sound_s=held_s * silent)
    for segment in record(units, audio=ALAW):
        assert segment.close.end_ns >= segment.open.start_ns
        assert in_step(segment)


def test_way_that_gets_longer_for_both_moves_nothing():
    """All comes a second later from some moment on."""
    reads = [at_s for at_s in ticks() if not 5 < at_s < 6]
    units = stream_of([*(at_s for at_s in reads if at_s <= 5), *(at_s + 1 for at_s in reads if at_s > 5)], seconds=10)
    for segment in record(units, audio=ALAW):
        assert spacings(segment) == {160}
        assert in_step(segment)


def test_pictures_that_come_slower_than_their_clock_says_take_sound_along():
    """25 pictures a second by their timestamps, 21 by arrival: sound stays with them, at their pace."""
    units = stream_of(ticks(), video=lambda at_s: at_s * 21 / 25)
    (segment,) = record(units, audio=ALAW, segment_s=3600)
    assert max(map(abs, skews(segment))) <= 0.5


def test_sound_of_a_session_of_one_read_begins_with_its_pictures():
    """Everything comes at once, and then the end."""
    (segment,) = record(stream_of([1000], seconds=2), audio=ALAW)
    assert set(skews(segment)) == {0}


@given(st.lists(st.integers(0, 2000), min_size=100, max_size=200))
def test_lateness_is_that_of_the_least_late_of_a_second(late_ms):
    """One unit in ten that is not delayed is enough, however late the others are."""
    lateness = Lateness(10**9)
    for place, ms in enumerate(late_ms):
        late_ns = ms * 10**6 if place % 10 else 0
        lateness.see(late_ns, place * 40_000_000)
        assert lateness.least_ns == 0


def test_lateness_follows_when_all_come_later():
    """A way that got longer for good is believed after two seconds; one that got shorter at once."""
    lateness = Lateness(10**9)
    found = []
    for place in range(300):
        late_ns = 300 * 10**6 if 100 <= place < 200 else 0
        lateness.see(late_ns, place * 40_000_000)
        found.append(lateness.least_ns)
    assert set(found[:125]) == {0}
    assert set(found[150:200]) == {300 * 10**6}
    assert set(found[200:]) == {0}
