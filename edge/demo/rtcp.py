"""RTCP packets in interleaved frames; no clock."""

import struct

_NTP_EPOCH_S = 2_208_988_800  # seconds from 1900 to 1970
_CNAME = b"camera"


def sender_report(channel: int, ssrc: int, wall_ns: int, timestamp: int, *, packets: int, octets: int) -> bytes:
    """Return a sender report, with the description that RFC 3550 wants beside it."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    report = struct.pack(
        ">BBHIIIIII",
        0x80, 200, 6, ssrc,
        (seconds + _NTP_EPOCH_S) & 0xFFFF_FFFF, (rest_ns << 32) // 1_000_000_000,
        timestamp, packets & 0xFFFF_FFFF, octets & 0xFFFF_FFFF,
    )  # fmt: skip
    # One chunk: SSRC, item 1 (CNAME), and zeros up to the next 32 bits.
    chunk = struct.pack(">IBB", ssrc, 1, len(_CNAME)) + _CNAME
    chunk += bytes(4 - len(chunk) % 4)
    return _frame(channel, report + struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk)


def bye(channel: int, ssrc: int) -> bytes:
    """Return the packet that ends a stream."""
    return _frame(channel, struct.pack(">BBHIBBHI", 0x80, 201, 1, ssrc, 0x81, 203, 1, ssrc))


def _frame(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet
