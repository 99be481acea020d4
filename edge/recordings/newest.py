"""Where a channel's newest keyframes lie on disk, in finished segments and in the one that grows; decodes nothing.

Files may be renamed, deleted or cut back by others at any moment: then there is less to find, never an error. Every
look reads what was added since the last one. Not for two threads at once on one channel.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from edge.codec.formats import VideoFormat
from edge.codec.ntp import unix_ns_from_ntp
from edge.errors import Mp4Error
from edge.mp4.fragment import VIDEO_TRACK_ID, parse_fragment_header
from edge.mp4.reader import read_init
from edge.recordings.fragments import Place, fragments, open_segment, read_at
from edge.recordings.segment import DAY_FOLDER, SegmentName

MOST_KEYFRAMES: Final = 3
"""Newest first; the others are for when the newest is damaged."""
MOST_KEYFRAME_BYTES: Final = 16 << 20
_MOST_SEGMENTS: Final = 8
_MOST_DAYS: Final = 3
_MOST_HEADERS: Final = 1200  # ten minutes without a keyframe are no picture
_AHEAD_MS: Final = 60_000  # a segment of the future was begun before somebody set the clock back
_START_CODE: Final = b"\x00\x00\x00\x01"
_NAL_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One keyframe: `position` and `size` are those of its sample in the file, `taken_ms` is its arrival in UTC."""

    name: SegmentName
    fragment: int
    """Where the fragment that it begins lies in the file."""
    position: int
    size: int
    taken_ms: int
    video: VideoFormat


@dataclass(slots=True)
class _Walk:
    """How far a segment was walked from its head on, and the keyframes met on the way."""

    video: VideoFormat
    start: int
    end: int
    keyframes: list[Keyframe] = field(default_factory=list)


class NewestKeyframes:
    """The newest keyframes of the channels below a storage root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._walks: dict[str, dict[SegmentName, _Walk]] = {}

    def find(self, channel: str, now_ms: int) -> list[Keyframe]:
        """The newest first, none where nothing was recorded; OSError where the disk does not answer."""
        known = self._walks.get(channel, {})
        walks: dict[SegmentName, _Walk] = {}
        found: list[Keyframe] = []
        for name in islice(self._names(channel, now_ms + _AHEAD_MS), _MOST_SEGMENTS):
            with suppress(FileNotFoundError, Mp4Error), open_segment(self.root, name) as file:
                walks[name] = _extended(file, name, known.get(name))
                found += walks[name].keyframes
            if len(found) >= MOST_KEYFRAMES:
                break
        self._walks[channel] = walks
        return found[:MOST_KEYFRAMES]

    def inside(self, name: SegmentName) -> list[Keyframe]:
        """All keyframes of one segment, oldest first; Mp4Error if it is none, FileNotFoundError if it is gone."""
        with open_segment(self.root, name) as file:
            init, video, _ = read_init(file)
            found: list[Keyframe] = []
            for place in fragments(file, len(init.data), file.seek(0, os.SEEK_END)):
                with suppress(Mp4Error):
                    keyframe = _keyframe(file, place, name, video)
                    found += [keyframe] if keyframe else []
            return found

    def read(self, keyframe: Keyframe) -> bytes:
        """The parameter sets and NAL units in Annex B form; Mp4Error where they are not there any more."""
        try:
            with open_segment(self.root, keyframe.name) as file:
                sample = read_at(file, keyframe.position, keyframe.size)
        except FileNotFoundError as error:
            raise Mp4Error(f"{keyframe.name.path} is not there any more") from error
        if len(sample) < keyframe.size:
            raise Mp4Error(f"{keyframe.name.path} ends within a keyframe")
        return b"".join(_START_CODE + nal for nal in (*keyframe.video.parameter_sets, *_nals(sample)))

    def forget(self) -> None:
        """Let go of what was remembered."""
        self._walks.clear()

    def _names(self, channel: str, latest_ms: int) -> Iterator[SegmentName]:
        """The segments of a channel, the newest first; their names sort by time, so that few of a day are read."""
        last: SegmentName | None = None
        for day in islice(sorted(filter(DAY_FOLDER.fullmatch, self._list(channel)), reverse=True), _MOST_DAYS):
            for file in sorted(self._list(f"{channel}/{day}"), reverse=True):
                parsed = SegmentName.parse(f"{channel}/{day}/{file}")
                if parsed is not None and parsed[0].start_ms <= latest_ms and parsed[0] != last:
                    last = parsed[0]
                    yield last

    def _list(self, folder: str) -> list[str]:
        try:
            with os.scandir(self.root / folder) as entries:
                return [entry.name for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []


def _extended(file: BinaryIO, name: SegmentName, walk: _Walk | None) -> _Walk:
    """The walk with what was added to the file since.

    It begins again where the file was cut back meanwhile, and until there is a fragment: before that the head itself
    may have been half written.
    """
    file_bytes = file.seek(0, os.SEEK_END)
    if walk is None or walk.end > file_bytes or walk.end == walk.start:
        init, video, _ = read_init(file)
        walk = _Walk(video, len(init.data), len(init.data))
    places = list(fragments(file, walk.end, file_bytes))
    found: list[Keyframe] = []
    for place in islice(reversed(places), _MOST_HEADERS):
        with suppress(Mp4Error):
            keyframe = _keyframe(file, place, name, walk.video)
            found += [keyframe] if keyframe else []
        if len(found) >= MOST_KEYFRAMES:
            break
    end = places[-1].end if places else walk.end
    return _Walk(walk.video, walk.start, end, [*found, *walk.keyframes][:MOST_KEYFRAMES])


def _keyframe(file: BinaryIO, place: Place, name: SegmentName, video: VideoFormat) -> Keyframe | None:
    """The keyframe that a fragment begins with, if it does; Mp4Error where its header cannot be believed."""
    _, wall_ntp, runs = parse_fragment_header(read_at(file, place.start, place.data - place.start))
    position = place.data
    for run in runs:
        if run.track_id == VIDEO_TRACK_ID:
            if not run.sizes or run.sizes[0] > MOST_KEYFRAME_BYTES or not (run.sync is None or run.sync[0]):
                return None
            return Keyframe(name, place.start, position, run.sizes[0], unix_ns_from_ntp(wall_ntp) // 1_000_000, video)
        position += sum(run.sizes)
    return None


def _nals(sample: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(sample):
        start = position + _NAL_LENGTH_BYTES
        position = start + int.from_bytes(sample[start - _NAL_LENGTH_BYTES : start], "big")
        if not start < position <= len(sample):
            raise Mp4Error("a sample is no chain of NAL units")
        yield sample[start:position]
