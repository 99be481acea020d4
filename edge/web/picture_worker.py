"""The program that turns keyframes into JPEG pictures: a child of the web process, which gives it bytes and no more.

What a camera sends may crash, hang or blow up a decoder written in C. So it runs here: without files, sockets, secrets
or a second process, with little memory and time, and at a low priority. Started by its path with `python -I`; imports
nothing of Saksi, and PyAV only once it runs.

Over stdin comes a REQUEST and a keyframe (parameter sets and slices, Annex B), over stdout goes an ANSWER and a JPEG,
or words where there is no picture. It ends with its stdin.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from fractions import Fraction
from struct import Struct
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter

REQUEST: Final = Struct(">BHI")  # place in CODECS, widest picture wanted, bytes that follow
ANSWER: Final = Struct(">BI")  # PICTURE or WORDS, bytes that follow
CODECS: Final = ("h264", "h265")
PICTURE, WORDS = 0, 1
MOST_WORDS_BYTES: Final = 200

_DECODERS: Final = ("h264", "hevc")
_MOST_PIXELS: Final = 8192 * 4352  # what H.265 allows at level 6.2
_MEMORY_BYTES: Final = 640 << 20
_DECODE_S: Final = 10  # of processor time; the web process has less patience, but may be gone
_OPEN_FILES: Final = 16
_NICE: Final = 10
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_LEAST_SIDE: Final = 16
_QUALITY: Final = 5  # 2 is best, 31 worst


def main() -> None:
    """Answer requests until stdin ends."""
    _give_up_powers()
    from av import FFmpegError  # noqa: PLC0415 - the web process, which reads the constants above, loads no decoder
    from av.video.reformatter import VideoReformatter  # noqa: PLC0415

    reformatter = VideoReformatter()  # one for all: FFmpeg 8 loses memory with every new one
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    for codec, width, keyframe in _requests(requests):
        _allow_cpu(_DECODE_S)
        try:
            kind, answer = PICTURE, _jpeg(*_decoded(codec, keyframe), width, reformatter)
        except (FFmpegError, MemoryError, ValueError) as error:
            kind, answer = WORDS, str(error).encode(errors="replace")[:MOST_WORDS_BYTES]
        answers.write(ANSWER.pack(kind, len(answer)) + answer)
        answers.flush()


def _give_up_powers() -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the web process, which ends this one
    os.nice(_NICE)
    limits = {
        resource.RLIMIT_AS: _MEMORY_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_NPROC: 0,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))


def _allow_cpu(seconds: int) -> None:
    """Have the kernel end this process when the next picture takes longer than that."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _requests(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    while len(head := stream.read(REQUEST.size)) == REQUEST.size:
        codec, width, size = REQUEST.unpack(head)
        keyframe = stream.read(size)
        if len(keyframe) < size:
            return
        yield codec, width, keyframe


def _decoded(codec: int, keyframe: bytes) -> "tuple[VideoFrame, Fraction]":
    """The picture, and how wide its pixels are for their height."""
    from av import CodecContext, Packet  # noqa: PLC0415

    decoder = CodecContext.create(_DECODERS[codec], "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(_MOST_PIXELS)}
    frames = [*decoder.decode(Packet(keyframe)), *decoder.decode(None)]
    if not frames:
        raise ValueError("the decoder makes no picture of it")
    return frames[0], decoder.sample_aspect_ratio or Fraction(1)


def _jpeg(frame: "VideoFrame", pixel_aspect: Fraction, width: int, reformatter: "VideoReformatter") -> bytes:
    from av import CodecContext  # noqa: PLC0415
    from av.video.reformatter import ColorRange, Colorspace, Interpolation  # noqa: PLC0415

    width, height = _size(frame.width * pixel_aspect, frame.height, width)
    full_range = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    picture = reformatter.reformat(
        frame,
        *(width, height, "yuvj420p"),
        dst_colorspace=Colorspace.ITU601,
        interpolation=Interpolation.AREA,
        src_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    encoder = CodecContext.create("mjpeg", "w")
    encoder.thread_count = 1
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.qmin = encoder.qmax = _QUALITY
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])


def _size(shown_width: Fraction, height: int, widest: int) -> tuple[int, int]:
    """The size in square pixels: not wider than wanted or taken, not higher than twice the width."""
    width = max(_LEAST_SIDE, min(widest, int(shown_width)))
    return width & ~1, max(_LEAST_SIDE, min(2 * width, round(height * width / shown_width))) & ~1


if __name__ == "__main__":
    main()
