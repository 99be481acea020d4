"""One fragment: `prft` (wall clock), `moof` (sample tables) and the header of `mdat`; the sample data follows.

`fragment_header` is called twice a second for every channel: each box run is one struct, the whole is one join.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Self

from edge.errors import Mp4Error

TIMESCALE_VIDEO = 90_000
VIDEO_TRACK_ID, AUDIO_TRACK_ID = 1, 2
PRFT_BYTES = 32
MOOF_HEAD_BYTES = 24
MDAT_HEAD_BYTES = 8

_PRFT = Struct(">I4sIIQQ")  # size, type, version and flags, track, NTP, media time
_MOOF = Struct(">I4sI4sII")  # moof; mfhd: version and flags, sequence number
_TRAF = Struct(">I4sI4sIIII4sIQI4sIII")  # traf; tfhd: flags, track, sample flags; tfdt: time; trun: flags, ...
_MDAT = Struct(">I4s")
_PRFT_FLAGS = 1 << 24 | 24  # version 1; 24: the time at which the frame arrived
_TFHD_FLAGS = 0x02_0020  # offsets count from the moof; default sample flags are given
_TFDT_FLAGS = 1 << 24  # version 1: 64-bit time
_TRUN_PLAIN = 0x00_0301  # data offset; duration and size of each sample
_TRUN_SYNC, _TRUN_OFFSETS = 0x00_0400, 0x00_0800  # flags; composition offset of each sample
_TRUN_SIGNED = 1 << 24  # version 1: composition offsets are signed
_TFHD_BYTES, _TFDT_BYTES, _MFHD_BYTES, _TRUN_HEAD_BYTES = 20, 20, 16, 20
_SYNC, _NOT_SYNC = 0x0200_0000, 0x0101_0000
_WORD, _SIGN = 0xFFFF_FFFF, 0x8000_0000
_MOST_DATA_BYTES = (1 << 31) - 1
_TRACK_IDS = (VIDEO_TRACK_ID, AUDIO_TRACK_ID)


@dataclass(slots=True)
class TrackRun:
    """The samples of one track in one fragment, times in ticks of the track.

    `sync` None: every sample is one (audio). `offsets` are signed composition offsets; None: all are zero.
    """

    track_id: int
    base_time: int
    durations: list[int]
    sizes: list[int]
    sync: list[bool] | None = None
    offsets: list[int] | None = None


@dataclass(frozen=True, slots=True)
class FragmentEntry:
    """What an index keeps of one fragment: `offset` and `size` cover prft, moof and mdat, times are video ticks."""

    offset: int
    size: int
    base_time: int
    duration: int
    starts_with_sync: bool
    frames: int
    keyframes: int
    wall_ntp: int

    @classmethod
    def describe(
        cls, offset: int, header_bytes: int, wall_ntp: int, runs: Sequence[TrackRun], *, audio_timescale: int | None
    ) -> Self:
        """The entry of a fragment whose header and sample data begin at `offset` of the file."""
        size = header_bytes + sum(sum(run.sizes) for run in runs)
        video = next((run for run in runs if run.track_id == VIDEO_TRACK_ID and run.sizes), None)
        if video is None:
            base_time = runs[0].base_time * TIMESCALE_VIDEO // (audio_timescale or TIMESCALE_VIDEO)
            duration = sum(runs[0].durations) * TIMESCALE_VIDEO // (audio_timescale or TIMESCALE_VIDEO)
            return cls(offset, size, base_time, duration, False, 0, 0, wall_ntp)
        sync = video.sync or [True] * len(video.sizes)
        return cls(
            *(offset, size, video.base_time, sum(video.durations)),
            *(sync[0], len(sync), sync.count(True), wall_ntp),
        )


def fragment_header(sequence: int, wall_ntp: int, runs: Sequence[TrackRun]) -> bytes:
    """Everything of a fragment that stands before the sample data, which follows in the order of `runs`.

    `wall_ntp` is the UTC arrival of the first sample of the first run, 64-bit NTP. The data stays below 2 GiB.
    """
    tables = [_sample_table(run) for run in runs]
    size = MOOF_HEAD_BYTES + sum(map(len, tables)) + _TRAF.size * len(tables)
    first = runs[0]
    parts = [
        _PRFT.pack(PRFT_BYTES, b"prft", _PRFT_FLAGS, first.track_id, wall_ntp, first.base_time),
        _MOOF.pack(size, b"moof", _MFHD_BYTES, b"mfhd", 0, sequence),
    ]
    data_offset = size + MDAT_HEAD_BYTES
    for run, table in zip(runs, tables, strict=True):
        parts.append(_track_head(run, len(table), data_offset))
        parts.append(table)
        data_offset += sum(run.sizes)
    parts.append(_MDAT.pack(data_offset - size, b"mdat"))
    return b"".join(parts)


def _track_head(run: TrackRun, table_bytes: int, data_offset: int) -> bytes:
    flags = _TRUN_PLAIN | (_TRUN_SYNC if run.sync else 0) | (_TRUN_SIGNED | _TRUN_OFFSETS if run.offsets else 0)
    return _TRAF.pack(
        *(_TRAF.size + table_bytes, b"traf"),
        *(_TFHD_BYTES, b"tfhd", _TFHD_FLAGS, run.track_id, _SYNC),
        *(_TFDT_BYTES, b"tfdt", _TFDT_FLAGS, run.base_time),
        *(_TRUN_HEAD_BYTES + table_bytes, b"trun", flags, len(run.sizes), data_offset),
    )


def _sample_table(run: TrackRun) -> bytes:
    columns = [run.durations, run.sizes]
    if run.sync:
        columns.append([_SYNC if sync else _NOT_SYNC for sync in run.sync])
    if run.offsets:
        columns.append([offset & _WORD for offset in run.offsets])
    width = len(columns)
    words = [0] * (width * len(run.sizes))
    for index, column in enumerate(columns):
        words[index::width] = column
    return struct.pack(f">{len(words)}I", *words)


def moof_bytes(head: bytes) -> int:
    """The size of the moof that begins a fragment's bytes behind its prft; Mp4Error if none does."""
    if len(head) < PRFT_BYTES + MOOF_HEAD_BYTES:
        raise Mp4Error("a fragment ends within its head")
    *prft, _, _, _ = _PRFT.unpack_from(head)
    size, kind, mfhd_size, mfhd, _, _ = _MOOF.unpack_from(head, PRFT_BYTES)
    if prft != [PRFT_BYTES, b"prft", _PRFT_FLAGS] or (kind, mfhd_size, mfhd) != (b"moof", _MFHD_BYTES, b"mfhd"):
        raise Mp4Error("no fragment of Saksi begins here")
    return int(size)


def parse_fragment_header(header: bytes) -> tuple[int, int, list[TrackRun]]:
    """Sequence, wall_ntp and runs of exactly what `fragment_header` wrote; Mp4Error for anything else."""
    moof_end = PRFT_BYTES + moof_bytes(header)
    if len(header) != moof_end + MDAT_HEAD_BYTES:
        raise Mp4Error("a fragment header has another length than it says")
    wall_ntp, sequence = _PRFT.unpack_from(header)[4], _MOOF.unpack_from(header, PRFT_BYTES)[5]
    runs = []
    position = PRFT_BYTES + MOOF_HEAD_BYTES
    while position < moof_end:
        run, position = _parse_run(header, position, moof_end)
        runs.append(run)
    data_bytes = sum(sum(run.sizes) for run in runs)
    if not 0 < data_bytes <= _MOST_DATA_BYTES or fragment_header(sequence, wall_ntp, runs) != header:
        raise Mp4Error("a fragment header contradicts itself")
    return sequence, wall_ntp, runs


def _parse_run(header: bytes, position: int, end: int) -> tuple[TrackRun, int]:
    if position + _TRAF.size > end:
        raise Mp4Error("a track of a fragment ends too early")
    size, *_, track_id, _, _, _, _, base_time, _, _, flags, count, _ = _TRAF.unpack_from(header, position)
    width = 2 + bool(flags & _TRUN_SYNC) + bool(flags & _TRUN_OFFSETS)
    table = position + _TRAF.size
    if size != _TRAF.size + 4 * width * count or position + size > end or track_id not in _TRACK_IDS:
        raise Mp4Error("a track of a fragment has another length than it says")
    words = struct.unpack_from(f">{width * count}I", header, table)
    columns = iter([list(words[index::width]) for index in range(width)])
    run = TrackRun(track_id, base_time, next(columns), next(columns))
    if flags & _TRUN_SYNC:
        run.sync = [word == _SYNC for word in next(columns)]
    if flags & _TRUN_OFFSETS:
        run.offsets = [(word ^ _SIGN) - _SIGN for word in next(columns)]
    return run, position + size
