"""A video track: RTP packets in, access units out.

`consume` is the recorder's hot loop: it takes a run of interleaved frames straight from the receive buffer, and nearly
all of them are middle fragments of one NAL unit, for which it does one unpack and one slice. Whatever is not exactly
the next such fragment goes through `_take`, where every quirk of a camera has its place. No I/O, no clock.
"""

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from edge.rtsp.assembly import MOST_UNIT_BYTES, Assembly
from edge.rtsp.nal import NalRules, Payload
from edge.rtsp.parameter_sets import ParameterSets
from edge.rtsp.rtp import FOLLOWERS, Reception, frame_end, parse_rtp

if TYPE_CHECKING:
    from edge.rtsp.units import AccessUnit

MOST_PIECES: Final = 65_536
"""Of a NAL unit that does not end; each costs memory beside its bytes."""

_PLAIN: Final = 0x8000
"""RTP version 2 without padding, extension, contributing sources and marker."""
_MARKER: Final = 0x0080
_HEADERS_BYTES: Final = 16
"""Of the interleaved frame and of plain RTP."""


class VideoTrack:
    """Depacketises one video stream; the consumer drains `units`."""

    def __init__(self, rules: NalRules, payload_type: int, parameter_sets: Iterable[bytes] = ()) -> None:
        self.rules = rules
        self.reception = Reception(payload_type)
        self.sets = ParameterSets(rules, parameter_sets)
        self.units: list[AccessUnit] = []
        self.last_arrival_ns = 0
        self._assembly = Assembly(rules, self.sets, self.units.append)
        self._frame = struct.Struct(f">HHHHII{rules.fragment_header_bytes}s")
        self._timestamp = -1
        self._middle: bytes | None = None
        self._whole_needed = False
        self._pieces: list[bytes | bytearray] = []
        self._open_bytes = 0

    @property
    def dropped_units(self) -> int:
        """Units that were thrown away, as something of them was missing."""
        return self._assembly.dropped_units

    def consume(self, buffer: bytearray, start: int, end: int, channel: int, arrival_ns: int) -> int:
        """Take interleaved frames of `channel` from buffer[start:end]; returns where it stopped.

        It stops at the first byte that does not begin a whole frame of this channel with RTP of this track, and at a
        frame that might be torn (a middle fragment is not asked: the gap behind it tells).
        """
        unpack = self._frame.unpack_from
        skip = self._frame.size
        reception = self.reception
        first, packets = start, reception.packets
        lead = 0x2400 | channel
        plain = _PLAIN | reception.payload_type
        marked = plain | _MARKER
        while start + skip <= end:
            begins, length, head, sequence, timestamp, ssrc, fragment = unpack(buffer, start)
            after = start + 4 + length
            if begins != lead or after > end:
                break
            if (
                fragment == self._middle
                and sequence == reception.expected
                and timestamp == self._timestamp
                and head == plain
                and ssrc == reception.ssrc
            ):
                self._pieces.append(buffer[start + skip : after])
                reception.expected = (sequence + 1) & 0xFFFF
                reception.packets += 1
            elif after < end and buffer[after] not in FOLLOWERS:
                break
            elif head | _MARKER == marked and sequence == reception.expected and ssrc == reception.ssrc:
                reception.expected = (sequence + 1) & 0xFFFF
                reception.packets += 1
                self._accepted(buffer, start + _HEADERS_BYTES, after, timestamp, head == marked, arrival_ns)
            elif not self._take(buffer, start, after, arrival_ns):
                break
            start = after
        else:
            start = self._consume_short(buffer, start, end, channel, arrival_ns)
        if reception.packets != packets:
            self.last_arrival_ns = arrival_ns
            self._check_size(start - first)
        return start

    def _consume_short(self, buffer: bytearray, start: int, end: int, channel: int, arrival_ns: int) -> int:
        """Frames at the end of the buffer that are shorter than the hot loop's look at the header."""
        while (after := frame_end(buffer, start, end, channel)) is not None:
            if (after < end and buffer[after] not in FOLLOWERS) or not self._take(buffer, start, after, arrival_ns):
                break
            start = after
        return start

    def _check_size(self, more_bytes: int) -> None:
        """Give up a NAL unit that does not end."""
        self._open_bytes += more_bytes
        if self._open_bytes > MOST_UNIT_BYTES or len(self._pieces) > MOST_PIECES:
            self._discard_nal()

    def _take(self, buffer: bytearray, start: int, after: int, arrival_ns: int) -> bool:
        """Take one frame; False where it is no RTP of this track (Geovision mixes in PT 50 with our numbers)."""
        packet = parse_rtp(buffer, start + 4, after)
        if packet is None or packet.payload_type != self.reception.payload_type:
            return False
        missing = self.reception.accept(packet)
        if missing is None:
            return True
        if missing:
            self._assembly.gap(max(missing, 0))
            self._discard_nal()
        self._accepted(buffer, packet.start, packet.end, packet.timestamp, packet.marker, arrival_ns)
        return True

    def _accepted(self, buffer: bytearray, start: int, end: int, timestamp: int, marker: bool, arrival_ns: int) -> None:
        """A packet whose payload is buffer[start:end] counts."""
        if timestamp != self._timestamp:
            self._discard_nal()
            self._timestamp = timestamp
        self._assembly.packet(timestamp, arrival_ns)
        if start < end:
            self._payload(buffer, start, end)
        if marker:
            self._discard_nal()
            self._assembly.marked()

    def _payload(self, buffer: bytearray, start: int, end: int) -> None:
        form = self.rules.payload(buffer[start])
        if form is Payload.FRAGMENT:
            self._fragment(buffer, start, end)
            return
        self._discard_nal()
        if form is Payload.WHOLE:
            self._whole(buffer[start:end])
        elif form is Payload.BUNDLE:
            self._bundle(buffer, start, end)
        else:
            self._assembly.damage()

    def _whole(self, nal: bytearray) -> None:
        nal[0] &= 0x7F  # some cameras set the forbidden bit
        self._assembly.nal(nal)

    def _bundle(self, buffer: bytearray, start: int, end: int) -> None:
        """NAL units with 16-bit lengths (STAP-A, AP); zero padding behind them is tolerated."""
        at = start + self.rules.nal_header_bytes
        while at + 2 < end:
            size = (buffer[at] << 8) | buffer[at + 1]
            at += 2
            if size == 0:
                return
            if at + size > end:
                self._assembly.damage()
                return
            self._whole(buffer[at : at + size])
            at += size

    def _fragment(self, buffer: bytearray, start: int, end: int) -> None:
        body = start + self.rules.fragment_header_bytes
        if body > end:
            return
        head = bytes(buffer[start:body])
        starts, ends, header = self.rules.fragment(head)
        if starts:
            self._discard_nal()
            piece = header + buffer[body:end]
            if ends:  # one NAL unit in one fragment: CostarHD, OpenIPC
                self._assembly.nal(piece)
            else:
                self._open_nal(piece, head)
        elif self._middle is None:
            self._assembly.damage()
        else:  # whatever type it claims: Tiandy changes it on the way
            if body < end:
                self._pieces.append(buffer[body:end])
            if ends:
                self._close_nal()

    def _open_nal(self, piece: bytes, head: bytes) -> None:
        """The first fragment of a NAL unit."""
        kind = self.rules.kind(self.rules.nal_type(piece[0]))
        self._whole_needed = self._assembly.searches(kind)
        if not self._whole_needed:
            self._assembly.slice(piece, kind)
        self._pieces = [piece]
        self._open_bytes = 0
        self._middle = self.rules.middle(head)

    def _close_nal(self) -> None:
        """The last fragment of a NAL unit has come: join all while the processor's cache has them."""
        self._middle = None
        nal = b"".join(self._pieces)
        self._pieces = []
        if self._whole_needed:
            self._assembly.nal(nal)
        else:
            self._assembly.add(nal)

    def _discard_nal(self) -> None:
        """The last fragment of the open NAL unit never came: what it belongs to is damaged."""
        if self._middle is not None:
            self._middle = None
            self._pieces = []
            self._assembly.damage()
