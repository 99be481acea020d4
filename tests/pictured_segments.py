"""Segments of simulated cameras, written fragment by fragment, and what a JPEG of them holds."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from edge.codec.formats import AudioFormat, VideoFormat
from edge.codec.ntp import ntp_from_unix_ns
from edge.demo.clips import ClipSpec, default_cache_dir, load_clip
from edge.mp4.finish import finish_patches
from edge.mp4.fragment import TrackRun, fragment_header
from edge.mp4.init import init_segment
from edge.mp4.reader import scan
from edge.recordings.segment import SegmentName

START_MS = 1_795_392_000_000
H264 = ClipSpec("pictured", width=320, height=180, seconds=4)
H265 = ClipSpec("pictured", width=320, height=180, seconds=4, codec="h265")
GOP_MS = 1000
ALAW = AudioFormat.g711("pcma")


class SegmentFile:
    """One segment that grows by two fragments a second, the first of which begins with a keyframe."""

    def __init__(self, root: Path, channel: str = "lobby", start_ms: int = START_MS, spec: ClipSpec = H264) -> None:
        clip = load_clip(spec, default_cache_dir())
        self.root, self.spec, self.name = root, spec, SegmentName(channel, start_ms)
        self.path = root / self.name.part_path
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(
            init_segment(VideoFormat.parse(spec.codec, clip.parameter_sets), ALAW, index_entries=600).data
        )
        sets = set(clip.parameter_sets)
        self._units = [
            (b"".join(len(nal).to_bytes(4, "big") + nal for nal in unit.nals if nal not in sets), unit.keyframe)
            for unit in clip.units
        ]
        self.fragments = 0

    def grow(self, seconds: int = 1, *, keyframes: bool = True) -> "SegmentFile":
        """Append a second of video and audio, or more; without `keyframes` none is marked as one."""
        for _ in range(2 * seconds):
            with self.path.open("ab") as file:
                file.write(self.fragment(keyframes=keyframes))
            self.fragments += 1
        return self

    def fragment(self, *, keyframes: bool = True) -> bytes:
        """What comes next."""
        fps, number = self.spec.fps, self.fragments
        first, last = (number * fps + 1) // 2, ((number + 1) * fps + 1) // 2
        units = [self._units[place % len(self._units)] for place in range(first, last)]
        video = TrackRun(
            1, first * 90_000 // fps, [90_000 // fps] * len(units), [len(data) for data, _ in units],
            [keyframe and keyframes for _, keyframe in units],
        )  # fmt: skip
        audio = TrackRun(2, number * 4000, [4000], [4000])
        wall_ntp = ntp_from_unix_ns((self.name.start_ms + number * GOP_MS // 2) * 1_000_000)
        header = fragment_header(number + 1, wall_ntp, [video, audio])
        return header + b"".join(data for data, _ in units) + b"\xd5" * 4000

    def finish(self) -> "SegmentFile":
        """Write the index and give the file its last name."""
        data = bytearray(self.path.read_bytes())
        found = scan(io.BytesIO(data))
        durations = {"video_duration": found.video_duration, "audio_duration": found.audio_duration}
        for offset, patch in finish_patches(found.init, found.fragments, **durations):
            data[offset : offset + len(patch)] = patch
        self.path.write_bytes(data)
        self.path = self.path.rename(self.root / self.name.path)
        return self

    def spoil(self, second: int) -> None:
        """Fill the keyframe of a second with noise that still is a chain of NAL units."""
        data = bytearray(self.path.read_bytes())
        entry = [one for one in scan(io.BytesIO(data)).fragments if one.starts_with_sync][second]
        header = bytes(data[entry.offset : entry.offset + entry.size]).index(b"mdat") + 4
        start = entry.offset + header
        size = int.from_bytes(data[start : start + 4], "big")
        data[start + 4 : start + 4 + size] = np.random.default_rng(second).bytes(size)
        self.path.write_bytes(data)

    def taken_ms(self, second: int) -> int:
        """When the keyframe of a second came."""
        return self.name.start_ms + second * GOP_MS


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition while the loop runs."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.005)


def pixels(jpeg: bytes) -> np.ndarray:
    """Red, green and blue of a JPEG's pixels, shape (height, width, 3)."""
    with av.open(io.BytesIO(jpeg), format="mjpeg") as container:
        (frame,) = container.decode(video=0)
        return frame.to_ndarray(format="rgb24").astype(int)


def looks_like(jpeg: bytes, spec: ClipSpec, place: int = 0) -> bool:
    """Whether a JPEG shows a picture of a clip, at any size."""
    decoder = av.CodecContext.create("h264" if spec.codec == "h264" else "hevc", "r")
    units = load_clip(spec, default_cache_dir()).units[: place + 1]
    packets = [av.Packet(b"".join(b"\0\0\0\1" + nal for nal in unit.nals)) for unit in units]
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    shown = pixels(jpeg)
    expected = frames[place].reformat(shown.shape[1], shown.shape[0], "rgb24").to_ndarray().astype(int)
    return float(np.abs(shown - expected).mean()) < 8


def sps(width: int, height: int, level: int = 62) -> bytes:
    """An H.264 parameter set of the baseline profile that claims a size, which is a multiple of 16."""
    code = "".join(_golomb(number) for number in (0, 0, 2, 1))  # set 0, frame numbers of 4 bits, no order, 1 reference
    code += "0" + _golomb(width // 16 - 1) + _golomb(height // 16 - 1) + "11000"  # frames only, not cropped, no VUI
    code += "1" + "0" * (-(len(code) + 1) % 8)
    return bytes([0x67, 66, 0, level]) + int(code, 2).to_bytes(len(code) // 8, "big")


def _golomb(number: int) -> str:
    return f"{number + 1:b}".zfill(2 * (number + 1).bit_length() - 1)
