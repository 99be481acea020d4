"""Pictures of any video file, at an interval, as the judge wants them. Reads with PyAV, in this process."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from edge.decoding.worker import SIZE, pixels
from edge.errors import SaksiError
from edge.recordings.coded import CodedPicture
from edge.validator.features import Picture
from edge.validator.looker import WIDTH
from edge.validator.packets import Packets

_MS: Final = 1000


class UnreadableError(SaksiError):
    """A file holds no video that can be read; says why."""


class FileLook(NamedTuple):
    """The picture of a keyframe, its milliseconds from the beginning, and how those since the last one are coded."""

    at_ms: int
    picture: Picture
    coded: list[CodedPicture]


class Footage:
    """The video of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reformatter = VideoReformatter()
        self.shown = 0
        self.damaged = 0
        """Keyframes that could not be decoded whole."""
        self.length_ms = 0
        """How far it was read."""

    def looks(self, every_s: float, *, from_s: float = 0.0) -> Iterator[FileLook]:
        """Keyframes `every_s` apart; raises UnreadableError."""
        try:
            with av.open(str(self._path), metadata_errors="ignore") as container:
                streams = container.streams.video
                if not streams:
                    raise UnreadableError("it holds no video")
                yield from self._keyframes(container, streams[0], every_s, from_s)
        except (FFmpegError, OSError) as error:
            raise UnreadableError(str(error.strerror or error)) from error

    def _keyframes(
        self, container: av.container.InputContainer, stream: av.VideoStream, every_s: float, from_s: float
    ) -> Iterator[FileLook]:
        stream.thread_count = 1
        packets = Packets(stream)
        start = stream.start_time or 0
        next_s = from_s
        for packet in container.demux(stream):
            at_s = 0.0
            if packet.pts is not None and stream.time_base is not None:
                at_s = float((packet.pts - start) * stream.time_base)
                self.length_ms = max(self.length_ms, round(at_s * _MS))
            if not packet.is_keyframe or packet.pts is None:
                packets.add(packet)
                continue
            picture = self._decoded(stream, packet) if at_s >= next_s else None
            if picture is not None:
                next_s = at_s + every_s
                yield FileLook(round(at_s * _MS), picture, packets.take())
            packets.add(packet)

    def _decoded(self, stream: av.VideoStream, packet: "av.Packet[av.VideoStream]") -> Picture | None:
        decoder = stream.codec_context
        try:
            frames = [*decoder.decode(packet), *decoder.decode(None)]
            if not frames:
                raise ValueError("the decoder makes no picture of it")  # noqa: TRY301 - one way out for all
            answer = pixels(frames[0], decoder.sample_aspect_ratio or Fraction(1), WIDTH, self._reformatter)
        except (FFmpegError, ValueError):
            self.damaged += 1
            return None
        finally:
            decoder.flush_buffers()
        self.shown += 1
        width, height = SIZE.unpack_from(answer)
        return np.frombuffer(answer, np.uint8, offset=SIZE.size).reshape(height, width, 3)
