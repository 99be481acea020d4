"""H.265 NAL unit types, video and sequence parameter sets (ITU-T H.265 section 7.3.2 and annex E)."""

from contextlib import suppress
from dataclasses import dataclass

from edge.codec.bits import BitReader, unescape
from edge.codec.vui import Colour, Vui, check_size, frame_rate, read_appearance, reorder_depth
from edge.errors import CodecError

NAL_RASL_N = 8
NAL_RASL_R = 9
NAL_FIRST_IRAP = 16
NAL_IDR_W_RADL = 19
NAL_IDR_N_LP = 20
NAL_CRA = 21
NAL_LAST_IRAP = 23
NAL_LAST_VCL = 31
NAL_VPS = 32
NAL_SPS = 33
NAL_PPS = 34
NAL_AUD = 35
NAL_END_OF_SEQUENCE = 36
NAL_END_OF_BITSTREAM = 37
NAL_FILLER = 38
NAL_PREFIX_SEI = 39
NAL_SUFFIX_SEI = 40

_HEADER_BYTES = 2
_PROFILE_BYTES = 12
_PROFILE_BITS, _LEVEL_BITS = 88, 8


@dataclass(frozen=True, slots=True)
class Vps:
    """What a recorder needs of a video parameter set."""

    fps: float | None


@dataclass(frozen=True, slots=True)
class Sps:
    """What a recorder needs of a sequence parameter set; sizes are cropped pixels, None means not said.

    `general_profile` is the 12 bytes of profile, tier, compatibility, constraints and level.
    """

    general_profile: bytes
    temporal_layers: int
    temporal_nesting: bool
    chroma_format: int
    luma_depth: int
    chroma_depth: int
    width: int
    height: int
    sar: tuple[int, int]
    colour: Colour | None
    fps: float | None
    reorder_frames: int | None


def nal_type(nal: bytes) -> int:
    """The type of a NAL unit of at least one byte."""
    return nal[0] >> 1 & 0x3F


def parse_sps(nal: bytes) -> Sps:
    """Read an SPS with its NAL header; CodecError if the size cannot be told, a broken rest is left out."""
    if len(nal) < _HEADER_BYTES or nal_type(nal) != NAL_SPS:
        raise CodecError("not an H.265 SPS")
    reader = BitReader(unescape(nal[_HEADER_BYTES:]))
    reader.skip(4)  # sps_video_parameter_set_id
    layers = reader.u(3) + 1
    nesting = reader.flag()
    profile = _read_profile(reader, layers)
    reader.ue(15)  # sps_seq_parameter_set_id
    chroma, width, height = _read_size(reader)
    check_size(width, height)
    luma_depth, chroma_depth = 8 + reader.ue(8), 8 + reader.ue(8)
    vui = Vui()
    with suppress(CodecError):
        _read_rest(reader, layers, vui)
    return Sps(
        *(profile, layers, nesting, chroma, luma_depth, chroma_depth, width, height),
        *(vui.sar, vui.colour, vui.fps, vui.reorder_frames),
    )


def parse_vps(nal: bytes) -> Vps:
    """Read the frame rate of a VPS with its NAL header; one that is broken does not tell it."""
    fps = None
    with suppress(CodecError):
        reader = BitReader(unescape(nal[_HEADER_BYTES:]))
        reader.skip(12)  # ids, base layer flags, vps_max_layers_minus1
        layers = reader.u(3) + 1
        reader.skip(17)  # temporal nesting, reserved
        _read_profile(reader, layers)
        _read_reorder(reader, layers)
        largest_layer = reader.u(6)
        for _ in range(reader.ue(1023)):
            reader.skip(largest_layer + 1)
        if reader.flag():
            units, time_scale = reader.u(32), reader.u(32)
            fps = frame_rate(time_scale, units)
    return Vps(fps)


def _read_profile(reader: BitReader, layers: int) -> bytes:
    general = bytes(reader.u(8) for _ in range(_PROFILE_BYTES))
    present = [(reader.flag(), reader.flag()) for _ in range(layers - 1)]
    if present:
        reader.skip(2 * (8 - len(present)))  # reserved_zero_2bits
    for profile, level in present:
        reader.skip(_PROFILE_BITS * profile + _LEVEL_BITS * level)
    return general


def _read_size(reader: BitReader) -> tuple[int, int, int]:
    chroma = reader.ue(3)
    separate_planes = chroma == 3 and reader.flag()
    width, height = reader.ue(), reader.ue()
    if reader.flag():
        unit_x = 2 if chroma in {1, 2} and not separate_planes else 1
        unit_y = 2 if chroma == 1 else 1
        width -= unit_x * (reader.ue() + reader.ue())
        height -= unit_y * (reader.ue() + reader.ue())
    return chroma, width, height


def _read_reorder(reader: BitReader, layers: int) -> int:
    """Per layer or once: buffer size, reorder depth, latency. The last depth is that of the whole stream."""
    each_layer = reader.flag()
    depth = 0
    for _ in range(layers if each_layer else 1):
        reader.ue()
        depth = reader.ue()
        reader.ue()
    return depth


def _read_rest(reader: BitReader, layers: int, vui: Vui) -> None:
    order_bits = 4 + reader.ue(12)
    vui.reorder_frames = reorder_depth(_read_reorder(reader, layers))
    for _ in range(6):
        reader.ue()  # block sizes and transform depths
    if reader.flag() and reader.flag():
        _skip_scaling_lists(reader)
    reader.skip(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if reader.flag():
        reader.skip(8)  # PCM bit depths
        reader.ue()
        reader.ue()
        reader.skip(1)
    _skip_reference_sets(reader)
    if reader.flag():
        for _ in range(reader.ue(32)):
            reader.skip(order_bits + 1)  # a long-term picture and whether it is used
    reader.skip(2)  # temporal_mvp, strong_intra_smoothing
    if reader.flag():
        _read_vui(reader, vui)


def _skip_scaling_lists(reader: BitReader) -> None:
    for size_id in range(4):
        for _ in range(2 if size_id == 3 else 6):
            if not reader.flag():
                reader.ue()  # copied from an earlier list
                continue
            if size_id > 1:
                reader.se()  # the coefficient of the mean
            for _ in range(min(64, 1 << (4 + 2 * size_id))):
                reader.se()


def _skip_reference_sets(reader: BitReader) -> None:
    """Short-term reference picture sets; each may be written as a change to the one before."""
    pictures = 0
    for index in range(reader.ue(64)):
        if index and reader.flag():
            reader.skip(1)  # delta_rps_sign
            reader.ue()
            kept = 0
            for _ in range(pictures + 1):
                used = reader.flag()
                kept += used or reader.flag()
            pictures = kept
        else:
            pictures = reader.ue(16) + reader.ue(16)
            for _ in range(pictures):
                reader.ue()
                reader.skip(1)


def _read_vui(reader: BitReader, vui: Vui) -> None:
    read_appearance(reader, vui)
    reader.skip(3)  # neutral chroma, field_seq, frame_field_info
    if reader.flag():
        for _ in range(4):
            reader.ue()  # default display window
    if reader.flag():
        units, time_scale = reader.u(32), reader.u(32)
        vui.fps = frame_rate(time_scale, units)
