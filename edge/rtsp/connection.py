"""One connection to a camera as asyncio sees it: reads go straight into the demultiplexer. Knows no session."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from edge.clock import Clock
from edge.errors import CameraError, RtspProtocolError, StreamEnded
from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.messages import Request, Response
from edge.rtsp.pacer import Pacer

_EMPTY_FRAME = b"$\x00\x00\x00"


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told: of each message, after each read (its frames are in the tracks by then), and of the end, once."""

    message: Callable[[Response | Request], None]
    read: Callable[[], None]
    lost: Callable[[Exception], None]


class Connection(asyncio.BufferedProtocol):
    """Reads when the loop says so; with `paced` set, it rests after each read until the pacer's next tick."""

    def __init__(self, clock: Clock, pacer: Pacer, listener: Listener) -> None:
        self.demultiplexer = Demultiplexer()
        self.paced = False
        self._clock = clock
        self._pacer = pacer
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._room_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's hint is smaller than our room
        """Room for the next read."""
        room = self.demultiplexer.get_buffer()
        self._room_bytes = len(room)
        return room

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
        if self.paced and nbytes < self._room_bytes and self._transport is not None:
            self._pacer.rest(self._transport)

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
        self._transport = None
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

    def read_freely(self) -> None:
        """Stop resting."""
        self.paced = False
        if self._transport is not None:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Let go of the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def _lose(self, error: CameraError) -> None:
        self._listener.lost(error)
        self.abort()
