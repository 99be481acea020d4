"""The program that decodes: a child of the process that asks, which gives it bytes and no more.

What a camera sends may crash, hang or blow up a decoder written in C. So it runs here: without files, sockets, secrets
or a second process, with little memory and time, and at a low priority. Started by its path with `python -I`; imports
nothing of Saksi, and PyAV only once it runs.

Over stdin comes a REQUEST and a keyframe (parameter sets and slices, Annex B), over stdout goes an ANSWER and the
picture as a JPEG or as a SIZE and its pixels, or words where there is none. To COUNT, pictures of one stream follow the
REQUEST, each behind its LENGTH, and a length of 0 behind the last; the answer has COUNTS. It ends with its stdin.
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

REQUEST: Final = Struct(">BBHI")  # JPEG, PIXELS or COUNT, place in CODECS, widest picture wanted, bytes that follow
ANSWER: Final = Struct(">BI")  # PICTURE, WORDS, DAMAGED or COUNTED, bytes that follow
LENGTH: Final = Struct(">I")
COUNTS: Final = Struct(">III")  # pictures that came out, of these known to be damaged, inputs that were refused
SIZE: Final = Struct(">HH")  # width and height of the pixels that follow: blue, green, red, row after row
CODECS: Final = ("h264", "h265")
JPEG, PIXELS, COUNT = 0, 1, 2
PICTURE, WORDS, DAMAGED, COUNTED = 0, 1, 2, 3
"""DAMAGED are words too: the decoder makes nothing at all of the keyframe."""
MOST_WORDS_BYTES: Final = 200

_DECODERS: Final = ("h264", "hevc")
_MOST_PIXELS: Final = 8192 * 4352  # what H.265 allows at level 6.2
_MEMORY_BYTES: Final = 640 << 20
_STREAM_MEMORY_BYTES: Final = 1 << 30  # a stream refers to up to 16 pictures before, each of 53 MB at the most
_STREAM_S: Final = 600
_DECODE_S: Final = 10  # of processor time; the parent has less patience, but may be gone
_OPEN_FILES: Final = 16
_NICE: Final = 10
_STREAM_NICE: Final = 9  # more
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_LEAST_SIDE: Final = 16
_QUALITY: Final = 5  # 2 is best, 31 worst
_PATCHED: Final = "parts of the keyframe are missing"


class _DamagedError(ValueError):
    """The decoder makes no picture of a keyframe."""


def main() -> None:
    """Answer requests until stdin ends."""
    _give_up_powers()
    from av import FFmpegError, InvalidDataError  # noqa: PLC0415 - who reads the constants above loads no decoder
    from av.video.reformatter import VideoReformatter  # noqa: PLC0415

    reformatter = VideoReformatter()  # one for all: FFmpeg 8 loses memory with every new one
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    for form, codec, width, keyframe in _requests(requests):
        _allow_cpu(_DECODE_S)
        try:
            kind = PICTURE
            if form == COUNT:
                kind, answer = COUNTED, COUNTS.pack(*_count(codec, requests))
            elif form == JPEG:
                answer = _jpeg(*_decoded(codec, keyframe), width, reformatter)
            else:
                answer = pixels(*_decoded_whole(codec, keyframe), width, reformatter)
        except (InvalidDataError, _DamagedError) as error:
            kind, answer = DAMAGED, str(error).encode(errors="replace")[:MOST_WORDS_BYTES]
        except (FFmpegError, MemoryError, ValueError) as error:
            kind, answer = WORDS, str(error).encode(errors="replace")[:MOST_WORDS_BYTES]
        answers.write(ANSWER.pack(kind, len(answer)) + answer)
        answers.flush()


def _give_up_powers() -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _STREAM_MEMORY_BYTES))
    limits = {
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


def _requests(stream: BinaryIO) -> Iterator[tuple[int, int, int, bytes]]:
    while len(head := stream.read(REQUEST.size)) == REQUEST.size:
        form, codec, width, size = REQUEST.unpack(head)
        keyframe = stream.read(size)
        if len(keyframe) < size:
            return
        yield form, codec, width, keyframe


def _count(codec: int, stream: BinaryIO) -> tuple[int, int, int]:
    """What a decoder makes of the pictures of one stream, at the lowest priority; see COUNTS."""
    from av import CodecContext, FFmpegError, Packet  # noqa: PLC0415

    os.nice(_STREAM_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_STREAM_MEMORY_BYTES, _STREAM_MEMORY_BYTES))
    _allow_cpu(_STREAM_S)
    decoder = CodecContext.create(_DECODERS[codec], "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(_MOST_PIXELS)}
    pictures = damaged = refused = 0
    for data in _pictures(stream):
        try:
            frames = decoder.decode(None if data is None else Packet(data))
        except (FFmpegError, ValueError):
            refused += 1
            continue
        pictures += len(frames)
        damaged += sum(frame.is_corrupt for frame in frames)
    return pictures, damaged, refused


def _pictures(stream: BinaryIO) -> Iterator[bytes | None]:
    """The pictures as they come, and None at their end."""
    while len(head := stream.read(LENGTH.size)) == LENGTH.size:
        (size,) = LENGTH.unpack(head)
        if not size:
            break
        yield stream.read(size)
    yield None


def _decoded_whole(codec: int, keyframe: bytes) -> "tuple[VideoFrame, Fraction]":
    """The picture of a keyframe that lacks nothing; raises ValueError where the decoder paints over missing parts.

    Of H.264 it says that it does so; H.265 has to be decoded without mercy. Some cameras' streams do not stand that
    although they are whole, so that it says nothing about the keyframe.
    """
    from av import InvalidDataError  # noqa: PLC0415

    try:
        return _decoded(codec, keyframe, **({"err_detect": "explode"} if CODECS[codec] == "h265" else {}))
    except (InvalidDataError, _DamagedError):
        if CODECS[codec] == "h264":
            raise
    _decoded(codec, keyframe)
    raise ValueError(_PATCHED)


def _decoded(codec: int, keyframe: bytes, **options: str) -> "tuple[VideoFrame, Fraction]":
    """The picture, and how wide its pixels are for their height."""
    from av import CodecContext, Packet  # noqa: PLC0415

    decoder = CodecContext.create(_DECODERS[codec], "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(_MOST_PIXELS), **options}
    frames = [*decoder.decode(Packet(keyframe)), *decoder.decode(None)]
    if not frames:
        raise _DamagedError("the decoder makes no picture of it")
    return frames[0], decoder.sample_aspect_ratio or Fraction(1)


def pixels(frame: "VideoFrame", pixel_aspect: Fraction, width: int, reformatter: "VideoReformatter") -> bytes:
    """SIZE and pixels of a picture to judge; equal frames give equal bytes. Raises ValueError for a patched-up one.

    Where parts of a keyframe are missing the decoder paints something in their place, which nobody may judge.
    """
    from av.video.reformatter import ColorRange, Colorspace, Interpolation  # noqa: PLC0415

    if frame.is_corrupt:
        raise ValueError(_PATCHED)
    width, height = _size(frame.width * pixel_aspect, frame.height, width)
    picture = reformatter.reformat(
        frame,
        *(width, height, "bgr24"),
        src_colorspace=Colorspace.ITU601,
        dst_colorspace=Colorspace.ITU601,
        interpolation=Interpolation.AREA,
        src_color_range=_range(frame),
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    plane, row_bytes = picture.planes[0], 3 * width
    rows = memoryview(plane)
    return SIZE.pack(width, height) + b"".join(
        rows[start : start + row_bytes] for start in range(0, height * plane.line_size, plane.line_size)
    )


def _range(frame: "VideoFrame") -> int:
    from av.video.reformatter import ColorRange  # noqa: PLC0415

    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return ColorRange.JPEG if full else ColorRange.MPEG


def _jpeg(frame: "VideoFrame", pixel_aspect: Fraction, width: int, reformatter: "VideoReformatter") -> bytes:
    from av import CodecContext  # noqa: PLC0415
    from av.video.reformatter import ColorRange, Colorspace, Interpolation  # noqa: PLC0415

    width, height = _size(frame.width * pixel_aspect, frame.height, width)
    picture = reformatter.reformat(
        frame,
        *(width, height, "yuvj420p"),
        dst_colorspace=Colorspace.ITU601,
        interpolation=Interpolation.AREA,
        src_color_range=_range(frame),
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
