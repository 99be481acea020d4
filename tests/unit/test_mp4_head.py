"""The head of a segment: boxes, sample entries, and reading both back."""

import contextlib
import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.codec.formats import AudioFormat, VideoFormat
from edge.errors import Mp4Error
from edge.mp4.boxes import Box, descend, walk
from edge.mp4.init import InitSegment, init_segment
from edge.mp4.reader import read_init, scan

SPS = bytes.fromhex("67640028acd940780227e584000003000400000300f03c60c658")
BASELINE = bytes.fromhex("6742c028d900780227e584000003000400000300f03c60c920")
WITH_COLOUR = bytes.fromhex("67640029ac133140780447de03ea020203e000000300200000065280")
PPS = bytes.fromhex("68ebe3cb22c0")
HEVC_VPS = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
HEVC_SPS = bytes.fromhex("420101016000000300900000030000030078a003c08010e596666924cae010000003001000000301e080")
HEVC_PPS = bytes.fromhex("4401c172b46240")
H264 = VideoFormat.parse("h264", (SPS, PPS))
H265 = VideoFormat.parse("h265", (HEVC_VPS, HEVC_SPS, HEVC_PPS))
AUDIO = {
    "none": None,
    "aac": AudioFormat.aac(bytes.fromhex("1210")),
    "aac of 96 kHz": AudioFormat.aac(bytes.fromhex("1010")),
    "pcma": AudioFormat.g711("pcma"),
    "pcmu": AudioFormat.g711("pcmu", sample_rate=16000, channels=2),
}


def find(data, *path):
    return descend(data, Box(b"file", 0, 0, len(data)), *path)


def content(data, *path):
    found = find(data, *path)
    return data[found.body : found.end]


def sample_entry(video):
    data = init_segment(video, None, index_entries=0).data
    stsd = content(data, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    return stsd[8 + 8 + 78 :]


@pytest.mark.parametrize("audio", AUDIO.values(), ids=AUDIO)
@pytest.mark.parametrize("video", [H264, H265], ids=["h264", "h265"])
def test_head_reads_back_as_it_was_written(video, audio):
    """Formats, places and bytes come back from the file."""
    init = init_segment(video, audio, index_entries=10)
    assert (init, video, audio) == read_init(io.BytesIO(init.data))


def test_boxes_have_the_sizes_of_the_standard():
    """Version 1 boxes, whose times have 64 bits, and the room for ten entries and a free box."""
    data = init_segment(H264, AUDIO["aac"], index_entries=10).data
    assert [each.kind for each in walk(data, 0, len(data))] == [b"ftyp", b"moov", b"free"]
    sizes = {b"mvhd": 120, b"tkhd": 104, b"mdhd": 44, b"mehd": 20, b"trex": 32}
    paths = [(b"mvhd",), (b"trak", b"tkhd"), (b"trak", b"mdia", b"mdhd"), (b"mvex", b"mehd"), (b"mvex", b"trex")]
    for path in paths:
        found = find(data, b"moov", *path)
        assert sizes[path[-1]] == found.end - found.start, path
    free = find(data, b"free")
    assert free.end - free.start == 40 + 12 * 10 + 8
    assert (
        struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
        == content(data, b"moov", b"trak", b"tkhd")[52:88]
    )


def test_avcc_of_high_profile_carries_chroma_and_depths():
    """Profile, compatibility, level, 4-byte lengths, the sets, then what profiles from 100 on append."""
    expected = b"\x01\x64\x00\x28\xff\xe1" + b"\x00\x1a" + SPS + b"\x01\x00\x06" + PPS + b"\xfd\xf8\xf8\x00"
    assert expected == find_box(sample_entry(H264), b"avcC")


def test_avcc_of_baseline_ends_behind_the_sets():
    """Older profiles know no chroma format."""
    video = VideoFormat.parse("h264", (BASELINE, PPS))
    assert find_box(sample_entry(video), b"avcC").endswith(b"\x01\x00\x06" + PPS)


def test_hvcc_holds_profile_and_three_arrays():
    """The 23 bytes of ISO/IEC 14496-15 and complete arrays of VPS, SPS, PPS."""
    profile = bytes.fromhex("016000000090000000000078")
    head = b"\x01" + profile + b"\xf0\x00\xfc\xfd\xf8\xf8\x00\x00\x0f\x03"
    arrays = b"".join(
        bytes([0x80 | kind, 0, 1]) + struct.pack(">H", len(nal)) + nal
        for kind, nal in ((32, HEVC_VPS), (33, HEVC_SPS), (34, HEVC_PPS))
    )
    assert head + arrays == find_box(sample_entry(H265), b"hvcC")


def find_box(data, kind):
    return next(data[each.body : each.end] for each in walk(data, 0, len(data)) if each.kind == kind)


def test_colour_is_written_where_the_stream_says_it():
    """nclx code points of BT.709; none for a stream that says nothing."""
    video = VideoFormat.parse("h264", (WITH_COLOUR, PPS))
    assert b"nclx" + bytes.fromhex("00010001000100") == find_box(sample_entry(video), b"colr")
    assert b"colr" not in sample_entry(H264)
    assert b"pasp" not in sample_entry(H264)


def test_g711_keeps_its_own_sample_entry():
    """A-law stays A-law: channels, 16 bits as QuickTime has it, rate in 16.16."""
    data = init_segment(H264, AUDIO["pcmu"], index_entries=0).data
    entry = data.index(b"ulaw") + 4
    assert bytes(7) + b"\x01" + bytes(8) + struct.pack(">HHII", 2, 16, 0, 16000 << 16) == data[entry : entry + 28]


def test_audio_config_stands_verbatim_in_esds():
    """The AudioSpecificConfig is what the camera said."""
    data = init_segment(H264, AUDIO["aac"], index_entries=0).data
    assert b"\x05\x80\x80\x80\x02\x12\x10" in data


@pytest.mark.parametrize("audio", AUDIO.values(), ids=AUDIO)
def test_head_cut_anywhere_is_refused_or_whole(audio):
    """A file that ends in its head is no segment; one that ends in the room for the index has its formats."""
    init = init_segment(H265, audio, index_entries=3)
    for end in range(len(init.data)):
        try:
            found = scan(io.BytesIO(init.data[:end]))
        except Mp4Error:
            assert end < init.index_offset
        else:
            assert (H265, audio, []) == (found.video, found.audio, found.fragments)
            assert init.index_offset == found.whole_bytes <= end


@settings(max_examples=300)
@given(st.data())
def test_damaged_head_raises_only_mp4_errors(data):
    """Flipped bits and wild sizes anywhere in the head are refused or read."""
    head = bytearray(init_segment(data.draw(st.sampled_from([H264, H265])), AUDIO["aac"], index_entries=2).data)
    for bit in data.draw(st.lists(st.integers(0, 8 * len(head) - 1), min_size=1, max_size=5)):
        head[bit >> 3] ^= 0x80 >> (bit & 7)
    with contextlib.suppress(Mp4Error):
        scan(io.BytesIO(head))


@given(st.binary(max_size=200))
def test_random_bytes_are_no_segment(noise):
    """Noise is refused, with and without a true beginning."""
    with pytest.raises(Mp4Error):
        scan(io.BytesIO(noise))
    with pytest.raises(Mp4Error):
        scan(io.BytesIO(b"\x00\x00\x00\x08ftyp" + noise))


def test_file_without_video_is_refused():
    """A movie of audio alone is none of ours."""
    data = init_segment(H264, AUDIO["aac"], index_entries=0).data
    moov = find(data, b"moov")
    trak = find(data, b"moov", b"trak")
    without = data[: trak.start] + data[trak.end :]
    size = moov.end - moov.start - (trak.end - trak.start)
    without = without[: moov.start] + struct.pack(">I", size) + without[moov.start + 4 :]
    with pytest.raises(Mp4Error, match="tracks \\[2\\]"):
        InitSegment.locate(without)
