"""The quantiser of a coded picture, read from the header of its first slice. Knows no syntax of either codec."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

from edge.codec import h264, h265, slices_h264, slices_h265
from edge.codec.formats import VideoFormat
from edge.errors import CodecError

_BYTES_READ = 96  # a header is seldom longer than 20; lists of weights are
_HIGHEST_QP = 51


class _ParameterSet(Protocol):
    @property
    def set_id(self) -> int: ...


class _SequenceSet(_ParameterSet, Protocol):
    @property
    def luma_depth(self) -> int: ...


class _PictureSet(_ParameterSet, Protocol):
    @property
    def sps_id(self) -> int: ...


_Set = TypeVar("_Set", bound=_ParameterSet)
_Sps = TypeVar("_Sps", bound=_SequenceSet)
_Pps = TypeVar("_Pps", bound=_PictureSet)


class QuantiserReader:
    """Reads the quantiser of pictures of one stream."""

    def __init__(self, video: VideoFormat) -> None:
        self._slice_qp, self._lowest_qp = _h264(video) if video.codec == "h264" else _h265(video)

    def of_slice(self, nal: bytes) -> int | None:
        """SliceQpY of the slice that begins with these bytes of a NAL unit; None where it cannot be told.

        The bytes have their emulation prevention and may end anywhere; some 64 are enough for all but lists of weights.
        With more than 8 bits a sample it may be negative. Only the first slice segment of an H.265 picture is read.
        """
        try:
            qp = self._slice_qp(nal[:_BYTES_READ])
        except CodecError:
            return None
        return qp if self._lowest_qp <= qp <= _HIGHEST_QP else None


def _h264(video: VideoFormat) -> tuple[Callable[[bytes], int], int]:
    """What reads a slice, and the lowest quantiser that there is."""
    sps = _by_id(video.sets_of_type(h264.NAL_SPS), h264.parse_sps)
    pps = _by_id(video.sets_of_type(h264.NAL_PPS), slices_h264.parse_pps)
    return partial(slices_h264.slice_qp, pictures=_pictures(sps, pps)), _lowest_qp(sps.values())


def _h265(video: VideoFormat) -> tuple[Callable[[bytes], int], int]:
    sps = _by_id(video.sets_of_type(h265.NAL_SPS), h265.parse_sps)
    pps = _by_id(video.sets_of_type(h265.NAL_PPS), slices_h265.parse_pps)
    return partial(slices_h265.slice_qp, pictures=_pictures(sps, pps)), _lowest_qp(sps.values())


def _by_id(nals: Iterable[bytes], parse: Callable[[bytes], _Set]) -> dict[int, _Set]:
    """The readable sets; of two with one id the later is in force."""
    sets = {}
    for nal in nals:
        with suppress(CodecError):
            one = parse(nal)
            sets[one.set_id] = one
    return sets


def _pictures(sps: Mapping[int, _Sps], pps: Mapping[int, _Pps]) -> dict[int, tuple[_Sps, _Pps]]:
    return {key: (sps[one.sps_id], one) for key, one in pps.items() if one.sps_id in sps}


def _lowest_qp(sps: Iterable[_SequenceSet]) -> int:
    """-QpBdOffset of the deepest samples."""
    return -6 * (max((one.luma_depth for one in sps), default=8) - 8)
