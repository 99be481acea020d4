"""Audio tracks: RTP packets in, units of audio out (RFC 3640 for AAC, RFC 3551 for G.711). No I/O, no clock."""

from abc import ABC, abstractmethod
from typing import Final

from edge.rtsp.rtp import FOLLOWERS, Packet, Reception, frame_end, parse_rtp
from edge.rtsp.units import AudioUnit

MOST_FRAME_BYTES: Final = 65_536
MOST_FRAMES: Final = 256
"""Frames of one packet; more is a broken header."""
ADTS_HEADER_BYTES: Final = 7


class AudioTrack(ABC):
    """Depacketises one audio stream; the consumer drains `units`."""

    def __init__(self, payload_type: int) -> None:
        self.reception = Reception(payload_type)
        self.units: list[AudioUnit] = []
        self.last_arrival_ns = 0
        self._lost = 0

    def consume(self, buffer: bytearray, start: int, end: int, channel: int, arrival_ns: int) -> int:
        """Take interleaved frames of `channel` from buffer[start:end]; returns where it stopped.

        It stops at the first byte that does not begin a whole frame of this channel with RTP of this track, and at a
        frame that might be torn.
        """
        while (after := frame_end(buffer, start, end, channel)) is not None:
            packet = parse_rtp(buffer, start + 4, after)
            is_doubtful = after < end and buffer[after] not in FOLLOWERS
            if packet is None or packet.payload_type != self.reception.payload_type or is_doubtful:
                break
            missing = self.reception.accept(packet)
            if missing is not None:
                self._lost += max(missing, 0)
                self.last_arrival_ns = arrival_ns
                self._payload(bytes(buffer[packet.start : packet.end]), packet, missing, arrival_ns)
            start = after
        return start

    def _emit(self, timestamp: int, data: bytes, duration: int, arrival_ns: int) -> None:
        self.units.append(AudioUnit(timestamp & 0xFFFFFFFF, arrival_ns, data, duration, self._lost))
        self._lost = 0

    @abstractmethod
    def _payload(self, payload: bytes, packet: Packet, missing: int, arrival_ns: int) -> None:
        """Take the payload of one accepted packet."""


class G711Track(AudioTrack):
    """PCMA or PCMU: a byte is a sample of one channel, and a packet one unit."""

    def __init__(self, payload_type: int, channels: int = 1) -> None:
        super().__init__(payload_type)
        self._channels = max(1, channels)

    def _payload(self, payload: bytes, packet: Packet, missing: int, arrival_ns: int) -> None:  # noqa: ARG002 - one shape for all codecs
        samples = len(payload) // self._channels
        if samples:
            self._emit(packet.timestamp, payload[: samples * self._channels], samples, arrival_ns)


class AacTrack(AudioTrack):
    """AAC-hbr: several frames a packet, or one frame over several packets; without interleaving."""

    def __init__(self, payload_type: int, samples_per_frame: int, size_bits: int = 13, index_bits: int = 3) -> None:
        super().__init__(payload_type)
        self._samples_per_frame = samples_per_frame
        self._index_bits = index_bits
        self._header_bits = max(1, size_bits + index_bits)
        self._pieces = b""
        self._pieces_timestamp = -1

    def _payload(self, payload: bytes, packet: Packet, missing: int, arrival_ns: int) -> None:
        if missing or packet.timestamp != self._pieces_timestamp:
            self._pieces = b""
        sizes, data = self._split(payload)
        if len(sizes) == 1 and sizes[0] > len(data):
            self._fragment(sizes[0], data, packet, arrival_ns)
            return
        at = 0
        for place, size in enumerate(sizes):
            frame = strip_adts(data[at : at + size])
            if len(data) < at + size or not frame:
                return
            self._emit(packet.timestamp + place * self._samples_per_frame, frame, self._samples_per_frame, arrival_ns)
            at += size

    def _split(self, payload: bytes) -> tuple[list[int], bytes]:
        """Sizes from the AU headers and what follows them; none where they make no sense."""
        bits = int.from_bytes(payload[:2], "big")
        count, rest = divmod(bits, self._header_bits)
        head = 2 + (bits + 7) // 8
        if not 0 < count <= MOST_FRAMES or rest or head >= len(payload):
            return _only_frame(payload)
        headers = int.from_bytes(payload[2:head], "big") >> (8 * (head - 2) - bits)
        fields = [headers >> (place * self._header_bits) for place in range(count - 1, -1, -1)]
        size_mask = (1 << (self._header_bits - self._index_bits)) - 1
        index_mask = (1 << self._index_bits) - 1
        if any(field & index_mask for field in fields[1:]):  # interleaved frames, which no camera is known to send
            return [], b""
        return [field >> self._index_bits & size_mask for field in fields], payload[head:]

    def _fragment(self, size: int, data: bytes, packet: Packet, arrival_ns: int) -> None:
        """A frame that goes on in the next packets; the last one has the marker."""
        if size > MOST_FRAME_BYTES:
            return
        self._pieces += data
        self._pieces_timestamp = packet.timestamp
        if packet.marker or len(self._pieces) >= size:
            frame = strip_adts(self._pieces)
            if len(self._pieces) == size:
                self._emit(packet.timestamp, frame, self._samples_per_frame, arrival_ns)
            self._pieces = b""


def _only_frame(payload: bytes) -> tuple[list[int], bytes]:
    """The one frame of a packet whose AU headers have a wrong length: one with a fitting size or ADTS header."""
    if len(payload) > 4 and int.from_bytes(payload[2:4], "big") >> 3 == len(payload) - 4:
        return [len(payload) - 4], payload[4:]
    for data in (payload, payload[2:]):
        if _adts_size(data) == len(data):
            return [len(data)], data
    if payload[:2] == b"\x00\x00" and len(payload) > 2:
        return [len(payload) - 2], payload[2:]
    return [], b""


def _adts_size(data: bytes) -> int:
    """Bytes of the frame that an ADTS header announces, -1 where there is no such header."""
    if len(data) <= ADTS_HEADER_BYTES or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return -1
    return (data[3] & 0x03) << 11 | data[4] << 3 | data[5] >> 5


def strip_adts(frame: bytes) -> bytes:
    """The AAC frame without the ADTS header that some cameras leave on it."""
    if _adts_size(frame) == len(frame):
        return frame[ADTS_HEADER_BYTES if frame[1] & 1 else ADTS_HEADER_BYTES + 2 :]
    return frame
