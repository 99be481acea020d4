"""Packetising and taking apart again gives the same NAL units and audio frames."""

import struct

import pytest

from edge.demo.clips import AccessUnit, AudioClip, Clip, ClipSpec
from edge.demo.packets import packetise, stamp
from edge.demo.rtcp import bye, sender_report

H264_SETS = (b"\x67sps", b"\x68pp")
H265_SETS = (b"\x40\x01vps", b"\x42\x01sps", b"\x44\x01pps")


def clip_of(codec, nals, audio=None):
    sets = H264_SETS if codec == "h264" else H265_SETS
    units = (AccessUnit((*sets, *nals), True, 0), AccessUnit(tuple(nals), False, 6000))
    return Clip(ClipSpec(codec=codec), sets, units, audio)


def packets(data):
    """(marker, payload type, sequence, timestamp, SSRC, payload) of each interleaved frame."""
    found = []
    while data:
        size = int.from_bytes(data[2:4], "big")
        _, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", data, 4)
        found.append((second >> 7, second & 127, sequence, timestamp, ssrc, bytes(data[16 : 4 + size])))
        data = data[4 + size :]
    return found


def split_aggregate(data):
    while data:
        size = int.from_bytes(data[:2], "big")
        yield data[2 : 2 + size]
        data = data[2 + size :]


def depacketise(codec, payloads):
    """NAL units, read the way the RFCs have it."""
    nals, open_nal = [], b""
    for payload in payloads:
        head = 1 if codec == "h264" else 2
        kind = payload[0] & 31 if codec == "h264" else payload[0] >> 1 & 63
        if kind in {24, 48}:
            nals += split_aggregate(payload[head:])
        elif kind in {28, 49}:
            flags, body = payload[head], payload[head + 1 :]
            if flags & 0x80:
                assert not open_nal
                kept = payload[0] & 0xE0 | flags & 31 if codec == "h264" else payload[0] & 0x81 | (flags & 63) << 1
                open_nal = bytes([kept]) + payload[1:head]
            open_nal += body
            if flags & 0x40:
                nals.append(open_nal)
                open_nal = b""
        else:
            nals.append(payload)
    assert not open_nal
    return tuple(nals)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("size", [1, 1397, 1398, 1399, 1400, 1401, 2797, 50_000])
def test_packetised_unit_comes_out_the_same(codec, size):
    """Sizes around the packet's limit, single and in pieces, and several slices."""
    head = b"\x65" if codec == "h264" else b"\x26\x01"
    nals = (head + bytes(range(256)) * (size // 256) + bytes(size % 256), head + b"second slice")
    clip = clip_of(codec, nals)
    for unit, made in zip(clip.units, packetise(clip).tracks[0].units, strict=True):
        seen = packets(made.data)
        assert depacketise(codec, [p[5] for p in seen]) == unit.nals
        assert [p[0] for p in seen] == [0] * (len(seen) - 1) + [1]
        assert max(len(p[5]) for p in seen) <= 1400
        assert (made.timestamp, made.keyframe) == (unit.pts, unit.keyframe)


def test_stamp_numbers_packets_over_the_end_of_the_sequence():
    """Sequence numbers wrap; timestamp and SSRC are in every packet; the template is as it was."""
    unit = packetise(clip_of("h264", (b"\x65" + bytes(3000),))).tracks[0].units[0]
    before = unit.data
    seen = packets(stamp(unit, 65_534, 0xFFFF_FFF0, 0xABCD))
    assert [p[2] for p in seen] == [65_534, 65_535, 0, 1]
    assert {p[3:5] for p in seen} == {(0xFFFF_FFF0, 0xABCD)}
    assert unit.data == before


@pytest.mark.parametrize(
    ("codec", "payload_type", "head"), [("aac", 97, "0010" + "0020"), ("pcma", 8, ""), ("pcmu", 0, "")]
)
def test_audio_frame_is_one_packet(codec, payload_type, head):
    """AAC has the AU header section of RFC 3640, G.711 is the bare samples."""
    audio = AudioClip(codec, 8000, 320, b"", (b"abcd", b"efgh"))
    track = packetise(clip_of("h264", (b"\x41x",), audio)).tracks[1]
    assert (track.kind, track.payload_type, track.loop_ticks) == ("audio", payload_type, 640)
    (packet,) = packets(track.units[1].data)
    assert packet[:2] == (1, payload_type)
    assert packet[5] == bytes.fromhex(head) + b"efgh"


def test_track_moves_to_another_channel():
    """Only the channel of each interleaved frame changes."""
    track = packetise(clip_of("h264", (b"\x65" + bytes(3000),))).tracks[0]
    unit, moved = track.units[0], track.on_channel(6).units[0]
    assert {moved.data[start + 1] for start in moved.starts} == {6}
    assert packets(moved.data) == packets(unit.data)
    assert track.on_channel(0) is track


def test_rtcp_packets_have_the_form_of_rfc_3550():
    """Lengths in the packets add up, and the report's time is NTP."""
    report = sender_report(1, 7, 1_500_000_000, 90, packets=3, octets=400)
    assert report[:4] == struct.pack(">BBH", 0x24, 1, len(report) - 4)
    assert struct.unpack_from(">BBHIIIIII", report, 4) == (0x80, 200, 6, 7, 2_208_988_801, 1 << 31, 90, 3, 400)
    for packet in (report, bye(1, 7)):
        rest = packet[4:]
        while rest:
            rest = rest[4 + 4 * int.from_bytes(rest[2:4], "big") :]
