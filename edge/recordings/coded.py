"""What a channel's encoder spent on its pictures between two keyframes, from a segment's tables and slice headers.

Decodes nothing. A picture is one sample of the video track; its quantiser is that of its first slice.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from edge.codec import h264, h265
from edge.codec.formats import VideoCodec
from edge.codec.quantiser import QuantiserReader
from edge.errors import Mp4Error
from edge.mp4.fragment import VIDEO_TRACK_ID, TrackRun, parse_fragment_header
from edge.mp4.reader import read_init
from edge.recordings.fragments import Place, fragments, open_segment, read_at
from edge.recordings.newest import Keyframe
from edge.recordings.segment import SegmentName

MOST_PICTURES: Final = 120
"""The newest before the later keyframe: some seconds, and enough to tell what is usual among them."""
_MOST_APART_MS: Final = 60_000
_HEAD_BYTES: Final = 96
_NAL_LENGTH_BYTES: Final = 4
_MOST_NALS: Final = 4
"""An access unit delimiter and a few messages may come before the first slice."""


class CodedPicture(NamedTuple):
    """One picture as it was coded; `quantiser` is the QP of its first slice, None where that cannot be told."""

    size_bytes: int
    is_keyframe: bool
    quantiser: int | None


class _Sample(NamedTuple):
    position: int
    size: int
    is_keyframe: bool


class CodedPictures:
    """How the pictures of the channels below a storage root are coded; not for two threads at once on one channel."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._last: dict[str, tuple[Keyframe, QuantiserReader]] = {}

    def before(self, channel: str, keyframe: Keyframe) -> list[CodedPicture]:
        """The pictures up to a keyframe in coding order, from that of the last call on, the newest MOST_PICTURES.

        They lie in its segment and in that of the last call; what is gone or damaged is left out. Of the first keyframe
        of a channel there are none. OSError where the disk does not answer.
        """
        last, reader = self._last.get(channel, (None, None))
        if last is None or reader is None or last.video != keyframe.video:
            self._last[channel] = keyframe, QuantiserReader(keyframe.video)
            return []
        self._last[channel] = keyframe, reader
        pictures: deque[CodedPicture] = deque(maxlen=MOST_PICTURES)
        for stretch in _stretches(last, keyframe):
            with suppress(FileNotFoundError, Mp4Error), open_segment(self._root, stretch.name) as file:
                samples = deque(_samples(file, stretch), maxlen=MOST_PICTURES)
                pictures += [_coded(file, sample, keyframe.video.codec, reader) for sample in samples]
        return list(pictures)


class _Stretch(NamedTuple):
    """A part of a segment: from the beginning where `start` is None, to the end where `end` is."""

    name: SegmentName
    start: int | None
    end: int | None


def _stretches(earlier: Keyframe, later: Keyframe) -> list[_Stretch]:
    if earlier.name == later.name:
        return [_Stretch(later.name, earlier.fragment, later.fragment)]
    rest = _Stretch(later.name, None, later.fragment)
    recent = 0 < later.taken_ms - earlier.taken_ms < _MOST_APART_MS
    return [_Stretch(earlier.name, earlier.fragment, None), rest] if recent else [rest]


def _samples(file: BinaryIO, stretch: _Stretch) -> Iterator[_Sample]:
    start = len(read_init(file)[0].data) if stretch.start is None else stretch.start
    end = file.seek(0, os.SEEK_END) if stretch.end is None else stretch.end
    for place in fragments(file, start, end):
        _, _, runs = parse_fragment_header(read_at(file, place.start, place.data - place.start))
        yield from _samples_of(place, runs)


def _samples_of(place: Place, runs: list[TrackRun]) -> Iterator[_Sample]:
    position = place.data
    for run in runs:
        for number, size in enumerate(run.sizes):
            if run.track_id == VIDEO_TRACK_ID:
                yield _Sample(position, size, run.sync is None or run.sync[number])
            position += size


def _coded(file: BinaryIO, sample: _Sample, codec: VideoCodec, reader: QuantiserReader) -> CodedPicture:
    first_slice = _first_slice(file, sample, codec)
    quantiser = None if first_slice is None else reader.of_slice(first_slice)
    return CodedPicture(sample.size, sample.is_keyframe, quantiser)


def _first_slice(file: BinaryIO, sample: _Sample, codec: VideoCodec) -> bytes | None:
    position, end = sample.position, sample.position + sample.size
    for _ in range(_MOST_NALS):
        head = read_at(file, position, min(_NAL_LENGTH_BYTES + _HEAD_BYTES, end - position))
        nal = head[_NAL_LENGTH_BYTES:]
        if not nal:
            return None
        if is_slice(nal, codec):
            return nal
        position += _NAL_LENGTH_BYTES + int.from_bytes(head[:_NAL_LENGTH_BYTES], "big")
        if position >= end:
            return None
    return None


def is_slice(nal: bytes, codec: VideoCodec) -> bool:
    """Whether a NAL unit holds a part of a picture."""
    if codec == "h264":
        return h264.NAL_SLICE <= h264.nal_type(nal) <= h264.NAL_IDR
    return h265.nal_type(nal) <= h265.NAL_LAST_VCL
