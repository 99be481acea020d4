"""H.265 NAL unit types, video and sequence parameter sets (ITU-T H.265 section 7.3.2 and annex E)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

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


class ReferenceSet(NamedTuple):
    """How many pictures a short-term reference picture set keeps, and how many of them the current picture uses."""

    pictures: int
    used: int


@dataclass(frozen=True, slots=True)
class SliceSyntax:
    """What of a sequence parameter set decides which fields a slice header has, and how long they are."""

    separate_planes: bool
    order_bits: int
    sample_adaptive_offset: bool
    reference_sets: tuple[ReferenceSet, ...]
    long_term: tuple[bool, ...] | None
    """Whether the current picture uses it, of each listed long-term picture; None where slices name none at all."""
    temporal_mvp: bool


@dataclass(frozen=True, slots=True)
class Sps:
    """What a recorder needs of a sequence parameter set; sizes are cropped pixels, None means not said.

    `general_profile` is the 12 bytes of profile, tier, compatibility, constraints and level. `slices` is None where the
    set is torn before its end.
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
    set_id: int
    slices: SliceSyntax | None


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
    set_id = reader.ue(15)
    chroma, separate_planes, width, height = _read_size(reader)
    check_size(width, height)
    luma_depth, chroma_depth = 8 + reader.ue(8), 8 + reader.ue(8)
    vui, slices = Vui(), None
    with suppress(CodecError):
        slices = _read_slice_syntax(reader, layers, vui, separate_planes=separate_planes)
        if reader.flag():
            _read_vui(reader, vui)
    return Sps(
        *(profile, layers, nesting, chroma, luma_depth, chroma_depth, width, height),
        *(vui.sar, vui.colour, vui.fps, vui.reorder_frames, set_id, slices),
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


def _read_size(reader: BitReader) -> tuple[int, bool, int, int]:
    chroma = reader.ue(3)
    separate_planes = chroma == 3 and reader.flag()
    width, height = reader.ue(), reader.ue()
    if reader.flag():
        unit_x = 2 if chroma in {1, 2} and not separate_planes else 1
        unit_y = 2 if chroma == 1 else 1
        width -= unit_x * (reader.ue() + reader.ue())
        height -= unit_y * (reader.ue() + reader.ue())
    return chroma, separate_planes, width, height


def _read_reorder(reader: BitReader, layers: int) -> int:
    """Per layer or once: buffer size, reorder depth, latency. The last depth is that of the whole stream."""
    each_layer = reader.flag()
    depth = 0
    for _ in range(layers if each_layer else 1):
        reader.ue()
        depth = reader.ue()
        reader.ue()
    return depth


def _read_slice_syntax(reader: BitReader, layers: int, vui: Vui, *, separate_planes: bool) -> SliceSyntax:
    """From log2_max_pic_order_cnt_lsb up to the VUI, whose reorder depth stands on the way."""
    order_bits = 4 + reader.ue(12)
    vui.reorder_frames = reorder_depth(_read_reorder(reader, layers))
    for _ in range(6):
        reader.ue()  # block sizes and transform depths
    if reader.flag() and reader.flag():
        skip_scaling_lists(reader)
    reader.skip(1)  # amp_enabled_flag
    sample_adaptive_offset = reader.flag()
    if reader.flag():
        reader.skip(8)  # PCM bit depths
        reader.ue()
        reader.ue()
        reader.skip(1)
    reference_sets: list[ReferenceSet] = []
    for _ in range(reader.ue(64)):
        reference_sets.append(read_reference_set(reader, reference_sets))
    long_term = _read_long_term(reader, order_bits) if reader.flag() else None
    temporal_mvp = reader.flag()
    reader.skip(1)  # strong_intra_smoothing_enabled_flag
    return SliceSyntax(
        separate_planes, order_bits, sample_adaptive_offset, tuple(reference_sets), long_term, temporal_mvp
    )


def skip_scaling_lists(reader: BitReader) -> None:
    """Scaling list data, which SPS and PPS hold alike."""
    for size_id in range(4):
        for _ in range(2 if size_id == 3 else 6):
            if not reader.flag():
                reader.ue()  # copied from an earlier list
                continue
            if size_id > 1:
                reader.se()  # the coefficient of the mean
            for _ in range(min(64, 1 << (4 + 2 * size_id))):
                reader.se()


def read_reference_set(reader: BitReader, earlier: Sequence[ReferenceSet], *, in_slice: bool = False) -> ReferenceSet:
    """A short-term reference picture set; it may be written as a change to an earlier one, of the SPS to the last."""
    pictures = used = 0
    if earlier and reader.flag():
        base = earlier[-1 - (reader.ue(len(earlier) - 1) if in_slice else 0)]
        reader.skip(1)  # delta_rps_sign
        reader.ue()
        for _ in range(base.pictures + 1):
            uses = reader.flag()
            used += uses
            pictures += uses or reader.flag()
    else:
        pictures = reader.ue(16) + reader.ue(16)
        for _ in range(pictures):
            reader.ue()
            used += reader.flag()
    return ReferenceSet(pictures, used)


def _read_long_term(reader: BitReader, order_bits: int) -> tuple[bool, ...]:
    used = []
    for _ in range(reader.ue(32)):
        reader.skip(order_bits)
        used.append(reader.flag())
    return tuple(used)


def _read_vui(reader: BitReader, vui: Vui) -> None:
    read_appearance(reader, vui)
    reader.skip(3)  # neutral chroma, field_seq, frame_field_info
    if reader.flag():
        for _ in range(4):
            reader.ue()  # default display window
    if reader.flag():
        units, time_scale = reader.u(32), reader.u(32)
        vui.fps = frame_rate(time_scale, units)
