"""One connection to a camera: reads go straight into the demultiplexer. Knows no session.

Until the camera plays the loop reads. Then a pacer gives turns, and a turn reads past the loop: one system call, where
pausing and resuming a transport takes three more.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from edge.clock import Clock
from edge.errors import CameraError, RtspProtocolError, StreamEnded
from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.messages import Request, Response
from edge.rtsp.pacer import Pacer

MOST_READS: Final = 8
"""Full buffers that one camera may hand over in its turn."""

_EMPTY_FRAME = b"$\x00\x00\x00"


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told: of each message, after each read (its frames are in the tracks by then), and of the end, once."""

    message: Callable[[Response | Request], None]
    read: Callable[[], None]
    lost: Callable[[Exception], None]


class Connection(asyncio.BufferedProtocol):
    """Reads when the loop says so, and after `read_paced` at the pacer's ticks."""

    def __init__(self, clock: Clock, pacer: Pacer, listener: Listener) -> None:
        self.demultiplexer = Demultiplexer(pacer.buffer)
        self._clock = clock
        self._pacer = pacer
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._encrypted = False
        self._paced = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._encrypted = transport.get_extra_info("sslcontext") is not None

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's hint is smaller than our room
        """Room for the next read."""
        return self.demultiplexer.get_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Take a read apart and tell of it."""
        try:
            messages = self.demultiplexer.received(nbytes, self._clock.monotonic_ns())
        except RtspProtocolError as error:
            self._lose(error)
            return
        for message in messages:
            self._listener.message(message)
        self._listener.read()
        if self._paced and self._encrypted and self._transport is not None:
            self._transport.pause_reading()

    def end_body(self) -> None:
        """End the body of an answer that has no length, as if the next thing had begun; an empty frame says nothing."""
        self.demultiplexer.get_buffer()[: len(_EMPTY_FRAME)] = _EMPTY_FRAME
        self.buffer_updated(len(_EMPTY_FRAME))

    def eof_received(self) -> bool:
        """The camera will send nothing more."""
        self._listener.lost(StreamEnded("the camera closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; an exception that is not the network's comes from our own code and is handed on."""
        self._stop_pacing()
        self._transport = None
        self._broke(exc)

    def _broke(self, exc: Exception | None) -> None:
        if exc is None or isinstance(exc, OSError):
            reason = f" ({(exc.strerror or type(exc).__name__).lower()})" if exc else ""
            self._listener.lost(StreamEnded(f"the connection to the camera broke{reason}"))
        else:
            self._listener.lost(exc)

    @property
    def is_open(self) -> bool:
        """Whether anything can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """Send without waiting; dropped when the connection is gone, which is told elsewhere."""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def read_paced(self) -> None:
        """Read at the pacer's ticks from now on; without a pacer the loop goes on reading."""
        if self._transport is not None and self._pacer.pace_s:
            self._transport.pause_reading()
            self._paced = True
            self._pacer.add(self._turn)

    def read_freely(self) -> None:
        """Leave reading to the loop again."""
        self._stop_pacing()
        if self._transport is not None:
            self._transport.resume_reading()

    def _stop_pacing(self) -> None:
        if self._paced:
            self._paced = False
            self._pacer.remove(self._turn)

    def _turn(self) -> None:
        """Read from the socket; with TLS let the loop read, which has the keys, until something has come."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._encrypted:
            transport.resume_reading()
            return
        try:
            self._read_waiting(transport.get_extra_info("socket").fileno())
        except Exception as error:  # noqa: BLE001 - what the loop does too: an error of ours ends this connection alone
            self._broke(error)
            self.abort()

    def _read_waiting(self, descriptor: int) -> None:
        for _ in range(MOST_READS):
            room = self.demultiplexer.get_buffer()
            try:
                count = os.readv(descriptor, (room,))
            except BlockingIOError:
                return
            if not count:  # the loop finds the end of the stream
                self.read_freely()
                return
            self.buffer_updated(count)
            if count < len(room) or not self._paced:
                return

    def abort(self) -> None:
        """Let go of the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def _lose(self, error: CameraError) -> None:
        self._listener.lost(error)
        self.abort()
