"""What cameras do to access units, one named case each; makes and models as their reporters named them."""


import pytest
from h264_pieces import (
    I_SLICE,
    IDR,
    IDR_REST,
    P2,
    P_REST,
    P_SLICE,
    PPS,
    RECOVERY_0,
    RECOVERY_5,
    SEI,
    SPS,
    STARTS,
    M,
    P,
    fu,
    give,
    stitched,
    told,
    track_of,
)
from rtp_packets import H264_FIELD_SETS, H264_SETS, H265_SETS, bundle, fragments, nal

from edge.rtsp.h265 import H265Rules

TWO = [(1, [IDR], "K"), (2, [P], "")]
H264_CASES = {
    "marker on every packet in front (Reolink RLC-822A, Tapo TC70)": (
        [(SPS, 1, M), (PPS, 1, M), (SEI, 1, M), (IDR, 1, M), (P, 2, M)],
        [(1, [SEI, IDR], "K"), (2, [P], "")],
    ),
    "sets and SEI with a timestamp of their own (Reolink Duo 2)": (
        [(SPS, 7, M), (PPS, 7, M), (SEI, 8), (IDR, 9, M)],
        [(9, [SEI, IDR], "K")],
    ),
    "zeros behind NAL units": (
        [(IDR + bytes(2), 1, M), *stitched(fragments(P + bytes(9), (5, 11)), 2)],
        TWO,
    ),
    "no marker at all": ([(SPS, 1), (PPS, 1), (IDR, 1), (P, 2), (P2, 3)], TWO),
    "marker on every slice": (
        [(IDR, 1, M), (IDR_REST, 1, M), (P, 2, M), (P_REST, 2, M), (P2, 3, M)],
        [(1, [IDR], "K"), (1, [IDR_REST], "C"), (2, [P], ""), (2, [P_REST], "C"), (3, [P2], "")],
    ),
    "one timestamp for several pictures (FLIR M400)": (
        [(IDR, 1), (P, 1), (P_REST, 1), (P2, 1, M)],
        [(1, [IDR], "K"), (1, [P, P_REST], ""), (1, [P2], "")],
    ),
    "one picture with several timestamps (FLIR M400)": (
        [(IDR, 1), (IDR_REST, 2), (P, 3, M), (P_REST, 4, M), (P2, 5, M)],
        [(1, [IDR], "K"), (1, [IDR_REST], "C"), (3, [P], ""), (3, [P_REST], "C"), (5, [P2], "")],
    ),
    "marker on the SEI behind the picture": (
        [(IDR, 1), (SEI, 1, M), (P, 2), (SEI, 2, M), (P2, 3, M)],
        [(1, [IDR], "K"), (2, [SEI, P], ""), (3, [SEI, P2], "")],
    ),
    "slices behind sets in the middle of a picture": (
        [(IDR, 1), (PPS, 1), (IDR_REST, 1, M), (P, 2, M)],
        [(1, [IDR], "K"), (1, [IDR_REST], "C"), (2, [P], "")],
    ),
    "STAP-A with zero padding": ([(bundle([SPS, PPS, IDR]) + bytes(5), 1, M), (P, 2, M)], TWO),
    "STAP-A with one byte too many": ([(bundle([SPS, PPS, IDR]) + b"\x00", 1, M), (P, 2, M)], TWO),
    "STAP-A with an empty unit at its end": ([(bundle([SPS, PPS, IDR, b""]), 1, M), (P, 2, M)], TWO),
    "STAP-A with a length too large": ([(bundle([IDR])[:-1], 1, M), (P, 2, M)], [(2, [P], "L")]),
    "FU with start and end at once (CostarHD, OpenIPC)": ([(fu(IDR)[0], 1, M), (P, 2, M)], TWO),
    "FU with the reserved bit (Longse, HeroSpeed)": (
        [*stitched([bytes((one[0], one[1] | 0x20)) + one[2:] for one in fu(IDR, 9, 17, 30)], 1), (P, 2, M)],
        TWO,
    ),
    "FU whose type and NRI change on the way (Tiandy)": (
        [
            *stitched([fu(IDR, 9, 30)[0], b"\x1c\x01" + fu(IDR, 9, 30)[1][2:], b"\x5c\x41" + fu(IDR, 9, 30)[2][2:]], 1),
            (P, 2, M),
        ],
        TWO,
    ),
    "FU with an empty fragment": (
        [*stitched([fu(IDR, 9)[0], fu(IDR, 9, 30)[1][:2], fu(IDR, 9)[1]], 1), (P, 2, M)],
        TWO,
    ),
    "FU header cut off": ([*stitched([fu(IDR, 9)[0], b"\x7c", fu(IDR, 9)[1]], 1), (P, 2, M)], TWO),
    "FU without start": ([*stitched(fu(IDR, 9, 30)[1:], 1), (P, 2, M)], [(2, [P], "L")]),
    "FU without end, closed by the marker": (
        [*stitched(fu(IDR, 9, 30)[:2], 1), (P, 2, M)],
        [(2, [P], "L")],
    ),
    "FU without end, closed by the timestamp": (
        [(fu(IDR, 9, 30)[0], 1), (fu(IDR, 9, 30)[1], 1), (P, 2, M)],
        [(2, [P], "L")],
    ),
    "FU without end, closed by another unit": (
        [(fu(IDR, 9)[0], 1), (P, 1, M), (P2, 2, M)],
        [(1, [P], "L"), (2, [P2], "")],
    ),
    "Annex B in a single unit (V380)": (
        [(b"\x00".join([SPS, STARTS + PPS, STARTS + SEI, STARTS + IDR]), 1, M), (P, 2, M)],
        [(1, [SEI, IDR], "K"), (2, [P], "")],
    ),
    "Annex B with a start code in front (Amatek AR-N3222F)": (
        [(b"\x00" + STARTS + SPS + STARTS + PPS + STARTS + IDR, 1, M), (b"\x00" + STARTS + P, 2, M)],
        TWO,
    ),
    "Annex B in fragments, a start code across two (MacroVideo)": (
        [*stitched(fu(SPS + STARTS + PPS + b"\x00" + STARTS + IDR, len(SPS) + 1, len(SPS) + 12, 50), 1), (P, 2, M)],
        TWO,
    ),
    "Annex B between the slices of a fragmented picture": (
        [*stitched(fu(IDR + STARTS + IDR_REST, 20, 61), 1), (P, 2, M)],
        [(1, [IDR, IDR_REST], "K"), (2, [P], "")],
    ),
    "delimiter and filler": (
        [(b"\x09\xf0", 1), (SEI, 1), (IDR, 1), (b"\x0c\xff\xff\x80", 1, M), (P, 2, M)],
        [(1, [SEI, IDR], "K"), (2, [P], "")],
    ),
    "end of sequence behind the picture": (
        [(IDR, 1), (b"\x0a", 1, M), (P, 2, M)],
        [(1, [IDR, b"\x0a"], "K"), (2, [P], "")],
    ),
    "unit types 0, 30 and 31": ([(b"\x00\x01", 1), (IDR, 1), (b"\x7e1", 1), (b"\x1f1", 1, M), (P, 2, M)], TWO),
    "forbidden bit": (
        [(b"\xe5" + IDR[1:], 1, M), *stitched([b"\x9c" + x[1:] for x in fu(b"\x01" + P[1:], 9, 20)], 2)],
        [(1, [IDR], "K"), (2, [b"\x01" + P[1:]], "")],
    ),
    "interleaved mode": ([(b"\x79\x00\x01\x00\x04" + P[:4], 1, M), (IDR, 2, M)], [(2, [IDR], "KL")]),
    "empty payloads": ([(b"", 1), (IDR, 1), (b"", 1, M), (b"", 2), (P, 2, M)], TWO),
    "picture that begins in the middle": ([(P_REST, 1, M), (P, 2, M)], [(2, [P], "L")]),
    "data partitions": (
        [(IDR, 1, M), (nal("4288"), 2), (nal("4388"), 2), (nal("4488"), 2, M)],
        [(1, [IDR], "K"), (2, [nal("4288"), nal("4388"), nal("4488")], "")],
    ),
    "timestamp that stands still": (
        [(IDR, 1, M), (P, 1, M), (P2, 1, M)],
        [(1, [IDR], "K"), (1, [P], ""), (1, [P2], "")],
    ),
    "timestamps that go back and wrap": (
        [(IDR, 2**32 - 1, M), (P, 0, M), (P2, 2**31, M), (P, 5, M)],
        [(2**32 - 1, [IDR], "K"), (0, [P], ""), (2**31, [P2], ""), (5, [P], "")],
    ),
    "recovery point of whole I pictures": ([(RECOVERY_0, 1), (I_SLICE, 1, M)], [(1, [RECOVERY_0, I_SLICE], "KR")]),
    "recovery point of 0 frames, with P slices": (
        [(RECOVERY_0, 1), (I_SLICE, 1), (P_REST, 1, M)],
        [(1, [RECOVERY_0, I_SLICE, P_REST], "R")],
    ),
    "recovery point behind other SEI messages": (
        [(b"\x06\x00\x02ab\x01\x01c\x06\x01\xc4\x80", 1), (P_SLICE, 1, M)],
        [(1, [b"\x06\x00\x02ab\x01\x01c\x06\x01\xc4\x80", P_SLICE], "R")],
    ),
    "intra refresh": ([(RECOVERY_5, 1), (P_SLICE, 1, M), (P, 2, M)], [(1, [RECOVERY_5, P_SLICE], "R"), (2, [P], "")]),
}


@pytest.mark.parametrize(("packets", "expected"), H264_CASES.values(), ids=H264_CASES.keys())
def test_h264_quirk_gives_whole_pictures(packets, expected):
    """Whatever a camera does with markers, timestamps and payload forms, each whole picture comes out once."""
    track = track_of()
    give(track, packets)
    assert told(track) == expected
    assert all(unit.parameter_sets == H264_SETS for unit in track.units)


FIELD_1, FIELD_2 = nal("6588", 60), nal("419a", 50, 1)
FIELD_CASES = {
    "marker behind the second": (
        [(FIELD_1, 1), (FIELD_2, 1, M), (P, 2), (P2, 2, M)],
        [(1, [FIELD_1, FIELD_2], "K"), (2, [P, P2], "")],
    ),
    "marker behind both": (
        [(FIELD_1, 1, M), (FIELD_2, 1, M), (P, 2, M)],
        [(1, [FIELD_1], "K"), (1, [FIELD_2], "C"), (2, [P], "")],
    ),
    "SEI between them": (
        [(FIELD_1, 1), (SEI, 1), (FIELD_2, 1, M), (P, 2, M)],
        [(1, [FIELD_1, SEI, FIELD_2], "K"), (2, [P], "")],
    ),
    "first one damaged": ([(fu(FIELD_1, 9)[0], 1), (FIELD_2, 1, M), (P, 2, M)], [(2, [P], "L")]),
    "timestamps of their own": ([(FIELD_1, 1, M), (FIELD_2, 2, M)], [(1, [FIELD_1], "K"), (2, [FIELD_2], "")]),
}


@pytest.mark.parametrize(("packets", "expected"), FIELD_CASES.values(), ids=FIELD_CASES.keys())
def test_fields_under_one_timestamp_are_one_sample(packets, expected):
    """In an interlaced stream two pictures with one timestamp are the fields of one frame."""
    track = track_of(sets=H264_FIELD_SETS)
    give(track, packets)
    assert told(track) == expected


VPS5, SPS5, PPS5 = H265_SETS
CRA, RASL, TRAIL, TRAIL_REST = nal("2a0181", 50), nal("120181", 40), nal("0201d0", 40), nal("020150", 40)
SEI5 = nal("4e0105", 12)
H265_CASES = {
    "CRA as random access": (
        [(VPS5, 1), (SPS5, 1), (PPS5, 1), (CRA, 1, M), (RASL, 2, M)],
        [(1, [CRA], "K"), (2, [RASL], "")],
    ),
    "AP with sets and picture": ([(bundle([*H265_SETS, SEI5, CRA], h265=True), 1, M)], [(1, [SEI5, CRA], "K")]),
    "AP with padding": ([(bundle([*H265_SETS, CRA], h265=True) + bytes(3), 1, M)], [(1, [CRA], "K")]),
    "FU with start and end at once": ([(fragments(CRA, (), h265=True)[0], 1, M)], [(1, [CRA], "K")]),
    "marker on every slice": (
        [(CRA, 1, M), (TRAIL, 2, M), (TRAIL_REST, 2, M)],
        [(1, [CRA], "K"), (2, [TRAIL], ""), (2, [TRAIL_REST], "C")],
    ),
    "marker on the sets": ([(VPS5, 1, M), (SPS5, 1, M), (PPS5, 1, M), (CRA, 2, M)], [(2, [CRA], "K")]),
    "no marker": ([(CRA, 1), (TRAIL, 2), (TRAIL_REST, 2), (TRAIL, 3)], [(1, [CRA], "K"), (2, [TRAIL, TRAIL_REST], "")]),
    "TRAIL_N": ([(CRA, 1, M), (nal("0001d0"), 2, M)], [(1, [CRA], "K"), (2, [nal("0001d0")], "")]),
    "suffix SEI, delimiter, filler": (
        [(nal("460150"), 1), (CRA, 1), (nal("5001"), 1), (nal("4c01"), 1, M)],
        [(1, [CRA, nal("5001")], "K")],
    ),
    "PACI": ([(nal("6401"), 1, M), (CRA, 2, M)], [(2, [CRA], "KL")]),
    "types that belong to nobody": ([(CRA, 1), (nal("7e01"), 1, M)], [(1, [CRA], "K")]),
    "Annex B with a start code in front": (
        [(b"\x00" + STARTS + b"".join(one + STARTS for one in H265_SETS) + CRA, 1, M)],
        [(1, [CRA], "K")],
    ),
    "fragments": ([*stitched(fragments(CRA, (5, 11, 20), h265=True), 1)], [(1, [CRA], "K")]),
}


@pytest.mark.parametrize(("packets", "expected"), H265_CASES.values(), ids=H265_CASES.keys())
def test_h265_quirk_gives_whole_pictures(packets, expected):
    """The same for H.265, where every IRAP is a random access."""
    track = track_of(H265Rules(), H265_SETS)
    give(track, packets)
    assert told(track) == expected
    assert all(unit.parameter_sets == H265_SETS for unit in track.units)
