"""Audio over RTP: AAC and G.711, whole, in bundles, in fragments, and as cameras get it wrong."""

import random
import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtp_packets import aac_payload, feed, frame, rtp

from edge.rtsp.audio import AacTrack, AudioTrack, G711Track
from edge.rtsp.demultiplexer import Demultiplexer


def give(track: AudioTrack, packets, sequence: int = 0) -> AudioTrack:
    """Packets are (payload, timestamp[, marker])."""
    for at, (payload, timestamp, *marker) in enumerate(packets):
        data = bytearray(frame(rtp(payload, sequence + at, timestamp, marker=bool(marker and marker[0])), 2))
        assert track.consume(data, 0, len(data), 2, 5) == len(data)
    return track


def told(track: AudioTrack) -> list[tuple[int, bytes, int]]:
    return [(unit.timestamp, unit.data, unit.duration) for unit in track.units]


def au(size: int, seed: int = 0) -> bytes:
    return bytes((seed + n) % 250 for n in range(size))


def adts(body: bytes) -> bytes:
    size = len(body) + 7
    return bytes((0xFF, 0xF1, 0x60, 0x40 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F, 0xFC)) + body


A, B, C = au(30), au(41, 7), au(3, 9)
CASES = {
    "one frame": ([(aac_payload([A]), 0, True)], [(0, A, 1024)]),
    "several frames": ([(aac_payload([A, B, C]), 10, True)], [(10, A, 1024), (1034, B, 1024), (2058, C, 1024)]),
    "fragmented frame": (
        [(struct.pack(">HH", 16, 41 << 3) + B[:20], 7), (struct.pack(">HH", 16, 41 << 3) + B[20:], 7, True)],
        [(7, B, 1024)],
    ),
    "fragmented frame whose beginning is lost": (
        [(struct.pack(">HH", 16, 41 << 3) + B[20:], 7, True), (aac_payload([A]), 9)],
        [(9, A, 1024)],
    ),
    "fragmented frame whose end is lost": (
        [(struct.pack(">HH", 16, 41 << 3) + B[:20], 7), (aac_payload([A]), 9)],
        [(9, A, 1024)],
    ),
    "fragments that are too long": (
        [(struct.pack(">HH", 16, 41 << 3) + B[:30], 7), (struct.pack(">HH", 16, 41 << 3) + B[:30], 7, True)],
        [],
    ),
    "no headers announced": ([(b"\x00\x00" + A, 0)], [(0, A, 1024)]),
    "headers' length in bytes": ([(struct.pack(">HH", 2, 30 << 3) + A, 0)], [(0, A, 1024)]),
    "headers longer than the packet": ([(struct.pack(">H", 4000) + A, 0), (aac_payload([A]), 9)], [(9, A, 1024)]),
    "ADTS in front of a frame": ([(aac_payload([adts(A)]), 0)], [(0, A, 1024)]),
    "ADTS and no headers": ([(adts(A), 0)], [(0, A, 1024)]),
    "what only looks like ADTS": ([(aac_payload([b"\xff\xf1" + A]), 0)], [(0, b"\xff\xf1" + A, 1024)]),
    "interleaved": ([(struct.pack(">HHH", 32, 30 << 3, 41 << 3 | 1) + A + B, 0)], []),
    "last frame cut off": ([(aac_payload([A, B])[:-1], 0)], [(0, A, 1024)]),
    "size of 0": ([(aac_payload([b"", B]), 0)], []),
    "empty payload": ([(b"", 0), (b"\x00", 1), (b"\x00\x10", 2), (b"\x00\x10\x01", 3)], []),
    "timestamps that wrap": ([(aac_payload([A, B]), 2**32 - 1024)], [(2**32 - 1024, A, 1024), (0, B, 1024)]),
}


@pytest.mark.parametrize(("packets", "expected"), CASES.values(), ids=CASES.keys())
def test_aac_quirk_gives_whole_frames(packets, expected):
    """AAC frames come out whole or not at all, each with its own timestamp."""
    assert told(give(AacTrack(96, 1024), packets)) == expected


def test_other_header_widths_and_frame_lengths_are_followed():
    """The SDP may give 6 bits of size and 2 of index, and 960 samples a frame."""
    headers = struct.pack(">HBB", 16, 30 << 2, 41 << 2)
    assert told(give(AacTrack(96, 960, size_bits=6, index_bits=2), [(headers + A + B, 0)])) == [
        (0, A, 960),
        (960, B, 960),
    ]


@given(st.integers(0, 2**32), st.lists(st.integers(1, 500), max_size=20))
@settings(deadline=None)
def test_aac_frames_come_out_as_they_went_in(seed, chunk_sizes):
    """Frames survive every packing, in bundles and fragments, and every cutting of the bytes."""
    rng = random.Random(seed)
    expected, data, timestamp = [], b"", rng.randrange(2**32)
    for sequence in range(65530, 65550):
        frames = [au(rng.randint(1, 900), rng.randrange(200)) for _ in range(rng.choice((1, 1, 2, 5)))]
        expected += [((timestamp + 1024 * n) % 2**32, one, 1024) for n, one in enumerate(frames)]
        data += frame(rtp(aac_payload(frames), sequence, timestamp, marker=True), 2)
        timestamp += 1024 * len(frames)
    assert told(received(AacTrack(96, 1024), data, chunk_sizes)) == expected


@given(st.binary(min_size=2, max_size=3000), st.sets(st.integers(1, 2999), min_size=1, max_size=5), st.integers(0, 5))
@settings(deadline=None)
def test_fragmented_aac_frame_needs_every_fragment(whole, cuts, lost):
    """A frame over several packets comes out when all of them came."""
    places = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    head = struct.pack(">HH", 16, len(whole) << 3)
    sent = [(head + whole[a:b], 3, b == len(whole)) for a, b in pairwise(places)]
    data = b"".join(
        frame(rtp(payload, at, timestamp, marker=marker), 2)
        for at, (payload, timestamp, marker) in enumerate(
            [(aac_payload([A]), 1, True), *sent, (aac_payload([B]), 9, True)]
        )
        if at != lost + 1 or lost >= len(sent)
    )
    complete = lost >= len(sent)
    track = received(AacTrack(96, 1024), data)
    got = [unit for unit in track.units if unit.timestamp == 3]
    assert [unit.data for unit in got] == ([whole] if complete else [])
    assert sum(unit.lost_packets for unit in track.units) == (0 if complete else 1)


def received(track: AudioTrack, data: bytes, chunk_sizes=()) -> AudioTrack:
    demultiplexer = Demultiplexer()
    demultiplexer.bind(2, track)
    feed(demultiplexer, data, chunk_sizes)
    return track


@given(st.lists(st.tuples(st.binary(max_size=400), st.integers(0, 3)), max_size=20), st.integers(1, 2))
@settings(deadline=None)
def test_g711_bytes_are_samples(sent, channels):
    """Each packet of G.711 is one unit of as many ticks as it has samples, and losses are told by the next one."""
    sequence, data, expected, lost = 0, b"", [], 0
    for number, (samples, gap) in enumerate(sent):
        missing = gap if number else 0
        sequence += 1 + missing
        lost += missing
        data += frame(rtp(samples, sequence, 160 * number), 2)
        count = len(samples) // channels
        if count:
            expected.append((160 * number, samples[: count * channels], count, lost))
            lost = 0
    track = received(G711Track(96, channels), data)
    assert [(unit.timestamp, unit.data, unit.duration, unit.lost_packets) for unit in track.units] == expected


@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 2), st.booleans()), max_size=30))
@settings(deadline=None)
def test_any_payloads_are_harmless(sent):
    """No payload makes an audio track raise or keep more than one frame."""
    for track in (AacTrack(96, 1024), AacTrack(96, 1024, 0, 0), AacTrack(96, 1024, 32, 32), G711Track(96, 2)):
        give(track, sent)
        assert len(getattr(track, "_pieces", b"")) <= 65_536
        assert all(unit.data for unit in track.units)
