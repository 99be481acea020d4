"""The pictures of a segment in order of decoding, as a decoder takes them: Annex B, parameter sets before keyframes."""

from collections.abc import Iterator
from io import FileIO
from typing import Final

from edge.errors import Mp4Error
from edge.mp4.fragment import (
    MDAT_HEAD_BYTES,
    MOOF_HEAD_BYTES,
    PRFT_BYTES,
    VIDEO_TRACK_ID,
    FragmentEntry,
    moof_bytes,
    parse_fragment_header,
)
from edge.mp4.reader import Scan

_START_CODE: Final = b"\x00\x00\x00\x01"
_NAL_LENGTH_BYTES: Final = 4


def pictures(file: FileIO, found: Scan) -> Iterator[bytes]:
    """One picture after the other; Mp4Error where the file was cut meanwhile."""
    sets = b"".join(_START_CODE + nal for nal in found.video.parameter_sets)
    for entry in found.fragments:
        yield from _of_fragment(file, entry, sets)


def _of_fragment(file: FileIO, entry: FragmentEntry, sets: bytes) -> Iterator[bytes]:
    head = _read(file, entry.offset, PRFT_BYTES + MOOF_HEAD_BYTES)
    header = _read(file, entry.offset, PRFT_BYTES + moof_bytes(head) + MDAT_HEAD_BYTES)
    _, _, runs = parse_fragment_header(header)
    position = entry.offset + len(header)
    for run in runs:
        if run.track_id != VIDEO_TRACK_ID:
            position += sum(run.sizes)
            continue
        for place, size in enumerate(run.sizes):
            key = run.sync is None or run.sync[place]
            yield (sets if key else b"") + _annex_b(_read(file, position, size))
            position += size


def _annex_b(sample: bytes) -> bytes:
    """A sample whose chain of NAL units is broken goes to the decoder as it is, which will say what it thinks of it."""
    nals: list[bytes] = []
    position = 0
    while position < len(sample):
        start = position + _NAL_LENGTH_BYTES
        position = start + int.from_bytes(sample[start - _NAL_LENGTH_BYTES : start], "big")
        if not start < position <= len(sample):
            return sample
        nals.append(_START_CODE + sample[start:position])
    return b"".join(nals)


def _read(file: FileIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) < size:
        raise Mp4Error("the file became shorter while it was read")
    return data
