"""The latest picture of each channel, for tiles and pages: the newest keyframe on disk as a JPEG, kept for a while.

Finding and reading happen on one thread, decoding in a child process; whatever hangs or dies there costs no more than
that picture. When nobody has looked for a minute, all memory and the child are given back.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import structlog
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from edge.clock import Clock
from edge.decoding.process import NoPicture, PictureProcess, WorkerDied, WorkerLate
from edge.errors import Mp4Error
from edge.recordings.newest import Keyframe, NewestKeyframes
from edge.web.asked import known_channel
from edge.web.live import LiveSite
from edge.web.problem import ProblemError, problem_responses

WIDTHS: Final = (320, 640, 960, 1280, 1920)
"""What is made; the next larger one serves any other width, so that nobody can ask for a thousand sizes."""
LEAST_WIDTH, MOST_WIDTH = 160, 1920
FRESH_S: Final = 5.0
_NOTHING_FRESH_S: Final = 1.0
_LEFT_ALONE_S: Final = 60.0
_IDLE_S: Final = 60.0
_DISK_S: Final = 5.0

_Found = TypeVar("_Found")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, when the camera sent it (UTC), and a name that is another's as soon as the picture is."""

    jpeg: bytes
    taken_ms: int
    etag: str


@dataclass(slots=True)
class _Shown:
    """What a channel last showed in one width; fresh until a moment of the monotonic clock."""

    picture: Picture | None
    fresh_until_ns: int


@dataclass(slots=True)
class _Trouble:
    """A channel whose newest keyframe gave no picture: since when, and what is not tried again.

    `refused` are keyframes that cannot be decoded. Where all made the child die or wait, the channel is left alone.
    """

    since_ns: int
    refused: set[tuple[int, int]] = field(default_factory=set)
    worker_failed: bool = False
    left_alone_until_ns: int = 0


class Pictures:
    """The pictures of the channels recorded below `root`; lives in one event loop."""

    def __init__(
        self, root: Path, clock: Clock, *, process: PictureProcess | None = None, idle_s: float = _IDLE_S
    ) -> None:
        self._clock = clock
        self._newest = NewestKeyframes(root)
        self._process = process or PictureProcess()
        self._idle_s = idle_s
        self._thread = ThreadPoolExecutor(1, "pictures")
        self._shown: dict[tuple[str, int], _Shown] = {}
        self._looking: dict[tuple[str, int], asyncio.Task[Picture | None]] = {}
        self._troubles: dict[str, _Trouble] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._giving_back: asyncio.Task[None] | None = None

    async def newest(self, channel: str, width: int) -> Picture | None:
        """The latest picture of a configured channel, at least this wide where the camera's is; None if there is none.

        Of one channel and width a picture is made at most every FRESH_S, however many ask.
        """
        key = (channel, WIDTHS[min(bisect_left(WIDTHS, width), len(WIDTHS) - 1)])
        shown = self._shown.get(key)
        if shown is not None and self._clock.monotonic_ns() < shown.fresh_until_ns:
            return shown.picture
        task = self._looking.get(key)
        if task is None:
            self._stay_awake()
            task = self._looking[key] = asyncio.create_task(self._look(*key))
            task.add_done_callback(lambda _: self._looking.pop(key, None))
        return await asyncio.shield(task)  # one who leaves takes nothing from the others who wait

    async def close(self) -> None:
        """End the child; nothing is asked afterwards."""
        if self._idle is not None:
            self._idle.cancel()
        tasks = [*self._looking.values(), *([self._giving_back] if self._giving_back else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._process.end()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look(self, channel: str, width: int) -> Picture | None:
        before = self._shown.get((channel, width))
        try:
            picture = await self._make(channel, width, before.picture if before else None)
        except (OSError, TimeoutError) as error:
            _log.debug("picture_disk", channel=channel, error=str(error))
            picture = before.picture if before else None
        fresh_s = FRESH_S if picture else _NOTHING_FRESH_S
        self._shown[channel, width] = _Shown(picture, self._clock.monotonic_ns() + round(fresh_s * 1e9))
        return picture

    async def _make(self, channel: str, width: int, last: Picture | None) -> Picture | None:
        """The newest keyframe that can be decoded; else the last picture, as long as the channel has keyframes."""
        now_ms = self._clock.wall_ns() // 1_000_000
        keyframes = await self._on_disk(partial(self._newest.find, channel, now_ms))
        trouble = self._troubles.get(channel)
        if trouble is not None:
            if self._clock.monotonic_ns() < trouble.left_alone_until_ns:
                return last
            trouble.refused &= {_identity(keyframe) for keyframe in keyframes}
        for keyframe in keyframes:
            etag = f'"{keyframe.name.start_ms}-{keyframe.position}-{width}"'
            if last is not None and last.etag == etag:
                return last
            if trouble is not None and _identity(keyframe) in trouble.refused:
                continue
            try:
                stream = await self._on_disk(partial(self._newest.read, keyframe))
                jpeg = await self._process.picture(keyframe.video.codec, width, stream)
            except (NoPicture, Mp4Error) as error:
                trouble = self._failed(channel, keyframe, error)
                if isinstance(error, WorkerLate):
                    break
                continue
            if keyframe is keyframes[0]:
                self._recovered(channel)
            return Picture(jpeg, keyframe.taken_ms, etag)
        if trouble is not None and trouble.worker_failed:
            trouble.left_alone_until_ns = self._clock.monotonic_ns() + round(_LEFT_ALONE_S * 1e9)
            trouble.worker_failed = False
        return last if keyframes else None

    async def _on_disk(self, read: Callable[[], _Found]) -> _Found:
        async with asyncio.timeout(_DISK_S):
            return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def _failed(self, channel: str, keyframe: Keyframe, error: Exception) -> _Trouble:
        if channel not in self._troubles:
            _log.warning("picture_unreadable", channel=channel, segment=keyframe.name.path, error=str(error))
        trouble = self._troubles.setdefault(channel, _Trouble(self._clock.monotonic_ns()))
        if isinstance(error, WorkerDied | WorkerLate):
            trouble.worker_failed = True  # which need not be the keyframe's fault
        else:
            trouble.refused.add(_identity(keyframe))
        return trouble

    def _recovered(self, channel: str) -> None:
        trouble = self._troubles.pop(channel, None)
        if trouble is not None:
            after_s = (self._clock.monotonic_ns() - trouble.since_ns) / 1e9
            _log.info("picture_readable", channel=channel, after_s=round(after_s, 1))

    def _stay_awake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._fall_asleep)

    def _fall_asleep(self) -> None:
        if self._looking:
            self._stay_awake()
        else:
            self._giving_back = asyncio.create_task(self._give_back())

    async def _give_back(self) -> None:
        self._shown.clear()
        await self._process.end()
        with suppress(TimeoutError):
            await self._on_disk(self._newest.forget)


def _identity(keyframe: Keyframe) -> tuple[int, int]:
    return keyframe.name.start_ms, keyframe.position


@get(
    "/channels/{channel_id:str}/snapshot.jpg",
    media_type="image/jpeg",
    summary="The latest picture of a channel",
    responses=problem_responses(400, 401, 404),
)
async def snapshot(
    request: Request[Any, Any, Any],
    live: NamedDependency[LiveSite],
    pictures: NamedDependency[Pictures],
    channel_id: FromPath[str],
    width: Annotated[
        int, QueryParameter(ge=LEAST_WIDTH, le=MOST_WIDTH, description="Pixels; more than the camera's are not made.")
    ] = 640,
) -> Response[bytes]:
    """Serve the newest recorded keyframe as a JPEG; 304 where the browser has it already."""
    picture = await pictures.newest(known_channel(live, channel_id), width)
    if picture is None:
        raise ProblemError(404, "no_picture", f"nothing of {channel_id!r} is recorded that can be shown; try later")
    headers = {
        "etag": picture.etag,
        "last-modified": formatdate(picture.taken_ms / 1000, usegmt=True),
        "cache-control": "private, no-cache",  # may be kept, but is asked for each time
    }
    if picture.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(picture.jpeg, headers=headers, media_type="image/jpeg")


routes: list[HTTPRouteHandler] = [snapshot]
