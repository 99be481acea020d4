"""Any access units, packed in any way, come out as they went in; any loss costs what it touches and no more."""

import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtp_packets import (
    H264_OTHER_SETS,
    H264_SETS,
    H265_SETS,
    bundle,
    feed,
    fragments,
    frame,
    nal,
    nals_of,
    rtp,
)

from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.h264 import H264Rules
from edge.rtsp.h265 import H265Rules
from edge.rtsp.video import VideoTrack


@dataclass(frozen=True)
class Picture:
    """One access unit as a camera has it: parameter sets, SEI, slices."""

    sets: tuple[bytes, ...]
    leading: tuple[bytes, ...]
    slices: tuple[bytes, ...]
    key: bool
    timestamp: int


H264_HEADS = {"key": ("6588", "6540"), "plain": ("419a", "4140"), "sei": "0605"}
H265_HEADS = {"key": ("2601af", "26014f"), "plain": ("0201d0", "020150"), "sei": "4e0105"}
CODECS = {"h264": (H264Rules(), H264_HEADS, H264_SETS), "h265": (H265Rules(), H265_HEADS, H265_SETS)}


def pictures(codec: str, rng: random.Random, count: int) -> list[Picture]:
    _, heads, sets = CODECS[codec]
    made = []
    for number in range(count):
        key = number == 0 or rng.random() < 0.2
        first, rest = heads["key" if key else "plain"]
        sizes = [rng.choice((9, 40, 900, 5000, 70_000 if number == 3 else 60)) for _ in range(rng.choice((1, 1, 2, 4)))]
        leading = tuple(nal(heads["sei"], rng.randint(4, 40), number) for _ in range(rng.choice((0, 0, 1, 2))))
        made.append(
            Picture(
                (H264_OTHER_SETS if codec == "h264" and number > count // 2 else sets) if key else (),
                leading,
                tuple(nal(rest if at else first, size, number + at) for at, size in enumerate(sizes)),
                key,
                (2**32 - 9000 + number * 3600) % 2**32,
            )
        )
    return made


def payloads(codec: str, units: list[bytes], rng: random.Random) -> list[bytes]:
    """NAL units packed as a camera might: alone, in bundles, in fragments of any size."""
    h265 = codec == "h265"
    packed: list[bytes] = []
    while units:
        together = rng.randint(2, 5)
        group = units[:together]
        if rng.random() < 0.4 and len(group) > 1 and sum(map(len, group)) < 60_000:
            packed.append(bundle(group, h265=h265))
            units = units[together:]
            continue
        unit, *units = units
        if len(unit) < 60_000 and rng.random() < 0.3:
            packed.append(unit)
        else:
            mtu = rng.choice((7, 333, 1400, 9000)) if len(unit) < 1000 else rng.choice((333, 1400, 9000))
            packed += fragments(unit, range(mtu, len(unit), mtu), h265=h265)
    return packed


def packets(codec: str, made: list[Picture], rng: random.Random, *, marks: bool) -> list[tuple[int, bytes]]:
    """(index of the picture, RTP packet) in order."""
    sequence = rng.randrange(65536)
    sent = []
    for number, picture in enumerate(made):
        packed = payloads(codec, [*picture.sets, *picture.leading, *picture.slices], rng)
        for at, payload in enumerate(packed):
            marker = marks and at == len(packed) - 1
            sent.append((number, rtp(payload, sequence, picture.timestamp, marker=marker)))
            sequence += 1
    return sent


def received(codec: str, data: bytes, chunk_sizes=()) -> tuple[VideoTrack, Demultiplexer]:
    track, demultiplexer = VideoTrack(CODECS[codec][0], 96), Demultiplexer()
    demultiplexer.bind(0, track)
    assert not feed(demultiplexer, data, chunk_sizes)
    return track, demultiplexer


@pytest.mark.parametrize("codec", CODECS)
@given(seed=st.integers(0, 2**32), marks=st.booleans(), chunk_sizes=st.lists(st.integers(1, 3000), max_size=40))
@settings(max_examples=60, deadline=None)
def test_packed_units_come_out_as_they_went_in(codec, seed, marks, chunk_sizes):
    """NAL units, timestamps and flags survive every packing, marked or not, and every cutting of the bytes."""
    rng = random.Random(seed)
    made = pictures(codec, rng, 12)
    data = b"".join(frame(packet) for _, packet in packets(codec, made, rng, marks=marks))
    track, demultiplexer = received(codec, data, chunk_sizes)
    expected = made if marks else made[:-1]
    assert [nals_of(unit) for unit in track.units] == [[*one.leading, *one.slices] for one in expected]
    assert [unit.timestamp for unit in track.units] == [one.timestamp for one in expected]
    assert [unit.random_access for unit in track.units] == [one.key for one in expected]
    in_force = ()
    for unit, one in zip(track.units, expected, strict=True):
        in_force = one.sets or in_force
        assert unit.parameter_sets == in_force
    assert not any(unit.continues or unit.after_loss or unit.lost_packets for unit in track.units)
    assert (track.dropped_units, demultiplexer.garbage_bytes, track.reception.lost_packets) == (0, 0, 0)


@pytest.mark.parametrize("codec", CODECS)
@given(seed=st.integers(0, 2**32), marks=st.booleans(), share=st.sampled_from((0.01, 0.05, 0.3)))
@settings(max_examples=80, deadline=None)
def test_lost_packets_cost_what_they_touch_and_are_counted(codec, seed, marks, share):
    """No picture with a missing byte comes out, none is lost without need, and the losses add up."""
    rng = random.Random(seed)
    made = [replace(one, sets=()) for one in pictures(codec, rng, 20)]
    sent = packets(codec, made, rng, marks=marks)
    is_lost = [0 < at < len(sent) - 1 and rng.random() < share for at in range(len(sent))]
    dropped = [at for at, lost in enumerate(is_lost) if lost]
    kept = b"".join(frame(packet) for at, (_, packet) in enumerate(sent) if at not in dropped)
    track, _ = received(codec, kept)
    by_timestamp = {one.timestamp: one for one in made}
    came = [unit.timestamp for unit in track.units]
    assert len(set(came)) == len(came)
    for unit in track.units:
        one = by_timestamp[unit.timestamp]
        found = nals_of(unit)
        assert found[len(found) - len(one.slices) :] == list(one.slices)
        assert set(found) <= {*one.leading, *one.slices}
    touched = {sent[at + near][0] for at in dropped for near in (-1, 0, 1)}
    last = {made[-1].timestamp} if not marks else set()
    needed = {one.timestamp for number, one in enumerate(made) if number not in touched} - last
    assert needed <= set(came)
    assert track.reception.lost_packets == len(dropped)
    assert sum(unit.lost_packets for unit in track.units) + track._assembly._lost == len(dropped)
    assert all(unit.after_loss for unit in track.units if unit.lost_packets)


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3), st.booleans(), st.integers(0, 2)), max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_payloads_give_well_formed_units(sent):
    """No payload makes a track raise; what it emits is made of whole NAL units."""
    for rules in (H264Rules(), H265Rules()):
        track = VideoTrack(rules, 96)
        sequence = 0
        for payload, timestamp, marker, gap in sent:
            sequence += 1 + gap
            data = bytearray(frame(rtp(payload, sequence, timestamp, marker=marker)))
            assert track.consume(data, 0, len(data), 0, 0) == len(data)
        for unit in track.units:
            assert nals_of(unit)
