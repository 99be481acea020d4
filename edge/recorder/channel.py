"""One channel: connects to its camera, hands what comes to segmenter and lane, and tries again without end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import random
from typing import Final, Literal

import structlog

from edge.bus.outbox import Outbox
from edge.clock import Clock
from edge.config import ChannelConfig
from edge.errors import AuthFailed, CameraError, StorageError
from edge.events.catalog import RecordingStarted, RecordingStopped, StopReason
from edge.recorder.announcer import Aside, describe_audio, describe_video
from edge.recorder.lanes import Lane, LaneListener
from edge.recorder.operations import CloseReason, OpenSegment, Operation
from edge.recorder.reconnect import STEADY_S, Accounts, wait_s
from edge.recorder.segmenter import Segmenter
from edge.recorder.threads import WriterThreads
from edge.recorder.wallclock import WallClock
from edge.recorder.writer import ChannelWriter
from edge.recordings.store import Store
from edge.rtsp.auth import Authenticator
from edge.rtsp.client import RtspClient, Stream
from edge.rtsp.pacer import Pacer
from edge.rtsp.tls import Tls
from edge.rtsp.url import RtspUrl

STALL_S: Final = 4.5
STOP_S: Final = 2.5
CRASH_PAUSE_S: Final = 10.0

State = Literal["connecting", "recording", "waiting", "stopped"]
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shared:
    """What all channels of a recorder use together."""

    clock: Clock
    wall: WallClock
    outbox: Outbox
    store: Store
    threads: WriterThreads
    aside: Aside
    pacer: Pacer
    accounts: Accounts
    segment_s: int
    durability_s: float
    lane_bytes: int
    broken: Callable[[BaseException], None]


class Channel:
    """The recorder of one camera."""

    def __init__(self, config: ChannelConfig, shared: Shared) -> None:
        self.config = config
        self.state: State = "connecting"
        self._shared = shared
        self._url = RtspUrl.parse(config.url.reveal())
        self._account = (f"{self._url.host}:{self._url.port}", self._url.user or "", self._url.password)
        self._tls = Tls(config.tls.verify, config.tls.fingerprint, config.tls.legacy)
        self._authenticator = Authenticator.for_url(self._url, prefer_basic=config.basic_auth)
        writer = ChannelWriter(
            config.id,
            shared.store,
            shared.outbox,
            shared.wall,
            shared.clock,
            segment_s=shared.segment_s,
            durability_s=shared.durability_s,
        )
        listener = LaneListener(self.clock_stepped, self._recorded, self._storage_failed, shared.broken)
        self.lane = Lane(
            writer, shared.threads.queue(config.id), shared.clock, most_bytes=shared.lane_bytes, listener=listener
        )
        self._segmenter: Segmenter | None = None
        self._stream: Stream | None = None
        self._failures = 0
        self._attempts = 0
        self._refused = False
        self._unsaid_session = False
        self._told: str | None = None
        self._down_since_s: float | None = None

    async def run(self) -> None:
        """Record until cancelled."""
        self.lane.recover()
        while True:
            self.state = "connecting"
            await self._wait_for_account()
            try:
                pause_s = await self._use_camera()
            except Exception as error:  # noqa: BLE001 - a fault of ours with one camera must not stop the others
                pause_s = CRASH_PAUSE_S
                _log.critical("channel_crashed", channel=self.config.id, error=str(error), exc_info=error)
                self._stopped("crash", f"{type(error).__name__}: {error}", pause_s)
            self.state = "waiting"
            await asyncio.sleep(pause_s)

    def tick(self, now_ns: int) -> None:
        """Let the segmenter look at the time."""
        self.lane.tick(now_ns)
        if self._segmenter is not None:
            self._segmenter.wall_offset_ns = self._shared.wall.offset_ns
            self._offer(self._segmenter.tick(now_ns))

    def clock_stepped(self) -> None:
        """Begin a new segment with the next keyframe: the wall clock stepped, or the disk lost its place."""
        if self._segmenter is not None:
            self._segmenter.cut("discontinuity")

    def say_stopped(self, reason: Literal["shutdown", "config"]) -> None:
        """Tell that the channel is not recorded any more because somebody wants it so."""
        self.state = "stopped"
        detail = (
            "the recorder stops" if reason == "shutdown" else "the configuration does not record this channel any more"
        )
        self._end_session(reason)
        self.lane.say(RecordingStopped(reason=reason, detail=detail, retry_in_s=None), self.config.id)

    async def _use_camera(self) -> float:
        """One session and what follows from its end; returns the seconds until the next."""
        error, lasted_s = await self._session()
        refused, self._refused = self._refused, isinstance(error, AuthFailed)
        self._failures = 1 if lasted_s >= STEADY_S or refused != self._refused else self._failures + 1
        pause_s = wait_s(error, self._failures, random)
        if self._refused and self._url.user:  # without a user there is no account that others could share
            self._shared.accounts.refuse(self._account, self.config.id, self._now_s() + pause_s)
        self._stopped(error.reason, str(error), pause_s)
        return pause_s

    async def _session(self) -> tuple[CameraError, float]:
        """One use of the camera, from connecting to its end; returns why it ended and how long it recorded."""
        client = RtspClient(
            self._url,
            audio=self.config.audio,
            clock=self._shared.clock,
            authenticator=self._authenticator,
            on_units=self._take,
            tls=self._tls,
            pacer=self._shared.pacer,
            stall_s=STALL_S,
        )
        self._attempts += 1
        started_s: float | None = None
        try:
            self._stream = await client.open()
            started_s = self._now_s()
            self._begin_session(self._stream)
            await client.run()
        except CameraError as error:
            # The frames that it came through hold the connection, which holds it: a ring that only the collector sees.
            return error.with_traceback(None), self._now_s() - started_s if started_s is not None else 0.0
        finally:
            self._end_session("disconnect")
            with suppress(TimeoutError):
                await asyncio.wait_for(client.close(), STOP_S)
        raise AssertionError("a client's run always raises")

    def _begin_session(self, stream: Stream) -> None:
        self._shared.accounts.begin(self._account)
        self._unsaid_session = True
        self._segmenter = Segmenter(
            "h264" if stream.video_media.encoding == "H264" else "h265",
            stream.audio_format,
            self._shared.segment_s,
            self._shared.wall.offset_ns,
        )

    def _end_session(self, reason: CloseReason) -> None:
        segmenter, self._segmenter, self._stream = self._segmenter, None, None
        if segmenter is not None:
            self._shared.accounts.end(self._account)
            self.lane.offer(segmenter.end(reason))

    def _take(self) -> None:
        """Units have come: the work of the network side, for all pictures."""
        stream, segmenter = self._stream, self._segmenter
        if stream is None or segmenter is None:
            return
        if stream.audio is not None and stream.audio.units:
            for sound in stream.audio.units:
                segmenter.add_audio(sound)
            stream.audio.units.clear()
        for unit in stream.video.units:
            operations = segmenter.add_video(unit)
            if operations:
                self._offer(operations)
        stream.video.units.clear()

    def _offer(self, operations: list[Operation]) -> None:
        if self._unsaid_session and any(isinstance(operation, OpenSegment) for operation in operations):
            self._unsaid_session = False
            self._describe_session()
        self.lane.offer(operations)

    def _describe_session(self) -> None:
        """Give the lane what is to be said when the first pictures of the session are on disk."""
        segmenter, stream = self._segmenter, self._stream
        if segmenter is None or stream is None or segmenter.video is None:
            return
        report = stream.video.reception.sender_report
        offset_ns = report.unix_ns - report.arrival_ns - self._shared.wall.offset_ns if report else None
        self.lane.session(
            RecordingStarted(
                video=describe_video(segmenter.video),
                audio=describe_audio(stream.audio_format),
                url=self._url.redacted,
                camera_clock_offset_s=offset_ns / 1e9 if offset_ns is not None else None,
                attempt=self._attempts,
                server=None,
            )
        )

    def _recorded(self) -> None:
        """Pictures are on disk."""
        self.state = "recording"
        down_s = self._now_s() - self._down_since_s if self._down_since_s is not None else None
        _log.info(
            "recording", channel=self.config.id, attempt=self._attempts, down_s=round(down_s, 1) if down_s else None
        )
        self._attempts = 0
        self._told = None
        self._down_since_s = None

    def _stopped(self, reason: StopReason, detail: str, retry_in_s: float) -> None:
        """The channel does not record: told when it is news, not at every try."""
        if self._down_since_s is None:
            self._down_since_s = self._now_s()
        if reason == self._told:
            return
        self._told = reason
        event = RecordingStopped(reason=reason, detail=detail, retry_in_s=retry_in_s)
        if self.lane.stuck:
            self._shared.aside.say(event, self.config.id)
        else:
            self.lane.say(event, self.config.id)
        _log.warning("not_recording", channel=self.config.id, reason=reason, detail=detail)

    def _storage_failed(self, error: StorageError, retry_in_s: float) -> None:
        if self.state == "recording":
            self.state = "waiting"
        self._stopped(error.reason, str(error), retry_in_s)

    async def _wait_for_account(self) -> None:
        """Other channels of the same recorder may have been refused."""
        seconds = self._shared.accounts.wait_s(self._account, self._now_s())
        if seconds:
            self._stopped(
                "auth_failed", "the camera refuses this user for other channels: check the password", seconds
            )
            await asyncio.sleep(seconds)

    def _now_s(self) -> float:
        return self._shared.clock.monotonic_ns() / 1e9
