"""Three readings of one stream held against each other: the truth, FFmpeg's RTSP client, and the recorder's segments."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from oracle_stream import Sent, kept

MOST_LEADING_SOUND_S = 0.25
"""Sound that comes before the first picture can be decoded has no place in a segment."""


@dataclass
class Copy:
    """What somebody received: NAL units and time of each picture, units of sound, decoded frames as hashes.

    `runs` holds the times (ticks of 90 kHz) of the pictures of each segment.
    """

    pictures: list[list[bytes]] = field(default_factory=list)
    runs: list[list[int | None]] = field(default_factory=list)
    sound: list[bytes] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    lost_packets: int = 0
    reasons: list[str] = field(default_factory=list)


def of_ffmpeg(url: str, codec: str, *, decode: bool) -> Copy:
    """What FFmpeg's RTSP client makes of a stream."""
    copy = Copy(runs=[[]])
    with av.open(url, options={"rtsp_transport": "tcp", "analyzeduration": "300000"}, timeout=30) as container:
        _read(container, codec, copy, _between_start_codes, decode=decode)
    return copy


def of_segments(files: Iterable[Path], codec: str, *, decode: bool) -> Copy:
    """What is in our segments, one after the other."""
    copy = Copy()
    for file in files:
        copy.runs.append([])
        with av.open(str(file)) as container:
            _read(container, codec, copy, _behind_lengths, decode=decode)
    return copy


def _read(container: Any, codec: str, copy: Copy, split: Callable[[bytes], list[bytes]], *, decode: bool) -> None:
    if decode:
        container.streams.video[0].codec_context.thread_count = 1
    for packet in container.demux():
        if packet.stream.type == "video":
            if packet.size:
                copy.pictures.append(kept(codec, split(bytes(packet))))
                time_base = packet.stream.time_base
                copy.runs[-1].append(None if packet.pts is None else round(packet.pts * time_base * 90_000))
            if decode:
                copy.frames += [hashlib.md5(frame.to_ndarray().tobytes()).hexdigest() for frame in packet.decode()]
        elif packet.size:
            copy.sound.append(bytes(packet))


def _between_start_codes(data: bytes) -> list[bytes]:
    return [nal for piece in data.split(b"\0\0\1") if (nal := piece.rstrip(b"\0"))]


def _behind_lengths(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        assert len(found[-1]) == size, "a length that leads out of the sample"
        at += 4 + size
    return found


def differences(stream: Sent, ours: Copy, theirs: Copy | None, *, lossless: bool, steady: bool) -> list[str]:
    """What is wrong with our copy, in words; nothing where it is as it must be.

    `theirs` is None where FFmpeg does not survive the stream; `steady` says that timestamps are true.
    """
    found = _against_truth(stream, ours)
    if ours.lost_packets != stream.lost_packets:
        found.append(f"{ours.lost_packets} packets counted as lost, {stream.lost_packets} were")
    found += _sound(stream, ours)
    if steady:
        found += _times(stream, ours)
    if theirs is not None:
        found += _against_ffmpeg(ours, theirs) if lossless else _within_ffmpeg(ours, theirs)
        if steady and lossless:
            found += _ffmpeg_times(ours, theirs)
    return found


def _against_truth(stream: Sent, ours: Copy) -> list[str]:
    """Every unit of which nothing was lost is there, in order, as one sample, bit by bit; no other is."""
    expected = [(place, unit) for place, unit in enumerate(stream.units) if not unit.damaged]
    found = []
    if len(expected) != len(ours.pictures):
        found.append(f"{len(ours.pictures)} pictures, {len(expected)} of {len(stream.units)} came whole")
    for (place, unit), here in zip(expected, ours.pictures, strict=False):
        if not unit.altered and here != unit.nals:
            return [*found, f"picture {place} of {len(stream.units)} is {_words(here)}, not {_words(unit.nals)}"]
    return found


def _words(nals: list[bytes]) -> str:
    return "+".join(f"{nal[:3].hex()}({len(nal)})" for nal in nals)


def _flat(pictures: Iterable[list[bytes]]) -> list[bytes]:
    return [nal for picture in pictures for nal in picture]


def _against_ffmpeg(ours: Copy, theirs: Copy) -> list[str]:
    found = []
    mine, other = _flat(ours.pictures), _flat(theirs.pictures)
    if mine != other:
        place = next((k for k, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b), min(len(mine), len(other)))
        found.append(f"NAL units differ from FFmpeg's at {place}: {len(mine)} ours, {len(other)} FFmpeg's")
    if ours.frames != theirs.frames:
        same = sum(a == b for a, b in zip(ours.frames, theirs.frames, strict=False))
        found.append(f"decoded frames differ: {len(ours.frames)} ours, {len(theirs.frames)} FFmpeg's, {same} the same")
    return found


def _within_ffmpeg(ours: Copy, theirs: Copy) -> list[str]:
    """After a loss FFmpeg keeps pieces too; every NAL unit of ours is among its units."""
    strange = set(_flat(ours.pictures)) - set(_flat(theirs.pictures))
    return [f"{len(strange)} NAL units that FFmpeg does not have"] if strange else []


def _times(stream: Sent, ours: Copy) -> list[str]:
    """Steps of presentation time within each segment are those of the timestamps, but for one tick."""
    times = iter([unit.timestamp for unit in stream.units if not unit.damaged])
    for number, run in enumerate(ours.runs):
        sent = [next(times, 0) for _ in run]
        for place, ((a, b), (c, d)) in enumerate(zip(pairwise(run), pairwise(sent), strict=True)):
            if abs((b or 0) - (a or 0) - (d - c)) > 1:
                return [f"picture {place + 1} of segment {number}: step {(b or 0) - (a or 0)}, sent {d - c}"]
    return []


def _ffmpeg_times(ours: Copy, theirs: Copy) -> list[str]:
    """Steps of presentation time within each segment are FFmpeg's, but for one tick."""
    at = 0
    for number, run in enumerate(ours.runs):
        other = theirs.runs[0][at : at + len(run)]
        at += len(run)
        for place, ((a, b), (c, d)) in enumerate(zip(pairwise(run), pairwise(other), strict=False)):
            if None not in {a, b, c, d} and abs((b - a) - (d - c)) > 1:
                return [f"picture {place + 1} of segment {number}: step {b - a}, FFmpeg's {d - c}"]
    return []


def _sound(stream: Sent, ours: Copy) -> list[str]:
    expected = [one for one in stream.sound if one]
    if not expected:
        return ["sound out of nothing"] if ours.sound else []
    missing = len(expected) - len(ours.sound)
    rate = 16_000 / 1024 if stream.audio == "aac" else 8_000 / 320
    if ours.sound != expected[missing:] or missing < 0:
        same = sum(a == b for a, b in zip(reversed(ours.sound), reversed(expected), strict=False))
        return [f"sound differs: {len(ours.sound)} units of {len(expected)}, {same} the same from the end"]
    if missing > MOST_LEADING_SOUND_S * rate:
        return [f"{missing} units of sound missing at the start"]
    return []
