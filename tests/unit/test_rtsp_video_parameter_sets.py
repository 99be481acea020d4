"""Which parameter sets are in force on a video track, and what it takes from them."""


import pytest
from h264_pieces import IDR, P2, P_SLICE, PPS, RECOVERY_5, SPS, STARTS, M, P, give, track_of
from rtp_packets import H264_FIELD_SETS, H264_OTHER_SETS, H264_SETS, H265_SETS


def test_sets_in_the_stream_complete_the_track_at_a_random_access():
    """Without sets in the SDP, those in front of the first key frame are in force from it on."""
    track = track_of(sets=())
    give(track, [(P, 1, M), (SPS, 2), (PPS, 2)])
    assert not track.sets.complete()
    give(track, [(IDR, 2, M), (P, 3, M)], 3)
    assert [unit.parameter_sets for unit in track.units] == [(), H264_SETS, H264_SETS]
    assert track.sets.complete()


def test_sets_in_front_of_an_intra_refresh_complete_the_track():
    """A stream without any IDR gets its sets in force at a recovery point."""
    track = track_of(sets=H264_OTHER_SETS)
    give(track, [(SPS, 1), (PPS, 1), (RECOVERY_5, 1), (P_SLICE, 1, M)])
    assert track.sets.in_force == H264_SETS


def test_repeated_sets_keep_their_identity():
    """Sets in front of every IDR, as most cameras send them, change nothing; zeros behind them neither (GW4089IP)."""
    track = track_of()
    before = track.sets.in_force
    give(track, [(SPS + bytes(3), 1), (PPS, 1), (IDR, 1, M), (SPS, 2), (PPS + b"\x00", 2), (IDR, 2, M)])
    assert all(unit.parameter_sets is before for unit in track.units)


def test_changed_sets_are_in_force_from_their_random_access():
    """Sets that change apply to the key frame behind them and not to the pictures before it."""
    track = track_of()
    give(track, [(IDR, 1, M), (H264_OTHER_SETS[0], 2), (PPS, 2), (P, 2, M), (IDR, 3, M)])
    assert [unit.parameter_sets for unit in track.units] == [H264_SETS, H264_SETS, H264_OTHER_SETS]


def test_sets_of_both_codecs_are_checked_before_they_count():
    """A set that cannot be read, of an absurd id or length, or of the other codec is passed over."""
    track = track_of()
    for bad in (SPS[:5], b"\x67\x42", b"\x68", b"\x68\x00\x01\x01", b"\x67" + bytes(70_000), H265_SETS[0]):
        track.sets.collect(bad)
    assert not track.sets.commit()
    assert track.sets.in_force == H264_SETS


def test_more_sets_than_a_sample_entry_holds_start_anew():
    """Endless parameter sets with ever new ids do not pile up."""
    track = track_of()
    for number in range(200):
        code = f"{number + 1:b}"
        bits = "0" * (len(code) - 1) + code + "1"
        track.sets.collect(b"\x68" + int(bits.ljust(32, "1"), 2).to_bytes(4, "big"))
        track.sets.commit()
    assert len(track.sets.in_force) <= 64


def test_sets_in_front_of_any_picture_complete_a_track_without():
    """A camera may send its sets once, in the middle of a long group of pictures; the next key frame can use them."""
    track = track_of(sets=())
    give(track, [(SPS, 1), (PPS, 1), (P, 1, M), (IDR, 2, M)])
    assert [unit.parameter_sets for unit in track.units] == [H264_SETS, H264_SETS]


@pytest.mark.parametrize("sets", [H264_SETS, H264_OTHER_SETS, H264_FIELD_SETS], ids=["VGA", "HD", "interlaced"])
def test_fields_are_told_by_the_sps(sets):
    """Two pictures under one timestamp are one unit in an interlaced stream and two in any other, also after a change."""
    track = track_of(sets=())
    give(track, [(sets[0], 1), (sets[1], 1), (IDR, 1, M), (P, 2), (P2, 2, M)])
    assert len(track.units) == (2 if sets is H264_FIELD_SETS else 3)


def test_sets_glued_to_a_late_key_frame_are_found():
    """A camera that changes its sets after hours, with start codes between them, is understood all the same."""
    track = track_of()
    give(track, [(P, number, M) for number in range(100)])
    give(track, [(STARTS.join([H264_OTHER_SETS[0], PPS, IDR]), 100, M)], 100)
    assert track.units[-1].parameter_sets == H264_OTHER_SETS


def test_changed_sps_makes_old_sets_forgotten():
    """A PPS that belonged to another SPS does not stay when a whole new group of sets comes, and does when a PPS comes alone."""
    other_pps = bytes.fromhex("6853c3f2")
    track = track_of()
    give(track, [(other_pps, 1), (IDR, 1, M)])
    assert track.sets.in_force == (SPS, PPS, other_pps)
    give(track, [(H264_OTHER_SETS[0], 2), (PPS, 2), (IDR, 2, M)], 2)
    assert track.sets.in_force == H264_OTHER_SETS
