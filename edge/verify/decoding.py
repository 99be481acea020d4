"""Has the pictures of a segment decoded by a child process, and says whether it gave as many as went in."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, cast

from edge.errors import Mp4Error, SaksiError
from edge.mp4.reader import Scan, scan
from edge.verify import decode_worker
from edge.verify.decode_worker import ANSWER, CODECS, HEAD, PICTURE
from edge.verify.samples import pictures

COMMAND: Final = (sys.executable, "-I", str(Path(decode_worker.__file__)))
TIMEOUT_S: Final = 900.0
MOST_PICTURES: Final = 3_000
"""Two minutes at 25 pictures a second: of a longer segment the beginning is decoded."""
LEAST_SHARE: Final = 0.9
"""Of the pictures: some cameras send a few, at the beginning or after a loss, that no decoder can show."""


class Undecodable(SaksiError):  # noqa: N818 - named for the state
    """The pictures of a segment cannot be shown; says why."""


def decode(file: FileIO, *, command: Sequence[str] = COMMAND, timeout_s: float = TIMEOUT_S) -> int:
    """How many pictures a decoder makes of a segment; raises Undecodable if they are too few, OSError of the file."""
    try:
        found = scan(cast("BinaryIO", file))
    except Mp4Error as error:
        raise Undecodable(f"it is no recording: {error}") from error
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
        sent, answer = _ask(child, file, found)
    finally:
        late.cancel()
        child.kill()
        child.wait()
    if len(answer) < ANSWER.size:
        why = f"did not end within {timeout_s:g} s" if was_late.is_set() else "died of it"
        raise Undecodable(f"the decoder {why}")
    return _judge(sent, *ANSWER.unpack(answer))


def _ask(child: "subprocess.Popen[bytes]", file: FileIO, found: Scan) -> tuple[int, bytes]:
    """How many pictures were sent, and the answer; less than one from a child that died."""
    assert child.stdin is not None
    assert child.stdout is not None
    sent = 0
    with child.stdout:
        with suppress(BrokenPipeError), child.stdin:
            child.stdin.write(HEAD.pack(CODECS.index(found.video.codec)))
            for picture in islice(pictures(file, found), MOST_PICTURES):
                child.stdin.write(PICTURE.pack(len(picture)) + picture)
                sent += 1
            child.stdin.write(PICTURE.pack(0))
        return sent, child.stdout.read(ANSWER.size)


def _judge(sent: int, decoded: int, damaged: int, refused: int) -> int:
    if not sent:
        raise Undecodable("it holds no picture")
    if decoded < sent * LEAST_SHARE:
        words = f", {refused} were refused" if refused else ""
        raise Undecodable(f"of {sent} pictures only {decoded} can be decoded{words}")
    if damaged > sent * (1 - LEAST_SHARE):
        raise Undecodable(f"of {sent} pictures {damaged} are damaged")
    return decoded
