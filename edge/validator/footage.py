"""Pictures of any video file, at an interval, as the judge wants them. Reads with PyAV, in this process.

Keyframes do where there are enough that can be decoded by themselves. Where there are not, as behind an encoder that
refreshes its picture strip by strip or makes a keyframe once an hour, every picture is decoded from a keyframe on.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple, cast

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
_MOST_HELD_BYTES: Final = 64 << 20
_MOST_BACK_S: Final = 5.0
"""Pictures that refer to later ones are shown out of order by less."""
MOST_GAP_LOOKS: Final = 7
"""So far apart keyframes may lie before the pictures in between are decoded: cameras make one a minute at the least."""


class UnreadableError(SaksiError):
    """A file holds no video that can be read; says why."""


class FileLook(NamedTuple):
    """A picture, its milliseconds from the beginning, and how those since the last one are coded.

    Of a predicted picture the encoder repeats what it does not code anew: a living one may equal the last look.
    """

    at_ms: int
    picture: Picture
    coded: list[CodedPicture]
    is_predicted: bool


class Footage:
    """The video of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reformatter = VideoReformatter()
        self.shown = 0
        self.damaged = 0
        """Keyframes that could not be decoded whole by themselves."""
        self.length_ms = 0
        """How far it was read."""
        self.paused_ms = 0
        """Of these so many without a picture, in pauses of more than a look."""
        self.missed = False
        """Whether a look was due and nothing could be shown."""
        self.counted_fps: float | None = None
        """Pictures a second by which its time is counted; None where the file holds times."""

    def looks(self, every_s: float, *, from_s: float, is_last: bool) -> Iterator[FileLook]:
        """Pictures `every_s` apart; `from_s` is negative where the first is overdue. Raises UnreadableError.

        Behind the last file comes no keyframe that could show what its own leave out.
        """
        try:
            with av.open(str(self._path), metadata_errors="ignore") as container:
                streams = container.streams.video
                if not streams:
                    raise UnreadableError("it holds no video")
                yield from self._looks(container, streams[0], every_s, from_s, is_last=is_last)
        except (FFmpegError, OSError) as error:
            raise UnreadableError(str(error.strerror or error)) from error

    def _looks(
        self,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        every_s: float,
        from_s: float,
        *,
        is_last: bool,
    ) -> Iterator[FileLook]:
        stream.thread_count = 1
        coded, run = Packets(stream), _Run(stream)
        next_s, at_s, refused = from_s, 0.0, False
        for packet, at_s in self._timed(container, stream, every_s):
            if packet.is_keyframe:
                is_asked = at_s >= next_s or run.begun
                picture = self._alone(stream, packet) if is_asked else None
                refused = is_asked and picture is None
                if picture is not None and at_s >= next_s:
                    next_s = at_s + every_s
                    yield FileLook(round(at_s * _MS), picture, coded.take(), is_predicted=False)
                if not refused:
                    run.end()
            run.hold(packet)
            patience_s = every_s * (1 if refused else MOST_GAP_LOOKS - 1)
            if run.begun or run.is_full or at_s > next_s + patience_s:
                for look_s, picture in self._pictures(run, run.decoded(), every_s, next_s):
                    next_s = look_s + every_s
                    yield FileLook(round(look_s * _MS), picture, coded.take(), is_predicted=True)
            coded.add(packet)
        is_short = refused or not self.shown or (is_last and at_s > next_s + every_s)
        if run.begun or (at_s >= next_s and is_short):
            for look_s, picture in self._pictures(run, run.rest(), every_s, next_s):
                yield FileLook(round(look_s * _MS), picture, coded.take(), is_predicted=True)
        self.missed = at_s >= next_s and not self.shown

    def _timed(
        self, container: av.container.InputContainer, stream: av.VideoStream, every_s: float
    ) -> "Iterator[tuple[av.Packet[av.VideoStream], float]]":
        """The packets and their seconds from the beginning, whose times never go back for long.

        Raw streams hold no times, AVI none but those of coding; in files that were put together they begin anew.
        """
        next_pts, shift = stream.start_time or 0, 0
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.pts is None:
                packet.pts = next_pts if packet.dts is None else packet.dts
            packet.pts += shift
            if _seconds(stream, next_pts - packet.pts) > _MOST_BACK_S:
                shift += next_pts - packet.pts
                packet.pts = next_pts
            duration = packet.duration or 0
            next_pts = packet.pts + duration
            if stream.start_time is None and duration:
                self.counted_fps = round(1 / _seconds(stream, duration), 3)
            at_s = _seconds(stream, packet.pts - (stream.start_time or 0))
            at_ms = round(at_s * _MS)
            if at_ms - self.length_ms > every_s * _MS:
                self.paused_ms += at_ms - self.length_ms
            self.length_ms = max(self.length_ms, at_ms)
            yield packet, at_s

    def _alone(self, stream: av.VideoStream, packet: "av.Packet[av.VideoStream]") -> Picture | None:
        """The picture of a keyframe, from nothing else."""
        decoder = stream.codec_context
        try:
            frames = [*decoder.decode(packet), *decoder.decode(None)]
            if not frames:
                raise ValueError("the decoder makes no picture of it")  # noqa: TRY301 - one way out for all
            return self._pixels(frames[0], decoder.sample_aspect_ratio)
        except (FFmpegError, ValueError):
            self.damaged += 1
            return None
        finally:
            decoder.flush_buffers()

    def _pictures(
        self, run: "_Run", frames: Iterator[tuple[float, av.VideoFrame]], every_s: float, next_s: float
    ) -> Iterator[tuple[float, Picture]]:
        """Those of a run that are due, with their seconds from the beginning; what is damaged ends the run."""
        try:
            for at_s, frame in frames:
                if at_s >= next_s:
                    next_s = at_s + every_s
                    yield at_s, self._pixels(frame, run.pixel_aspect)
        except (FFmpegError, ValueError):
            run.end()

    def _pixels(self, frame: av.VideoFrame, pixel_aspect: Fraction | None) -> Picture:
        answer = pixels(frame, pixel_aspect or Fraction(1), WIDTH, self._reformatter)
        self.shown += 1
        width, height = SIZE.unpack_from(answer)
        return np.frombuffer(answer, np.uint8, offset=SIZE.size).reshape(height, width, 3)


class _Run:
    """Pictures from a keyframe on, held until it is known whether they have to be decoded."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        self._held: list[av.Packet[av.VideoStream]] = []
        self._held_bytes = 0
        self._decoder: av.VideoCodecContext | None = None

    @property
    def begun(self) -> bool:
        """Whether they are decoded as they come."""
        return self._decoder is not None

    @property
    def is_full(self) -> bool:
        """Whether more than the memory should be asked to hold is waiting."""
        return self._held_bytes > _MOST_HELD_BYTES

    @property
    def pixel_aspect(self) -> Fraction | None:
        """How wide pixels are for their height."""
        return None if self._decoder is None else self._decoder.sample_aspect_ratio

    def hold(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Take in the next picture; without a keyframe before it there is nothing to be made of it."""
        if self._held or self.begun or packet.is_keyframe:
            self._held.append(packet)
            self._held_bytes += packet.size

    def end(self) -> None:
        """Forget all up to here."""
        self._decoder = None
        self._held_bytes = 0
        self._held.clear()

    def decoded(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """What the decoder makes of those held, with their seconds; raises ValueError where one is damaged.

        Of a picture that is refreshed strip by strip it gives nothing until all of it has come.
        """
        decoder = self._decoder or self._new_decoder()
        self._decoder = decoder
        held, self._held, self._held_bytes = self._held, [], 0
        for packet in held:
            yield from self._whole(decoder.decode(packet))

    def rest(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """As `decoded`, and what the decoder has been keeping back."""
        yield from self.decoded()
        if self._decoder is not None:
            yield from self._whole(self._decoder.decode(None))

    def _new_decoder(self) -> av.VideoCodecContext:
        codec = self._stream.codec_context
        decoder = cast("av.VideoCodecContext", av.CodecContext.create(codec.name, "r"))
        decoder.extradata, decoder.thread_count = codec.extradata, 1
        return decoder

    def _whole(self, frames: list[av.VideoFrame]) -> Iterator[tuple[float, av.VideoFrame]]:
        for frame in frames:
            if frame.is_corrupt:
                raise ValueError("parts of it are missing")
            if frame.pts is not None:
                yield _seconds(self._stream, frame.pts - (self._stream.start_time or 0)), frame


def _seconds(stream: av.VideoStream, ticks: int) -> float:
    return float(ticks * (stream.time_base or 0))
