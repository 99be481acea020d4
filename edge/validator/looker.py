"""Takes looks: the newest keyframe of a channel, or one of a segment that nobody looked into, decoded and judged.

Files vanish, are cut back or are damaged; the decoder refuses, dies or hangs: that look is counted as skipped and
nothing is concluded from it. Only a finished segment of which the decoder makes nothing is told to be undecodable.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeVar

import numpy as np

from edge.clock import Clock
from edge.decoding.process import DamagedKeyframe, NoPicture, PictureProcess, WorkerDied, WorkerLate
from edge.errors import Mp4Error
from edge.recordings.coded import CodedPictures
from edge.recordings.newest import Keyframe, NewestKeyframes
from edge.recordings.segment import SegmentName
from edge.validator.backlog import Backlog, Examination
from edge.validator.rejection import Span
from edge.validator.watched import Pace, Reaction, Seen, Watched

WIDTH: Final = 320
EVIDENCE_WIDTH: Final = 640
_AHEAD_MS: Final = 5_000
_DISK_S: Final = 5.0

Skip = Literal["gone", "torn", "damaged", "refused", "decoder", "disk"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Look:
    """A picture that was judged; `stream` is its keyframe."""

    keyframe: Keyframe
    stream: bytes
    reaction: Reaction


class Looker:
    """Looks at the channels of a site, one at a time, in one event loop."""

    def __init__(
        self,
        newest: NewestKeyframes,
        decoder: PictureProcess,
        clock: Clock,
        pace: Pace,
        watched: Mapping[str, Watched],
        undecodable: Callable[[str, SegmentName], None],
    ) -> None:
        """`undecodable` is told of segments that hold no keyframe of which the decoder makes anything."""
        self._newest = newest
        self._coded = CodedPictures(newest.root)
        self._decoder = decoder
        self._clock = clock
        self._pace = pace
        self._watched = watched
        self._undecodable = undecodable
        self._thread = ThreadPoolExecutor(1, "disk")
        self._backlogs: dict[str, Backlog] = {}
        self.skipped: Counter[Skip] = Counter()

    def finished(self, channel: str, span: Span) -> None:
        """A segment was finished."""
        backlog = self._backlogs.setdefault(channel, Backlog(round(self._pace.every_s * 1000)))
        backlog.add(span, judged_ms=self._watched[channel].judged_ms, now_ms=self._now_ms())

    def is_behind(self, channel: str) -> bool:
        """Whether finished segments wait to be looked into."""
        return channel in self._backlogs and bool(self._backlogs[channel].waiting)

    @property
    def behind(self) -> int:
        """How many segments wait."""
        return sum(len(backlog.waiting) for backlog in self._backlogs.values())

    @property
    def passed_over(self) -> int:
        """How many segments were never looked into, because there were too many or they had grown old."""
        return sum(backlog.skipped for backlog in self._backlogs.values())

    async def look(self, channel: str) -> Look | Literal["nothing", "skipped", "decoder"]:
        """Look at a channel: "nothing" is new, or the look was "skipped", or the "decoder" failed over it."""
        examination: Examination | None = None
        try:
            keyframe, examination = await self._choose(channel)
            if keyframe is None:
                return "nothing"
            stream = await self.on_disk(partial(self._newest.read, keyframe))
            coded = await self.on_disk(partial(self._coded.before, channel, keyframe))
            pixels = await self._decoder.pixels(keyframe.video.codec, WIDTH, stream)
        except DamagedKeyframe:
            assert keyframe is not None
            return self._damaged(channel, keyframe, examination)
        except (WorkerDied, WorkerLate):
            return self._skip("decoder") and "decoder"
        except NoPicture:
            return self._skip("refused")
        except Mp4Error:
            return self._skip("torn")
        except (OSError, TimeoutError):
            return self._skip("disk")
        if examination is not None:
            examination.judged += 1
        picture = np.frombuffer(pixels.data, np.uint8).reshape(pixels.height, pixels.width, 3)
        return Look(keyframe, stream, self._watched[channel].look(picture, _seen(keyframe), coded))

    async def jpeg(self, look: Look) -> bytes | None:
        """The picture of a look for people; None where it cannot be made."""
        try:
            return await self._decoder.picture(look.keyframe.video.codec, EVIDENCE_WIDTH, look.stream)
        except NoPicture:
            return None

    async def on_disk(self, work: Callable[[], _T]) -> _T:
        """Have something done on the thread that waits for disks; TimeoutError when it takes too long."""
        async with asyncio.timeout(_DISK_S):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """End the decoder."""
        await self._decoder.end()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _choose(self, channel: str) -> tuple[Keyframe | None, Examination | None]:
        backlog, watched = self._backlogs.get(channel), self._watched[channel]
        while backlog is not None and backlog.waiting:
            examination = backlog.waiting[0]
            name = SegmentName(channel, examination.span.start_ms)
            try:
                if examination.left is None:
                    examination.opened(await self.on_disk(partial(self._newest.inside, name)))
                keyframe = examination.next(backlog.not_before_ms(watched.judged_ms))
                if keyframe is not None:
                    return keyframe, examination
                if examination.is_undecodable:
                    self._undecodable(channel, name)
            except FileNotFoundError:
                self._skip("gone")
            except Mp4Error:
                self._undecodable(channel, name)
            backlog.done(examination)
        keyframes = await self.on_disk(partial(self._newest.find, channel, self._now_ms()))
        return (keyframes[0] if keyframes and self._is_new(keyframes[0], watched.seen) else None), None

    def _is_new(self, keyframe: Keyframe, seen: Seen | None) -> bool:
        """Whether it came after the last one; a last one of the future came before the clock was set back."""
        if seen is None or keyframe.taken_ms > seen.taken_ms:
            return True
        is_last = (keyframe.name.start_ms, keyframe.position) == (seen.start_ms, seen.position)
        return seen.taken_ms > self._now_ms() + _AHEAD_MS and not is_last

    def _damaged(self, channel: str, keyframe: Keyframe, examination: Examination | None) -> Literal["skipped"]:
        self._watched[channel].damaged(_seen(keyframe))
        if examination is not None:
            examination.damaged += 1
        return self._skip("damaged")

    def _skip(self, why: Skip) -> Literal["skipped"]:
        self.skipped[why] += 1
        return "skipped"

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000


def _seen(keyframe: Keyframe) -> Seen:
    return Seen(keyframe.name.start_ms, keyframe.position, keyframe.taken_ms)


