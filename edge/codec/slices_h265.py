"""The quantiser of an H.265 slice: picture parameter sets and slice headers (ITU-T H.265 7.3.2.3 and 7.3.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from edge.codec.bits import BitReader, unescape
from edge.codec.h265 import (
    NAL_CRA,
    NAL_FIRST_IRAP,
    NAL_IDR_N_LP,
    NAL_IDR_W_RADL,
    NAL_LAST_IRAP,
    NAL_PPS,
    NAL_RASL_R,
    SliceSyntax,
    Sps,
    nal_type,
    read_reference_set,
    skip_scaling_lists,
)
from edge.errors import CodecError

_Entry = TypeVar("_Entry")

_HEADER_BYTES = 2
_B, _P, _I = 0, 1, 2
_SCREEN_PROFILES = frozenset({9, 11})  # screen content coding: the current picture may be its own reference


@dataclass(frozen=True, slots=True)
class Pps:
    """What a slice header's reader needs of a picture parameter set.

    `references` are the usual lengths of lists 0 and 1, `weighted` tells whether B and P slices give weights.
    """

    set_id: int
    sps_id: int
    output_flag: bool
    extra_bits: int
    cabac_init: bool
    references: tuple[int, int]
    first_qp: int
    weighted: tuple[bool, bool]
    modified_lists: bool


def parse_pps(nal: bytes) -> Pps:
    """Read a PPS with its NAL header; CodecError if it is torn, or of screen content coding."""
    if len(nal) < _HEADER_BYTES or nal_type(nal) != NAL_PPS:
        raise CodecError("not an H.265 PPS")
    reader = BitReader(unescape(nal[_HEADER_BYTES:]))
    set_id, sps_id = reader.ue(63), reader.ue(15)
    reader.skip(1)  # dependent_slice_segments_enabled_flag
    output_flag, extra_bits = reader.flag(), reader.u(3)
    reader.skip(1)  # sign_data_hiding_enabled_flag
    cabac_init = reader.flag()
    references = reader.ue(14) + 1, reader.ue(14) + 1
    first_qp = 26 + reader.se()
    weighted = _read_weighted(reader)
    _skip_tiles_and_filters(reader)
    modified_lists = reader.flag()
    reader.ue()  # log2_parallel_merge_level_minus2
    reader.skip(1)  # slice_segment_header_extension_present_flag
    if reader.flag() and reader.u(8) & 0x10:
        raise CodecError("a PPS of screen content coding, which is not read")
    return Pps(set_id, sps_id, output_flag, extra_bits, cabac_init, references, first_qp, weighted, modified_lists)


def slice_qp(nal: bytes, pictures: Mapping[int, tuple[Sps, Pps]]) -> int:
    """SliceQpY of the first slice segment that begins so, with the sets by the id of the PPS; CodecError if untold."""
    if len(nal) < _HEADER_BYTES or not _is_slice(nal):
        raise CodecError("not an H.265 slice of the base layer")
    reader = BitReader(unescape(nal[_HEADER_BYTES:]))
    if not reader.flag():
        raise CodecError("not the first slice segment of its picture; others are not read")
    kind = nal_type(nal)
    reader.skip(NAL_FIRST_IRAP <= kind <= NAL_LAST_IRAP)  # no_output_of_prior_pics_flag
    sets = pictures.get(reader.ue(63))
    if sets is None:
        raise CodecError("a slice without parameter sets")
    sps, pps = sets
    if sps.slices is None or sps.general_profile[0] & 0x1F in _SCREEN_PROFILES:
        raise CodecError("a slice of a torn SPS, or of screen content coding, which is not read")
    return _read_qp(reader, sps, sps.slices, pps, is_idr=kind in {NAL_IDR_W_RADL, NAL_IDR_N_LP})


def _is_slice(nal: bytes) -> bool:
    kind = nal_type(nal)
    layer = (nal[0] & 1) << 5 | nal[1] >> 3
    return layer == 0 and (kind <= NAL_RASL_R or NAL_FIRST_IRAP <= kind <= NAL_CRA)


def _read_qp(reader: BitReader, sps: Sps, syntax: SliceSyntax, pps: Pps, *, is_idr: bool) -> int:
    """The rest of the header from slice_reserved_flag on."""
    reader.skip(pps.extra_bits)
    kind = reader.ue(_I)
    reader.skip(pps.output_flag + 2 * syntax.separate_planes)
    used, temporal_mvp = (0, False) if is_idr else _read_pictures(reader, syntax)
    chroma = sps.chroma_format > 0 and not syntax.separate_planes
    if syntax.sample_adaptive_offset:
        reader.skip(1 + chroma)
    if kind != _I:
        lengths = _read_lengths(reader, pps, kind)
        _skip_use(reader, pps, lengths, used, temporal_mvp=temporal_mvp)
        if pps.weighted[kind]:
            _skip_weights(reader, lengths, chroma=chroma)
        reader.ue(4)  # five_minus_max_num_merge_cand
    return pps.first_qp + reader.se()


def _read_pictures(reader: BitReader, syntax: SliceSyntax) -> tuple[int, bool]:
    """Which pictures are kept: how many of them the current picture uses, and whether motion vectors of one, too."""
    reader.skip(syntax.order_bits)
    sets = syntax.reference_sets
    if not reader.flag():
        used = read_reference_set(reader, sets, in_slice=True).used
    elif sets:
        used = _entry(sets, reader.u((len(sets) - 1).bit_length())).used
    else:
        raise CodecError("a slice chooses a reference picture set where the SPS has none")
    if syntax.long_term is not None:
        used += _read_long_term(reader, syntax.order_bits, syntax.long_term)
    return used, syntax.temporal_mvp and reader.flag()


def _read_long_term(reader: BitReader, order_bits: int, listed: tuple[bool, ...]) -> int:
    of_list = reader.ue(len(listed)) if listed else 0
    count = of_list + reader.ue(32)
    used = 0
    for index in range(count):
        if index < of_list:
            used += _entry(listed, reader.u((len(listed) - 1).bit_length()))
        else:
            reader.skip(order_bits)
            used += reader.flag()
        if reader.flag():
            reader.ue()  # delta_poc_msb_cycle_lt
    return used


def _read_lengths(reader: BitReader, pps: Pps, kind: int) -> tuple[int, ...]:
    lengths = pps.references[: 1 + (kind == _B)]
    return tuple(reader.ue(14) + 1 for _ in lengths) if reader.flag() else lengths


def _skip_use(reader: BitReader, pps: Pps, lengths: tuple[int, ...], used: int, *, temporal_mvp: bool) -> None:
    """How the lists are made of the pictures: their order, and whose motion vectors are used."""
    if pps.modified_lists and used > 1:
        for length in lengths:
            if reader.flag():
                reader.skip(length * (used - 1).bit_length())
    is_b = len(lengths) == 2
    reader.skip(is_b + pps.cabac_init)  # mvd_l1_zero_flag, cabac_init_flag
    if temporal_mvp:
        from_second_list = is_b and not reader.flag()
        if lengths[from_second_list] > 1:
            reader.ue(14)


def _skip_weights(reader: BitReader, lengths: tuple[int, ...], *, chroma: bool) -> None:
    reader.ue(7)
    if chroma:
        reader.se()  # both are denominators
    for length in lengths:
        numbers = 2 * sum(reader.flag() for _ in range(length))
        if chroma:
            numbers += 4 * sum(reader.flag() for _ in range(length))
        for _ in range(numbers):
            reader.se()


def _read_weighted(reader: BitReader) -> tuple[bool, bool]:
    """From constrained_intra_pred_flag to weighted_bipred_flag: of B slices, of P slices."""
    reader.skip(2)  # constrained_intra_pred_flag, transform_skip_enabled_flag
    if reader.flag():
        reader.ue()  # diff_cu_qp_delta_depth
    reader.se()  # pps_cb_qp_offset
    reader.se()  # pps_cr_qp_offset
    reader.skip(1)  # pps_slice_chroma_qp_offsets_present_flag
    of_p, of_b = reader.flag(), reader.flag()
    return of_b, of_p


def _skip_tiles_and_filters(reader: BitReader) -> None:
    """From transquant_bypass_enabled_flag to the scaling lists."""
    reader.skip(1)
    tiles = reader.flag()
    reader.skip(1)  # entropy_coding_sync_enabled_flag
    if tiles:
        borders = reader.ue(63) + reader.ue(63)
        if not reader.flag():
            for _ in range(borders):
                reader.ue()
        reader.skip(1)  # loop_filter_across_tiles_enabled_flag
    reader.skip(1)  # pps_loop_filter_across_slices_enabled_flag
    if reader.flag():
        reader.skip(1)  # deblocking_filter_override_enabled_flag
        if not reader.flag():
            reader.se()
            reader.se()
    if reader.flag():
        skip_scaling_lists(reader)


def _entry(listed: tuple[_Entry, ...], index: int) -> _Entry:
    if index >= len(listed):
        raise CodecError(f"a slice chooses entry {index} of {len(listed)}")
    return listed[index]
