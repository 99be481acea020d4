"""Fragment headers: exact bytes, and that nothing else is taken for one."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import Mp4Error
from edge.mp4.boxes import Box, descend, walk
from edge.mp4.fragment import FragmentEntry, TrackRun, fragment_header, parse_fragment_header

VIDEO = TrackRun(1, 90_000, [3600, 3600], [1000, 200], [True, False], [7200, -3600])
AUDIO = TrackRun(2, 8000, [160, 160, 160], [160, 160, 160])
U32, I32 = st.integers(0, 0xFFFF_FFFF), st.integers(-(1 << 31), (1 << 31) - 1)


@st.composite
def track_runs(draw, track_id):
    count = draw(st.integers(1, 20))
    column = lambda of: st.lists(of, min_size=count, max_size=count)  # noqa: E731
    return TrackRun(
        track_id,
        draw(st.integers(0, (1 << 64) - 1)),
        draw(column(U32)),
        draw(column(st.integers(1, 1 << 24))),
        draw(st.none() | column(st.booleans())),
        draw(st.none() | column(I32)),
    )


def test_header_is_as_the_standard_lays_it_out():
    """prft, moof with a traf a run, mdat; each field where ISO/IEC 14496-12 puts it."""
    header = fragment_header(7, 0x0102030405060708, [VIDEO, AUDIO])
    prft, moof = list(walk(header[:-8], 0, len(header) - 8))
    assert (prft.kind, moof.kind) == (b"prft", b"moof")
    assert (
        bytes.fromhex("01000018 00000001 0102030405060708") + struct.pack(">Q", 90_000) == header[prft.body : prft.end]
    )
    mfhd, video, audio = list(walk(header, moof.body, moof.end))
    assert bytes.fromhex("00000000 00000007") == header[mfhd.body : mfhd.end]
    assert bytes.fromhex("00020020 00000001 02000000") == content(header, video, b"tfhd")
    assert bytes.fromhex("01000000") + struct.pack(">Q", 90_000) == content(header, video, b"tfdt")
    data = moof.end - moof.start + 8
    assert (
        struct.pack(">IIiIIIiIIIi", 0x01000F01, 2, data, 3600, 1000, 0x02000000, 7200, 3600, 200, 0x01010000, -3600)
    ) == content(header, video, b"trun")
    assert struct.pack(">IIi6I", 0x00000301, 3, data + 1200, *[160] * 6) == content(header, audio, b"trun")
    assert struct.pack(">I4s", 8 + 1200 + 480, b"mdat") == header[moof.end :]


def content(data: bytes, parent: Box, kind: bytes) -> bytes:
    child = descend(data, parent, kind)
    return data[child.body : child.end]


@given(st.integers(1, 0xFFFF_FFFF), st.integers(0, (1 << 64) - 1), track_runs(1), st.none() | track_runs(2))
def test_any_header_reads_back(sequence, wall_ntp, video, audio):
    """Sequence, wall clock and every sample of any runs come back."""
    runs = [video, audio] if audio else [video]
    assert (sequence, wall_ntp, runs) == parse_fragment_header(fragment_header(sequence, wall_ntp, runs))


@given(st.binary(max_size=400), st.integers(0, 200))
def test_random_bytes_are_no_header(noise, kept):
    """Noise, also behind a true beginning, raises Mp4Error and nothing else."""
    header = fragment_header(7, 1 << 63, [VIDEO, AUDIO])
    candidate = header[: min(kept, len(header) - 1)] + noise
    if candidate != header:
        with pytest.raises(Mp4Error):
            parse_fragment_header(candidate)


@given(st.data())
def test_flipped_bit_is_another_header_or_none(data):
    """A damaged header never crashes the reader, nor reads as the undamaged one."""
    header = bytearray(fragment_header(7, 1 << 63, [VIDEO, AUDIO]))
    bit = data.draw(st.integers(0, 8 * len(header) - 1))
    header[bit >> 3] ^= 0x80 >> (bit & 7)
    with contextlib.suppress(Mp4Error):
        assert parse_fragment_header(bytes(header)) != (7, 1 << 63, [VIDEO, AUDIO])


def test_entry_describes_the_video():
    """Sizes cover header and data, times and keyframes are those of the video."""
    entry = FragmentEntry.describe(500, 260, 99, [VIDEO, AUDIO], audio_timescale=8000)
    assert FragmentEntry(500, 260 + 1680, 90_000, 7200, True, 2, 1, 99) == entry


def test_entry_without_video_counts_in_video_ticks():
    """A fragment of audio alone keeps its place on the video's time line and is no access point."""
    entry = FragmentEntry.describe(0, 100, 99, [AUDIO], audio_timescale=8000)
    assert FragmentEntry(0, 580, 90_000, 5400, False, 0, 0, 99) == entry
