"""Has the pictures of a stream decoded by a `worker` of their own, one after the other, and counts what comes out.

Blocking. The child inherits no environment and no file but its two pipes, and is gone when this returns.
"""

import subprocess
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from edge.codec.formats import VideoCodec
from edge.decoding.process import COMMAND, NoPicture, WorkerDied, WorkerLate
from edge.decoding.worker import ANSWER, CODECS, COUNT, COUNTED, COUNTS, LENGTH, REQUEST

TIMEOUT_S: Final = 900.0


class Counts(NamedTuple):
    """Pictures that went in, that came out, of these known to be damaged, and inputs that the decoder refused."""

    sent: int
    decoded: int
    damaged: int
    refused: int


def count(
    codec: VideoCodec, pictures: Iterable[bytes], *, command: Sequence[str] = COMMAND, timeout_s: float = TIMEOUT_S
) -> Counts:
    """Decode pictures in their order (Annex B); raises NoPicture, and what reading them raises."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    was_late = threading.Event()

    def end() -> None:
        was_late.set()
        child.kill()

    late = threading.Timer(timeout_s, end)
    late.start()
    try:
        sent, answer = _ask(child, codec, pictures)
    finally:
        late.cancel()
        child.kill()
        child.wait()
    if was_late.is_set():
        raise WorkerLate(f"the decoder did not end within {timeout_s:g} s")
    return Counts(sent, *_read(answer))


def _ask(child: "subprocess.Popen[bytes]", codec: VideoCodec, pictures: Iterable[bytes]) -> tuple[int, bytes]:
    """How many pictures were sent, and the answer; less than one from a child that died."""
    assert child.stdin is not None
    assert child.stdout is not None
    sent = 0
    with child.stdout:
        with suppress(BrokenPipeError), child.stdin:
            child.stdin.write(REQUEST.pack(COUNT, CODECS.index(codec), 0, 0))
            for picture in pictures:
                child.stdin.write(LENGTH.pack(len(picture)) + picture)
                sent += 1
            child.stdin.write(LENGTH.pack(0))
        return sent, child.stdout.read(ANSWER.size + COUNTS.size)


def _read(answer: bytes) -> tuple[int, int, int]:
    if len(answer) < ANSWER.size:
        raise WorkerDied("the decoder died of it")
    kind, size = ANSWER.unpack_from(answer)
    if kind != COUNTED:
        raise NoPicture("the decoder refused it")
    if size != COUNTS.size or len(answer) != ANSWER.size + COUNTS.size:
        raise WorkerDied("the decoder died of it")
    decoded, damaged, refused = COUNTS.unpack_from(answer, ANSWER.size)
    return decoded, damaged, refused
