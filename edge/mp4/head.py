"""Where things lie in the head of a segment (`ftyp`, `moov`, room for an index): what reading and finishing need."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from edge.codec.formats import AudioFormat, VideoFormat
from edge.errors import Mp4Error
from edge.mp4.boxes import Box, descend, walk
from edge.mp4.fragment import AUDIO_TRACK_ID, VIDEO_TRACK_ID
from edge.mp4.sample_entry import read_audio_entry, read_video_entry

# Counted from the start of each box in version 1, whose times have 64 bits
_MVHD_TIMESCALE, _MVHD_DURATION = 28, 32
_MDHD_TIMESCALE, _MDHD_DURATION = 28, 32
_TKHD_TRACK, _TKHD_DURATION = 28, 36
_MEHD_DURATION = 12
_STSD_HEAD_BYTES = 8
_DURATION_BYTES = 8
_TRACKS = ([VIDEO_TRACK_ID], [VIDEO_TRACK_ID, AUDIO_TRACK_ID])


@dataclass(frozen=True, slots=True)
class DurationField:
    """A 64-bit duration at `offset` in ticks of `timescale`, of one track or (None) of the longest."""

    offset: int
    timescale: int
    track_id: int | None


@dataclass(frozen=True, slots=True)
class Track:
    """What the head says of one track; `entry` is its sample entry."""

    track_id: int
    timescale: int
    entry: Box
    durations: tuple[DurationField, DurationField]


@dataclass(frozen=True, slots=True)
class InitSegment:
    """The head of a segment and the places in it that finishing fills; players need data[:index_offset]."""

    data: bytes
    index_offset: int
    index_bytes: int
    durations: tuple[DurationField, ...]
    audio_timescale: int | None

    @classmethod
    def locate(cls, data: bytes) -> Self:
        """Find the places in a head that ends with the room for the index; Mp4Error if it is none of ours."""
        moov, tracks = _tracks(data)
        timescales = {track.track_id: track.timescale for track in tracks}
        if len(timescales) != len(tracks) or sorted(timescales) not in _TRACKS:
            raise Mp4Error(f"the file has tracks {sorted(timescales)}; Saksi writes video and one audio at most")
        mvhd, mehd = descend(data, moov, b"mvhd"), descend(data, moov, b"mvex", b"mehd")
        timescale = _number(data, mvhd, _MVHD_TIMESCALE)
        durations = [field for track in tracks for field in track.durations]
        durations.append(_duration_field(data, mvhd, _MVHD_DURATION, timescale, None))
        durations.append(_duration_field(data, mehd, _MEHD_DURATION, timescale, None))
        room_bytes = len(data) - moov.end
        return cls(data, moov.end, room_bytes, tuple(durations), timescales.get(AUDIO_TRACK_ID))

    def formats(self) -> tuple[VideoFormat, AudioFormat | None]:
        """How video and audio are coded; Mp4Error if a sample entry is none of ours."""
        entries = {track.track_id: track.entry for track in _tracks(self.data)[1]}
        video = read_video_entry(self.data, entries[VIDEO_TRACK_ID])
        if self.audio_timescale is None:
            return video, None
        return video, read_audio_entry(self.data, entries[AUDIO_TRACK_ID], self.audio_timescale)


def _tracks(data: bytes) -> tuple[Box, list[Track]]:
    """The `moov` behind the `ftyp`, and its tracks."""
    boxes = walk(data, 0, len(data))
    first, moov = next(boxes, None), next(boxes, None)
    if first is None or moov is None or (first.kind, moov.kind) != (b"ftyp", b"moov"):
        raise Mp4Error("the file does not begin with ftyp and moov")
    timescale = _number(data, descend(data, moov, b"mvhd"), _MVHD_TIMESCALE)
    return moov, [_track(data, trak, timescale) for trak in _of_kind(data, moov, b"trak")]


def _track(data: bytes, trak: Box, movie_timescale: int) -> Track:
    tkhd, mdhd = descend(data, trak, b"tkhd"), descend(data, trak, b"mdia", b"mdhd")
    track_id, timescale = _number(data, tkhd, _TKHD_TRACK), _number(data, mdhd, _MDHD_TIMESCALE)
    stsd = descend(data, trak, b"mdia", b"minf", b"stbl", b"stsd")
    entry = next(walk(data, stsd.body + _STSD_HEAD_BYTES, stsd.end), None)
    if entry is None:
        raise Mp4Error(f"track {track_id} has no sample entry")
    durations = (
        _duration_field(data, mdhd, _MDHD_DURATION, timescale, track_id),
        _duration_field(data, tkhd, _TKHD_DURATION, movie_timescale, track_id),
    )
    return Track(track_id, timescale, entry, durations)


def _of_kind(data: bytes, parent: Box, kind: bytes) -> Iterator[Box]:
    return (child for child in walk(data, parent.body, parent.end) if child.kind == kind)


def _number(data: bytes, of: Box, position: int) -> int:
    """A 32-bit number at a distance from the start of a box."""
    start = of.start + position
    number = int.from_bytes(data[start : start + 4], "big")
    if start + 4 > of.end or not number:
        raise Mp4Error(f"{of.kind!r} at {of.start} is too short or holds a zero where a number belongs")
    return number


def _duration_field(data: bytes, of: Box, position: int, timescale: int, track_id: int | None) -> DurationField:
    if data[of.body : of.body + 1] != b"\x01" or of.start + position + _DURATION_BYTES > of.end:
        raise Mp4Error(f"{of.kind!r} at {of.start} is not of version 1")
    return DurationField(of.start + position, timescale, track_id)
