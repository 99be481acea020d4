"""Turns a clip into RTP packets in interleaved frames, once; sending an access unit is then a copy and a few stamps.

An interleaved frame is `$`, channel, length (16 bits) and an RTP packet. What differs from one client to the next
(sequence number, timestamp, SSRC) lies in ten neighbouring bytes, zero here and written by `stamp`.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from edge.demo.clips import VIDEO_CLOCK_RATE, AccessUnit, AudioClip, Clip, nal_type

HEADER_BYTES = 16  # interleaved frame and RTP header
_HEADER = struct.Struct(">BBHBBHII")
_STAMP = struct.Struct(">HII")
_STAMP_OFFSET = 6
_MAX_PAYLOAD = 1400
_RTP_VERSION_2 = 0x80
_MARKER = 0x80
_VIDEO_PAYLOAD_TYPE = 96
AUDIO_PAYLOAD_TYPES = {"aac": 97, "pcma": 8, "pcmu": 0}
_PARAMETER_SETS = {"h264": {7, 8}, "h265": {32, 33, 34}}


@dataclass(frozen=True, slots=True)
class PacketUnit:
    """An access unit or audio frame as interleaved frames that begin at `starts`; times in ticks from the clip's start.

    `timestamp` is when it is shown, `due` when it is sent; they differ with B-frames alone.
    """

    data: bytes
    starts: tuple[int, ...]
    timestamp: int
    due: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class TrackPackets:
    """One media track, which repeats every `loop_ticks`."""

    kind: Literal["video", "audio"]
    payload_type: int
    clock_rate: int
    loop_ticks: int
    units: tuple[PacketUnit, ...]

    def on_channel(self, channel: int) -> "TrackPackets":
        """Return the same packets on another interleaved channel."""
        if self.units[0].data[1] == channel:
            return self
        return replace(self, units=tuple(_on_channel(unit, channel) for unit in self.units))


@dataclass(frozen=True, slots=True)
class StreamPackets:
    """A clip and its tracks, video first."""

    clip: Clip
    tracks: tuple[TrackPackets, ...]


def packetise(clip: Clip) -> StreamPackets:
    """Packetise a clip: video on channel 0, audio on channel 2."""
    video = _video_track(clip)
    return StreamPackets(clip, (video,) if clip.audio is None else (video, _audio_track(clip.audio)))


def stamp(unit: PacketUnit, sequence: int, timestamp: int, ssrc: int) -> bytearray:
    """Return the unit's bytes for one client; its packets are numbered from `sequence` on."""
    data = bytearray(unit.data)
    write = _STAMP.pack_into
    for start in unit.starts:
        write(data, start + _STAMP_OFFSET, sequence & 0xFFFF, timestamp, ssrc)
        sequence += 1
    return data


def _video_track(clip: Clip) -> TrackPackets:
    fps = clip.spec.fps
    units = tuple(
        _unit(
            _video_payloads(clip.spec.codec, unit),
            channel=0,
            payload_type=_VIDEO_PAYLOAD_TYPE,
            timestamp=unit.pts,
            due=round(index * VIDEO_CLOCK_RATE / fps),
            keyframe=unit.keyframe,
        )
        for index, unit in enumerate(clip.units)
    )
    loop_ticks = round(len(units) * VIDEO_CLOCK_RATE / fps)
    return TrackPackets("video", _VIDEO_PAYLOAD_TYPE, VIDEO_CLOCK_RATE, loop_ticks, units)


def _audio_track(audio: AudioClip) -> TrackPackets:
    payload_type = AUDIO_PAYLOAD_TYPES[audio.codec]
    units = []
    for index, frame in enumerate(audio.frames):
        ticks = index * audio.samples_per_frame
        # RFC 3640, AAC-hbr: one header of 16 bits, of which 13 are the frame's size.
        payload = struct.pack(">HH", 16, len(frame) << 3) + frame if audio.codec == "aac" else frame
        units.append(_unit([payload], channel=2, payload_type=payload_type, timestamp=ticks, due=ticks, keyframe=True))
    return TrackPackets("audio", payload_type, audio.sample_rate, len(units) * audio.samples_per_frame, tuple(units))


def _unit(
    payloads: Iterable[bytes], *, channel: int, payload_type: int, timestamp: int, due: int, keyframe: bool
) -> PacketUnit:
    parts = list(payloads)
    frames = []
    for index, payload in enumerate(parts):
        marker = _MARKER if index == len(parts) - 1 else 0
        length = HEADER_BYTES - 4 + len(payload)
        frames.append(_HEADER.pack(0x24, channel, length, _RTP_VERSION_2, marker | payload_type, 0, 0, 0) + payload)
    starts = tuple(accumulate((len(frame) for frame in frames[:-1]), initial=0))
    return PacketUnit(b"".join(frames), starts, timestamp, due, keyframe)


def _video_payloads(codec: str, unit: AccessUnit) -> Iterator[bytes]:
    sets = [nal for nal in unit.nals if nal_type(codec, nal) in _PARAMETER_SETS[codec]]
    if sets:
        yield _aggregate(codec, sets)
    for nal in unit.nals[len(sets) :]:
        if len(nal) <= _MAX_PAYLOAD:
            yield nal
        else:
            yield from _fragments(codec, nal)


def _aggregate(codec: str, nals: list[bytes]) -> bytes:
    """RFC 6184 STAP-A or RFC 7798 AP: several NAL units, each behind its size."""
    header = bytes([nals[0][0] & 0xE0 | 24]) if codec == "h264" else bytes([48 << 1, nals[0][1]])
    return header + b"".join(struct.pack(">H", len(nal)) + nal for nal in nals)


def _fragments(codec: str, nal: bytes) -> Iterator[bytes]:
    """RFC 6184 FU-A or RFC 7798 FU: the pieces of one NAL unit, whose own header is spread over theirs."""
    if codec == "h264":
        header, body = bytes([nal[0] & 0xE0 | 28]), memoryview(nal)[1:]
    else:
        header, body = bytes([nal[0] & 0x81 | 49 << 1, nal[1]]), memoryview(nal)[2:]
    size = _MAX_PAYLOAD - len(header) - 1
    for start in range(0, len(body), size):
        first, last = start == 0, start + size >= len(body)
        yield header + bytes([first << 7 | last << 6 | nal_type(codec, nal)]) + body[start : start + size]


def _on_channel(unit: PacketUnit, channel: int) -> PacketUnit:
    data = bytearray(unit.data)
    for start in unit.starts:
        data[start + 1] = channel
    return replace(unit, data=bytes(data))
