"""What a stream of video or audio is: the values that SDP, parameter sets and MP4 headers are turned into."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Self

from edge.codec import aac, h264, h265
from edge.codec.vui import Colour
from edge.errors import CodecError

VideoCodec = Literal["h264", "h265"]
AudioCodec = Literal["aac", "pcma", "pcmu"]

_LONGEST_SET_BYTES = 0xFFFF  # MP4 gives the length of a parameter set 16 bits
_MOST_SETS = 31  # and the count of SPS 5 bits
_PROFILE_SPACES = ("", "A", "B", "C")
_SET_TYPES: dict[VideoCodec, dict[str, int]] = {
    "h264": {"SPS": h264.NAL_SPS, "PPS": h264.NAL_PPS},
    "h265": {"VPS": h265.NAL_VPS, "SPS": h265.NAL_SPS, "PPS": h265.NAL_PPS},
}


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """One video coding; equal when codec and parameter set bytes are, so that inequality means a new segment.

    `parameter_sets` are whole NAL units without start codes in the order VPS, SPS, PPS. `width` and `height`
    are cropped pixels. `fps` and `reorder_frames` are None where the stream does not say.
    """

    codec: VideoCodec
    parameter_sets: tuple[bytes, ...]
    width: int = field(compare=False)
    height: int = field(compare=False)
    fps: float | None = field(compare=False)
    reorder_frames: int | None = field(compare=False)
    sar: tuple[int, int] = field(compare=False)
    colour: Colour | None = field(compare=False)
    sps: h264.Sps | h265.Sps = field(compare=False, repr=False)

    @classmethod
    def parse(cls, codec: VideoCodec, parameter_sets: Iterable[bytes]) -> Self:
        """Sort the sets, drop the doubled and unreadable; CodecError if one that the codec needs lacks."""
        sets = dict.fromkeys(nal.rstrip(b"\x00") for nal in parameter_sets)  # no NAL unit ends in a zero
        kinds = {name: tuple(_of_type(codec, sets, kind)) for name, kind in _SET_TYPES[codec].items()}
        readable = _readable_sps(codec, kinds["SPS"])
        kinds["SPS"] = tuple(readable)
        missing = [name for name, nals in kinds.items() if not nals]
        if missing:
            raise CodecError(f"{codec} without {' and '.join(missing)}; wait for them before a keyframe")
        _check_limits(kinds)
        sps = next(iter(readable.values()))
        fps = sps.fps
        if fps is None and codec == "h265":
            fps = h265.parse_vps(kinds["VPS"][0]).fps
        ordered = tuple(nal for nals in kinds.values() for nal in nals)
        return cls(codec, ordered, sps.width, sps.height, fps, sps.reorder_frames, sps.sar, sps.colour, sps)

    def sets_of_type(self, nal_type: int) -> tuple[bytes, ...]:
        """The parameter sets of one NAL unit type, in order."""
        return tuple(_of_type(self.codec, self.parameter_sets, nal_type))

    @property
    def codec_string(self) -> str:
        """The name that browsers and playlists know, e.g. `avc1.64001F` or `hvc1.1.6.L120.B0`."""
        if isinstance(self.sps, h264.Sps):
            return f"avc1.{self.sps.profile:02X}{self.sps.constraints:02X}{self.sps.level:02X}"
        return _hvc1_string(self.sps.general_profile)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One audio coding.

    `config` is the AudioSpecificConfig of AAC, `clock_rate` the ticks of RTP time (and of MP4 time) a second,
    `samples_per_unit` the length of one AAC frame in these ticks; of G.711 one byte a channel is one tick.
    """

    codec: AudioCodec
    sample_rate: int
    channels: int
    config: bytes = b""
    clock_rate: int = field(kw_only=True)
    samples_per_unit: int = field(kw_only=True, default=1)

    @classmethod
    def aac(cls, config: bytes, *, clock_rate: int | None = None) -> Self:
        """AAC as its AudioSpecificConfig says; CodecError if that cannot be read."""
        parsed = aac.parse_config(config)
        ticks = clock_rate or parsed.sample_rate
        frame_ticks = max(1, round(parsed.frame_samples * ticks / parsed.sample_rate))
        return cls("aac", parsed.output_rate, parsed.channels, config, clock_rate=ticks, samples_per_unit=frame_ticks)

    @classmethod
    def g711(cls, codec: Literal["pcma", "pcmu"], *, sample_rate: int = 8000, channels: int = 1) -> Self:
        """A-law or mu-law."""
        return cls(codec, sample_rate, channels, clock_rate=sample_rate)

    @property
    def codec_string(self) -> str:
        """The name that browsers and playlists know, e.g. `mp4a.40.2`."""
        if self.codec == "aac":
            return f"mp4a.40.{aac.parse_config(self.config).object_type}"
        return "alaw" if self.codec == "pcma" else "ulaw"


def _of_type(codec: VideoCodec, nals: Iterable[bytes], kind: int) -> Iterator[bytes]:
    type_of = h264.nal_type if codec == "h264" else h265.nal_type
    return (nal for nal in nals if nal and type_of(nal) == kind)


def _readable_sps(codec: VideoCodec, nals: tuple[bytes, ...]) -> dict[bytes, h264.Sps | h265.Sps]:
    readable: dict[bytes, h264.Sps | h265.Sps] = {}
    error: CodecError | None = None
    for nal in nals:
        try:
            readable[nal] = h264.parse_sps(nal) if codec == "h264" else h265.parse_sps(nal)
        except CodecError as unreadable:
            error = error or unreadable
    if error and not readable:
        raise error
    return readable


def _check_limits(kinds: dict[str, tuple[bytes, ...]]) -> None:
    for name, nals in kinds.items():
        if len(nals) > _MOST_SETS:
            raise CodecError(f"{len(nals)} different {name}; MP4 holds at most {_MOST_SETS}")
        if max(map(len, nals)) > _LONGEST_SET_BYTES:
            raise CodecError(f"a {name} of more than {_LONGEST_SET_BYTES} bytes; MP4 holds no longer one")


def _hvc1_string(general_profile: bytes) -> str:
    """ISO/IEC 14496-15 annex E: profile, compatibility bits in reverse, tier and level, constraint bytes."""
    space, tier, profile = general_profile[0] >> 6, general_profile[0] >> 5 & 1, general_profile[0] & 0x1F
    compatibility = int(f"{int.from_bytes(general_profile[1:5], 'big'):032b}"[::-1], 2)
    constraints = general_profile[5:11].rstrip(b"\x00")
    parts = [
        f"hvc1.{_PROFILE_SPACES[space]}{profile}",
        f"{compatibility:X}",
        f"{'H' if tier else 'L'}{general_profile[11]}",
        *(f"{byte:X}" for byte in constraints),
    ]
    return ".".join(parts)
