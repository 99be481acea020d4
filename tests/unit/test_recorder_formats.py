"""Whatever a camera says of its video: what is believed can be written to a file and told in an event."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rtp_packets import H264_FIELD_SETS, H264_SETS, H265_SETS

from edge.codec.formats import AudioFormat, VideoFormat
from edge.errors import CodecError
from edge.mp4.init import init_segment
from edge.recorder.announcer import describe_audio, describe_video

SETS = {
    "h264": [
        H264_SETS,
        H264_FIELD_SETS,
        (bytes.fromhex("67640028acd940780227e584000003000400000300f03c60c658"), H264_SETS[1]),
    ],
    "h265": [H265_SETS],
}


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(["h264", "h265"]))
def test_damaged_parameter_sets_break_no_writer(data, codec):
    """Any bits of true parameter sets turned over: refused as CodecError, or good for a head and for events."""
    sets = [bytearray(one) for one in data.draw(st.sampled_from(SETS[codec]))]
    for _ in range(data.draw(st.integers(0, 4))):
        one = sets[data.draw(st.integers(0, len(sets) - 1))]
        bit = data.draw(st.integers(8, 8 * len(one) - 1))
        one[bit >> 3] ^= 0x80 >> (bit & 7)
    try:
        video = VideoFormat.parse(codec, [bytes(one) for one in sets])
    except CodecError:
        return
    head = init_segment(video, None, index_entries=180)
    assert head.formats() == (video, None)
    assert describe_video(video).width == video.width


@given(st.binary(min_size=2, max_size=20), st.none() | st.integers(1, 0xFFFF_FFFF))
@example(bytes.fromhex("1408"), None)
def test_any_audio_that_is_believed_can_be_written_and_told(config, clock_rate):
    """As for video: an AAC configuration is refused, or good for a head and for events."""
    try:
        audio = AudioFormat.aac(config, clock_rate=clock_rate)
    except CodecError:
        return
    head = init_segment(VideoFormat.parse("h264", H264_SETS), audio, index_entries=180)
    assert head.audio_timescale == audio.clock_rate
    told = describe_audio(audio)
    assert told is not None
    assert told.sample_rate == audio.sample_rate


@pytest.mark.parametrize("codec", ["pcma", "pcmu"])
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_g711_of_any_rate_can_be_written_and_told(codec, rate):
    """Mono and stereo."""
    for channels in (1, 2):
        audio = AudioFormat.g711(codec, sample_rate=rate, channels=channels)
        assert init_segment(VideoFormat.parse("h264", H264_SETS), audio, index_entries=1).formats()[1] == audio
        assert describe_audio(audio).codec == codec


def test_no_audio_is_told_as_none():
    """Null in the event."""
    assert describe_audio(None) is None
