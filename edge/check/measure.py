"""What the units of a stream tell of it: format, frames a second, keyframes, bitrate. Pure; times are arrivals.

A camera may begin with a burst of what it has kept since its last keyframe, so rates are taken after that has settled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge.codec import h264
from edge.codec.formats import AudioFormat, VideoCodec, VideoFormat
from edge.errors import CodecError
from edge.rtsp.units import AccessUnit, AudioUnit

SETTLE_NS: Final = 500_000_000
WINDOW_NS: Final = 2_500_000_000
LONGEST_NS: Final = 6_000_000_000
"""So long a second keyframe is waited for."""
MOST_INTERVAL_S: Final = 60.0

_PROFILES: Final[dict[str, dict[int, str]]] = {
    "h264": {66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2"},
    "h265": {1: "Main", 2: "Main 10", 3: "Main Still", 4: "RExt"},
}


@dataclass(frozen=True, slots=True)
class VideoSeen:
    """The video of a channel as it came; None where it was not said or not seen long enough."""

    codec: VideoCodec
    profile: str | None
    codec_string: str
    width: int
    height: int
    declared_fps: float | None
    measured_fps: float | None
    keyframe_interval_s: float | None
    bits_s: float | None
    lost_packets: int


@dataclass(frozen=True, slots=True)
class AudioSeen:
    """The audio of a channel; `bits_s` is None where none has come yet although it was promised."""

    codec: str
    codec_string: str
    sample_rate: int
    channels: int
    bits_s: float | None


class _Picture(NamedTuple):
    arrival_ns: int
    timestamp: int
    size: int
    keyframe: bool


class Measurement:
    """Collects the units of one stream until there is enough of them."""

    def __init__(self, codec: VideoCodec, audio: AudioFormat | None, clock_rate: int = 90_000) -> None:
        self.first_keyframe_ns: int | None = None
        self.unreadable: CodecError | None = None
        self._codec: VideoCodec = codec
        self._audio = audio
        self._clock_rate = clock_rate
        self._format: VideoFormat | None = None
        self._sets: tuple[bytes, ...] = ()
        self._pictures: list[_Picture] = []
        self._sounds: list[tuple[int, int]] = []
        self._lost = 0

    @property
    def pictures(self) -> int:
        """How many pictures have come."""
        return len(self._pictures)

    @property
    def complete(self) -> bool:
        """Whether longer watching would tell nothing more of a usual camera."""
        if self.first_keyframe_ns is None:
            return False
        span_ns = self._pictures[-1].arrival_ns - self._pictures[0].arrival_ns
        keyframes = sum(picture.keyframe for picture in self._pictures)
        return span_ns >= LONGEST_NS or (span_ns >= SETTLE_NS + WINDOW_NS and keyframes > 1)

    def add(self, unit: AccessUnit) -> None:
        """Take an access unit."""
        self._lost += unit.lost_packets
        if unit.continues and self._pictures:
            last = self._pictures[-1]
            self._pictures[-1] = last._replace(size=last.size + unit.size)
            return
        keyframe = unit.random_access or unit.recovery_point
        if keyframe:
            self._read_sets(unit.parameter_sets)
            if self._format is not None and self.first_keyframe_ns is None:
                self.first_keyframe_ns = unit.arrival_ns
        self._pictures.append(_Picture(unit.arrival_ns, unit.timestamp, unit.size, keyframe))

    def add_audio(self, unit: AudioUnit) -> None:
        """Take a unit of audio."""
        self._sounds.append((unit.arrival_ns, len(unit.data)))

    def video(self) -> VideoSeen | None:
        """What is known of the video; None before the first keyframe that can be understood."""
        found = self._format
        if found is None:
            return None
        settled = self._settled()
        return VideoSeen(
            found.codec,
            profile_name(found),
            found.codec_string,
            found.width,
            found.height,
            found.fps,
            _a_second(len(settled) - 1, settled),
            self._keyframe_interval_s(settled),
            _bits_s(settled),
            self._lost,
        )

    def audio(self) -> AudioSeen | None:
        """What is known of the audio; None where none is recorded."""
        found = self._audio
        if found is None:
            return None
        return AudioSeen(found.codec, found.codec_string, found.sample_rate, found.channels, self._audio_bits_s())

    def _read_sets(self, sets: tuple[bytes, ...]) -> None:
        if sets is self._sets:
            return
        self._sets = sets
        try:
            self._format = VideoFormat.parse(self._codec, sets)
        except CodecError as error:
            self.unreadable = error

    def _settled(self) -> Sequence[_Picture]:
        if not self._pictures:
            return ()
        from_ns = self._pictures[0].arrival_ns + SETTLE_NS
        return [picture for picture in self._pictures if picture.arrival_ns >= from_ns]

    def _keyframe_interval_s(self, settled: Sequence[_Picture]) -> float | None:
        """By arrival where the burst at the start plays no part, else by the camera's timestamps."""
        keyframes = [picture for picture in settled if picture.keyframe]
        if len(keyframes) > 1:
            return (keyframes[-1].arrival_ns - keyframes[0].arrival_ns) / 1e9 / (len(keyframes) - 1)
        keyframes = [picture for picture in self._pictures if picture.keyframe]
        if len(keyframes) < 2:
            return None
        ticks = (keyframes[-1].timestamp - keyframes[-2].timestamp) & 0xFFFFFFFF
        interval_s = ticks / self._clock_rate
        return interval_s if 0 < interval_s <= MOST_INTERVAL_S else None

    def _audio_bits_s(self) -> float | None:
        if len(self._sounds) < 2:
            return None
        span_ns = self._sounds[-1][0] - self._sounds[0][0]
        return sum(size for _, size in self._sounds[1:]) * 8e9 / span_ns if span_ns else None


def profile_name(video: VideoFormat) -> str | None:
    """The profile in the words of camera settings; None for one that is rare."""
    sps = video.sps
    number = sps.profile if isinstance(sps, h264.Sps) else sps.general_profile[0] & 0x1F
    return _PROFILES[video.codec].get(number)


def _a_second(count: float, pictures: Sequence[_Picture]) -> float | None:
    span_ns = pictures[-1].arrival_ns - pictures[0].arrival_ns if pictures else 0
    return count * 1e9 / span_ns if span_ns else None


def _bits_s(pictures: Sequence[_Picture]) -> float | None:
    """Over whole groups from keyframe to keyframe where there are any: a keyframe more or less would tell much."""
    keyframes = [place for place, picture in enumerate(pictures) if picture.keyframe]
    if len(keyframes) > 1:
        pictures = pictures[keyframes[0] : keyframes[-1] + 1]
    return _a_second(8 * sum(picture.size for picture in pictures[:-1]), pictures)
