"""Looks at one camera for some seconds, as the recorder would use it. Knows no other camera, prints nothing."""

import asyncio
import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from edge.check.measure import AudioSeen, Measurement, VideoSeen
from edge.check.trouble import Situation, Trouble, explain, trouble
from edge.clock import Clock
from edge.codec.formats import VideoCodec
from edge.config import ChannelConfig
from edge.errors import CameraError, CameraTimeout
from edge.rtsp.auth import Authenticator
from edge.rtsp.client import RtspClient, Stream
from edge.rtsp.dial import dial
from edge.rtsp.tls import Tls
from edge.rtsp.units import AccessUnit
from edge.rtsp.url import RtspUrl

LIMIT_S: Final = 12.0
CLOSE_S: Final = 2.5
"""Together with LIMIT_S a probe lasts at most 15 s."""
FINGERPRINT_S: Final = 2.0
REQUEST_TIMEOUT_S: Final = 5.0

_STATUS = re.compile(r"(?m)^< RTSP/1\.0 (\d{3})")
_SERVER = re.compile(r"(?mi)^< Server: *(.{1,80})")


class Keeper(Protocol):
    """Who wants the pictures too."""

    codec: VideoCodec

    def add(self, unit: AccessUnit) -> None:
        """Take an access unit."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found; `trouble` is None where the channel can be recorded. Holds no password."""

    channel: str
    url: str
    trouble: Trouble | None = None
    video: VideoSeen | None = None
    audio: AudioSeen | None = None
    audio_left_out: str | None = None
    """Codecs that the camera offers and that are not recorded."""
    first_keyframe_s: float | None = None
    """From the beginning of the connection to the first picture that a segment can begin with."""
    clock_offset_s: float | None = None
    """The camera's clock minus ours, where it told it in a sender report."""
    server: str | None = None
    notes: tuple[str, ...] = ()
    opened: bool = False


async def probe(
    channel: ChannelConfig, clock: Clock, *, limit_s: float = LIMIT_S, keeper: Keeper | None = None
) -> ProbeResult:
    """Look at the camera of a channel; answers within `limit_s` + CLOSE_S whatever the camera does."""
    look = _Look(channel, clock, keeper)
    failure: Trouble | None = None
    try:
        async with asyncio.timeout(limit_s):
            await look.watch()
    except CameraError as error:
        failure = explain(error, look.situation())
    except TimeoutError:
        failure = look.unfinished(limit_s)
    finally:
        await look.close()
    if failure is not None and failure.kind == "tls_certificate" and channel.tls.fingerprint is None:
        failure = await _with_fingerprint(failure, channel)
    return look.result(failure)


class _Look:
    """One use of a camera."""

    def __init__(self, channel: ChannelConfig, clock: Clock, keeper: Keeper | None) -> None:
        self._channel = channel
        self._keeper = keeper
        self._clock = clock
        self._url = RtspUrl.parse(channel.url.reveal())
        self._client = RtspClient(
            self._url,
            audio=channel.audio,
            clock=clock,
            authenticator=Authenticator.for_url(self._url, prefer_basic=channel.basic_auth),
            on_units=self._take,
            tls=Tls(channel.tls.verify, channel.tls.fingerprint, channel.tls.legacy),
            request_timeout_s=REQUEST_TIMEOUT_S,
        )
        self._started_ns = clock.monotonic_ns()
        self._stream: Stream | None = None
        self._measured: Measurement | None = None
        self._enough = asyncio.Event()

    async def watch(self) -> None:
        """Open the stream and watch it until there is enough; raises the CameraError that comes between."""
        stream = await self._client.open()
        media = stream.video_media
        codec: VideoCodec = "h264" if media.encoding == "H264" else "h265"
        if self._keeper is not None:
            self._keeper.codec = codec
        self._measured = Measurement(codec, stream.audio_format, media.clock_rate or 90_000)
        self._stream = stream
        running = asyncio.ensure_future(self._client.run())
        enough = asyncio.ensure_future(self._enough.wait())
        try:
            await asyncio.wait([running, enough], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            enough.cancel()
            running.cancel()
            await asyncio.gather(running, enough, return_exceptions=True)

    async def close(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._client.close(), CLOSE_S)

    def situation(self) -> Situation:
        before_goodbye = self._client.transcript.text().partition("> TEARDOWN")[0]
        statuses = _STATUS.findall(before_goodbye)
        return Situation(
            status=int(statuses[-1]) if statuses else 0,
            opened=self._stream is not None,
            pictures=self._measured.pictures if self._measured else 0,
            has_user=self._url.user is not None,
            tls=self._url.scheme == "rtsps",
        )

    def unfinished(self, limit_s: float) -> Trouble | None:
        """The trouble of a camera that was not done in time; None where what came of it is enough all the same."""
        measured = self._measured
        if measured is None or not measured.pictures:
            return explain(CameraTimeout(f"the camera gave no picture within {limit_s:g} s"), self.situation())
        if measured.first_keyframe_ns is not None:
            return None
        if measured.unreadable is not None:
            return trouble("unreadable", f"the camera's video cannot be read: {measured.unreadable}", "stream_error")
        return trouble(
            "no_keyframe", f"{measured.pictures} pictures came, but no keyframe within {limit_s:g} s", "timeout"
        )

    def result(self, failure: Trouble | None) -> ProbeResult:
        measured, stream = self._measured, self._stream
        server = _SERVER.search(self._client.transcript.text())
        if measured is None or stream is None:
            return ProbeResult(
                self._channel.id, self._url.redacted, failure, server=server[1].strip() if server else None
            )
        first_ns = measured.first_keyframe_ns
        return ProbeResult(
            self._channel.id,
            self._url.redacted,
            failure,
            measured.video(),
            measured.audio(),
            _left_out(stream) if self._channel.audio else None,
            (first_ns - self._started_ns) / 1e9 if first_ns is not None else None,
            self._clock_offset_s(stream),
            server[1].strip() if server else None,
            stream.notes,
            opened=True,
        )

    def _take(self) -> None:
        stream, measured = self._stream, self._measured
        if stream is None or measured is None:
            return
        for unit in stream.video.units:
            measured.add(unit)
            if self._keeper is not None:
                self._keeper.add(unit)
        stream.video.units.clear()
        if stream.audio is not None:
            for sound in stream.audio.units:
                measured.add_audio(sound)
            stream.audio.units.clear()
        if measured.complete:
            self._enough.set()

    def _clock_offset_s(self, stream: Stream) -> float | None:
        report = stream.video.reception.sender_report
        if report is None:
            return None
        wall_offset_ns = self._clock.wall_ns() - self._clock.monotonic_ns()
        return (report.unix_ns - report.arrival_ns - wall_offset_ns) / 1e9


async def _with_fingerprint(failure: Trouble, channel: ChannelConfig) -> Trouble:
    """Tell which certificate it is, so that nobody has to look for it with other tools; no request is sent."""
    url = RtspUrl.parse(channel.url.reveal())
    try:
        async with asyncio.timeout(FINGERPRINT_S):
            transport, _ = await dial(url, asyncio.Protocol, Tls(verify=False, legacy=channel.tls.legacy))
    except (CameraError, TimeoutError):
        return failure
    certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    transport.abort()
    return replace(failure, what=f"{failure.what}; its SHA-256 is {hashlib.sha256(certificate).hexdigest()}")


def _left_out(stream: Stream) -> str | None:
    if stream.audio_format is not None:
        return None
    names = {media.encoding or "unknown" for media in stream.description.media if media.kind == "audio"}
    return ", ".join(sorted(names)) or None
