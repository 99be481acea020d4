"""A camera's stream over one connection: open, run, close. Decides nothing about trying again."""

import asyncio
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.clock import Clock
from edge.codec.formats import AudioFormat
from edge.errors import CameraTimeout, StreamEnded
from edge.rtsp.audio import AudioTrack
from edge.rtsp.auth import Authenticator
from edge.rtsp.connection import Connection, Listener
from edge.rtsp.dial import dial
from edge.rtsp.dialogue import Dialogue
from edge.rtsp.messages import Request, Response
from edge.rtsp.pacer import Pacer
from edge.rtsp.sdp import MediaDescription, SessionDescription
from edge.rtsp.session import Session
from edge.rtsp.steps import Binding
from edge.rtsp.tls import Tls
from edge.rtsp.tracks import audio_track, video_track
from edge.rtsp.transcript import Transcript
from edge.rtsp.url import RtspUrl
from edge.rtsp.video import VideoTrack

REQUEST_TIMEOUT_S: Final = 10.0
REPORT_EVERY_S: Final = 5.0
STALL_S: Final = 5.0
EAGER_S: Final = 2.0
"""A stream that has just begun is read at once, so that its first pictures are on disk without delay."""

_STRICT_TLS: Final = Tls()


@dataclass(frozen=True, slots=True)
class Stream:
    """What an opened camera sends; `audio` and `audio_format` are both None where there is no audio to record."""

    video: VideoTrack
    video_media: MediaDescription
    audio: AudioTrack | None
    audio_format: AudioFormat | None
    description: SessionDescription
    notes: tuple[str, ...]


class RtspClient:
    """One use of one camera: `open`, `run` until it raises, `close`; then a new one.

    `on_units` is called from within `run` after each read that completed units; its listener empties the tracks.
    The authenticator is kept by the owner for the next client of the same camera.
    """

    def __init__(
        self,
        url: RtspUrl,
        *,
        audio: bool,
        clock: Clock,
        authenticator: Authenticator,
        on_units: Callable[[], None],
        tls: Tls = _STRICT_TLS,
        pacer: Pacer | None = None,
        eager_s: float = EAGER_S,
        stall_s: float = STALL_S,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self.transcript = Transcript()
        self._url = url
        self._wants_audio = audio
        self._clock = clock
        self._authenticator = authenticator
        self._on_units = on_units
        self._tls = tls
        self._pacer = pacer or Pacer()
        self._eager_s = eager_s
        self._stall_s = stall_s
        self._request_timeout_s = request_timeout_s
        self._dialogue: Dialogue | None = None
        self._video: VideoTrack | None = None
        self._video_channel = 0
        self._audio: AudioTrack | None = None
        self._bindings: list[Binding] = []
        self._ssrc = secrets.randbits(32)
        self._running = False
        self._closing = False

    async def open(self) -> Stream:
        """Connect and ask for the stream until the camera plays; raises a CameraError, with the connection closed."""
        try:
            await self._converse()
        except BaseException:
            await self.close()
            raise
        return self._stream()

    async def run(self) -> None:
        """Listen and keep the camera sending until the stream ends; always raises, a CameraError unless we erred."""
        assert self._dialogue is not None
        assert self._video is not None
        dialogue, video = self._dialogue, self._video
        started_s = now_s = self._now_s()
        report_s, keepalive_s = now_s + REPORT_EVERY_S, now_s + dialogue.session.keepalive_interval_s
        paced_s = now_s + self._eager_s
        self._running = True
        self._read()
        while True:
            stall_s = max(video.last_arrival_ns / 1e9, started_s) + self._stall_s
            if now_s >= stall_s:
                raise CameraTimeout(self._stall_words(video))
            if now_s >= paced_s:
                dialogue.connection.read_paced()
                paced_s = math.inf
            if now_s >= report_s:
                self._send_report(dialogue.connection, video)
                report_s = now_s + REPORT_EVERY_S
            if now_s >= keepalive_s:
                dialogue.keep_alive()
                keepalive_s = now_s + dialogue.session.keepalive_interval_s
            await asyncio.wait([dialogue.ended], timeout=min(stall_s, paced_s, report_s, keepalive_s) - now_s)
            if dialogue.ended.done():
                dialogue.ended.result()
            now_s = self._now_s()

    async def close(self) -> None:
        """Leave the camera with TEARDOWN, and wait for its answer no longer than it takes; frames are thrown away."""
        self._running, self._closing = False, True
        if self._dialogue is not None:
            try:
                await self._dialogue.leave()
            finally:
                self._dialogue = None  # its connection tells us of messages: a ring, with a receive buffer in it

    async def _converse(self) -> None:
        """Follow redirects, and come back once to a camera that closes the connection after its 401."""
        url, authenticator, redirects, came_back = self._url, self._authenticator, 0, False
        while True:
            dialogue = await self._connect(Session(url, authenticator, audio=self._wants_audio, redirects=redirects))
            try:
                step = await dialogue.converse()
            except StreamEnded:
                if came_back or dialogue.last_status != 401:
                    raise
                came_back = True
                await dialogue.leave()
                continue
            if step.redirect is None:
                return
            await dialogue.leave()
            if step.redirect.host.lower() != url.host.lower():
                authenticator = Authenticator.for_url(step.redirect)
            url, redirects = step.redirect, redirects + 1

    async def _connect(self, session: Session) -> Dialogue:
        """A dialogue over a new connection; what was bound on the one before is forgotten."""
        self._video, self._audio, self._bindings = None, None, []
        listener = Listener(self._take, self._read, self._lost)
        _, connection = await dial(session.url, lambda: Connection(self._clock, self._pacer, listener), self._tls)
        self._dialogue = Dialogue(
            session,
            connection,
            self.transcript,
            bind=self._bind,
            request_timeout_s=self._request_timeout_s,
        )
        return self._dialogue

    def _take(self, message: Response | Request) -> None:
        if self._dialogue is not None:
            self._dialogue.take(message)

    def _lost(self, error: Exception) -> None:
        if self._dialogue is not None:
            self._dialogue.fail(error)

    def _bind(self, binding: Binding) -> None:
        """Have the frames of a stream taken apart as soon as it is set up: some cameras do not wait for PLAY."""
        assert self._dialogue is not None
        demultiplexer = self._dialogue.connection.demultiplexer
        self._bindings.append(binding)
        if binding.audio_format is None:
            self._video, self._video_channel = video_track(binding.media), binding.channel
            demultiplexer.bind(binding.channel, self._video)
        else:
            self._audio = audio_track(binding.media, binding.audio_format)
            demultiplexer.bind(binding.channel, self._audio)

    def _read(self) -> None:
        """After each read: hand over what was completed, or throw it away when nobody listens any more."""
        video, audio, dialogue = self._video, self._audio, self._dialogue
        if self._running:
            assert video is not None
            if video.units or (audio is not None and audio.units):
                self._on_units()
            if video.reception.ended:
                self._lost(StreamEnded("the camera said goodbye (RTCP BYE)"))
        elif self._closing:
            for track in (video, audio):
                if track is not None:
                    track.units.clear()
        elif dialogue is not None:
            dialogue.read()

    def _stream(self) -> Stream:
        assert self._dialogue is not None
        assert self._video is not None
        session = self._dialogue.session
        audio_format = next((one.audio_format for one in self._bindings if one.audio_format), None)
        return Stream(
            self._video, self._bindings[0].media, self._audio, audio_format, session.description, tuple(session.notes)
        )

    def _send_report(self, connection: Connection, video: VideoTrack) -> None:
        """An RTCP receiver report: some cameras take a client without reports for dead."""
        report = video.reception.receiver_report(self._ssrc)
        connection.send(bytes([0x24, self._video_channel + 1]) + len(report).to_bytes(2, "big") + report)

    def _stall_words(self, video: VideoTrack) -> str:
        if not video.last_arrival_ns:
            hints = "".join(f" ({note})" for note in self._stream().notes if "UDP" in note)
            return f"the camera accepted PLAY but sends no video{hints}: restart it if this stays so"
        return f"the camera stopped sending: no video packet for {self._stall_s:g} s"

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
