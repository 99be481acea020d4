"""The part of the video usability information that H.264 and H.265 share, and what of it is plausible."""

from dataclasses import dataclass

from edge.codec.bits import BitReader
from edge.errors import CodecError

_EXTENDED_SAR = 255
_SAR_TABLE = (
    *((1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11)),
    *((80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1)),
)
_MOST_SAR = 16  # pixels more oblong than this are a camera's nonsense
_SMALLEST_SIDE, _LARGEST_SIDE = 16, 16384
_SLOWEST_FPS, _FASTEST_FPS = 0.1, 240.0
_MOST_REORDER_FRAMES = 16


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour description as code points of ISO/IEC 23091-2."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


@dataclass(slots=True)
class Vui:
    """What was understood so far; filled while reading: a torn VUI tells what stood before the tear."""

    sar: tuple[int, int] = (1, 1)
    colour: Colour | None = None
    fps: float | None = None
    reorder_frames: int | None = None


def read_appearance(reader: BitReader, vui: Vui) -> None:
    """Aspect ratio, overscan, video signal type and chroma location: the fields that begin every VUI."""
    if reader.flag():
        index = reader.u(8)
        if index == _EXTENDED_SAR:
            vui.sar = _plausible_sar(reader.u(16), reader.u(16))
        elif index < len(_SAR_TABLE):
            vui.sar = _SAR_TABLE[index]
    if reader.flag():
        reader.skip(1)  # overscan_appropriate_flag
    if reader.flag():
        reader.skip(3)  # video_format
        full_range = reader.flag()
        if reader.flag():
            vui.colour = Colour(reader.u(8), reader.u(8), reader.u(8), full_range)
    if reader.flag():
        reader.ue()
        reader.ue()


def frame_rate(time_scale: int, ticks_a_frame: int) -> float | None:
    """Frames a second, None when absurd."""
    if not ticks_a_frame:
        return None
    fps = time_scale / ticks_a_frame
    return fps if _SLOWEST_FPS <= fps <= _FASTEST_FPS else None


def reorder_depth(frames: int) -> int | None:
    """How many frames may stand before one in decoding and behind it in display, None when absurd."""
    return frames if frames <= _MOST_REORDER_FRAMES else None


def check_size(width: int, height: int) -> None:
    """CodecError for pictures that no camera sends."""
    if not (_SMALLEST_SIDE <= width <= _LARGEST_SIDE and _SMALLEST_SIDE <= height <= _LARGEST_SIDE):
        raise CodecError(f"the SPS says {width}x{height}; sides are {_SMALLEST_SIDE} to {_LARGEST_SIDE}")


def _plausible_sar(width: int, height: int) -> tuple[int, int]:
    plausible = width and height and 1 / _MOST_SAR <= width / height <= _MOST_SAR
    return (width, height) if plausible else (1, 1)
