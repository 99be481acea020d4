"""The program that decodes the pictures of a segment and counts them: a child that is given bytes and no more.

What a camera sends may crash, hang or blow up a decoder written in C. So it runs here: without files, sockets, secrets
or a second process, with little memory and time, and at a low priority. Started by its path with `python -I`; imports
nothing of Saksi, and PyAV only once it runs.

Over stdin comes the place of the codec in CODECS, then for each picture its size and bytes (parameter sets and slices,
Annex B), and a size of 0 behind the last. Over stdout goes one ANSWER, and it ends.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, Final

HEAD: Final = Struct(">B")
PICTURE: Final = Struct(">I")
ANSWER: Final = Struct(">III")  # pictures that came out, of these known to be damaged, inputs that were refused
CODECS: Final = ("h264", "h265")

_DECODERS: Final = ("h264", "hevc")
_MOST_PIXELS: Final = 8192 * 4352  # what H.265 allows at level 6.2
_MEMORY_BYTES: Final = 1 << 30
_CPU_S: Final = 600
_OPEN_FILES: Final = 16
_NICE: Final = 19
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def main() -> None:
    """Decode what comes and answer."""
    _give_up_powers()
    answer = _count(sys.stdin.buffer)
    sys.stdout.buffer.write(ANSWER.pack(*answer))


def _give_up_powers() -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    os.nice(_NICE)
    limits = {
        resource.RLIMIT_AS: _MEMORY_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: _CPU_S,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_NPROC: 0,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))


def _count(stream: BinaryIO) -> tuple[int, int, int]:
    from av import CodecContext, FFmpegError, Packet  # noqa: PLC0415 - who reads the constants above loads no decoder

    (codec,) = HEAD.unpack(stream.read(HEAD.size))
    decoder = CodecContext.create(_DECODERS[codec], "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(_MOST_PIXELS)}
    pictures = damaged = refused = 0
    for data in _inputs(stream):
        try:
            frames = decoder.decode(None if data is None else Packet(data))
        except (FFmpegError, ValueError):
            refused += 1
            continue
        pictures += len(frames)
        damaged += sum(frame.is_corrupt for frame in frames)
    return pictures, damaged, refused


def _inputs(stream: BinaryIO) -> Iterator[bytes | None]:
    """The pictures as they come, and None at their end."""
    while len(head := stream.read(PICTURE.size)) == PICTURE.size:
        (size,) = PICTURE.unpack(head)
        if not size:
            break
        yield stream.read(size)
    yield None


if __name__ == "__main__":
    main()
