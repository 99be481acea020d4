"""A camera for one connection at a time, written in a few lines for each quirk; knows nothing of the recorder's own RTSP code."""

import asyncio
import re
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SDP = (
    "v=0\r\ns=x\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 sprop-parameter-sets=Z0LAFtoCgL/lwEQAAAMABAAAAwBQPFi6gA==,aM4PyA==\r\na=control:track1\r\n"
)
IDR = b"\x65\xb8" + b"\x11" * 200


@dataclass
class Peer:
    """One connection as the camera sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    asked: list[str] = field(default_factory=list)
    chop: bool = False

    async def request(self) -> str:
        """The next request, interleaved frames of the client passed over."""
        while True:
            first = await self.reader.readexactly(1)
            if first == b"$":
                size = struct.unpack(">xH", await self.reader.readexactly(3))[0]
                await self.reader.readexactly(size)
                self.asked.append("RTCP")
                continue
            text = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(text)
            return text

    def answer(self, request: str, status: str = "200 OK", *headers: str, body: str = "") -> None:
        cseq = re.search(r"CSeq: (\d+)", request)
        assert cseq
        lines = [f"RTSP/1.0 {status}", f"CSeq: {cseq[1]}", *headers]
        if body:
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        self.send("\r\n".join([*lines, "", body]).encode())

    def send(self, data: bytes) -> None:
        if not self.chop:
            self.writer.write(data)
            return
        for place in range(len(data)):
            self.writer.write(data[place : place + 1])

    def frame(self, channel: int, payload: bytes) -> None:
        self.send(struct.pack(">BBH", 0x24, channel, len(payload)) + payload)

    def picture(self, number: int) -> None:
        self.frame(0, struct.pack(">BBHII", 0x80, 0x80 | 96, number, number * 3600, 0xABCD) + IDR)

    async def up_to_play(self) -> None:
        """Answer everything as a well-behaved camera does, PLAY included."""
        while True:
            request = await self.request()
            method = request.partition(" ")[0]
            if method == "DESCRIBE":
                self.answer(request, body=SDP)
            elif method == "SETUP":
                self.answer(
                    request, "200 OK", "Session: 1;timeout=60", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
                )
            else:
                self.answer(request, "200 OK", "Public: OPTIONS, GET_PARAMETER")
            if method == "PLAY":
                return


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Camera:
    """A listening camera; `peers` are its connections so far."""

    port: int
    peers: list[Peer]


@asynccontextmanager
async def camera(*scripts: Script, chop: bool = False, tls: ssl.SSLContext | None = None) -> AsyncIterator[Camera]:
    """Serve the n-th connection by the n-th script, the last one again and again."""
    peers: list[Peer] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        script = scripts[min(len(peers), len(scripts) - 1)]
        peers.append(Peer(reader, writer, chop=chop))
        try:
            await script(peers[-1])
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield Camera(server.sockets[0].getsockname()[1], peers)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
