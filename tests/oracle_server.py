"""A replay server: gives the bytes of each stream once to each of two listeners, `ours` in their time, `theirs` flat out.

The first connection to `/ours/CASE` gets the stream and then the end; later ones get 404, so that a recorder that comes
back records nothing twice.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from oracle_stream import Sent

LISTENERS = ("ours", "theirs")
_FIRST_S = 0.05


@dataclass
class Replay:
    """A listening server."""

    streams: Mapping[str, Sent]
    port: int = 0
    served: set[str] = field(default_factory=set)
    late_s: float = 0
    """How late this process was at worst: the machine has too much to do."""

    def url(self, listener: str, case: str) -> str:
        """Where one of the listeners finds a stream."""
        return f"rtsp://127.0.0.1:{self.port}/{listener}/{case}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, url, _ = lines[0].split()
                fields = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
                listener, _, case = url.split("/", 3)[3].partition("/")
                case = case.split("/")[0]
                head = f"CSeq: {fields['cseq']}\r\nSession: 1;timeout=60\r\n"
                if method == "DESCRIBE":
                    status, more, body = self._describe(listener, case, url)
                    writer.write(f"RTSP/1.0 {status}\r\n{head}{more}\r\n".encode() + body)
                    continue
                if method == "SETUP":
                    channel = self.streams[case].channels[int(url.rpartition("trackID=")[2])]
                    head += f"Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}\r\n"
                writer.write(f"RTSP/1.0 200 OK\r\n{head}\r\n".encode())
                if method == "PLAY":
                    self.served.add(f"{listener}/{case}")
                    await self._play(self.streams[case], writer, paced=listener == "ours")
                    break
        writer.close()

    def _describe(self, listener: str, case: str, url: str) -> tuple[str, str, bytes]:
        if f"{listener}/{case}" in self.served:
            return "404 Not Found", "", b""
        sdp = self.streams[case].sdp
        more = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n"
        return "200 OK", more, sdp

    async def _play(self, stream: Sent, writer: asyncio.StreamWriter, *, paced: bool) -> None:
        loop = asyncio.get_running_loop()
        origin_s = loop.time() + _FIRST_S
        for due_s, data in stream.pieces:
            if paced and (wait_s := origin_s + due_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
                self.late_s = max(self.late_s, loop.time() - origin_s - due_s)
            if writer.is_closing():
                return
            writer.write(data)
            if not paced:
                await writer.drain()
        await writer.drain()
        writer.write_eof()
        await asyncio.sleep(1 if paced else 0)


@contextmanager
def replaying(streams: Mapping[str, Sent]) -> Iterator[Replay]:
    """Serve inside the block, in a thread with a loop of its own."""
    replay = Replay(streams)
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(replay.answer, "127.0.0.1", 0, limit=1 << 16)
        replay.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.05)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield replay
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
