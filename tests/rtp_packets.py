"""A tiny RTP packetiser for tests: NAL units and audio frames to payloads, payloads to interleaved frames."""

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise

from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.messages import Request, Response
from edge.rtsp.units import AccessUnit

SSRC = 0x1BADB002
H264_SETS = (bytes.fromhex("6742c00dda0507e840000003004000000c83c50aa8"), bytes.fromhex("68ce0fc8"))
H264_OTHER_SETS = (bytes.fromhex("6742c01eda0280f684000003000400000300c83c58ba80"), bytes.fromhex("68ce0fc8"))
H264_FIELD_SETS = (bytes.fromhex("674d4015f40a087e5840000003004000000c87c50aa8"), bytes.fromhex("68de0fc8"))
H265_SETS = (
    bytes.fromhex("40010c01ffff01600000030090000003000003003c959409"),
    bytes.fromhex("42010101600000030090000003000003003ca00a080f16595952930b9a020000030002000003003210"),
    bytes.fromhex("4401c073c189"),
)


def nal(head: str, size: int = 24, seed: int = 0) -> bytes:
    """A NAL unit that begins with the bytes `head` (hex) and holds no start code."""
    lead = bytes.fromhex(head)
    return lead + bytes((seed * 31 + n) % 254 + 1 for n in range(max(0, size - len(lead))))


def frame(data: bytes, channel: int = 0) -> bytes:
    """An interleaved frame."""
    return struct.pack(">BBH", 0x24, channel, len(data)) + data


def rtp(
    payload: bytes,
    sequence: int,
    timestamp: int,
    *,
    marker: bool = False,
    payload_type: int = 96,
    ssrc: int = SSRC,
    first: int = 0x80,
) -> bytes:
    """An RTP packet."""
    second = payload_type | marker << 7
    return struct.pack(">BBHII", first, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def sender_report(ntp: int, timestamp: int, ssrc: int = SSRC) -> bytes:
    """An RTCP sender report without blocks."""
    return struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, ntp, timestamp, 1, 1)


BYE = struct.pack(">BBHI", 0x81, 203, 1, SSRC)


def fragments(unit: bytes, cuts: Iterable[int], *, h265: bool = False) -> list[bytes]:
    """FU payloads of one NAL unit, cut at these places of its body."""
    head = 2 if h265 else 1
    kind = unit[0] >> 1 & 0x3F if h265 else unit[0] & 0x1F
    lead = bytes((unit[0] & 0x81 | 49 << 1, unit[1])) if h265 else bytes((unit[0] & 0xE0 | 28,))
    body = unit[head:]
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(body)}), len(body)]
    last = len(places) - 2
    return [
        lead + bytes((kind | (n == 0) << 7 | (n == last) << 6,)) + body[a:b]
        for n, (a, b) in enumerate(pairwise(places))
    ]


def bundle(units: Sequence[bytes], *, h265: bool = False) -> bytes:
    """A STAP-A or AP payload."""
    lead = b"\x60\x01" if h265 else b"\x78"
    return lead + b"".join(struct.pack(">H", len(unit)) + unit for unit in units)


def aac_payload(frames: Sequence[bytes]) -> bytes:
    """An AAC-hbr payload (13 bits of size, 3 of index)."""
    headers = b"".join(struct.pack(">H", len(one) << 3) for one in frames)
    return struct.pack(">H", 8 * len(headers)) + headers + b"".join(frames)


def nals_of(unit: AccessUnit) -> list[bytes]:
    """The NAL units of an access unit; its sizes must agree."""
    data = b"".join(unit.parts)
    assert len(data) == unit.size
    found = []
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found.append(data[at + 4 : at + 4 + size])
        assert len(found[-1]) == size
        at += 4 + size
    return found


def feed(demultiplexer: Demultiplexer, data: bytes, chunk_sizes: Iterable[int] = ()) -> list[Response | Request]:
    """Give `data` to a demultiplexer in pieces of these sizes, the rest in pieces as large as it takes."""
    messages: list[Response | Request] = []
    sizes = iter(chunk_sizes)
    at = 0
    while at < len(data):
        room = demultiplexer.get_buffer()
        size = min(next(sizes, len(data)), len(room), len(data) - at)
        room[:size] = data[at : at + size]
        at += size
        messages += demultiplexer.received(size, at)
    return messages
