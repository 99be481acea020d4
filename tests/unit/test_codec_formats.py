"""Parameter sets as cameras send them: order, equality, damage."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.codec import h264, h265
from edge.codec.bits import unescape
from edge.codec.formats import VideoFormat
from edge.codec.vui import Colour
from edge.errors import CodecError

SPS = bytes.fromhex("67640028acd940780227e584000003000400000300f03c60c658")
OTHER_SPS = bytes.fromhex("6742c028d900780227e584000003000400000300f03c60c920")
PPS = bytes.fromhex("68ebe3cb22c0")
HEVC_VPS = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
HEVC_SPS = bytes.fromhex("420101016000000300900000030000030078a003c08010e596666924cae010000003001000000301e080")
HEVC_PPS = bytes.fromhex("4401c172b46240")
HEVC = (HEVC_VPS, HEVC_SPS, HEVC_PPS)


def test_sets_are_sorted_and_strangers_dropped():
    """VPS, SPS, PPS whatever the order was; an SEI is no parameter set."""
    sei = bytes.fromhex("4e01050101")
    video = VideoFormat.parse("h265", (HEVC_PPS, sei, HEVC_SPS, b"", HEVC_VPS, HEVC_SPS))
    assert video.parameter_sets == HEVC
    assert video.sets_of_type(h265.NAL_SPS) == (HEVC_SPS,)


def test_sizes_and_rate_come_from_the_first_readable_sps():
    """A broken SPS in front is left out."""
    video = VideoFormat.parse("h264", (b"\x67\x64", SPS, PPS))
    assert (video.width, video.height, video.fps, video.reorder_frames) == (1920, 1080, 30.0, 2)
    assert video.parameter_sets == (SPS, PPS)


def test_trailing_zeros_make_no_other_format():
    """Some cameras pad the sets of the SDP and not those of the stream."""
    assert VideoFormat.parse("h264", (SPS, PPS)) == VideoFormat.parse("h264", [SPS + b"\x00\x00", PPS])


def test_other_bytes_make_another_format():
    """A changed SPS or PPS begins a new segment even if the size stays."""
    one = VideoFormat.parse("h264", (SPS, PPS))
    assert one != VideoFormat.parse("h264", (OTHER_SPS, PPS))
    assert one != VideoFormat.parse("h264", (SPS, PPS + b"\x80"))
    assert hash(one) == hash(VideoFormat.parse("h264", (SPS, PPS)))


@pytest.mark.parametrize(
    ("codec", "sets", "missing"),
    [
        ("h264", (SPS,), "h264 without PPS"),
        ("h264", (PPS,), "h264 without SPS"),
        ("h264", (), "h264 without SPS and PPS"),
        ("h265", (HEVC_SPS, HEVC_PPS), "h265 without VPS"),
        ("h265", (HEVC_VPS, HEVC_SPS), "h265 without PPS"),
        ("h264", HEVC, "h264 without"),
    ],
)
def test_missing_set_is_named(codec, sets, missing):
    """Recording waits for the set that the error names."""
    with pytest.raises(CodecError, match=missing):
        VideoFormat.parse(codec, sets)


def test_too_many_or_too_long_sets_are_refused():
    """MP4 counts SPS in 5 bits and their bytes in 16."""
    with pytest.raises(CodecError, match="32 different PPS"):
        VideoFormat.parse("h264", (SPS, *(PPS + bytes([n + 1]) for n in range(32))))
    with pytest.raises(CodecError, match="more than 65535 bytes"):
        VideoFormat.parse("h264", (SPS, PPS + b"\x01" * 65536))


@pytest.mark.parametrize(
    ("codec", "sets", "name"),
    [
        ("h264", (SPS, PPS), "avc1.640028"),
        ("h264", (OTHER_SPS, PPS), "avc1.42C028"),
        ("h265", HEVC, "hvc1.1.6.L120.90"),
    ],
)
def test_codec_string_is_what_browsers_know(codec, sets, name):
    """Profile, compatibility and level in hexadecimal digits as RFC 6381 wants them."""
    assert name == VideoFormat.parse(codec, sets).codec_string


def test_codec_string_with_tier_and_profile_space():
    """High tier is H, a profile space is a letter, constraint bytes stay up to the last that is not zero."""
    general = bytes([0b01_1_00010, 0x20, 0, 0, 0, 0xB0, 0, 0x01, 0, 0, 0, 153])
    plain = HEVC_SPS[:2] + unescape(HEVC_SPS[2:])
    sps = plain[:3] + general + plain[15:]
    sps = sps[:2] + escape(sps[2:])
    assert VideoFormat.parse("h265", (HEVC_VPS, sps, HEVC_PPS)).codec_string == "hvc1.A2.4.H153.B0.0.1"


def escape(payload: bytes) -> bytes:
    out = bytearray()
    for byte in payload:
        if out[-2:] == b"\x00\x00" and byte <= 3:
            out.append(3)
        out.append(byte)
    return bytes(out)


@pytest.mark.parametrize("sps", [SPS, OTHER_SPS])
def test_truncated_h264_vui_keeps_the_size(sps):
    """Every cut either tells 1920x1080 or refuses; trailing garbage changes nothing."""
    whole = h264.parse_sps(sps)
    sizes = set()
    for end in range(len(sps)):
        try:
            parsed = h264.parse_sps(sps[:end])
        except CodecError:
            continue
        sizes.add((parsed.width, parsed.height))
    assert {(1920, 1080)} == sizes
    assert whole == h264.parse_sps(sps + b"\x00\xff\x12\x34")


def test_truncated_h265_rest_keeps_the_size():
    """Every cut either tells 1920x1080 or refuses; trailing garbage changes nothing."""
    whole = h265.parse_sps(HEVC_SPS)
    sizes = set()
    for end in range(len(HEVC_SPS)):
        try:
            parsed = h265.parse_sps(HEVC_SPS[:end])
        except CodecError:
            continue
        sizes.add((parsed.width, parsed.height))
    assert {(1920, 1080)} == sizes
    assert whole == h265.parse_sps(HEVC_SPS + b"\x00\xff\x12\x34")


@pytest.mark.parametrize("parse", [h264.parse_sps, h265.parse_sps])
@pytest.mark.parametrize("nal", [b"", b"\x67", b"\x42", b"\x42\x01", PPS, HEVC_PPS])
def test_what_is_no_sps_is_refused(parse, nal):
    """Other NAL units and bare headers are codec errors."""
    with pytest.raises(CodecError):
        parse(nal)


@settings(max_examples=300)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x67", SPS[:4], SPS[:9], b"\x42\x01", HEVC_SPS[:20]]))
def test_random_bytes_raise_only_codec_errors(rest, start):
    """No parameter set loops, grows or raises anything of its own, and believed sizes are sane."""
    for parse in (h264.parse_sps, h265.parse_sps):
        try:
            sps = parse(start + rest)
        except CodecError:
            continue
        assert 16 <= sps.width <= 16384
        assert 16 <= sps.height <= 16384
        assert sps.fps is None or 0.1 <= sps.fps <= 240
        assert sps.reorder_frames is None or 0 <= sps.reorder_frames <= 16
    h265.parse_vps(start + rest)


@settings(max_examples=300)
@given(st.sampled_from([SPS, OTHER_SPS, HEVC_SPS, HEVC_VPS]), st.data())
def test_flipped_bits_raise_only_codec_errors(nal, data):
    """Damage in a real set is refused or read as something sane."""
    bits = data.draw(st.lists(st.integers(0, 8 * len(nal) - 1), min_size=1, max_size=8))
    damaged = bytearray(nal)
    for bit in bits:
        damaged[bit >> 3] ^= 0x80 >> (bit & 7)
    for codec, rest in (("h264", [PPS]), ("h265", [HEVC_VPS, HEVC_PPS])):
        try:
            video = VideoFormat.parse(codec, (bytes(damaged), *rest))
        except CodecError:
            continue
        assert video.codec_string


def test_ten_thousand_zero_bytes_end_at_once():
    """A huge set costs no more than its first fields."""
    for parse in (h264.parse_sps, h265.parse_sps):
        with pytest.raises(CodecError):
            parse(SPS[:1] + bytes(10_000))


def test_full_range_colour_is_kept():
    """Colour code points reach the format, from where they reach the file."""
    sps = bytes.fromhex("67640032ad84010c20086100430802184010c200843b5014005ad370101014000003000400000300a210")
    assert Colour(1, 1, 1, full_range=True) == VideoFormat.parse("h264", (sps, PPS)).colour
