"""What is missing, endless or strange in a video stream costs a bounded amount, and is told."""

import pytest
from h264_pieces import IDR, IDR_REST, P2, P_REST, SEI, M, P, fu, give, told, track_of
from rtp_packets import frame, nal, rtp

from edge.rtsp.assembly import MOST_NALS, MOST_UNIT_BYTES
from edge.rtsp.video import MOST_PIECES


def test_unit_without_end_is_given_up():
    """A NAL unit that never ends costs a bounded amount of memory and the picture it is in."""
    track = track_of()
    payloads = fu(nal("6588", 60), 9, 30)
    give(track, [(payloads[0], 1)])
    big = payloads[1][:2] + b"\x55" * 60_000
    for sequence in range(1, MOST_UNIT_BYTES // 60_000 + 3):
        give(track, [(big, 1)], sequence)
        assert sum(map(len, track._pieces)) <= MOST_UNIT_BYTES + 65_536
    assert not track._pieces
    give(track, [(P, 2, M)], sequence + 1)
    assert told(track) == [(2, [P], "L")]


@pytest.mark.parametrize("size", [0, 1])
def test_fragments_without_body_are_given_up(size):
    """So does one in crumbs, which cost more than their bytes."""
    track = track_of()
    head, crumb, _ = fu(nal("6588", 60), 9, 10)
    crumb = crumb[: 2 + size]
    give(track, [(head, 1)])
    data = bytearray(b"".join(frame(rtp(crumb, 1 + n, 1)) for n in range(MOST_PIECES + 10)))
    track.consume(data, 0, len(data), 0, 0)
    assert not track._pieces


def test_slices_in_crumbs_are_given_up():
    """Crumbs are joined slice by slice, and a picture of too many slices is given up."""
    track = track_of()
    give(track, [(P, number, M) for number in range(40)])
    give(track, [(P, 40)], 40)
    payloads = fu(nal("4140", 300), *range(1, 299))
    number = 41
    for _ in range(MOST_NALS + 10):
        data = bytearray(b"".join(frame(rtp(payload, number + at, 40)) for at, payload in enumerate(payloads)))
        track.consume(data, 0, len(data), 0, 0)
        number += len(payloads)
        assert len(track._assembly._parts) <= 2 * MOST_NALS
    give(track, [(P2, 41, M)], number)
    assert told(track)[40:] == [(41, [P2], "L")]


def test_units_without_picture_are_given_up():
    """Endless SEI neither piles up nor spoils the pictures that come at last."""
    track = track_of()
    for number in range(3 * MOST_NALS):
        give(track, [(SEI, number, M)], number)
        assert len(track._assembly._parts) <= 2 * MOST_NALS
    give(track, [(IDR, 2**20, M), (P, 2**20 + 1, M)], 3 * MOST_NALS)
    assert [unit.timestamp for unit in track.units][-1] == 2**20 + 1


def test_picture_of_too_many_slices_is_given_up():
    """A picture that goes on for ever under one timestamp is thrown away."""
    track = track_of()
    give(track, [(IDR, 1), *[(IDR_REST, 1)] * (MOST_NALS + 5), (P, 2, M)])
    assert told(track) == [(2, [P], "L")]
    assert track.dropped_units == 1


def test_rest_of_a_picture_that_was_thrown_away_goes_too():
    """Slices that are marked one by one do not join the unit before a damaged one."""
    track = track_of()
    give(track, [(IDR, 1, M), (fu(P, 9)[0], 2, M), (P_REST, 2, M), (P2, 3, M)])
    assert told(track) == [(1, [IDR], "K"), (3, [P2], "L")]
    assert track.dropped_units == 2


def test_gap_in_a_picture_is_counted_as_one_dropped_unit():
    """A picture with a lost slice is thrown away once."""
    track = track_of()
    give(track, [(IDR, 1)], 0)
    give(track, [(IDR_REST, 1, M), (P, 2, M)], 2)
    assert told(track) == [(2, [P], "L")]
    assert track.dropped_units == 1


def test_picture_that_lost_its_end_is_counted_as_dropped():
    """A picture without marker in front of a gap may lack its last slice, and is thrown away."""
    track = track_of()
    give(track, [(IDR, 1)], 0)
    give(track, [(P, 2, M)], 2)
    assert told(track) == [(2, [P], "L")]
    assert track.dropped_units == 1


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        pytest.param({"first": 0xA0}, b"middle", id="padding"),
        pytest.param({"first": 0x81}, b"middle", id="contributing source"),
        pytest.param({"ssrc": 77}, None, id="stale session with our numbers"),
        pytest.param({"payload_type": 50}, None, id="Geovision"),
    ],
)
def test_middle_fragment_with_an_odd_header_is_no_plain_one(odd, expected):
    """The hot loop takes nothing but plain packets of our source; the others are read with care."""
    track = track_of()
    head, middle, end = fu(b"\x65\x88" + b"a" * 20 + b"middle" + b"b" * 20, 21, 27)
    stranger = middle.replace(b"middle", b"malign")
    body = {0xA0: middle + b"\x00\x00\x03", 0x81: b"ctrb" + middle}.get(odd.get("first"), stranger)
    stream = [frame(rtp(head, 1, 1)), frame(rtp(body, 2, 1, **odd))]
    stream += [] if expected else [frame(rtp(middle, 2, 1))]
    stream += [frame(rtp(end, 3, 1, marker=True))]
    for data in map(bytearray, stream):
        track.consume(data, 0, len(data), 0, 0)
    assert told(track) == [(1, [b"\x65\x88" + b"a" * 20 + b"middle" + b"b" * 20], "K")]


def test_lost_picture_is_told_by_the_next():
    """The unit behind a lost one carries the number of lost packets and that it is suspect."""
    track = track_of()
    give(track, [(IDR, 1, M)], 10)
    give(track, [(P2, 3, M), (P, 4, M)], 14)
    assert told(track) == [(1, [IDR], "K"), (3, [P2], "L"), (4, [P], "")]
    assert [unit.lost_packets for unit in track.units] == [0, 3, 0]
    assert track.reception.lost_packets == 3


def test_restart_of_the_sequence_is_a_gap_without_count():
    """A camera that begins to count anew costs the picture in between and no lost packets."""
    track = track_of()
    give(track, [(IDR, 1, M)], 40_000)
    give(track, [(P, 2, M), (P2, 3, M)], 10)
    assert told(track) == [(1, [IDR], "K"), (3, [P2], "L")]
    assert track.reception.lost_packets == 0


def test_fragments_after_a_gap_wait_for_the_next_picture():
    """The rest of a picture whose beginning was lost is thrown away, and the next one is taken though nothing was marked."""
    track = track_of()
    payloads = fu(IDR, 9, 30)
    give(track, [(P, 1, M)])
    give(track, [(payloads[1], 2), (payloads[2], 2), (P, 2), (P2, 3)], 5)
    assert told(track) == [(1, [P], ""), (2, [P], "L")]


def test_arrival_is_kept_of_accepted_packets_only():
    """The stall watchdog sees packets of our source, also those that only the hot loop sees."""
    track = track_of()
    payloads = fu(nal("6588", 60), 9, 30)
    data = bytearray(b"".join(frame(rtp(payload, n, 1)) for n, payload in enumerate(payloads)))
    first = len(frame(rtp(payloads[0], 0, 1)))
    track.consume(data, 0, first, 0, 11)
    track.consume(data, first, len(data), 0, 12)
    assert track.last_arrival_ns == 12
    stranger = bytearray(frame(rtp(P, 9, 1, ssrc=9)))
    track.consume(stranger, 0, len(stranger), 0, 13)
    assert track.last_arrival_ns == 12
