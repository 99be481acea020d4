"""Three readings of one stream held against each other: the truth, FFmpeg's RTSP client, and the recorder's segments."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from oracle_stream import Sent, kept

LATE = "late: "
"""How findings begin that a machine which stalls can bring about too."""
MOST_STEP_S = 0.002
MOST_TAIL_S = 0.35
"""Sound, and pictures that are shown late, reach beyond the last picture's end by so much."""
MOST_SKEW_S = 0.25
"""The recorder looks at arrival every 0.125 s: times by arrival may gain one such step at each end of a recording."""


@dataclass
class Copy:
    """What somebody received: NAL units and time of each picture, units of sound, decoded frames as hashes.

    `runs` holds the times (ticks of 90 kHz) of the pictures of each segment.
    """

    pictures: list[list[bytes]] = field(default_factory=list)
    runs: list[list[int | None]] = field(default_factory=list)
    sound: list[bytes] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    keyframes: list[bool] = field(default_factory=list)
    sound_runs: list[list[float]] = field(default_factory=list)
    """When the units of sound of each segment begin, in seconds after its first picture is shown."""
    lasts_s: list[float] = field(default_factory=list)
    """How long FFmpeg says that each segment is."""
    written: list[dict[str, Any]] = field(default_factory=list)
    """The data of `segment_written` of each segment."""


def of_ffmpeg(url: str, codec: str, *, decode: bool) -> Copy:
    """What FFmpeg's RTSP client makes of a stream."""
    copy = Copy(runs=[[]], sound_runs=[[]])
    with av.open(url, options={"rtsp_transport": "tcp", "analyzeduration": "300000"}, timeout=30) as container:
        _read(container, codec, copy, _between_start_codes, decode=decode)
    return copy


def of_segments(files: Iterable[Path], codec: str, *, decode: bool) -> Copy:
    """What is in our segments, one after the other."""
    copy = Copy()
    for file in files:
        copy.runs.append([])
        copy.sound_runs.append([])
        with av.open(str(file)) as container:
            copy.lasts_s.append(container.duration / 1_000_000)
            _read(container, codec, copy, _behind_lengths, decode=decode)
        first_s = min(copy.runs[-1]) / 90_000
        copy.sound_runs[-1] = [at_s - first_s for at_s in copy.sound_runs[-1]]
    return copy


def _read(container: Any, codec: str, copy: Copy, split: Callable[[bytes], list[bytes]], *, decode: bool) -> None:
    if decode:
        container.streams.video[0].codec_context.thread_count = 1
    for packet in container.demux():
        if packet.stream.type == "video":
            if packet.size:
                copy.pictures.append(kept(codec, split(bytes(packet))))
                copy.keyframes.append(packet.is_keyframe)
                time_base = packet.stream.time_base
                copy.runs[-1].append(None if packet.pts is None else round(packet.pts * time_base * 90_000))
            if decode:
                copy.frames += [hashlib.md5(frame.to_ndarray().tobytes()).hexdigest() for frame in packet.decode()]
        elif packet.size:
            copy.sound.append(bytes(packet))
            copy.sound_runs[-1].append(float((packet.pts or 0) * packet.stream.time_base))


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


def differences(
    stream: Sent, ours: Copy, theirs: Copy | None, *, lossless: bool, steady: bool, cuts: tuple[str, ...]
) -> list[str]:
    """What is wrong with our copy, in words; nothing where it is as it must be.

    `theirs` is None where FFmpeg does not survive the stream; `steady` says that timestamps are true.
    """
    found = _against_truth(stream, ours) + _events(stream, ours, cuts) + _sound(stream, ours)
    if steady:
        found += _times(stream, ours) + _sound_times(stream, ours)
    if theirs is not None:
        found += against_ffmpeg(ours, theirs) if lossless else _within_ffmpeg(ours, theirs)
        if steady and lossless:
            found += ffmpeg_times(ours, theirs)
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


def _events(stream: Sent, ours: Copy, cuts: tuple[str, ...]) -> list[str]:
    """What `segment_written` says of losses, keyframes and cuts."""
    found = []
    lost = sum(one["lost_packets"] for one in ours.written)
    if lost != stream.lost_packets:
        found.append(f"{lost} packets counted as lost, {stream.lost_packets} were")
    keyframes = [unit.keyframe for unit in stream.units if not unit.damaged]
    said = sum(one["keyframes"] for one in ours.written)
    # FFmpeg finds recovery points by itself and calls them keyframes too.
    unmarked = sum(is_key and not marked for is_key, marked in zip(keyframes, ours.keyframes, strict=False))
    if unmarked or said != sum(keyframes):
        found.append(f"{said} keyframes, {unmarked} of them not marked; {sum(keyframes)} were sent")
    suspect_s = sum(one["suspect_s"] for one in ours.written)
    suspect = _suspect(stream)
    if (suspect_s > 0) != (suspect > 0):
        found.append(f"{suspect_s:.2f} s are suspect, {suspect} pictures follow a damaged one")
    if any(one["gap_before_s"] for one in ours.written[1:]):
        found.append(f"gaps of {[one['gap_before_s'] for one in ours.written]} s between segments")
    for shown_s, one in zip(ours.lasts_s, ours.written, strict=True):
        if not -MOST_STEP_S < shown_s - one["duration_s"] < MOST_TAIL_S:
            found.append(f"{LATE}a segment of {one['duration_s']} s plays for {shown_s} s")
    lasts_s = sum(one["duration_s"] for one in ours.written)
    took_s = len(stream.units) / stream.fps
    if abs(lasts_s - took_s - stream.gained_s) > MOST_SKEW_S:
        found.append(f"{LATE}{lasts_s:.2f} s of media, {took_s:.2f} s were sent")
    reasons = [one["reason"] for one in ours.written]
    if set(reasons[:-1]) - set(cuts) or set(cuts) - {"rollover"} - set(reasons[:-1]) or reasons[-1:] != ["disconnect"]:
        found.append(f"segments ended by {', '.join(reasons)}")
    return found


def _suspect(stream: Sent) -> int:
    """How many whole pictures lie between a damaged one and the next keyframe."""
    count, suspect = 0, False
    for unit in stream.units:
        suspect = unit.damaged or (suspect and not unit.keyframe)
        count += suspect and not unit.damaged
    return count


def _words(nals: list[bytes]) -> str:
    return "+".join(f"{nal[:3].hex()}({len(nal)})" for nal in nals)


def _flat(pictures: Iterable[list[bytes]]) -> list[bytes]:
    return [nal for picture in pictures for nal in picture]


def against_ffmpeg(ours: Copy, theirs: Copy) -> list[str]:
    """NAL units and decoded frames are FFmpeg's."""
    found = []
    mine, other = _flat(ours.pictures), _flat(theirs.pictures)
    if mine != other:
        place = next(
            (k for k, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b), min(len(mine), len(other))
        )
        found.append(f"NAL units differ from FFmpeg's at {place}: {len(mine)} ours, {len(other)} FFmpeg's")
    if ours.frames != theirs.frames:
        same = sum(a == b for a, b in zip(ours.frames, theirs.frames, strict=False))
        found.append(f"decoded frames differ: {len(ours.frames)} ours, {len(theirs.frames)} FFmpeg's, {same} the same")
    return found


def _within_ffmpeg(ours: Copy, theirs: Copy) -> list[str]:
    """After a loss FFmpeg keeps pieces too, and hangs them on the NAL unit before: every unit of ours begins one of its."""
    others = _flat(theirs.pictures)
    strange = [nal for nal in set(_flat(ours.pictures)) - set(others) if not any(one.startswith(nal) for one in others)]
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


def ffmpeg_times(ours: Copy, theirs: Copy) -> list[str]:
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
    if ours.sound != expected:
        same = sum(a == b for a, b in zip(reversed(ours.sound), reversed(expected), strict=False))
        return [f"sound differs: {len(ours.sound)} units of {len(expected)}, {same} the same from the end"]
    return []


def _sound_times(stream: Sent, ours: Copy) -> list[str]:
    """Sound begins with the pictures that it was sent with, and its units are as far apart as they were."""
    sent = [at_s for at_s, one in zip(stream.sound_s, stream.sound, strict=True) if one]
    if len(sent) != len(ours.sound):
        return []
    first = [unit.timestamp / 90_000 for unit in stream.units if not unit.damaged]
    at = sound_at = 0
    for number, (run, sound) in enumerate(zip(ours.runs, ours.sound_runs, strict=True)):
        start_s = min(first[at : at + len(run)]) - min(first)
        at += len(run)
        expected = [one - start_s for one in sent[sound_at : sound_at + len(sound)]]
        sound_at += len(sound)
        skews = [a - b for a, b in zip(sound, expected, strict=True)]
        if skews and max(map(abs, skews)) > MOST_SKEW_S:
            return [f"{LATE}sound of segment {number} is {max(skews, key=abs):.2f} s off"]
        if skews and max(skews) - min(skews) > MOST_STEP_S:
            return [f"{LATE}sound of segment {number} wanders by {max(skews) - min(skews):.3f} s"]
    return []
