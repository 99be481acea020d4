"""The RTSP server of the simulated cameras: one TCP port, a path per camera, media interleaved on the connection."""

import asyncio
import logging
import re
import socket
import struct
from collections.abc import Iterable, Mapping
from ssl import SSLContext
from typing import Self

from edge.clock import Clock, SystemClock
from edge.demo.authentication import nonce_of
from edge.demo.camera import Camera
from edge.demo.faults import STATUS_FAULTS
from edge.demo.messages import Request, describe, parse_request, response
from edge.demo.session import Session

_log = logging.getLogger(__name__)
_PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
_INTERLEAVED = re.compile(r"interleaved=(\d+)")
_TRACK = re.compile(r"/trackID=(\d+)$")
# As little as a camera has; the kernel would grow it to megabytes on a loopback.
_SEND_BUFFER_BYTES = 256 << 10
_LINGER_NOT = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """One client's connection: answers requests, and owns the session that sends."""

    def __init__(self, cameras: Mapping[str, Camera], clock: Clock) -> None:
        self.session: Session | None = None
        self._cameras = cameras
        self._clock = clock
        self._camera: Camera | None = None
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._watchdog: asyncio.TimerHandle | None = None
        self._heard_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        del exc
        self._end_session()
        if self._camera:
            self._camera.clients.discard(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: requests, and RTCP in interleaved frames, which are only a sign of life."""
        self._heard_s = asyncio.get_running_loop().time()
        self._buffer += data
        try:
            while self._buffer and not self._transport.is_closing():
                if self._buffer[0] == 0x24:
                    whole = 4 + int.from_bytes(self._buffer[2:4], "big")
                    if len(self._buffer) < max(whole, 4):
                        return
                    del self._buffer[:whole]
                elif (request := parse_request(self._buffer)) is None:
                    return
                else:
                    self._answer(request)
        except ValueError as error:
            _log.warning("a client of the simulated cameras sent %s", error)
            self.close()

    def close(self) -> None:
        """End the connection in good order."""
        self._end_session()
        self._transport.close()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._end_session()
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()

    def _socket(self) -> socket.socket:
        handle: socket.socket = self._transport.get_extra_info("socket")
        return handle

    def _end_session(self) -> None:
        if self._watchdog:
            self._watchdog.cancel()
        if self.session:
            self.session.stop()
            self.session = None

    def _answer(self, request: Request) -> None:
        camera = self._cameras.get(_TRACK.sub("", request.path))
        if camera is None:
            self._respond(request, 200 if request.method == "OPTIONS" else 404)
            return
        self._camera = camera
        camera.clients.add(self)
        if "refuse" in camera.faults:
            self.reset()
            return
        for status, method in STATUS_FAULTS.items():
            if status in camera.faults and method in {request.method, "*"}:
                self._refuse(camera, request, int(status))
                return
        if request.method != "OPTIONS" and not self._lets_in(camera, request):
            self._refuse(camera, request, 401)
            return
        if request.method in {"PLAY", "TEARDOWN", "GET_PARAMETER"} and not self._knows_session(request):
            self._respond(request, 454)
            return
        self._serve(camera, request)

    def _serve(self, camera: Camera, request: Request) -> None:
        match request.method:
            case "OPTIONS":
                self._respond(request, 200, [("Public", _PUBLIC)])
            case "DESCRIBE":
                self._describe(camera, request)
            case "SETUP":
                self._set_up(camera, request)
            case "PLAY":
                self._play(camera, request)
            case "GET_PARAMETER":
                self._respond(request, 200)
            case "TEARDOWN":
                self._end_session()
                self._respond(request, 200)
            case _:
                self._respond(request, 501)

    def _respond(
        self, request: Request, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        session = [("Session", f"{self.session.id};timeout={self._timeout_s():.0f}")] if self.session else []
        self._transport.write(response(request, status, [*session, *headers], body))

    def _timeout_s(self) -> float:
        return self._camera.session_timeout_s if self._camera else 60

    def _refuse(self, camera: Camera, request: Request, status: int) -> None:
        if status != 401:
            self._respond(request, status)
            return
        used = nonce_of(request.headers.get("authorization", ""))
        stale = used is not None and used != camera.nonce
        challenges = (
            camera.account.challenges(camera.nonce, stale=stale)
            if camera.account
            else [("WWW-Authenticate", 'Basic realm="simulated camera"')]
        )
        self._respond(request, 401, challenges)

    def _lets_in(self, camera: Camera, request: Request) -> bool:
        account, given = camera.account, request.headers.get("authorization", "")
        return account is None or account.accepts(given, request.method, request.url, camera.nonce)

    def _knows_session(self, request: Request) -> bool:
        """A GET_PARAMETER without a session is a ping, which cameras answer."""
        given = request.headers.get("session", "").partition(";")[0]
        if self.session is None:
            return request.method == "GET_PARAMETER" and not given
        return given == self.session.id or (request.method == "GET_PARAMETER" and not given)

    def _describe(self, camera: Camera, request: Request) -> None:
        faults = camera.faults
        if "hang" in faults:
            return
        body = describe(camera.packets.clip, video="no_video" not in faults, sprop="no_sprop" not in faults)
        headers = [("Content-Base", request.url.rstrip("/") + "/"), ("Content-Type", "application/sdp")]
        self._respond(request, 200, headers, body)

    def _set_up(self, camera: Camera, request: Request) -> None:
        transport = request.headers.get("transport", "")
        track, channel = _TRACK.search(request.path), _INTERLEAVED.search(transport)
        tracks = camera.packets.tracks
        if track is None or int(track.group(1)) >= len(tracks):
            self._respond(request, 404)
        elif "RTP/AVP/TCP" not in transport:
            self._respond(request, 461)
        elif self.session and self.session.playing:
            self._respond(request, 455)
        else:
            number = int(track.group(1))
            first = int(channel.group(1)) if channel else 2 * number
            self.session = self.session or Session(self._transport, self._clock, camera.faults, camera.random)
            ssrc = self.session.set_up(number, tracks[number], first).ssrc
            value = f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1};ssrc={ssrc:08X}"
            self._respond(request, 200, [("Transport", value)])

    def _play(self, camera: Camera, request: Request) -> None:
        assert self.session
        if self.session.playing:
            self._respond(request, 200)
            return
        base = _TRACK.sub("", request.url.rstrip("/"))
        info = ",".join(
            f"url={base}/trackID={number};seq={track.sequence};rtptime={track.timestamp_at(0)}"
            for number, track in self.session.tracks.items()
        )
        self._respond(request, 200, [("Range", "npt=now-"), ("RTP-Info", info)])
        self.session.play()
        self._watch(camera.session_timeout_s)

    def _watch(self, timeout_s: float) -> None:
        """Close the connection of a client that has sent nothing for the session's timeout."""
        loop = asyncio.get_running_loop()
        left_s = self._heard_s + timeout_s - loop.time()
        if left_s <= 0:
            self.close()
        else:
            self._watchdog = loop.call_later(left_s, self._watch, timeout_s)


class CameraServer:
    """Cameras on one port; an async context manager that listens inside."""

    def __init__(
        self,
        cameras: Iterable[Camera],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.cameras = {camera.path: camera for camera in cameras}
        self.host = host
        self.port = port
        self._tls = tls
        self._clock = clock or SystemClock()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        for camera in self.cameras.values():
            for client in tuple(camera.clients):
                if client.session:
                    client.session.say_bye()
                client.close()

    async def listen(self) -> None:
        """Accept connections; port 0 becomes a free port, which later calls keep. OSError if the port is taken."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self.cameras, self._clock), self.host, self.port, ssl=self._tls, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop_listening(self) -> None:
        """Let new connections be refused by the kernel, as when a camera is off; open ones go on."""
        if self._server:
            self._server.close()
            self._server = None

    def url(self, path: str) -> str:
        """Return a camera's URL, with its user and password if it has an account."""
        account = self.cameras[path].account
        user = f"{account.user}:{account.password}@" if account else ""
        return f"rtsp{'s' if self._tls else ''}://{user}{self.host}:{self.port}/{path}"
