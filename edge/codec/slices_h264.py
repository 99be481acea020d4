"""The quantiser of an H.264 slice: picture parameter sets and slice headers (ITU-T H.264 7.3.2.2 and 7.3.3)."""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.codec.bits import BitReader, unescape
from edge.codec.h264 import NAL_IDR, NAL_PARTITION_A, NAL_PPS, NAL_SLICE, Sps, nal_type
from edge.errors import CodecError

_SLICES = frozenset({NAL_SLICE, NAL_PARTITION_A, NAL_IDR})
_P, _B, _I = 0, 1, 2
_END_OF_MODIFICATIONS = 3
_MARKING_NUMBERS = (0, 1, 1, 2, 1, 0, 1)
"""How many numbers follow each memory_management_control_operation."""


@dataclass(frozen=True, slots=True)
class Pps:
    """What a slice header's reader needs of a picture parameter set.

    `references` are the usual lengths of lists 0 and 1, `weighted` tells whether P and B slices give weights.
    """

    set_id: int
    sps_id: int
    cabac: bool
    order_in_frame: bool
    references: tuple[int, int]
    weighted: tuple[bool, bool]
    first_qp: int
    redundant_pictures: bool


def parse_pps(nal: bytes) -> Pps:
    """Read a PPS with its NAL header; CodecError if it is torn or none."""
    if not nal or nal_type(nal) != NAL_PPS:
        raise CodecError("not an H.264 PPS")
    reader = BitReader(unescape(nal[1:]))
    set_id, sps_id = reader.ue(255), reader.ue(31)
    cabac, order_in_frame = reader.flag(), reader.flag()
    groups = reader.ue(7) + 1
    if groups > 1:
        _skip_slice_groups(reader, groups)
    references = reader.ue(31) + 1, reader.ue(31) + 1
    weighted = reader.flag(), reader.u(2) == 1
    first_qp = 26 + reader.se()
    reader.se()  # pic_init_qs_minus26
    reader.se()  # chroma_qp_index_offset
    reader.skip(2)  # deblocking_filter_control_present, constrained_intra_pred
    return Pps(set_id, sps_id, cabac, order_in_frame, references, weighted, first_qp, reader.flag())


def slice_qp(nal: bytes, pictures: Mapping[int, tuple[Sps, Pps]]) -> int:
    """SliceQPY of the slice that begins so, with the sets of its picture by the id of the PPS; CodecError if untold."""
    if not nal or nal_type(nal) not in _SLICES:
        raise CodecError("not an H.264 slice")
    reader = BitReader(unescape(nal[1:]))
    reader.ue()  # first_mb_in_slice
    kind = reader.ue(9) % 5
    sets = pictures.get(reader.ue(255))
    if sets is None or kind > _I:
        raise CodecError("a slice without parameter sets, or of the switching kinds that are not read")
    sps, pps = sets
    is_idr = nal_type(nal) == NAL_IDR
    _skip_numbers(reader, sps, pps, is_idr=is_idr)
    if kind != _I:
        _skip_references(reader, sps, pps, kind)
    if nal[0] & 0x60:
        _skip_marking(reader, is_idr=is_idr)
    if pps.cabac and kind != _I:
        reader.ue(2)  # cabac_init_idc
    return pps.first_qp + reader.se()


def _skip_slice_groups(reader: BitReader, groups: int) -> None:
    """The map from macroblocks to slice groups; each of its types is written in a way of its own."""
    kind = reader.ue(6)
    if kind == 0:
        for _ in range(groups):
            reader.ue()
    elif kind == 2:
        for _ in range(2 * (groups - 1)):
            reader.ue()
    elif kind in {3, 4, 5}:
        reader.skip(1)
        reader.ue()
    elif kind == 6:
        reader.skip((reader.ue() + 1) * (groups - 1).bit_length())


def _skip_numbers(reader: BitReader, sps: Sps, pps: Pps, *, is_idr: bool) -> None:
    """From colour_plane_id to redundant_pic_cnt: of which picture the slice is, and when it is shown."""
    syntax = sps.slices
    reader.skip(2 * syntax.separate_planes + syntax.frame_number_bits)
    is_field = sps.interlaced and reader.flag()
    reader.skip(is_field)  # bottom_field_flag
    if is_idr:
        reader.ue()
    two_orders = pps.order_in_frame and not is_field
    if syntax.order_kind == 0:
        reader.skip(syntax.order_bits)
        if two_orders:
            reader.se()
    elif syntax.order_kind == 1 and not syntax.order_always_zero:
        reader.se()
        if two_orders:
            reader.se()
    if pps.redundant_pictures:
        reader.ue()


def _skip_references(reader: BitReader, sps: Sps, pps: Pps, kind: int) -> None:
    """What P and B slices say of the pictures that they refer to."""
    if kind == _B:
        reader.skip(1)  # direct_spatial_mv_pred_flag
    lengths = pps.references[: 1 + (kind == _B)]
    if reader.flag():
        lengths = tuple(reader.ue(31) + 1 for _ in lengths)
    for _ in lengths:
        if reader.flag():
            while reader.ue(_END_OF_MODIFICATIONS) != _END_OF_MODIFICATIONS:
                reader.ue()
    if pps.weighted[kind]:
        _skip_weights(reader, sum(lengths), chroma=sps.chroma_format > 0 and not sps.slices.separate_planes)


def _skip_weights(reader: BitReader, pictures: int, *, chroma: bool) -> None:
    for _ in range(1 + chroma):
        reader.ue(7)  # the denominators
    for _ in range(pictures):
        for numbers in (2, 4)[: 1 + chroma]:
            if reader.flag():
                for _ in range(numbers):
                    reader.se()


def _skip_marking(reader: BitReader, *, is_idr: bool) -> None:
    if is_idr:
        reader.skip(2)  # no_output_of_prior_pics, long_term_reference
        return
    operation = int(reader.flag())
    while operation:
        operation = reader.ue(len(_MARKING_NUMBERS) - 1)
        for _ in range(_MARKING_NUMBERS[operation]):
            reader.ue()
