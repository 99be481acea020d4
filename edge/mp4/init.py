"""Writing the head of a segment: `ftyp`, `moov` and a `free` box as room for an index.

Every box with times is of version 1, whose times have 64 bits. There are no creation times: `prft` holds the clock.
"""

from struct import Struct

from edge.codec.formats import AudioFormat, VideoFormat
from edge.mp4.boxes import box, full_box
from edge.mp4.finish import room_bytes
from edge.mp4.fragment import AUDIO_TRACK_ID, TIMESCALE_VIDEO, VIDEO_TRACK_ID
from edge.mp4.head import InitSegment
from edge.mp4.sample_entry import audio_entry, video_entry

__all__ = ["InitSegment", "init_segment"]

_BRANDS = (b"iso6", b"iso5", b"mp41")
_MVHD = Struct(">16xI8xIH10x")  # timescale, rate, volume
_TKHD = Struct(">16xI22xHH2x")  # track, group, volume
_MDHD = Struct(">16xI8xH2x")  # timescale, language
_MATRIX = b"".join(word.to_bytes(4, "big") for word in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
_UNITY, _FULL_VOLUME = 1 << 16, 1 << 8
_UNDETERMINED = 0x55C4  # "und" in letters of 5 bits
_ENABLED_IN_MOVIE = 3
_WIDEST = 0xFFFF
_SAMPLES_IN_FRAGMENTS = b"".join(
    full_box(kind, 0, 0, bytes(size)) for kind, size in ((b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4))
)


def init_segment(video: VideoFormat, audio: AudioFormat | None, *, index_entries: int) -> InitSegment:
    """The head of a segment with room for an index of so many entries."""
    brands = box(b"ftyp", _BRANDS[0], _word(0), *_BRANDS)
    tracks = [_video_track(video)]
    extends = [_track_extends(VIDEO_TRACK_ID)]
    if audio:
        tracks.append(_audio_track(audio))
        extends.append(_track_extends(AUDIO_TRACK_ID))
    mvhd = _MVHD.pack(TIMESCALE_VIDEO, _UNITY, _FULL_VOLUME) + _MATRIX + bytes(24) + _word(AUDIO_TRACK_ID + 1)
    mvex = box(b"mvex", full_box(b"mehd", 1, 0, bytes(8)), *extends)
    moov = box(b"moov", full_box(b"mvhd", 1, 0, mvhd), *tracks, mvex)
    free = box(b"free", bytes(room_bytes(index_entries) - 8))
    return InitSegment.locate(brands + moov + free)


def _video_track(video: VideoFormat) -> bytes:
    shown_width = video.width * video.sar[0] // video.sar[1]
    width = shown_width if 0 < shown_width <= _WIDEST else video.width
    media_header = full_box(b"vmhd", 0, 1, bytes(8))
    size = _word(width << 16) + _word(video.height << 16)
    media = _media(b"vide", b"Saksi video", TIMESCALE_VIDEO, media_header, video_entry(video))
    return _track(VIDEO_TRACK_ID, 0, size, media)


def _audio_track(audio: AudioFormat) -> bytes:
    media_header = full_box(b"smhd", 0, 0, bytes(4))
    media = _media(b"soun", b"Saksi audio", audio.clock_rate, media_header, audio_entry(audio))
    return _track(AUDIO_TRACK_ID, _FULL_VOLUME, bytes(8), media)


def _track(track_id: int, volume: int, size: bytes, media: bytes) -> bytes:
    group = track_id - 1  # tracks of one group would be alternatives to each other
    tkhd = _TKHD.pack(track_id, group, volume) + _MATRIX + size
    return box(b"trak", full_box(b"tkhd", 1, _ENABLED_IN_MOVIE, tkhd), media)


def _media(handler: bytes, name: bytes, timescale: int, media_header: bytes, entry: bytes) -> bytes:
    data_reference = full_box(b"dref", 0, 0, _word(1), full_box(b"url ", 0, 1))
    stsd = full_box(b"stsd", 0, 0, _word(1), entry)
    return box(
        b"mdia",
        full_box(b"mdhd", 1, 0, _MDHD.pack(timescale, _UNDETERMINED)),
        full_box(b"hdlr", 0, 0, _word(0), handler, bytes(12), name + b"\x00"),
        box(
            b"minf",
            media_header,
            box(b"dinf", data_reference),
            box(b"stbl", stsd, _SAMPLES_IN_FRAGMENTS),
        ),
    )


def _track_extends(track_id: int) -> bytes:
    """Defaults that every fragment overrides, but for the number of the sample entry."""
    return full_box(b"trex", 0, 0, _word(track_id), _word(1), bytes(12))


def _word(number: int) -> bytes:
    return number.to_bytes(4, "big")
