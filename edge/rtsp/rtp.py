"""RTP and RTCP: headers, and the accounting of one source that video and audio share.

Knows nothing of codecs. Facts about cameras that the rules answer to stand beside them.
"""

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge.codec.ntp import unix_ns_from_ntp

RTP_HEADER_BYTES: Final = 12
MOST_LOST: Final = 1000
"""A jump of the sequence number by more is a restart of the camera's counter, not a loss (as FFmpeg takes it)."""
MOST_LATE: Final = 100
"""A packet that is behind by no more is an old or doubled one, not a restart (as FFmpeg takes it)."""
FOREIGN_PACKETS: Final = 10
"""So many packets of one other source in a row, none of ours between: the camera has a new source."""
FOLLOWERS: Final = b"$\r\nRO"
"""What may stand behind an interleaved frame: the next one, a blank line, a reply, or a request of OPTIONS or REDIRECT.

Anything else is scraps, or the frame is torn: cameras whose TCP window is full leave the rest of a frame out and go on
with the next. Few letters, as each is a byte of video too ("A" begins most NAL units of H.264).
"""

_FRAME = struct.Struct(">BBH")
_RTP = struct.Struct(">BBHII")
_SENDER_REPORT = struct.Struct(">QI")
_RECEIVER_REPORT = struct.Struct(">BBHIIIIIII")
_EMPTY_REPORT = struct.Struct(">BBHI")
_DOLLAR: Final = 0x24
_SENDER_REPORT_TYPE: Final = 200
_RECEIVER_REPORT_TYPE: Final = 201
_BYE_TYPE: Final = 203


class Packet(NamedTuple):
    """One RTP packet: header fields and where its payload lies in the buffer."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    start: int
    end: int


def frame_end(buffer: bytearray, start: int, end: int, channel: int) -> int | None:
    """Where the interleaved frame at `start` ends; None where no whole frame of `channel` begins there."""
    if end - start < _FRAME.size:
        return None
    dollar, own, length = _FRAME.unpack_from(buffer, start)
    after: int = start + _FRAME.size + length
    return after if dollar == _DOLLAR and own == channel and after <= end else None


def parse_rtp(buffer: bytearray, start: int, end: int) -> Packet | None:
    """Read the RTP packet in buffer[start:end]; None where it is none: wrong version, lengths that do not fit."""
    payload = start + RTP_HEADER_BYTES
    if payload > end:
        return None
    first, second, sequence, timestamp, ssrc = _RTP.unpack_from(buffer, start)
    if first != 0x80:
        if first >> 6 != 2:
            return None
        payload += 4 * (first & 0x0F)
        if first & 0x10:  # header extension: Axis and ONVIF replay put time codes there
            if payload + 4 > end:
                return None
            payload += 4 + 4 * ((buffer[payload + 2] << 8) | buffer[payload + 3])
        if first & 0x20 and payload < end:  # padding: the last byte counts itself
            padding = buffer[end - 1]
            if padding == 0:
                return None
            end -= padding
        if payload > end:
            return None
    return Packet(second > 0x7F, second & 0x7F, sequence, timestamp, ssrc, payload, end)


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The camera's own wall clock at an RTP timestamp; for information, never for sample times."""

    unix_ns: int
    timestamp: int
    arrival_ns: int


class Reception:
    """Accounting of one RTP source: which packets count, by source and sequence number, and how many are missing."""

    def __init__(self, payload_type: int) -> None:
        self.payload_type = payload_type
        self.ssrc = -1
        self.expected = -1
        self.packets = 0
        self.lost_packets = 0
        self.ignored_packets = 0
        self.ended = False
        self.sender_report: SenderReport | None = None
        self._foreign_ssrc = -1
        self._foreign_count = 0
        self._packets_at_foreign = 0
        self._jump_to = -1

    def recognises(self, buffer: bytearray, start: int) -> bool:
        """Whether the 12 bytes at `start` are the RTP header of this source, as far as it is known."""
        first, second, _, _, ssrc = _RTP.unpack_from(buffer, start)
        own = self.ssrc < 0 or bool(ssrc == self.ssrc)
        return own and first >> 6 == 2 and second & 0x7F == self.payload_type

    def accept(self, packet: Packet) -> int | None:
        """How many packets are missing before this one; -1: unknown, as the source restarted; None: ignore it."""
        sequence = packet.sequence
        if packet.ssrc != self.ssrc and not self._adopts(packet.ssrc):
            self.ignored_packets += 1
            return None
        missing = (sequence - self.expected) & 0xFFFF
        if self.expected < 0:
            missing = -1 if self.packets else 0
        if missing > MOST_LOST:
            is_late = missing > 0xFFFF - MOST_LATE
            if is_late or sequence != self._jump_to:
                self._jump_to = -1 if is_late else (sequence + 1) & 0xFFFF
                self.ignored_packets += 1
                return None
            missing = -1
        self._jump_to = -1
        self.expected = (sequence + 1) & 0xFFFF
        self.packets += 1
        if missing > 0:
            self.lost_packets += missing
        return missing

    def _adopts(self, ssrc: int) -> bool:
        """Whether packets of this source count from now on.

        Old live555 servers go on sending a dead session's packets into a new connection, so a stranger is only
        believed when ours has fallen silent.
        """
        if self.ssrc >= 0:
            again = ssrc == self._foreign_ssrc and self.packets == self._packets_at_foreign
            self._foreign_count = self._foreign_count + 1 if again else 1
            self._foreign_ssrc, self._packets_at_foreign = ssrc, self.packets
            if self._foreign_count < FOREIGN_PACKETS:
                return False
            self.expected = -1
        self.ssrc = ssrc
        return True

    def rtcp(self, buffer: bytearray, start: int, end: int, arrival_ns: int) -> None:
        """Take the camera's clock (SR) and goodbye (BYE), whatever their SSRC: Tapo C320WS gives another than RTP's."""
        while start + 4 <= end and buffer[start] >> 6 == 2:
            kind = buffer[start + 1]
            size = 4 * (1 + ((buffer[start + 2] << 8) | buffer[start + 3]))
            if kind == _SENDER_REPORT_TYPE and size >= 20 and start + 20 <= end:
                ntp, timestamp = _SENDER_REPORT.unpack_from(buffer, start + 8)
                if ntp:  # 0: the camera does not know the time
                    self.sender_report = SenderReport(unix_ns_from_ntp(ntp), timestamp, arrival_ns)
            elif kind == _BYE_TYPE:
                self.ended = True
            start += size

    def receiver_report(self, ssrc: int) -> bytes:
        """An RTCP receiver report, as some cameras expect it every few seconds from a client that is alive."""
        if self.ssrc < 0:
            return _EMPTY_REPORT.pack(0x80, _RECEIVER_REPORT_TYPE, 1, ssrc)
        highest = (self.expected - 1) & 0xFFFF
        lost = min(self.lost_packets, 0x7FFFFF)
        return _RECEIVER_REPORT.pack(0x81, _RECEIVER_REPORT_TYPE, 7, ssrc, self.ssrc, lost, highest, 0, 0, 0)
