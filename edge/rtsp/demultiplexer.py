"""One receive buffer of an RTSP connection: finds messages and interleaved frames in it, whatever way they were cut up.

Frames go to the tracks that were bound to their channels, messages are returned. Bytes that are neither are skipped and
counted: some cameras mishandle a full TCP window and leave scraps between the frames. No I/O, no clock.

What a byte is taken for depends on the bytes alone, not on how they were split. In step, a frame is believed when it
looks like RTP or RTCP of a bound channel, any other when something known follows it. Out of step, only RTP of the right
source that is followed by something known, or a message, leads back. One exception: a torn frame is seen only when its
end was read together with what follows, as nothing that is whole shall wait for the next packet.
"""

from typing import Final, Protocol

from edge.errors import RtspProtocolError
from edge.rtsp.messages import Request, Response, parse_message
from edge.rtsp.rtp import FOLLOWERS, RTP_HEADER_BYTES, Reception

BUFFER_BYTES: Final = 262_144
LEAST_ROOM_BYTES: Final = 65_536
"""What a buffer has left behind the longest frame or message that is not whole yet."""
MOST_GARBAGE_BYTES: Final = 1 << 20
"""So much that is neither message nor frame, and the connection is given up."""
FAILED_MESSAGE_BYTES: Final = 1024
"""What begins like a message and is none counts as so much garbage, as reading it costs more than skipping."""

_DOLLAR: Final = 0x24
_FRAME_HEADER_BYTES: Final = 4
_MESSAGE: Final = b"RTSP/"


class Track(Protocol):
    """Where the frames of one channel go."""

    reception: Reception

    def consume(self, buffer: bytearray, start: int, end: int, channel: int, arrival_ns: int) -> int:
        """Take whole frames of this track from buffer[start:end] and say where it stopped."""
        ...


class Demultiplexer:
    """Takes apart what a connection receives.

    Many may share one `buffer`, which then stays in the processor's cache: each keeps what it could not take yet, and
    puts it back in front of what comes next.
    """

    def __init__(self, buffer: bytearray | None = None) -> None:
        self.garbage_bytes = 0
        self._buffer = bytearray(BUFFER_BYTES) if buffer is None else buffer
        self._view = memoryview(self._buffer)
        self._rest = b""
        self._start = 0
        self._end = 0
        self._tracks: dict[int, Track] = {}
        self._reports: dict[int, Track] = {}
        self._in_garbage = False
        self._tolerance = MOST_GARBAGE_BYTES

    def bind(self, channel: int, track: Track) -> None:
        """RTP of `track` comes on `channel`, its RTCP on the next."""
        self._tracks[channel] = track
        self._reports[channel + 1] = track

    def get_buffer(self) -> memoryview:
        """Room for the next bytes, at least LEAST_ROOM_BYTES; `received` follows before others use a shared buffer."""
        rest = self._rest
        self._start, self._end = 0, len(rest)
        self._view[: self._end] = rest
        return self._view[self._end :]

    def received(self, count: int, arrival_ns: int) -> list[Response | Request]:
        """Take `count` bytes that were put into the buffer; returns the messages among them.

        Raises RtspProtocolError where the connection carries something else than RTSP.
        """
        self._end += count
        messages: list[Response | Request] = []
        while self._start < self._end and self._step(messages, arrival_ns):
            pass
        self._rest = bytes(self._view[self._start : self._end])
        return messages

    def _step(self, messages: list[Response | Request], arrival_ns: int) -> bool:
        """Take what begins at the start; False where it is not whole yet."""
        first = self._buffer[self._start]
        if first == _DOLLAR:
            return self._candidate() if self._in_garbage else self._frame(arrival_ns)
        if self._in_garbage and first != _MESSAGE[0]:
            return self._skip_garbage(self._start)
        if first in b"\r\n":
            self._start += 1
            return True
        return self._message(messages)

    def _frame(self, arrival_ns: int) -> bool:
        """Take the frame, or the run of frames, at the start."""
        start, end, buffer = self._start, self._end, self._buffer
        if end - start < _FRAME_HEADER_BYTES:
            return False
        channel = buffer[start + 1]
        track = self._tracks.get(channel)
        if track is not None:
            after = track.consume(buffer, start, end, channel, arrival_ns)
            if after > start:
                return self._in_step(after)
        after = self._frame_end(start)
        if after > end:
            return False
        if track is None and channel in self._reports and self._is_rtcp(start + _FRAME_HEADER_BYTES, after):
            self._reports[channel].reception.rtcp(buffer, start + _FRAME_HEADER_BYTES, after, arrival_ns)
            return self._in_step(after)
        return after < end and self._doubtful_frame(channel, after, arrival_ns)

    def _doubtful_frame(self, channel: int, after: int, arrival_ns: int) -> bool:
        """A frame of nobody, with something else than RTP, or perhaps torn: what is behind and inside of it tells."""
        start, track = self._start, self._tracks.get(channel)
        if self._buffer[after] in FOLLOWERS:
            if track is not None:
                track.reception.ignored_packets += 1
            return self._in_step(after)
        if track is None or self._holds_frame(start + _FRAME_HEADER_BYTES, after):
            return self._skip_garbage(start + 1)
        if track.consume(self._buffer, start, after, channel, arrival_ns) > start:
            return self._in_step(after)
        return self._skip_garbage(start + 1)

    def _frame_end(self, start: int) -> int:
        return start + _FRAME_HEADER_BYTES + ((self._buffer[start + 2] << 8) | self._buffer[start + 3])

    def _is_rtcp(self, start: int, end: int) -> bool:
        return end - start >= 8 and self._buffer[start] >> 6 == 2 and 192 <= self._buffer[start + 1] <= 223

    def _holds_frame(self, start: int, end: int) -> bool:
        """Whether another frame begins inside of what should be one, as in one that was torn off."""
        at = self._buffer.find(b"$", start, end)
        while at >= 0 and not self._begins_rtp(at):
            at = self._buffer.find(b"$", at + 1, end)
        return at >= 0

    def _begins_rtp(self, start: int) -> bool:
        """Whether a frame with RTP of a known source begins here, as far as its headers tell."""
        track = self._tracks.get(self._buffer[start + 1])
        body = start + _FRAME_HEADER_BYTES
        if track is None or body + RTP_HEADER_BYTES > min(self._end, self._frame_end(start)):
            return False
        return track.reception.recognises(self._buffer, body)

    def _candidate(self) -> bool:
        """Out of step, a frame may begin here: RTP of a known source with something known behind it."""
        start, end, buffer = self._start, self._end, self._buffer
        if end - start < _FRAME_HEADER_BYTES:
            return False
        after = self._frame_end(start)
        if end < min(after, start + _FRAME_HEADER_BYTES + RTP_HEADER_BYTES):
            return False
        if not self._begins_rtp(start):
            return self._skip_garbage(start + 1)
        if after >= end:
            return False
        if buffer[after] not in FOLLOWERS:
            return self._skip_garbage(start + 1)
        return self._in_step(start)

    def _message(self, messages: list[Response | Request]) -> bool:
        """Take the message at the start; parse_message bounds how long it may be."""
        try:
            parsed = parse_message(self._buffer, self._start, self._end)
        except RtspProtocolError:
            if self._buffer.startswith(_MESSAGE, self._start, self._end):
                self._tolerance -= FAILED_MESSAGE_BYTES
            return self._skip_garbage(self._start + 1)
        if parsed is None:
            return False
        message, after = parsed
        messages.append(message)
        return self._in_step(after)

    def _in_step(self, after: int) -> bool:
        self._start = after
        self._in_garbage = False
        self._tolerance = MOST_GARBAGE_BYTES
        return True

    def _skip_garbage(self, search_from: int) -> bool:
        """Skip to the next byte with which a frame or a message could begin."""
        target = self._next_mark(search_from)
        self.garbage_bytes += target - self._start
        self._tolerance -= target - self._start
        self._start = target
        self._in_garbage = True
        if self._tolerance < 0:
            raise RtspProtocolError("the camera sends bytes that are neither RTSP nor RTP")
        return True

    def _next_mark(self, search_from: int) -> int:
        """Where a frame, a reply, or at the end perhaps the first bytes of a reply begin."""
        buffer, end = self._buffer, self._end
        places = [buffer.find(mark, search_from, end) for mark in (b"$", _MESSAGE)]
        places += [
            end - size
            for size in range(1, len(_MESSAGE))
            if end - size >= search_from and buffer[end - size : end] == _MESSAGE[:size]
        ]
        return min((place for place in places if place >= 0), default=end)
