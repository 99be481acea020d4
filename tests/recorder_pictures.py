"""Made-up access units for tests of the recorder: real parameter sets, slices that only carry a number."""

from rtp_packets import H264_SETS

from edge.rtsp.units import AccessUnit, AudioUnit

SECOND = 1_000_000_000
START_NS = 1_000 * SECOND


def picture(
    number: int,
    *,
    key: bool = False,
    timestamp: int | None = None,
    arrival_ns: int | None = None,
    sets: tuple[bytes, ...] = H264_SETS,
    size: int = 40,
    **flags,
) -> AccessUnit:
    """Picture `number` of a stream with 25 pictures a second; its bytes name it."""
    body = bytes([0x65 if key else 0x41]) + b"\xff" * (size - 10) + number.to_bytes(4, "big") + b"\xff"
    unit = {
        "timestamp": (number * 3600 if timestamp is None else timestamp) & 0xFFFF_FFFF,
        "arrival_ns": START_NS + number * SECOND // 25 if arrival_ns is None else arrival_ns,
        "random_access": key,
        "recovery_point": False,
        "continues": False,
        "lost_packets": 0,
        "after_loss": False,
    } | flags
    return AccessUnit(parts=[len(body).to_bytes(4, "big"), body], size=4 + len(body), parameter_sets=sets, **unit)


def sound(number: int, *, arrival_ns: int | None = None, timestamp: int | None = None, lost_packets: int = 0) -> AudioUnit:
    """Packet `number` of G.711, 20 ms each."""
    return AudioUnit(
        (number * 160 if timestamp is None else timestamp) & 0xFFFF_FFFF,
        START_NS + number * SECOND // 50 if arrival_ns is None else arrival_ns,
        number.to_bytes(4, "big") * 40,
        160,
        lost_packets,
    )
