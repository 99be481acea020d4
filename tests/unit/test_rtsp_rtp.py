"""RTP and RTCP headers, and which packets count."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtp_packets import BYE, SSRC, rtp, sender_report

from edge.codec.ntp import ntp_from_unix_ns
from edge.rtsp.rtp import FOREIGN_PACKETS, Packet, Reception, parse_rtp

OTHER_SSRC = 0x5EED


def parsed(data: bytes) -> Packet | None:
    return parse_rtp(bytearray(b"pad!" + data + b"tail"), 4, 4 + len(data))


def payload(data: bytes) -> bytes | None:
    packet = parsed(data)
    return None if packet is None else (b"pad!" + data)[packet.start : packet.end]


PLAIN = struct.pack(">HII", 7, 9, SSRC)
HEADERS = {
    "plain": (b"\x80\x60" + PLAIN + b"data", b"data"),
    "without payload": (b"\x80\x60" + PLAIN, b""),
    "contributing sources": (b"\x82\x60" + PLAIN + b"12345678data", b"data"),
    "header extension": (b"\x90\x60" + PLAIN + b"\xab\xac\x00\x03" + bytes(12) + b"data", b"data"),
    "header extension and sources": (b"\x91\x60" + PLAIN + b"1234\xbe\xde\x00\x01extndata", b"data"),
    "header extension longer than the packet": (b"\x90\x60" + PLAIN + b"\xab\xac\x00\x09" + bytes(12), None),
    "header extension cut off": (b"\x90\x60" + PLAIN + b"\xab\xac", None),
    "padding": (b"\xa0\x60" + PLAIN + b"data\x00\x00\x03", b"data"),
    "nothing but padding": (b"\xa0\x60" + PLAIN + b"\x00\x00\x03", b""),
    "padding of 0": (b"\xa0\x60" + PLAIN + b"data\x00", None),
    "padding longer than the payload": (b"\xa0\x60" + PLAIN + b"data\x09", None),
    "sources cut off": (b"\x8f\x60" + PLAIN + b"1234", None),
    "version 1": (b"\x40\x60" + PLAIN + b"data", None),
    "too short": (b"\x80\x60" + PLAIN[:-1], None),
    "empty": (b"", None),
}


@pytest.mark.parametrize(("data", "expected"), HEADERS.values(), ids=HEADERS.keys())
def test_header_gives_payload_or_is_refused(data, expected):
    """Every form of an RTP header leads to its payload; lengths that do not fit are refused."""
    assert payload(data) == expected


def test_header_fields_are_read():
    """Marker, payload type, sequence number, timestamp and source come out as they were written."""
    packet = parsed(rtp(b"x", 0xFFFE, 0xFFFFFFFF, marker=True, payload_type=35))
    assert packet[:5] == (True, 35, 0xFFFE, 0xFFFFFFFF, SSRC)


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_are_a_packet_inside_its_bounds_or_none(data):
    """No bytes make the header parser raise or point outside of them."""
    packet = parsed(data)
    assert packet is None or 4 + 12 <= packet.start <= packet.end <= 4 + len(data)


def accepted(reception: Reception, sequences, ssrc=SSRC) -> list[int | None]:
    return [reception.accept(parsed(rtp(b"x", sequence, 0, ssrc=ssrc))) for sequence in sequences]


SEQUENCES = {
    "in order": ([5, 6, 7], [0, 0, 0], 0),
    "wrap": ([65534, 65535, 0, 1], [0, 0, 0, 0], 0),
    "first is 0": ([0, 1], [0, 0], 0),
    "one lost": ([5, 7], [0, 1], 1),
    "lost over the wrap": ([65534, 3], [0, 4], 4),
    "doubled": ([5, 5, 6], [0, None, 0], 0),
    "two doubled": ([4, 5, 4, 5, 6], [0, 0, None, None, 0], 0),
    "older": ([50, 51, 40, 41, 52], [0, 0, None, None, 0], 0),
    "jump confirmed": ([50, 5000, 5001, 5002], [0, None, -1, 0], 0),
    "jump not confirmed": ([50, 5000, 51], [0, None, 0], 0),
    "back to the start": ([30000, 0, 1, 2], [0, None, -1, 0], 0),
    "largest loss": ([10, 1011, 1012], [0, 1000, 0], 1000),
}


@pytest.mark.parametrize(("sequences", "expected", "lost"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_sequence_numbers_tell_lost_old_and_restarted(sequences, expected, lost):
    """Gaps are counted, old packets ignored, and a restart of the counter believed at its second packet."""
    reception = Reception(96)
    assert accepted(reception, sequences) == expected
    assert reception.lost_packets == lost


@given(st.integers(0, 65535), st.lists(st.integers(1, 1000), min_size=1, max_size=50))
@settings(deadline=None)
def test_losses_add_up_over_any_wrap(first, steps):
    """Whatever was left out is counted, wherever the counter stood."""
    reception = Reception(96)
    sequences = [first]
    for step in steps:
        sequences.append(sequences[-1] + step)
    accepted(reception, sequences)
    assert reception.lost_packets == sum(steps) - len(steps)
    assert reception.packets == len(sequences)


def test_packets_of_a_stale_session_are_ignored_while_ours_go_on():
    """An old live555 mixes the packets of a dead session into a new connection."""
    reception = Reception(96)
    for sequence in range(3 * FOREIGN_PACKETS):
        assert accepted(reception, [sequence]) == [0]
        assert accepted(reception, [9 * sequence] * 3, OTHER_SSRC) == [None] * 3
    assert reception.lost_packets == 0
    assert reception.ignored_packets == 9 * FOREIGN_PACKETS


def test_packets_counted_outside_of_accept_keep_strangers_out():
    """The video track's hot loop counts its packets itself; they too show that our source is alive."""
    reception = Reception(96)
    accepted(reception, [1])
    for _ in range(3 * FOREIGN_PACKETS):
        reception.packets += 1
        assert accepted(reception, [1], OTHER_SSRC) == [None]


def test_new_source_is_believed_when_the_old_one_is_silent():
    """A camera that changes its source is followed after ten packets, as a restart without counted losses."""
    reception = Reception(96)
    accepted(reception, [1, 2, 3])
    assert accepted(reception, range(700, 712), OTHER_SSRC) == [None] * (FOREIGN_PACKETS - 1) + [-1, 0, 0]
    assert reception.ssrc == OTHER_SSRC
    assert reception.lost_packets == 0


def rtcp(data: bytes) -> Reception:
    reception = Reception(96)
    reception.rtcp(bytearray(b"xx" + data + b"yy"), 2, 2 + len(data), 77)
    return reception


def test_sender_report_gives_the_cameras_clock():
    """NTP time and RTP timestamp of a sender report are kept, from whatever source (Tapo C320WS)."""
    report = rtcp(sender_report(ntp_from_unix_ns(1_795_392_000_250_000_000), 4711, OTHER_SSRC)).sender_report
    assert (report.unix_ns, report.timestamp, report.arrival_ns) == (1_795_392_000_250_000_000, 4711, 77)


def test_sender_report_of_a_camera_without_time_is_ignored():
    """A camera that does not know the time sends zero."""
    assert rtcp(sender_report(0, 4711)).sender_report is None


def test_goodbye_behind_a_report_ends_the_track():
    """BYE comes in one compound packet with a report."""
    assert rtcp(sender_report(1 << 40, 1) + BYE).ended
    assert not rtcp(sender_report(1 << 40, 1)).ended


@given(st.binary(max_size=80))
@settings(deadline=None)
def test_any_bytes_are_harmless_as_rtcp(data):
    """No bytes make the RTCP reader raise or loop."""
    rtcp(data)
    rtcp(b"\x80\xc8" + data)


def test_receiver_report_tells_what_was_received():
    """A receiver report has one block with source, losses and highest sequence number; none before the first packet."""
    reception = Reception(96)
    assert reception.receiver_report(1) == struct.pack(">BBHI", 0x80, 201, 1, 1)
    accepted(reception, [10, 13])
    assert reception.receiver_report(1) == struct.pack(">BBHIIIIIII", 0x81, 201, 7, 1, SSRC, 2, 13, 0, 0, 0)
