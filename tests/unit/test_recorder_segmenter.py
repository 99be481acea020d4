"""The segmenter's rules, each in one plain case, and that it keeps no memory."""

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorder_pictures import (
    ALAW,
    BROKEN_SETS,
    REORDERED_SETS,
    SECOND,
    SEGMENT_S,
    START_NS,
    WALL_OFFSET_NS,
    picture,
    record,
    segments_of,
    sound,
    stream,
)
from rtp_packets import H264_OTHER_SETS, H264_SETS

from edge.codec.formats import VideoFormat
from edge.recorder.operations import OpenSegment, Totals
from edge.recorder.segmenter import FRAGMENT_NS, FRAGMENT_TICKS, MOST_SAMPLE_BYTES, Segmenter
from edge.recorder.sound import MOST_WAITING


def test_keyframe_on_the_multiple_itself_begins_the_segment():
    """At the very nanosecond; one earlier belongs to the segment before."""
    on_time = (START_NS + WALL_OFFSET_NS) // (2 * SECOND) * 2 * SECOND + 2 * SECOND - WALL_OFFSET_NS
    for arrival_ns, starts in ((on_time - 1, 1), (on_time, 2)):
        units = [picture(0, key=True), picture(1, key=True, arrival_ns=arrival_ns)]
        assert starts == len(record(units))


@pytest.mark.parametrize("jump_s", [100_000, -100_000, -2])
def test_jump_of_the_clock_cuts_at_the_next_keyframe(jump_s):
    """The pictures until then stay with the segment before; nothing is left out."""
    units = stream(50)
    for unit in units[23:]:
        unit.timestamp = (unit.timestamp + jump_s * 90_000) & 0xFFFF_FFFF
    segments = record(units, segment_s=3600)
    assert [len(segment.sizes) for segment in segments] == [30, 20]
    assert [segment.close.reason for segment in segments] == ["discontinuity", "shutdown"]


def test_jump_at_a_keyframe_cuts_there():
    """No picture of the old clock in the new segment, nor the other way round."""
    units = stream(50)
    for unit in units[30:]:
        unit.timestamp += 5_000 * 90_000
    assert [len(segment.sizes) for segment in record(units, segment_s=3600)] == [30, 20]


def test_changed_parameter_sets_cut_and_equal_ones_do_not():
    """The same sets as another object are the same format."""
    units = stream(40)
    for unit in units[10:20]:
        unit.parameter_sets = tuple(bytes(bytearray(one)) for one in H264_SETS)
    for unit in units[20:]:
        unit.parameter_sets = H264_OTHER_SETS
    segments = record(units, segment_s=3600)
    assert [len(segment.sizes) for segment in segments] == [20, 20]
    assert [VideoFormat.parse("h264", sets) for sets in (H264_SETS, H264_OTHER_SETS)] == [
        segment.open.video for segment in segments
    ]
    assert segments[0].close.reason == "discontinuity"


def test_broken_parameter_sets_neither_raise_nor_cut():
    """What was in force stays so."""
    units = stream(40)
    for unit in units[10:20]:
        unit.parameter_sets = BROKEN_SETS
    for unit in units[20:]:
        unit.parameter_sets = H264_SETS
    assert [len(segment.sizes) for segment in record(units, segment_s=3600)] == [40]


@given(st.lists(st.binary(max_size=40), max_size=4), st.sampled_from(["h264", "h265"]))
def test_random_parameter_sets_never_raise(sets, codec):
    """Whatever a camera says of its video, the segmenter lives."""
    segmenter = Segmenter(codec, None, SEGMENT_S, WALL_OFFSET_NS)
    for unit in [picture(0, key=True, sets=tuple(sets)), picture(1, key=True)]:
        segmenter.add_video(unit)
    segmenter.end("disconnect")


def test_switch_to_reordered_pictures_cuts_once_and_keeps_their_times():
    """A camera that is set to another profile in mid-session: B-pictures are no jumps of its clock."""
    order = [0, 2, 1, 4, 3, 6, 5, 8, 7, 9]
    units = stream(20)
    for gop in range(20, 60, 10):
        units += [
            picture(gop + at, key=at == 0, timestamp=(gop + n) * 3600, sets=REORDERED_SETS)
            for at, n in enumerate(order)
        ]
    segments = record(units, segment_s=3600)
    assert [len(segment.sizes) for segment in segments] == [20, 40]
    shown = [at + offset for at, offset in zip(segments[1].decode_times, segments[1].offsets, strict=True)]
    assert [(t - shown[0]) // 3600 for t in shown] == [gop + n for gop in range(0, 40, 10) for n in order]
    assert min(segments[1].offsets) >= 0


def test_stream_without_keyframes_is_recorded_from_a_recovery_point_after_a_minute():
    """Not earlier; from then on recovery points cut segments, and none of its pictures claims to be a keyframe."""
    units = [picture(n, recovery_point=n % 25 == 0) for n in range(25 * 70)]
    segments = record(units, segment_s=5)
    assert (segments[0].open.start_ns - START_NS) // 40_000_000 == 25 * 60
    assert len(units) - 25 * 60 == sum(len(segment.sizes) for segment in segments)
    assert not any(sync for segment in segments for sync in segment.sync)
    assert len(segments) == 2 + (WALL_OFFSET_NS % (5 * SECOND) != 0)


def test_stream_of_long_gops_is_recorded_in_one_segment():
    """A camera with a keyframe every five minutes: a long segment, in short fragments all the same."""
    segments = record([picture(n, key=n % 7500 == 0) for n in range(7000)], segment_s=60)
    assert [len(segment.sizes) for segment in segments] == [7000]
    assert max(one.video_ticks for one in segments[0].fragments) <= FRAGMENT_TICKS


def test_first_picture_is_handed_over_alone():
    """So that it is on disk as soon as its duration is known."""
    segmenter = Segmenter("h264", None, SEGMENT_S, WALL_OFFSET_NS)
    assert [OpenSegment] == [type(one) for one in segmenter.add_video(picture(0, key=True))]
    (write,) = segmenter.add_video(picture(1))
    assert write.runs[0].durations == [3600]


def test_tick_hands_over_what_waits_too_long():
    """A camera that stops sending leaves no more than one picture in memory."""
    segmenter = Segmenter("h264", None, SEGMENT_S, WALL_OFFSET_NS)
    for unit in stream(5):
        segmenter.add_video(unit)
    assert segmenter.tick(START_NS + FRAGMENT_NS) == []
    (write,) = segmenter.tick(START_NS + 40_000_000 + FRAGMENT_NS)
    assert len(write.runs[0].sizes) == 3
    assert segmenter.tick(START_NS + 10 * SECOND) == []


def test_cut_on_request_falls_on_the_next_keyframe():
    """The reason asked for stands in the segment that ends."""
    segmenter = Segmenter("h264", None, 3600, WALL_OFFSET_NS)
    operations = [one for unit in stream(15) for one in segmenter.add_video(unit)]
    segmenter.cut("discontinuity")
    operations += [one for unit in stream(30)[15:] for one in segmenter.add_video(unit)]
    segments = segments_of(operations + segmenter.end("config"))
    assert [len(segment.sizes) for segment in segments] == [20, 10]
    assert [segment.close.reason for segment in segments] == ["discontinuity", "config"]


def test_end_before_the_first_keyframe_is_nothing():
    """No segment without a picture to begin with."""
    assert record([picture(n) for n in range(30)]) == []


def test_end_writes_the_last_picture_as_long_as_the_one_before():
    """Its true duration is not known any more; a long one is cut to a second."""
    (segment,) = record([picture(0, key=True), picture(1, timestamp=7200)])
    assert segment.durations == [7200, 7200]
    (segment,) = record([picture(0, key=True), picture(1, timestamp=400_000, arrival_ns=START_NS + 5 * SECOND)])
    assert segment.durations == [400_000, 90_000]
    assert segment.close.end_ns == START_NS + 6 * SECOND


def test_slices_sent_late_join_their_picture():
    """One sample of all slices, with all losses."""
    units = [picture(0, key=True), picture(1), picture(2, continues=True, lost_packets=3), picture(3)]
    (segment,) = record(units)
    assert segment.sizes == [40, 80, 40]
    assert sum(one.lost_packets for one in segment.fragments) == 3


def test_slices_that_never_end_do_not_fill_the_memory():
    """A camera that never begins another picture: what it sends is written in samples of bounded size."""
    chunk = 1 << 20
    units = [picture(0, key=True), *(picture(n, continues=True, size=chunk) for n in range(1, 40))]
    (segment,) = record(units, segment_s=3600)
    assert max(segment.sizes) <= MOST_SAMPLE_BYTES
    assert sum(segment.sizes) == 40 + 39 * chunk


def test_sound_without_pictures_does_not_fill_the_memory():
    """Video packets that never make a picture keep the session alive; the sound that waits is bounded."""
    segmenter = Segmenter("h264", ALAW, SEGMENT_S, WALL_OFFSET_NS)
    segmenter.add_video(picture(0, key=True))
    for number in range(5 * MOST_WAITING):
        segmenter.add_audio(sound(number))
        segmenter.tick(START_NS + number * 20_000_000)
    (segment,) = segments_of([OpenSegment(0, None, ALAW), *segmenter.end("disconnect")])
    assert len(segment.fragments[0].runs[1].sizes) == MOST_WAITING


def test_long_session_keeps_no_memory():
    """A hundred thousand pictures and their sound leave nothing behind in the segmenter."""
    segmenter = Segmenter("h264", ALAW, 10, WALL_OFFSET_NS)

    def run(first):
        for number in range(first, first + 20_000):
            segmenter.add_audio(sound(2 * number))
            segmenter.add_audio(sound(2 * number + 1))
            segmenter.add_video(picture(number, key=number % 50 == 0))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before, after = run(0), run(20_000)
    finally:
        tracemalloc.stop()
    assert after - before < 20_000


def test_sound_lies_where_it_was_heard():
    """In a steady stream each fragment's sound begins within a packet of where the one before ended, and in step."""
    units = sorted([*stream(250), *(sound(n) for n in range(500))], key=lambda one: one.arrival_ns)
    for segment in record(units, audio=ALAW):
        video = audio = 0
        for fragment in segment.fragments:
            video += fragment.video_ticks
            for run in fragment.runs[1:]:
                assert abs(run.base_time - audio) <= 160 or audio == 0
                audio = run.base_time + sum(run.durations)
        assert abs(video / 90_000 - audio / 8000) < 0.1


def test_sound_that_came_with_the_first_picture_is_kept():
    """It was read together with it; what was heard before has no picture and goes."""
    units = [sound(0, arrival_ns=START_NS - 1), sound(1, arrival_ns=START_NS), picture(0, key=True), picture(1)]
    (segment,) = record(units, audio=ALAW)
    assert segment.audio == units[1].data


def test_totals_are_those_of_the_fragments():
    """What an event tells is what was written."""
    totals = Totals()
    (segment,) = record(stream(30), segment_s=3600)
    for fragment in segment.fragments:
        totals.add(fragment)
    assert (totals.frames, totals.keyframes, totals.video_ticks) == (30, 3, 30 * 3600)
    assert totals.end_ns == START_NS + 29 * 40_000_000
