"""Reading a segment back, whole or torn: its formats and the place, time and wall clock of every fragment.

Reads headers only, in bounded memory, and believes nothing but what `fragment_header` writes: the first box that
is broken, partial or another's ends the segment.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from edge.codec.formats import AudioFormat, VideoFormat
from edge.errors import Mp4Error
from edge.mp4.boxes import BOX_HEADER
from edge.mp4.fragment import (
    MDAT_HEAD_BYTES,
    MOOF_HEAD_BYTES,
    PRFT_BYTES,
    VIDEO_TRACK_ID,
    FragmentEntry,
    TrackRun,
    moof_bytes,
    parse_fragment_header,
)
from edge.mp4.head import InitSegment

_MOST_HEAD_BYTES = 1 << 20
_MOST_MOOF_BYTES = 4 << 20
_ROOM_KINDS = (b"sidx", b"free")
_PRFT_START = BOX_HEADER.pack(PRFT_BYTES, b"prft")
_NAL_LENGTH_BYTES = 4
_SILENT_TAIL_BYTES = 16


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file holds; `whole_bytes` is where its last whole fragment (or its head) ends, durations are ticks.

    `finished` says that the index is written, which is done when all data is on the disk.
    """

    init: InitSegment
    video: VideoFormat
    audio: AudioFormat | None
    finished: bool
    whole_bytes: int
    fragments: list[FragmentEntry]
    video_duration: int
    audio_duration: int


def read_init(file: BinaryIO) -> tuple[InitSegment, VideoFormat, AudioFormat | None]:
    """The head of a segment; Mp4Error if the file does not begin with one of ours."""
    file_bytes = file.seek(0, os.SEEK_END)
    end = 0
    for _ in (b"ftyp", b"moov"):
        end = _box_end(file, end, file_bytes)
    end = _room_end(file, end, file_bytes)
    if end > _MOST_HEAD_BYTES:
        raise Mp4Error(f"the head says {end} bytes; at most {_MOST_HEAD_BYTES} are believed")
    init = InitSegment.locate(_read(file, 0, end))
    return init, *init.formats()


def scan(file: BinaryIO) -> Scan:
    """Walk all whole fragments; Mp4Error only if the file does not begin with the head of a segment."""
    init, video, audio = read_init(file)
    finished = init.data[init.index_offset + 4 : init.index_offset + 8] == b"sidx"
    found = list(_fragments(file, init))
    if found and not finished and not _is_sound(file, found[-1][0], audio):
        found.pop()
    fragments = [entry for entry, _ in found]
    whole_bytes = fragments[-1].offset + fragments[-1].size if fragments else len(init.data)
    video_end = max((entry.base_time + entry.duration for entry in fragments if entry.frames), default=0)
    audio_end = max((end for _, end in found), default=0)
    return Scan(init, video, audio, finished, whole_bytes, fragments, video_end, audio_end)


def _fragments(file: BinaryIO, init: InitSegment) -> Iterator[tuple[FragmentEntry, int]]:
    """Every whole fragment, with the end of its audio in ticks of the audio (0 where it has none)."""
    file_bytes = file.seek(0, os.SEEK_END)
    offset = len(init.data)
    while True:
        try:
            header, wall_ntp, runs = _read_header(file, offset)
        except Mp4Error:
            return
        entry = FragmentEntry.describe(offset, len(header), wall_ntp, runs, audio_timescale=init.audio_timescale)
        offset += entry.size
        if offset > file_bytes:
            return
        audio_ends = (run.base_time + sum(run.durations) for run in runs if run.track_id != VIDEO_TRACK_ID)
        yield entry, max(audio_ends, default=0)


def _read_header(file: BinaryIO, offset: int) -> tuple[bytes, int, list[TrackRun]]:
    head = _read(file, offset, PRFT_BYTES + MOOF_HEAD_BYTES)
    size = moof_bytes(head)
    if size > _MOST_MOOF_BYTES:
        raise Mp4Error(f"a moof of {size} bytes at {offset}; at most {_MOST_MOOF_BYTES} are believed")
    header = _read(file, offset, PRFT_BYTES + size + MDAT_HEAD_BYTES)
    _, wall_ntp, runs = parse_fragment_header(header)
    return header, wall_ntp, runs


def _is_sound(file: BinaryIO, entry: FragmentEntry, audio: AudioFormat | None) -> bool:
    """Whether the data of the last fragment was written: some file systems leave zeros where it was not.

    A NAL unit and an AAC frame never end in a zero byte. Of G.711 only a run of zeros, a scream, is taken for a hole.
    """
    header, _, runs = _read_header(file, entry.offset)
    position = entry.offset + len(header)
    silent_tail = 1 if audio and audio.codec == "aac" else _SILENT_TAIL_BYTES
    for run in runs:
        if run.track_id == VIDEO_TRACK_ID:
            for size in run.sizes:
                if not _is_chain_of_nals(file, position, size):
                    return False
                position += size
        else:
            size = sum(run.sizes)
            position += size
            tail_bytes = min(size, silent_tail)
            if tail_bytes and not any(_read(file, position - tail_bytes, tail_bytes)):
                return False
    return True


def _is_chain_of_nals(file: BinaryIO, position: int, size: int) -> bool:
    end = position + size
    while position < end:
        length = int.from_bytes(_read(file, position, _NAL_LENGTH_BYTES), "big")
        position += _NAL_LENGTH_BYTES + length
        if not length or position > end or _read(file, position - 1, 1) == b"\x00":
            return False
    return True


def _room_end(file: BinaryIO, start: int, file_bytes: int) -> int:
    """Where the room for the index ends: at the first fragment, even if a power cut tore the index."""
    end = start
    while end < min(file_bytes, _MOST_HEAD_BYTES) and _read(file, end + 4, 4) in _ROOM_KINDS:
        try:
            end = _box_end(file, end, file_bytes)
        except Mp4Error:
            break
    if end < file_bytes and _read(file, end, BOX_HEADER.size) != _PRFT_START:
        first = _read(file, start, _MOST_HEAD_BYTES).find(_PRFT_START)
        end = start + first if first >= 0 else end
    return end


def _box_end(file: BinaryIO, start: int, file_bytes: int) -> int:
    header = _read(file, start, BOX_HEADER.size)
    size = int.from_bytes(header[:4], "big")
    if len(header) < BOX_HEADER.size or not BOX_HEADER.size <= size <= file_bytes - start:
        raise Mp4Error(f"the box at {start} says {size} bytes; {file_bytes - start} are there")
    return start + size


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
