"""The segmenter's rules as properties of any stream."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from recorder_pictures import (
    ALAW,
    BROKEN_SETS,
    NO_SETS,
    SECOND,
    SEGMENT_S,
    START_NS,
    WALL_OFFSET_NS,
    data_of,
    picture,
    record,
    segments_of,
    sound,
)
from rtp_packets import H264_OTHER_SETS, H264_SETS

from edge.codec.formats import VideoFormat
from edge.mp4.fragment import AUDIO_TRACK_ID, VIDEO_TRACK_ID
from edge.recorder.operations import OpenSegment
from edge.recorder.segmenter import FRAGMENT_NS, FRAGMENT_TICKS, Segmenter

sets_choices = st.sampled_from([H264_SETS] * 12 + [H264_OTHER_SETS, BROKEN_SETS, NO_SETS])


@st.composite
def pictures(draw):
    """A stream with everything that cameras do to it."""
    units, timestamp, arrival_ns, sets = [], draw(st.integers(0, (1 << 32) - 1)), START_NS, H264_SETS
    for number in range(draw(st.integers(0, 60))):
        odd = draw(st.integers(0, 30))
        key = draw(st.integers(0, 7)) == 0
        if key:
            sets = draw(sets_choices)
        timestamp += {1: 100_000 * 90_000, 2: -100_000 * 90_000, 3: 0, 4: -3600, 5: 50_000}.get(odd, 3600)
        arrival_ns += {6: 0, 7: 700_000_000, 8: 5 * SECOND, 9: 61 * SECOND}.get(odd, 40_000_000)
        flags = {
            "after_loss": odd == 10,
            "lost_packets": 7 if odd in {10, 11} else 0,
            "continues": odd == 12 and not key,
            "recovery_point": odd in {13, 14},
        }
        units.append(picture(number, key=key, timestamp=timestamp, arrival_ns=arrival_ns, sets=sets, **flags))
    return units


def parseable(unit):
    return unit.parameter_sets in (H264_SETS, H264_OTHER_SETS)


def recorded(units):
    """The units from the first on that a recording can begin with."""
    waiting_ns = units[0].arrival_ns if units else 0
    for place, unit in enumerate(units):
        if unit.random_access:
            waiting_ns = unit.arrival_ns
        starts = unit.random_access or (unit.recovery_point and unit.arrival_ns - waiting_ns >= 60 * SECOND)
        if starts and parseable(unit):
            return units[place:]
    return []


@settings(max_examples=300, deadline=None)
@given(pictures())
def test_any_stream_is_recorded_whole_and_once(units):
    """From the first keyframe on the fragments of all segments are the access units, byte for byte, in order."""
    expected = data_of(recorded(units))
    segments = record(units)
    assert expected == b"".join(segment.video for segment in segments)
    for segment in segments:
        assert len(segment.video) == sum(segment.sizes)
        assert segment.close is not None


@settings(max_examples=200, deadline=None)
@given(pictures())
def test_any_segment_begins_where_a_decoder_can_start(units):
    """With a random access picture (or a recovery point after a minute without), and one format."""
    kept = [[unit] for unit in recorded(units)[:1]]
    for unit in recorded(units)[1:]:
        if unit.continues:
            kept[-1].append(unit)
        else:
            kept.append([unit])
    place = 0
    for segment in record(units):
        first = kept[place][0]
        assert first.random_access or first.recovery_point
        assert [group[0].random_access for group in kept[place : place + len(segment.sizes)]] == segment.sync
        if parseable(first):
            assert VideoFormat.parse("h264", first.parameter_sets) == segment.open.video
        for group in kept[place : place + len(segment.sizes)]:
            if group[0].random_access and parseable(group[0]):
                assert VideoFormat.parse("h264", group[0].parameter_sets) == segment.open.video
        place += len(segment.sizes)
    assert place == len(kept)


@settings(max_examples=200, deadline=None)
@given(pictures())
def test_any_fragment_is_short_and_its_times_follow_on(units):
    """Half a second of media at most unless one picture is longer, and no arrival later than that after its first."""
    for segment in record(units):
        at = 0
        for fragment in segment.fragments:
            (run,) = fragment.runs
            assert (VIDEO_TRACK_ID, at) == (run.track_id, run.base_time)
            assert min(run.durations) > 0
            assert fragment.video_ticks == sum(run.durations)
            assert len(run.sizes) == 1 or (
                fragment.video_ticks <= FRAGMENT_TICKS and fragment.end_ns - fragment.arrival_ns < FRAGMENT_NS
            )
            assert fragment.bytes == sum(map(len, fragment.pieces)) == sum(run.sizes)
            assert fragment.sync == run.sync[0]
            assert not any(run.sync[1:])
            at += fragment.video_ticks


@settings(max_examples=200, deadline=None)
@given(pictures())
def test_any_loss_is_counted_once(units):
    """Lost packets add up, and suspect is what lies between a loss and the next random access picture."""
    segments = record(units)
    assert sum(unit.lost_packets for unit in recorded(units)) == sum(
        one.lost_packets for segment in segments for one in segment.fragments
    )
    suspect, flags = False, []
    for unit in recorded(units):
        if unit.continues and flags:
            continue
        suspect = (suspect or unit.after_loss) and not unit.random_access
        flags.append(suspect)
    durations = [ticks for segment in segments for ticks in segment.durations]
    assert sum(t for t, flag in zip(durations, flags, strict=True) if flag) == sum(
        one.suspect_ticks for segment in segments for one in segment.fragments
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 3 * SECOND), st.integers(20, 200))
def test_steady_stream_is_cut_on_the_first_keyframe_of_each_slot(gop, segment_s, phase_ns, count):
    """Wherever the stream begins within the minute and however long its GOPs are, and nowhere else."""
    units = [picture(n, key=n % gop == 0, arrival_ns=START_NS + phase_ns + n * 40_000_000) for n in range(count)]
    slot = lambda unit: (unit.arrival_ns + WALL_OFFSET_NS) // (segment_s * SECOND)  # noqa: E731
    keys = [unit for unit in units if unit.random_access]
    expected = [keys[0], *(b for a, b in pairwise(keys) if slot(a) != slot(b))]
    segments = record(units, segment_s=segment_s)
    assert [unit.arrival_ns for unit in expected] == [segment.open.start_ns for segment in segments]
    assert ["rollover"] * (len(segments) - 1) + ["shutdown"] == [segment.close.reason for segment in segments]
    assert [segment.close.end_ns for segment in segments[:-1]] == [segment.open.start_ns for segment in segments[1:]]


sounds = st.lists(
    st.tuples(st.sampled_from([160] * 12 + [0, 1, -160, 4000, 900_000_000]), st.sampled_from([20] * 8 + [0, 60, 400])),
    max_size=150,
)


@settings(max_examples=200, deadline=None)
@given(pictures(), sounds)
def test_any_sound_is_kept_in_order_and_never_overlaps(units, steps):
    """All sound between the first picture and the end, once, whatever its clock does or when it stops."""
    noises, timestamp, arrival_ns = [], 0, START_NS
    for number, (ticks, wait_ms) in enumerate(steps):
        timestamp, arrival_ns = timestamp + ticks, arrival_ns + wait_ms * 1_000_000
        noises.append(sound(number, arrival_ns=arrival_ns, timestamp=timestamp))
    segmenter = Segmenter("h264", ALAW, SEGMENT_S, WALL_OFFSET_NS)
    operations, heard = [], []
    for unit in sorted([*units, *noises], key=lambda one: one.arrival_ns):
        if unit in noises:
            segmenter.add_audio(unit)
            heard += [unit.data] if any(isinstance(one, OpenSegment) for one in operations) else []
        else:
            operations += segmenter.add_video(unit)
        operations += segmenter.tick(unit.arrival_ns)
    segments = segments_of(operations + segmenter.end("shutdown"))
    assert b"".join(heard) == b"".join(segment.audio for segment in segments)
    for segment in segments:
        end = 0
        for fragment in segment.fragments:
            for run in fragment.runs[1:]:
                assert run.track_id == AUDIO_TRACK_ID
                assert run.base_time >= end
                assert min(run.durations) > 0
                end = run.base_time + sum(run.durations)
                assert fragment.audio_ticks == sum(run.durations)
