"""H.264 NAL unit types and the sequence parameter set (ITU-T H.264 section 7.3.2.1 and annex E)."""

from contextlib import suppress
from dataclasses import dataclass

from edge.codec.bits import BitReader, unescape
from edge.codec.vui import Colour, Vui, check_size, frame_rate, read_appearance, reorder_depth
from edge.errors import CodecError

NAL_SLICE = 1
NAL_PARTITION_A = 2
NAL_IDR = 5
NAL_SEI = 6
NAL_SPS = 7
NAL_PPS = 8
NAL_AUD = 9
NAL_END_OF_SEQUENCE = 10
NAL_END_OF_STREAM = 11
NAL_FILLER = 12

PROFILE_BASELINE = 66
PROFILES_WITH_CHROMA = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244})


@dataclass(frozen=True, slots=True)
class SliceSyntax:
    """What of a sequence parameter set decides which fields a slice header has, and how long they are."""

    separate_planes: bool
    frame_number_bits: int
    order_kind: int
    """pic_order_cnt_type; the bits are those of kind 0, the changes that are always zero those of kind 1."""
    order_bits: int
    order_always_zero: bool


@dataclass(frozen=True, slots=True)
class Sps:
    """What a recorder needs of a sequence parameter set; sizes are cropped pixels, None means not said."""

    profile: int
    constraints: int
    level: int
    chroma_format: int
    luma_depth: int
    chroma_depth: int
    width: int
    height: int
    sar: tuple[int, int]
    colour: Colour | None
    fps: float | None
    reorder_frames: int | None
    interlaced: bool
    """A picture may be two fields."""
    set_id: int
    slices: SliceSyntax


def nal_type(nal: bytes) -> int:
    """The type of a NAL unit of at least one byte."""
    return nal[0] & 0x1F


def parse_sps(nal: bytes) -> Sps:
    """Read an SPS with its NAL header; CodecError if the size cannot be told, a broken VUI is left out."""
    if not nal or nal_type(nal) != NAL_SPS:
        raise CodecError("not an H.264 SPS")
    reader = BitReader(unescape(nal[1:]))
    profile, constraints, level = reader.u(8), reader.u(8), reader.u(8)
    set_id = reader.ue(31)
    chroma, separate_planes, luma_depth, chroma_depth = 1, False, 8, 8
    if profile in PROFILES_WITH_CHROMA:
        chroma, separate_planes, luma_depth, chroma_depth = _read_chroma(reader)
    vui = Vui()
    slices = _read_numbering(reader, separate_planes=separate_planes)
    if slices.order_kind == 2 or profile == PROFILE_BASELINE:
        vui.reorder_frames = 0  # pictures are shown in the order of decoding
    width, height, interlaced = _read_size(reader, 0 if separate_planes else chroma)
    check_size(width, height)
    with suppress(CodecError):
        if reader.flag():
            _read_vui(reader, vui)
    return Sps(
        *(profile, constraints, level, chroma, luma_depth, chroma_depth, width, height),
        *(vui.sar, vui.colour, vui.fps, vui.reorder_frames, interlaced, set_id, slices),
    )


def _read_chroma(reader: BitReader) -> tuple[int, bool, int, int]:
    chroma = reader.ue(3)
    separate_planes = chroma == 3 and reader.flag()
    luma_depth, chroma_depth = 8 + reader.ue(6), 8 + reader.ue(6)
    reader.skip(1)  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():
        for index in range(12 if chroma == 3 else 8):
            if reader.flag():
                _skip_scaling_list(reader, 16 if index < 6 else 64)
    return chroma, separate_planes, luma_depth, chroma_depth


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    scale = 8
    for _ in range(size):
        scale = (scale + reader.se()) % 256
        if not scale:
            return  # the rest repeats


def _read_numbering(reader: BitReader, *, separate_planes: bool) -> SliceSyntax:
    frame_number_bits = 4 + reader.ue(12)
    order_kind, order_bits, order_always_zero = reader.ue(2), 0, False
    if order_kind == 0:
        order_bits = 4 + reader.ue(12)
    elif order_kind == 1:
        order_always_zero = reader.flag()
        reader.se()
        reader.se()
        for _ in range(reader.ue(255)):
            reader.se()
    reader.ue()  # max_num_ref_frames
    reader.skip(1)  # gaps_in_frame_num_value_allowed_flag
    return SliceSyntax(separate_planes, frame_number_bits, order_kind, order_bits, order_always_zero)


def _read_size(reader: BitReader, chroma: int) -> tuple[int, int, bool]:
    width, map_units = 16 * (reader.ue(1023) + 1), reader.ue(1023) + 1
    frames_only = reader.flag()
    fields = 1 if frames_only else 2
    if not frames_only:
        reader.skip(1)  # mb_adaptive_frame_field_flag
    height = 16 * map_units * fields
    reader.skip(1)  # direct_8x8_inference_flag
    if reader.flag():
        unit_x = 2 if chroma in {1, 2} else 1
        unit_y = fields * (2 if chroma == 1 else 1)
        width -= unit_x * (reader.ue() + reader.ue())
        height -= unit_y * (reader.ue() + reader.ue())
    return width, height, not frames_only


def _read_vui(reader: BitReader, vui: Vui) -> None:
    read_appearance(reader, vui)
    if reader.flag():
        units, time_scale = reader.u(32), reader.u(32)
        vui.fps = frame_rate(time_scale, 2 * units)  # a tick is a field
        reader.skip(1)  # fixed_frame_rate_flag
    nal_hrd = reader.flag()
    if nal_hrd:
        _skip_hrd(reader)
    vcl_hrd = reader.flag()
    if vcl_hrd:
        _skip_hrd(reader)
    if nal_hrd or vcl_hrd:
        reader.skip(1)  # low_delay_hrd_flag
    reader.skip(1)  # pic_struct_present_flag
    if reader.flag():
        reader.skip(1)  # motion_vectors_over_pic_boundaries_flag
        for _ in range(4):
            reader.ue()
        vui.reorder_frames = reorder_depth(reader.ue())


def _skip_hrd(reader: BitReader) -> None:
    count = reader.ue(31) + 1
    reader.skip(8)  # bit_rate_scale, cpb_size_scale
    for _ in range(count):
        reader.ue()
        reader.ue()
        reader.skip(1)
    reader.skip(20)  # four lengths of 5 bits
