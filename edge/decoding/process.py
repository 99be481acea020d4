"""The parent's side of `worker`: starts that child, asks for one picture at a time, ends it when it fails.

The child is started when first asked. It inherits no environment and no file but its two pipes. Every answer is
checked for its size before it is read and for being a picture after; a child that is late, dies or answers anything
else is killed, and the next request starts another.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, cast

from edge.codec.formats import VideoCodec
from edge.decoding import worker
from edge.decoding.worker import ANSWER, CODECS, DAMAGED, JPEG, MOST_WORDS_BYTES, PICTURE, PIXELS, REQUEST, SIZE, WORDS
from edge.errors import SaksiError

TIMEOUT_S: Final = 5.0
COMMAND: Final = (sys.executable, "-I", str(Path(worker.__file__)))
_MOST_PICTURE_BYTES: Final = 8 << 20
_MOST_BYTES: Final = {PICTURE: _MOST_PICTURE_BYTES, WORDS: MOST_WORDS_BYTES, DAMAGED: MOST_WORDS_BYTES}
_GONE_S: Final = 2.0
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


class NoPicture(SaksiError):  # noqa: N818 - named for the state
    """A keyframe cannot be decoded; says why."""


class DamagedKeyframe(NoPicture):
    """The decoder makes nothing at all of the keyframe."""


class WorkerDied(NoPicture):
    """The child ended or broke its protocol over a keyframe."""


class WorkerLate(NoPicture):
    """The child did not answer in time."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """A picture to judge: three bytes a pixel (blue, green, red), full range, in square pixels, row after row."""

    width: int
    height: int
    data: bytes


class PictureProcess:
    """One child at most, in the event loop that asks it."""

    def __init__(self, command: Sequence[str] = COMMAND, *, timeout_s: float = TIMEOUT_S) -> None:
        self._command = command
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        return self._child.pid if self._child is not None else None

    async def picture(self, codec: VideoCodec, width: int, keyframe: bytes) -> bytes:
        """The keyframe as a JPEG at most this wide; raises NoPicture."""
        return await self._in_turn(JPEG, codec, width, keyframe)

    async def pixels(self, codec: VideoCodec, width: int, keyframe: bytes) -> Pixels:
        """The keyframe as pixels at most this wide, equal ones for equal keyframes; raises NoPicture.

        Of a keyframe that lacks parts there are none, where `picture` shows what there is of it.
        """
        answer = await self._in_turn(PIXELS, codec, width, keyframe)
        shown_width, height = SIZE.unpack_from(answer)
        return Pixels(shown_width, height, answer[SIZE.size :])

    async def _in_turn(self, form: int, codec: VideoCodec, width: int, keyframe: bytes) -> bytes:
        async with self._turn:
            answered = False
            request = REQUEST.pack(form, CODECS.index(codec), width, len(keyframe)) + keyframe
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await self._ask(form, request)
                answered = True
            except NoPicture:
                answered = True
                raise
            except TimeoutError as error:
                raise WorkerLate(f"the decoder did not answer within {self._timeout_s:g} s") from error
            except (OSError, EOFError) as error:
                raise WorkerDied("the decoder died") from error
            finally:
                if not answered:  # also when this task is cancelled: the answer of one must not reach another
                    await self._kill()
        return answer

    async def end(self) -> None:
        """Let the child go, and what it uses; the next request starts another."""
        async with self._turn:
            await self._kill()

    async def _ask(self, form: int, request: bytes) -> bytes:
        child = self._child
        if child is None or child.is_over:
            await self._kill()
            self._child = child = await self._start()
        kind, answer = await child.ask(request)
        if kind != PICTURE:
            raise (DamagedKeyframe if kind == DAMAGED else NoPicture)(answer.decode(errors="replace"))
        if not (_is_jpeg if form == JPEG else _are_pixels)(answer):
            raise EOFError("the picture of the decoder is none")
        return answer

    async def _start(self) -> "_Child":
        start = partial(asyncio.get_running_loop().subprocess_exec, _Child, *self._command)
        _, child = await start(stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, cwd="/", start_new_session=True)
        return child

    async def _kill(self) -> None:
        if self._child is not None:
            await self._child.kill()
            self._child = None


def _is_jpeg(answer: bytes) -> bool:
    return answer.startswith(_JPEG_START) and answer.endswith(_JPEG_END)


def _are_pixels(answer: bytes) -> bool:
    if len(answer) < SIZE.size:
        return False
    width, height = SIZE.unpack_from(answer)
    return bool(width and height) and len(answer) == SIZE.size + 3 * width * height


class _Child(asyncio.SubprocessProtocol):
    """A running child; closes its pipes whatever it does, which `asyncio.subprocess` leaves to who reads them empty."""

    def __init__(self) -> None:
        self._answers = asyncio.StreamReader()
        self._came_bytes = 0
        self._most_bytes = 0
        self._gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - stdout is the only one
        self._came_bytes += len(data)
        if self._came_bytes > self._most_bytes:
            self._transport.close()
        else:
            self._answers.feed_data(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - either pipe
        self._answers.feed_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._gone.set()

    @property
    def is_over(self) -> bool:
        """Whether it ended by itself, spoke without being asked, or is being killed."""
        transport = self._transport
        return self._answers.at_eof() or transport.is_closing() or transport.get_returncode() is not None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The kind and bytes of the answer; raises EOFError for anything but one answer of a bounded size."""
        self._came_bytes, self._most_bytes = 0, ANSWER.size + _MOST_PICTURE_BYTES
        stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        stdin.write(request)
        kind, size = ANSWER.unpack(await self._answers.readexactly(ANSWER.size))
        if size > _MOST_BYTES.get(kind, -1):
            raise EOFError("the answer of the decoder is none")
        answer = await self._answers.readexactly(size)
        if self._came_bytes > ANSWER.size + size:
            raise EOFError("the decoder said more than its answer")
        self._most_bytes = 0
        return kind, answer

    async def kill(self) -> None:
        """End it; returns when nothing of it is left."""
        self._transport.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), _GONE_S)
