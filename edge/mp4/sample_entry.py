"""Sample entries, which say how a track is coded: avc1, hvc1, mp4a, alaw, ulaw. Written and read back side by side."""

from struct import Struct

from edge.codec import h264, h265
from edge.codec.formats import AudioFormat, VideoCodec, VideoFormat
from edge.codec.vui import Colour
from edge.errors import CodecError, Mp4Error
from edge.mp4.boxes import Box, box, descend, full_box

_DATA_REFERENCE = bytes(6) + b"\x00\x01"
_VISUAL = Struct(">8s16xHHIIIH32xHh")  # reference, width, height, two resolutions, 0, frames, depth, -1
_SOUND = Struct(">8s8xHHII")  # reference, channels, bits, 0, sample rate as 16.16
_DPI_72 = 72 << 16
_WIDEST_RATE = 0xFFFF  # the field has 16 bits; a greater rate is 0 and the codec's own configuration tells it
_VISUAL_BYTES, _SOUND_BYTES = 78, 28
_AVC, _HEVC = b"avc1", b"hvc1"
_G711 = {"pcma": b"alaw", "pcmu": b"ulaw"}
_CONFIG_BOX: dict[bytes, tuple[VideoCodec, bytes]] = {_AVC: ("h264", b"avcC"), _HEVC: ("h265", b"hvcC")}
_AVCC_HEAD, _HVCC_HEAD = 5, 22
_ES, _DECODER, _DECODER_INFO, _SYNC_LAYER = 3, 4, 5, 6  # MPEG-4 descriptor tags
_AAC, _AUDIO_STREAM = 0x40, 0x15
_ES_HEAD, _DECODER_HEAD = 3, 13


def video_entry(video: VideoFormat) -> bytes:
    """`avc1` or `hvc1` with its configuration, pixel shape and colour."""
    extra = []
    if video.colour:
        extra.append(box(b"colr", b"nclx", _nclx(video.colour)))
    if video.sar != (1, 1):
        extra.append(box(b"pasp", *(side.to_bytes(4, "big") for side in video.sar)))
    head = _VISUAL.pack(_DATA_REFERENCE, video.width, video.height, _DPI_72, _DPI_72, 0, 1, 24, -1)
    if isinstance(video.sps, h264.Sps):
        return box(_AVC, head, box(b"avcC", _avcc(video, video.sps)), *extra)
    return box(_HEVC, head, box(b"hvcC", _hvcc(video, video.sps)), *extra)


def audio_entry(audio: AudioFormat) -> bytes:
    """`mp4a`, `alaw` or `ulaw`."""
    rate = audio.sample_rate if audio.sample_rate <= _WIDEST_RATE else 0
    head = _SOUND.pack(_DATA_REFERENCE, audio.channels, 16, 0, rate << 16)
    if audio.codec == "aac":
        return box(b"mp4a", head, full_box(b"esds", 0, 0, _elementary_stream(audio.config)))
    return box(_G711[audio.codec], head)


def read_video_entry(data: bytes, entry: Box) -> VideoFormat:
    """The format that `video_entry` wrote; Mp4Error if this is none."""
    if entry.kind not in _CONFIG_BOX:
        raise Mp4Error(f"video coded as {entry.kind!r}; Saksi writes avc1 and hvc1")
    codec, kind = _CONFIG_BOX[entry.kind]
    config = descend(data, Box(entry.kind, entry.start, entry.body + _VISUAL_BYTES, entry.end), kind)
    record = data[config.body : config.end]
    try:
        sets = _avcc_sets(record) if codec == "h264" else _hvcc_sets(record)
        return VideoFormat.parse(codec, sets)
    except (CodecError, IndexError) as error:
        raise Mp4Error(f"{kind!r} at {config.start} cannot be read: {error}") from error


def read_audio_entry(data: bytes, entry: Box, timescale: int) -> AudioFormat:
    """The format that `audio_entry` wrote, for a track of this timescale; Mp4Error if this is none."""
    if entry.end - entry.body < _SOUND_BYTES:
        raise Mp4Error(f"sample entry {entry.kind!r} at {entry.start} is too short")
    _, channels, _, _, rate = _SOUND.unpack_from(data, entry.body)
    if entry.kind == _G711["pcma"]:
        return AudioFormat("pcma", rate >> 16, channels, clock_rate=timescale)
    if entry.kind == _G711["pcmu"]:
        return AudioFormat("pcmu", rate >> 16, channels, clock_rate=timescale)
    if entry.kind != b"mp4a":
        raise Mp4Error(f"audio coded as {entry.kind!r}; Saksi writes mp4a, alaw and ulaw")
    esds = descend(data, Box(entry.kind, entry.start, entry.body + _SOUND_BYTES, entry.end), b"esds")
    try:
        return AudioFormat.aac(_decoder_info(data[esds.body + 4 : esds.end]), clock_rate=timescale)
    except (CodecError, IndexError) as error:
        raise Mp4Error(f"esds at {esds.start} cannot be read: {error}") from error


def _nclx(colour: Colour) -> bytes:
    points = (colour.primaries, colour.transfer, colour.matrix)
    return b"".join(point.to_bytes(2, "big") for point in points) + bytes([colour.full_range << 7])


def _with_length(nal: bytes) -> bytes:
    return len(nal).to_bytes(2, "big") + nal


def _avcc(video: VideoFormat, sps: h264.Sps) -> bytes:
    sps_nals, pps_nals = video.sets_of_type(h264.NAL_SPS), video.sets_of_type(h264.NAL_PPS)
    record = [
        bytes([1, *sps_nals[0][1:4], 0xFC | 3, 0xE0 | len(sps_nals)]),
        *map(_with_length, sps_nals),
        bytes([len(pps_nals)]),
        *map(_with_length, pps_nals),
    ]
    if sps.profile in h264.PROFILES_WITH_CHROMA:
        depths = (0xF8 | sps.luma_depth - 8, 0xF8 | sps.chroma_depth - 8)
        record.append(bytes([0xFC | sps.chroma_format, *depths, 0]))
    return b"".join(record)


def _avcc_sets(record: bytes) -> list[bytes]:
    sets, position = _sets(record, _AVCC_HEAD + 1, record[_AVCC_HEAD] & 0x1F)
    return sets + _sets(record, position + 1, record[position])[0]


def _hvcc(video: VideoFormat, sps: h265.Sps) -> bytes:
    record = [
        b"\x01",
        sps.general_profile,
        b"\xf0\x00\xfc",  # spatial segmentation and parallelism: not said
        bytes([0xFC | sps.chroma_format, 0xF8 | sps.luma_depth - 8, 0xF8 | sps.chroma_depth - 8]),
        b"\x00\x00",  # average frame rate: not said
        bytes([sps.temporal_layers << 3 | sps.temporal_nesting << 2 | 3, 3]),
    ]
    for kind in (h265.NAL_VPS, h265.NAL_SPS, h265.NAL_PPS):
        nals = video.sets_of_type(kind)
        record += [bytes([0x80 | kind]), len(nals).to_bytes(2, "big"), *map(_with_length, nals)]
    return b"".join(record)


def _hvcc_sets(record: bytes) -> list[bytes]:
    found: list[bytes] = []
    position = _HVCC_HEAD + 1
    for _ in range(record[_HVCC_HEAD]):
        count = record[position + 1] << 8 | record[position + 2]
        sets, position = _sets(record, position + 3, count)
        found += sets
    return found


def _sets(record: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    """`count` parameter sets behind their 16-bit lengths, and the position behind them."""
    sets = []
    for _ in range(count):
        length = record[position] << 8 | record[position + 1]
        position += 2 + length
        sets.append(record[position - length : position])
    return sets, position


def _descriptor(tag: int, body: bytes) -> bytes:
    size = len(body)
    sevens = [0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F]
    return bytes([tag, *sevens]) + body


def _elementary_stream(config: bytes) -> bytes:
    decoder = bytes([_AAC, _AUDIO_STREAM]) + bytes(11)  # buffer size and bit rates: not said
    return _descriptor(
        _ES,
        bytes(_ES_HEAD)
        + _descriptor(_DECODER, decoder + _descriptor(_DECODER_INFO, config))
        + _descriptor(_SYNC_LAYER, b"\x02"),
    )


def _decoder_info(descriptors: bytes) -> bytes:
    """The AudioSpecificConfig: the third of three nested descriptors."""
    for tag, head in ((_ES, _ES_HEAD), (_DECODER, _DECODER_HEAD), (_DECODER_INFO, 0)):
        if descriptors[0] != tag:
            raise CodecError(f"descriptor {descriptors[0]} where {tag} belongs")
        size, position = 0, 1
        while True:
            size = size << 7 | descriptors[position] & 0x7F
            position += 1
            if not descriptors[position - 1] & 0x80:
                break
        descriptors = descriptors[position + head : position + size]
    return descriptors
