"""Torn segments: what is whole stays, what is not goes, and finishing makes an index of it."""

import io
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.codec.formats import AudioFormat, VideoFormat
from edge.errors import Mp4Error
from edge.mp4.finish import finish_patches
from edge.mp4.fragment import FragmentEntry, TrackRun, fragment_header
from edge.mp4.init import init_segment
from edge.mp4.reader import scan

VIDEO = VideoFormat.parse(
    "h264",
    (
        bytes.fromhex("67640028acd940780227e584000003000400000300f03c60c658"),
        bytes.fromhex("68ebe3cb22c0"),
    ),
)
AAC = AudioFormat.aac(bytes.fromhex("1210"))
FRAME = b"\x00\x00\x00\x05\x65abc\x80"
UNIT = b"\x21\x00\x49\x01"


def build(count, *, audio=AAC, index_entries=8, gop=2, frames=2):
    """A segment of so many fragments; keyframes begin every `gop`th."""
    init = init_segment(VIDEO, audio, index_entries=index_entries)
    file, entries = bytearray(init.data), []
    for index in range(count):
        sync = [index % gop == 0] + [False] * (frames - 1)
        runs = [TrackRun(1, 3600 * frames * index, [3600] * frames, [len(FRAME)] * frames, sync)]
        if audio:
            runs.append(TrackRun(2, 3072 * index, [1024] * 3, [len(UNIT)] * 3))
        header = fragment_header(index + 1, (index + 1) << 32, runs)
        entries.append(
            FragmentEntry.describe(
                len(file), len(header), (index + 1) << 32, runs, audio_timescale=init.audio_timescale
            )
        )
        file += header + FRAME * frames + (UNIT * 3 if audio else b"")
    return init, bytes(file), entries


def finished(init, file, entries):
    out = bytearray(file)
    for offset, data in finish_patches(init, entries, video_duration=720_000, audio_duration=441_000):
        out[offset : offset + len(data)] = data
    assert len(out) == len(file)
    return bytes(out)


def index_of(init, file):
    """The rows of the sidx, and where its first subsegment begins."""
    at = init.index_offset
    size, kind, version, track, timescale, start, first, rows = struct.unpack_from(">I4sIIIQQ2xH", file, at)
    assert (b"sidx", 1 << 24, 1, 90_000, 40 + 12 * rows) == (kind, version, track, timescale, size)
    rest, free = struct.unpack_from(">I4s", file, at + size)
    assert (b"free", init.index_bytes) == (free, size + rest)
    return start, at + size + first, [struct.unpack_from(">III", file, at + 40 + 12 * row) for row in range(rows)]


def test_scan_finds_what_was_written():
    """Entries, wall clock and durations are those of the writer."""
    init, file, entries = build(5)
    found = scan(io.BytesIO(file))
    assert (init, entries, len(file), False) == (found.init, found.fragments, found.whole_bytes, found.finished)
    assert [(n + 1) << 32 for n in range(5)] == [entry.wall_ntp for entry in found.fragments]
    assert (found.video_duration, found.audio_duration) == (5 * 7200, 5 * 3072)


@pytest.mark.parametrize("audio", [AAC, None, AudioFormat.g711("pcma")], ids=["aac", "no audio", "pcma"])
def test_cut_at_every_byte_keeps_the_whole_fragments(audio):
    """Wherever a file ends, exactly the fragments before that place remain."""
    init, file, entries = build(3, audio=audio)
    for end in range(len(init.data), len(file) + 1):
        whole = [entry for entry in entries if entry.offset + entry.size <= end]
        found = scan(io.BytesIO(file[:end]))
        assert whole == found.fragments
        assert found.whole_bytes == (whole[-1].offset + whole[-1].size if whole else len(init.data))


@pytest.mark.parametrize("audio", [AAC, None], ids=["aac", "no audio"])
def test_zeros_in_place_of_the_tail_keep_what_was_written(audio):
    """File systems that lost the last pages fill them with zeros: no fragment with a hole is kept."""
    init, file, entries = build(3, audio=audio)
    for end in range(len(init.data), len(file)):
        whole = [entry for entry in entries if entry.offset + entry.size <= end]
        for zeros in (1, 100, 5000):
            filled = file[:end] + bytes(max(zeros, len(file) - end))
            assert whole == scan(io.BytesIO(filled)).fragments


def test_silent_g711_is_not_taken_for_a_hole():
    """A-law may end in a zero byte; sixteen of them are a hole."""
    init = init_segment(VIDEO, AudioFormat.g711("pcma"), index_entries=1)
    runs = [TrackRun(1, 0, [3600], [len(FRAME)], [True]), TrackRun(2, 0, [160], [160])]
    head = init.data + fragment_header(1, 1, runs) + FRAME
    assert len(scan(io.BytesIO(head + b"\xd5" * 145 + bytes(15))).fragments) == 1
    assert not scan(io.BytesIO(head + b"\xd5" * 144 + bytes(16))).fragments


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_file_raises_only_mp4_errors(data):
    """Flipped bits anywhere: refused, or a list of fragments that lie in the file one behind the other."""
    init, file, entries = build(3)
    file = finished(init, file, entries) if data.draw(st.booleans()) else file
    damaged = bytearray(file)
    for bit in data.draw(st.lists(st.integers(0, 8 * len(file) - 1), min_size=1, max_size=6)):
        damaged[bit >> 3] ^= 0x80 >> (bit & 7)
    try:
        found = scan(io.BytesIO(damaged))
    except Mp4Error:
        return
    assert found.whole_bytes <= len(file)
    for one, following in zip(found.fragments, found.fragments[1:], strict=False):
        assert one.offset + one.size == following.offset


def test_scan_reads_no_sample_data_into_memory():
    """A fragment of 64 MiB is stepped over."""
    init = init_segment(VIDEO, None, index_entries=1)
    big = (64 << 20) - 4
    runs = [TrackRun(1, 0, [3600], [big + 4], [True])]
    segment = Sparse(init.data + fragment_header(1, 1, runs) + big.to_bytes(4, "big"), big)
    tracemalloc.start()
    found = scan(segment)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.fragments) == 1
    assert peak_bytes < 1 << 20


class Sparse(io.BytesIO):
    """A file whose tail is never stored: `tail_bytes` of 0x80."""

    def __init__(self, head, tail_bytes):
        super().__init__(head)
        self.total, self.at = len(head) + tail_bytes, 0

    def seek(self, offset, whence=0):
        self.at = self.total if whence else super().seek(offset)
        return self.at

    def read(self, size=-1):
        assert 0 <= size < 1 << 21
        stored = super().read(size)
        return stored + b"\x80" * (min(size, self.total - self.at) - len(stored))


def test_finished_file_scans_as_before_and_says_so():
    """The index takes only its room: fragments stay where they were."""
    init, file, entries = build(5)
    done = scan(io.BytesIO(finished(init, file, entries)))
    assert (entries, len(file), True) == (done.fragments, done.whole_bytes, done.finished)
    assert (done.video, done.audio) == (VIDEO, AAC)


def test_finishing_twice_gives_the_same_bytes():
    """Recovery may come upon a file whose index is already there."""
    init, file, entries = build(5)
    once = finished(init, file, entries)
    again = scan(io.BytesIO(once))
    assert once == finished(again.init, once, again.fragments)


def test_torn_index_costs_nothing():
    """A power cut while the index was written: the fragments behind it are still found, and it is written anew."""
    init, file, entries = build(5)
    once = finished(init, file, entries)
    for torn in range(init.index_offset, init.index_offset + init.index_bytes):
        half = once[:torn] + file[torn:]
        found = scan(io.BytesIO(half))
        assert entries == found.fragments
        assert once == finished(found.init, half, found.fragments)


def test_index_rows_begin_at_keyframes_and_cover_the_file():
    """One row a group of pictures; sizes reach from the first fragment to the end, times likewise."""
    init, file, entries = build(6, gop=2)
    start, first, rows = index_of(init, finished(init, file, entries))
    assert (0, entries[0].offset) == (start, first)
    assert [access for _, _, access in rows] == [0x90000000] * 3
    assert [entries[2].offset, entries[4].offset, len(file)] == [
        first + sum(size for size, _, _ in rows[: n + 1]) for n in range(3)
    ]
    assert [duration for _, duration, _ in rows] == [14_400] * 3


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_index_never_outgrows_its_room(count, index_entries, gop):
    """More groups than rows are merged; the rows still cover every byte and tick."""
    init, file, entries = build(count, index_entries=index_entries, gop=gop)
    _, first, rows = index_of(init, finished(init, file, entries))
    assert 1 <= len(rows) <= index_entries
    assert len(file) - first == sum(size for size, _, _ in rows)
    assert 7200 * count == sum(duration for _, duration, _ in rows)
    assert all(access == 0x90000000 for _, _, access in rows)


@pytest.mark.parametrize(("count", "index_entries"), [(0, 8), (3, 0)])
def test_index_without_rows_or_room_is_left_out(count, index_entries):
    """The room stays a free box, which every player skips; durations are written all the same."""
    init, file, entries = build(count, index_entries=index_entries)
    done = finished(init, file, entries)
    assert done[init.index_offset + 4 : init.index_offset + 8] == b"free"
    assert entries == scan(io.BytesIO(done)).fragments


def test_numbers_too_great_for_an_index_leave_it_out():
    """Two gigabytes or thirteen hours in one row do not fit its fields."""
    init, _, _ = build(0, index_entries=1)
    for size, duration in ((1 << 31, 1), (1, 1 << 32)):
        entry = FragmentEntry(len(init.data), size, 0, duration, True, 1, 1, 0)
        patches = finish_patches(init, [entry], video_duration=duration, audio_duration=0)
        assert init.index_offset not in [offset for offset, _ in patches]


def test_durations_are_written_in_their_own_ticks():
    """Media headers count their own ticks, the movie and its tracks those of the movie; the longest track counts."""
    init, file, entries = build(2)
    patches = dict(finish_patches(init, entries, video_duration=90_000, audio_duration=88_200))
    written = {
        (field.track_id, field.timescale): int.from_bytes(patches[field.offset], "big") for field in init.durations
    }
    assert written == {(1, 90_000): 90_000, (2, 44_100): 88_200, (2, 90_000): 180_000, (None, 90_000): 180_000}
    assert len(file) > max(patches)
