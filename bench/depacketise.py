"""What taking RTP apart costs: nanoseconds a packet and MB/s for 1080p at 4 Mb/s, as it comes from a socket.

Run: `python -m bench.depacketise [seconds of video]`. The packets are made up, but shaped as a camera's: a key frame
eight times as large as the others each second, FU fragments of 1,400 bytes, read in pieces of at most 64 KiB.
"""

import struct
import sys
import time

from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.h264 import H264Rules
from edge.rtsp.h265 import H265Rules
from edge.rtsp.nal import NalRules
from edge.rtsp.video import VideoTrack

FPS = 25
BYTES_PER_SECOND = 4_000_000 // 8
KEY_WEIGHT = 8
MTU_BYTES = 1400
READ_BYTES = 65_536
ROUNDS = 7
H264_NALS = (
    b"\x65\x88",
    b"\x41\x9a",
    bytes.fromhex("6742c01fda014016ec0440000003004000000c83c60ca8"),
    b"\x68\xce\x3c\x80",
)
H265_NALS = (b"\x26\x01\xaf", b"\x02\x01\xd0")


def frame(sequence: int, timestamp: int, payload: bytes, *, marker: bool) -> bytes:
    """One interleaved frame on channel 0."""
    head = struct.pack(">BBHII", 0x80, 96 | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 0x12345678)
    return struct.pack(">BBH", 0x24, 0, len(head) + len(payload)) + head + payload


def fragments(nal: bytes, *, h265: bool) -> list[bytes]:
    """The payloads of one NAL unit."""
    head = 2 if h265 else 1
    kind = nal[0] >> 1 & 0x3F if h265 else nal[0] & 0x1F
    lead = bytes((nal[0] & 0x81 | 49 << 1, nal[1])) if h265 else bytes((nal[0] & 0xE0 | 28,))
    pieces = [nal[at : at + MTU_BYTES] for at in range(head, len(nal), MTU_BYTES)]
    last = len(pieces) - 1
    return [lead + bytes((kind | (n == 0) << 7 | (n == last) << 6,)) + piece for n, piece in enumerate(pieces)]


def stream(seconds: int, *, h265: bool) -> tuple[bytes, int]:
    """The bytes of a stream and how many packets they are."""
    plain = BYTES_PER_SECOND // (FPS - 1 + KEY_WEIGHT)
    key_nal, plain_nal, *sets = H265_NALS if h265 else H264_NALS
    frames: list[bytes] = []
    for picture in range(seconds * FPS):
        key = picture % FPS == 0
        payloads = list(sets) if key else []
        lead = key_nal if key else plain_nal
        payloads += fragments(lead.ljust(plain * (KEY_WEIGHT if key else 1), b"\xa5"), h265=h265)
        for n, payload in enumerate(payloads):
            frames.append(frame(len(frames), picture * 3600, payload, marker=n == len(payloads) - 1))
    return b"".join(frames), len(frames)


def measure(rules: NalRules, data: bytes) -> tuple[float, int]:
    """Seconds and access units of one pass."""
    demultiplexer, track = Demultiplexer(), VideoTrack(rules, 96)
    demultiplexer.bind(0, track)
    units = at = 0
    begin = time.perf_counter()
    while at < len(data):
        room = demultiplexer.get_buffer()
        size = min(READ_BYTES, len(room), len(data) - at)
        room[:size] = data[at : at + size]
        at += size
        demultiplexer.received(size, at)
        units += len(track.units)
        track.units.clear()
    return time.perf_counter() - begin, units


def main() -> None:
    """Print a table."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print(f"{'codec':6} {'packets':>8} {'units':>6} {'ns/packet':>10} {'MB/s':>7} {'% of a core, a channel':>24}")
    for rules, h265 in ((H264Rules(), False), (H265Rules(), True)):
        data, packets = stream(seconds, h265=h265)
        passes = [measure(rules, data) for _ in range(ROUNDS)]
        best, units = min(passes)
        print(
            f"{rules.codec:6} {packets:8} {units:6} {best / packets * 1e9:10.0f} {len(data) / best / 1e6:7.0f}"
            f" {100 * best / seconds:24.3f}"
        )


if __name__ == "__main__":
    main()
