"""Clips that simulated cameras loop: encoded on first use, kept in a folder; knows no RTP and no socket."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from edge.demo.scene import Look, Scene

VIDEO_CLOCK_RATE = 90_000
_CACHE_VERSION = 2
_SETTLED_QP = 24
_START_CODE = b"\0\0\1"
_ENCODERS = {"h264": "libx264", "h265": "libx265"}
# NAL unit types: parameter sets, and those that say nothing about the picture (delimiters, SEI, filler).
_PARAMETER_SETS = {"h264": {7, 8}, "h265": {32, 33, 34}}
_DROPPED = {"h264": {6, 9, 12}, "h265": {35, 38, 39, 40}}


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """What a clip shows and how it is encoded; `slices` and `bframes` are for H.264 alone."""

    name: str = "camera"
    codec: Literal["h264", "h265"] = "h264"
    width: int = 640
    height: int = 360
    fps: int = 15
    seconds: int = 4
    gop_s: float = 1.0
    bitrate: int = 800_000
    audio: Literal["none", "aac", "pcma", "pcmu"] = "none"
    look: Look = "normal"
    bframes: int = 0
    slices: int = 1

    def variant(self, name: str) -> "ClipSpec":
        """Return this clip as it becomes when the camera changes: one of `VARIANTS`."""
        return replace(self, **VARIANTS[name](self))


VARIANTS: dict[str, Any] = {
    "normal": lambda _: {},
    "black": lambda _: {"look": "black"},
    "frozen": lambda _: {"look": "frozen"},
    "noise": lambda _: {"look": "noise"},
    "bars": lambda _: {"look": "bars"},
    "covered": lambda _: {"look": "covered"},
    "blurred": lambda _: {"look": "blurred"},
    "no_signal": lambda _: {"look": "no_signal"},
    "resolution": lambda spec: {"width": spec.width // 4 * 2, "height": spec.height // 4 * 2},
    "h264": lambda _: {"codec": "h264"},
    "h265": lambda _: {"codec": "h265", "bframes": 0, "slices": 1},
}


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One picture in decoding order: NAL units without start codes, `pts` in 90 kHz ticks from the clip's start."""

    nals: tuple[bytes, ...]
    keyframe: bool
    pts: int


@dataclass(frozen=True, slots=True)
class AudioClip:
    """Encoded audio, `config` is the AudioSpecificConfig of AAC."""

    codec: str
    sample_rate: int
    samples_per_frame: int
    config: bytes
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """A loop of pictures that begins with a keyframe, and its audio if any; the two loop each at its own length."""

    spec: ClipSpec
    parameter_sets: tuple[bytes, ...]
    units: tuple[AccessUnit, ...]
    audio: AudioClip | None


def default_cache_dir() -> Path:
    """Where clips are kept unless a folder is given."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "saksi" / "clips"


def load_clip(spec: ClipSpec, cache_dir: Path) -> Clip:
    """Read the clip from the cache, encoding it first where it is not there yet."""
    key = json.dumps([_CACHE_VERSION, asdict(spec)], sort_keys=True)
    path = cache_dir / f"{spec.codec}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.clip"
    if not path.exists():
        data = _to_bytes(make_clip(spec))
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache_dir, delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)
    return _from_bytes(spec, path.read_bytes())


def make_clip(spec: ClipSpec) -> Clip:
    """Draw and encode the clip."""
    units = tuple(_encode_video(spec))
    types = _PARAMETER_SETS[spec.codec]
    parameter_sets = tuple(nal for nal in units[0].nals if nal_type(spec.codec, nal) in types)
    return Clip(spec, parameter_sets, units, _encode_audio(spec))


def nal_type(codec: str, nal: bytes) -> int:
    """Return the type in the NAL unit's header."""
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


def _encode_video(spec: ClipSpec) -> Iterator[AccessUnit]:
    context = av.CodecContext.create(_ENCODERS[spec.codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = spec.width, spec.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, spec.fps), Fraction(spec.fps)
    context.bit_rate = spec.bitrate
    context.thread_count = 1  # more threads slice each picture, which few cameras do
    context.options = _encoder_options(spec)
    scene = Scene(spec.name, spec.look, spec.width, spec.height, spec.fps)
    for index, picture in enumerate(scene.pictures(spec.seconds * spec.fps)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = index
        yield from (_access_unit(spec, packet) for packet in context.encode(frame))
    yield from (_access_unit(spec, packet) for packet in context.encode(None))


def _encoder_options(spec: ClipSpec) -> dict[str, str]:
    kilobits, gop = spec.bitrate // 1000, round(spec.gop_s * spec.fps)
    settings = (
        f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:repeat-headers=1:"
        f"vbv-maxrate={kilobits}:vbv-bufsize={kilobits}:bframes={spec.bframes}"
    )
    if spec.look == "frozen":
        # The encoder of a camera that has stood still for long has settled; rate control would find that anew in each
        # loop, with keyframes that differ meanwhile.
        settings += f":qp={_SETTLED_QP}"
    if spec.codec == "h264":
        options = {"preset": "ultrafast", "x264-params": f"{settings}:slices={spec.slices}"}
    else:
        options = {"preset": "ultrafast", "x265-params": f"{settings}:log-level=error:pools=1:frame-threads=1"}
    return options if spec.bframes else options | {"tune": "zerolatency"}


def _access_unit(spec: ClipSpec, packet: "av.Packet[av.VideoStream]") -> AccessUnit:
    # Zeros behind a NAL unit belong to the byte stream, not to the unit.
    nals = (nal.rstrip(b"\0") for nal in bytes(packet).split(_START_CODE)[1:])
    kept = tuple(nal for nal in nals if nal_type(spec.codec, nal) not in _DROPPED[spec.codec])
    assert packet.pts is not None
    return AccessUnit(kept, packet.is_keyframe, round(packet.pts * VIDEO_CLOCK_RATE / spec.fps))


def _encode_audio(spec: ClipSpec) -> AudioClip | None:
    if spec.audio == "none":
        return None
    aac = spec.audio == "aac"
    codec = {"aac": "aac", "pcma": "pcm_alaw", "pcmu": "pcm_mulaw"}[spec.audio]
    rate, samples, layout = (16_000, 1024, "fltp") if aac else (8_000, 320, "s16")
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.format, context.layout = rate, layout, "mono"
    context.bit_rate = 32_000 if aac else 64_000
    frames: list[bytes] = []
    for start in range(0, rate * spec.seconds, samples):
        seconds = np.arange(start, start + samples) / rate
        # A beep in each second, so that an ear can tell video and audio apart in time.
        wave = 0.3 * np.sin(2 * np.pi * 660 * seconds) * (seconds % 1 < 0.2)
        array = wave.astype(np.float32) if aac else (wave * 32_767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(array[None, :], format=layout, layout="mono")
        frame.sample_rate, frame.pts = rate, start
        frames.extend(bytes(packet) for packet in context.encode(frame))
    frames.extend(bytes(packet) for packet in context.encode(None))
    return AudioClip(spec.audio, rate, samples, (context.extradata or b"")[:2] if aac else b"", tuple(frames))


def _to_bytes(clip: Clip) -> bytes:
    """One line of JSON that says the sizes, then the bytes of all parts."""
    parts = [*clip.parameter_sets, *(nal for unit in clip.units for nal in unit.nals)]
    audio = clip.audio
    head: dict[str, Any] = {
        "parameter_sets": [len(nal) for nal in clip.parameter_sets],
        "units": [[unit.keyframe, unit.pts, [len(nal) for nal in unit.nals]] for unit in clip.units],
        "audio": None,
    }
    if audio:
        sizes = [len(frame) for frame in audio.frames]
        head["audio"] = [audio.codec, audio.sample_rate, audio.samples_per_frame, audio.config.hex(), sizes]
        parts.extend(audio.frames)
    return json.dumps(head).encode() + b"\n" + b"".join(parts)


def _from_bytes(spec: ClipSpec, data: bytes) -> Clip:
    position = data.index(b"\n") + 1
    head = json.loads(data[:position])

    def take(sizes: list[int]) -> tuple[bytes, ...]:
        nonlocal position
        parts = []
        for size in sizes:
            parts.append(data[position : position + size])
            position += size
        return tuple(parts)

    parameter_sets = take(head["parameter_sets"])
    units = tuple(AccessUnit(take(sizes), keyframe, pts) for keyframe, pts, sizes in head["units"])
    audio = None
    if head["audio"]:
        codec, rate, samples, config, sizes = head["audio"]
        audio = AudioClip(codec, rate, samples, bytes.fromhex(config), take(sizes))
    return Clip(spec, parameter_sets, units, audio)
