"""Pieces of H.264 pictures for tests, and a video track that is given them in packets."""

from rtp_packets import H264_SETS, fragments, frame, nal, nals_of, rtp

from edge.rtsp.h264 import H264Rules
from edge.rtsp.nal import NalRules
from edge.rtsp.video import VideoTrack

M = True
SPS, PPS = H264_SETS
SEI = nal("0605", 12)
IDR, IDR_REST = nal("6588", 60), nal("6540", 50, 1)
P, P_REST, P2 = nal("419a", 40, 2), nal("4140", 30, 3), nal("419b", 40, 4)
I_SLICE = nal("41b8", 40)  # first_mb 0, slice_type 2: 1 011 1...
P_SLICE = nal("41e0", 40)  # first_mb 0, slice_type 0: 1 1 1...
RECOVERY_0, RECOVERY_5 = bytes.fromhex("060601c480"), bytes.fromhex("0606013480")
STARTS = b"\x00\x00\x01"


def track_of(rules: NalRules | None = None, sets: tuple[bytes, ...] = H264_SETS) -> VideoTrack:
    return VideoTrack(rules or H264Rules(), 96, sets)


def give(track: VideoTrack, packets, sequence: int = 0) -> None:
    """Packets are (payload, timestamp[, marker])."""
    for at, (payload, timestamp, *marker) in enumerate(packets):
        data = bytearray(frame(rtp(payload, sequence + at, timestamp, marker=bool(marker and marker[0]))))
        assert track.consume(data, 0, len(data), 0, at) == len(data)


def told(track: VideoTrack) -> list[tuple[int, list[bytes], str]]:
    """Timestamp, NAL units and flags: K random access, R recovery point, C continues, L after loss."""
    return [
        (
            unit.timestamp,
            nals_of(unit),
            "K" * unit.random_access + "R" * unit.recovery_point + "C" * unit.continues + "L" * unit.after_loss,
        )
        for unit in track.units
    ]


def fu(unit, *cuts):
    return fragments(unit, cuts)


def stitched(payloads, timestamp):
    """Fragments with the marker on the last."""
    return [(payload, timestamp, at == len(payloads) - 1) for at, payload in enumerate(payloads)]
