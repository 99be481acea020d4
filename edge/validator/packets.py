"""How the pictures of any video file are coded, as far as FFmpeg can turn its packets into NAL units."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import av
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError

from edge.codec.formats import VideoCodec, VideoFormat
from edge.codec.quantiser import QuantiserReader
from edge.errors import CodecError
from edge.recordings.coded import MOST_PICTURES, CodedPicture, is_slice

_CODECS: Final[dict[str, VideoCodec]] = {"h264": "h264", "hevc": "h265"}
_START_CODE: Final = b"\x00\x00\x01"
_HEAD_BYTES: Final = 512
_MOST_NALS: Final = 16


class Packets:
    """The pictures of one stream, in coding order; of codecs that are not known here there are none."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._codec = _CODECS.get(stream.codec_context.name)
        self._to_nals = None
        with suppress(FFmpegError, ValueError):
            if self._codec is not None:
                self._to_nals = BitStreamFilterContext(f"{stream.codec_context.name}_mp4toannexb", stream)
        self._reader: QuantiserReader | None = None
        self._pictures: deque[CodedPicture] = deque(maxlen=MOST_PICTURES)

    def add(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Take in the next picture."""
        if self._to_nals is None or self._codec is None or not packet.size:
            return
        with suppress(FFmpegError):
            for whole in self._to_nals.filter(av.Packet(bytes(packet))):
                quantiser = self._quantiser(bytes(whole), self._codec)
                self._pictures.append(CodedPicture(packet.size, packet.is_keyframe, quantiser))

    def take(self) -> list[CodedPicture]:
        """The pictures since the last call, the newest MOST_PICTURES."""
        taken = list(self._pictures)
        self._pictures.clear()
        return taken

    def _quantiser(self, data: bytes, codec: VideoCodec) -> int | None:
        sets: list[bytes] = []
        for nal in _heads(data):
            if is_slice(nal, codec):
                self._learn(sets, codec)
                return None if self._reader is None else self._reader.of_slice(nal)
            sets.append(nal)
        return None

    def _learn(self, sets: list[bytes], codec: VideoCodec) -> None:
        with suppress(CodecError):
            if sets and self._reader is None:
                self._reader = QuantiserReader(VideoFormat.parse(codec, sets))


def _heads(data: bytes) -> Iterator[bytes]:
    """The first bytes of NAL units up to the slices: parameter sets are shorter than what is taken of them."""
    position = data.find(_START_CODE)
    for _ in range(_MOST_NALS):
        if position < 0:
            return
        start = position + len(_START_CODE)
        position = data.find(_START_CODE, start, start + _HEAD_BYTES)
        yield data[start : start + _HEAD_BYTES if position < 0 else position]
        if position < 0:
            position = data.find(_START_CODE, start)
