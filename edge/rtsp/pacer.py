"""Has many connections read at the same ticks, so that they cost few wake-ups."""

import asyncio
from collections.abc import Callable

from edge.rtsp.demultiplexer import BUFFER_BYTES

Read = Callable[[], None]


class Pacer:
    """One timer for all connections; `pace_s` is the time between reads of each, 0 leaves reading to the loop.

    What comes meanwhile waits in the kernel: 180 ms of 4 Mb/s are 90 KB of the socket's receive buffer.
    """

    def __init__(self, pace_s: float = 0.0) -> None:
        self.pace_s = pace_s
        self.buffer = bytearray(BUFFER_BYTES)
        """All connections read into it, one after the other."""
        self._reads: list[Read] = []
        self._ticks = False

    def add(self, read: Read) -> None:
        """Call `read` at every tick; it must not raise."""
        self._reads.append(read)
        if not self._ticks:
            self._ticks = True
            self._again(asyncio.get_running_loop())

    def remove(self, read: Read) -> None:
        """Call it no more."""
        if read in self._reads:
            self._reads.remove(read)

    def _again(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(self.pace_s, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._reads:
            self._ticks = False
            return
        self._again(loop)
        for read in tuple(self._reads):
            read()
