"""Streams for the oracle: a clip as RTP packets whose every quirk and fault is known, so that what must come out is known too.

A `Sent` stream is what a camera sends after PLAY, with the truth beside it: every access unit, whether something of it
was taken away on the wire, and how many packets were. Knows nothing of the recorder's own RTSP code.
"""

import struct
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from random import Random

from edge.demo.clips import VIDEO_CLOCK_RATE, Clip, nal_type
from edge.demo.messages import describe
from edge.demo.packets import HEADER_BYTES, packetise

NOT_IN_SAMPLES = {"h264": {7, 8, 9, 12}, "h265": {32, 33, 34, 35, 38}}
PARAMETER_SETS = {"h264": {7, 8}, "h265": {32, 33, 34}}
CHANNELS = {"video": 0, "audio": 2}
SSRCS = {"video": 0x5A4B51A1, "audio": 0x5A4B51A2}
MTU = 1400


@dataclass
class Packet:
    """One RTP packet before it is numbered; `unit` is the place of its access unit or audio frame in the truth."""

    kind: str
    payload: bytes
    marker: bool
    timestamp: int
    unit: int
    due_s: float
    vcl: bool = True
    extension: bytes = b""
    padding: int = 0
    sequence: int = -1


@dataclass
class Unit:
    """The truth of one access unit: NAL units that belong into a sample, and what happened to them on the way."""

    nals: list[bytes]
    keyframe: bool
    timestamp: int
    damaged: bool = False
    """Something of it was lost: it must not be kept."""
    altered: bool = False
    """All of it came, with wrong bits: it must be kept, as it came."""


@dataclass
class Sent:
    """A stream and its truth; `pieces` are (when due in seconds, bytes)."""

    codec: str
    sdp: bytes
    packets: list[Packet]
    units: list[Unit]
    sound: list[bytes]
    """Units of audio; b"" where one was lost."""
    sound_s: list[float]
    """When each of them begins, in seconds after the first picture."""
    audio: str
    fps: int
    payload_types: dict[str, int]
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    lost_packets: int = 0
    gained_s: float = 0
    """Media time that a believable jump of the timestamps adds."""
    channels: dict[int, int] = field(default_factory=lambda: {0: CHANNELS["video"], 1: CHANNELS["audio"]})
    """The interleaved channel of each track, by the number in its control."""

    @property
    def duration_s(self) -> float:
        """How long a camera takes to send it."""
        return self.pieces[-1][0]


def recorded(codec: str, sdp: str, data: bytes, channels: dict[int, int], *, video_track: int, speed: float) -> Sent:
    """A stream that was recorded from a server, sent at `speed` times its pace; of it no truth is known."""
    stream = Sent(codec, sdp.encode(), [], [], [], [], "none", 0, {}, channels=channels)
    at, due_s, first = 0, 0.0, -1
    while at < len(data):
        lead, channel, length = struct.unpack_from(">BBH", data, at)
        assert lead == 0x24
        if channel == channels[video_track]:
            (timestamp,) = struct.unpack_from(">I", data, at + 8)
            first = timestamp if first < 0 else first
            due_s = (timestamp - first) / VIDEO_CLOCK_RATE / speed
        stream.pieces.append((due_s, data[at : at + 4 + length]))
        at += 4 + length
    return stream


Alter = Callable[[Sent, Random], None]


def sent(clips: Iterable[Clip], seconds: float, alters: Iterable[Alter] = (), seed: int = 0) -> Sent:
    """Clips one after the other, each looped for `seconds`, packetised by the simulated camera and then altered."""
    clips = list(clips)
    first = clips[0]
    stream = Sent(
        first.spec.codec,
        describe(first),
        [],
        [],
        [],
        [],
        first.spec.audio,
        first.spec.fps,
        {track.kind: track.payload_type for track in packetise(first).tracks},
    )
    for number, clip in enumerate(clips):
        _append(stream, clip, number * seconds, seconds)
    stream.packets.sort(key=lambda packet: packet.due_s)
    random = Random(f"{seed}")
    for alter in alters:
        alter(stream, random)
    if not stream.pieces:
        render(stream)
    return stream


def _append(stream: Sent, clip: Clip, start_s: float, seconds: float) -> None:
    for track in packetise(clip).tracks:
        base = round(start_s * track.clock_rate) + 1_000_000_000
        loop, rounds = 0, 0
        while loop < seconds * track.clock_rate:
            for place, unit in enumerate(track.units):
                due_s = start_s + (loop + unit.due) / track.clock_rate
                if due_s >= start_s + seconds:
                    break
                number = _truth(stream, clip, track.kind, place, base + loop + unit.timestamp)
                if track.kind == "audio":
                    stream.sound_s.append(due_s)
                ends = (*unit.starts[1:], len(unit.data))
                for start, end in zip(unit.starts, ends, strict=True):
                    frame = unit.data[start:end]
                    payload = frame[HEADER_BYTES:]
                    vcl = track.kind == "audio" or not _is_sets(stream.codec, payload)
                    timestamp = base + loop + unit.timestamp
                    stream.packets.append(
                        Packet(track.kind, payload, frame[5] > 0x7F, timestamp, number, due_s, vcl=vcl)
                    )
            rounds += 1
            loop = rounds * track.loop_ticks


def _truth(stream: Sent, clip: Clip, kind: str, place: int, timestamp: int) -> int:
    if kind == "audio":
        assert clip.audio
        stream.sound.append(clip.audio.frames[place])
        return len(stream.sound) - 1
    unit = clip.units[place]
    stream.units.append(Unit(kept(stream.codec, unit.nals), unit.keyframe, timestamp))
    return len(stream.units) - 1


def _is_sets(codec: str, payload: bytes) -> bool:
    """The simulated camera sends its parameter sets in one bundle, and nothing else in bundles."""
    return nal_type(codec, payload) == (24 if codec == "h264" else 48)


def kept(codec: str, nals: Iterable[bytes]) -> list[bytes]:
    """NAL units as they are compared: no parameter sets, delimiters and filler, no zeros behind."""
    stripped = (nal.rstrip(b"\0") for nal in nals)
    return [nal for nal in stripped if nal and nal_type(codec, nal) not in NOT_IN_SAMPLES[codec]]


def frame_of(stream: Sent, packet: Packet) -> bytes:
    """The packet as an interleaved frame."""
    first = 0x80 | (0x10 if packet.extension else 0) | (0x20 if packet.padding else 0)
    second = stream.payload_types[packet.kind] | packet.marker << 7
    head = struct.pack(
        ">BBHII", first, second, packet.sequence & 0xFFFF, packet.timestamp & 0xFFFF_FFFF, SSRCS[packet.kind]
    )
    tail = bytes(packet.padding - 1) + bytes([packet.padding]) if packet.padding else b""
    data = head + packet.extension + packet.payload + tail
    return struct.pack(">BBH", 0x24, CHANNELS[packet.kind], len(data)) + data


def number(stream: Sent, first: int = 1000) -> None:
    """Give every packet its sequence number, once, before anything is lost."""
    following = {"video": first, "audio": first}
    for packet in stream.packets:
        if packet.sequence < 0:
            packet.sequence = following[packet.kind]
        following[packet.kind] = packet.sequence + 1


def render(stream: Sent) -> None:
    """Turn the packets into bytes with their times."""
    number(stream)
    stream.pieces = [(packet.due_s, frame_of(stream, packet)) for packet in stream.packets]


# Other ways to put the same NAL units into packets


def repacketised(style: str) -> Alter:
    """Packetise the video anew in a way of some other camera; see `_payloads`."""

    def alter(stream: Sent, random: Random) -> None:
        again = []
        for unit in _video_units(stream):
            again += _repacketise(stream, unit, style, random)
        sound = [packet for packet in stream.packets if packet.kind == "audio"]
        stream.packets = sorted([*again, *sound], key=lambda packet: packet.due_s)

    return alter


def _video_units(stream: Sent) -> list[list[Packet]]:
    units: dict[int, list[Packet]] = {}
    for packet in stream.packets:
        if packet.kind == "video":
            units.setdefault(packet.unit, []).append(packet)
    return list(units.values())


def _repacketise(stream: Sent, packets: list[Packet], style: str, random: Random) -> list[Packet]:
    codec, first = stream.codec, packets[0]
    nals = [nal for packet in packets if not packet.vcl for nal in unbundled(codec, packet.payload)]
    nals += stream.units[first.unit].nals
    out = []
    for payloads, marks in _payloads(codec, nals, style, random):
        for place, payload in enumerate(payloads):
            last = place == len(payloads) - 1
            out.append(replace(first, payload=payload, marker=marks and last, vcl=True))
    if style != "mark_all":
        for packet in out:
            packet.marker = False
        out[-1].marker = True
    return out


def unbundled(codec: str, payload: bytes) -> list[bytes]:
    """The NAL units of a bundle."""
    at, found = (1 if codec == "h264" else 2), []
    while at < len(payload):
        (size,) = struct.unpack_from(">H", payload, at)
        found.append(payload[at + 2 : at + 2 + size])
        at += 2 + size
    return found


def _payloads(codec: str, nals: list[bytes], style: str, random: Random) -> list[tuple[list[bytes], bool]]:
    """Payloads of each NAL unit and whether the last of them is marked where every NAL unit's is (`mark_all`)."""
    if style == "single_sets":  # every parameter set in a packet of its own
        return [(fragmented(codec, nal, MTU), False) for nal in nals]
    if style == "tiny":
        return [(fragmented(codec, nal, random.choice((60, 61, 200))), False) for nal in nals]
    if style == "huge":
        return [(fragmented(codec, nal, 60_000), False) for nal in nals]
    if style == "whole_fragments":  # FU with start and end bit: CostarHD, OpenIPC
        return [(fragmented(codec, nal, MTU, always=True), False) for nal in nals]
    if style == "empty_fragments":
        return [(_with_empty(codec, fragmented(codec, nal, MTU)), False) for nal in nals]
    if style == "bundle_all":  # everything that fits, slices too, in one bundle
        runs = [(is_small, list(run)) for is_small, run in groupby(nals, lambda nal: len(nal) < 600)]
        return [
            (payload, False)
            for is_small, run in runs
            for payload in ([[bundled(codec, run)]] if is_small else [fragmented(codec, nal, MTU) for nal in run])
        ]
    if style == "mark_all":  # Reolink and Tapo mark parameter sets, others every slice
        return [(fragmented(codec, nal, MTU), True) for nal in nals]
    if style == "start_codes":  # V380: several NAL units with start codes in one packet, or over fragments
        joined = nals[0] + b"".join(b"\0\0\0\1" + nal for nal in nals[1:])
        return [(fragmented(codec, joined, MTU), False)]
    if style == "noise":  # delimiters and filler around the picture
        return [(fragmented(codec, nal, MTU), False) for nal in [_delimiter(codec), *nals, _filler(codec)]]
    raise ValueError(style)


def fragmented(codec: str, nal: bytes, size: int, *, always: bool = False) -> list[bytes]:
    """A NAL unit as payloads of at most `size` bytes."""
    if len(nal) <= size and not always:
        return [nal]
    head = 1 if codec == "h264" else 2
    lead = bytes([nal[0] & 0xE0 | 28]) if codec == "h264" else bytes([nal[0] & 0x81 | 49 << 1, nal[1]])
    body, room = nal[head:], size - len(lead) - 1
    places = [*range(0, len(body), room), len(body)]
    kind = nal_type(codec, nal)
    return [
        lead + bytes([kind | (start == 0) << 7 | (end == len(body)) << 6]) + body[start:end]
        for start, end in pairwise(places)
    ]


def bundled(codec: str, nals: list[bytes]) -> bytes:
    """A STAP-A or AP."""
    lead = b"\x78" if codec == "h264" else b"\x60\x01"
    return lead + b"".join(struct.pack(">H", len(nal)) + nal for nal in nals)


def _with_empty(codec: str, payloads: list[bytes]) -> list[bytes]:
    """A middle fragment without a byte of the NAL unit behind the first one."""
    head = 2 if codec == "h264" else 3
    if len(payloads) < 2:
        return payloads
    empty = payloads[0][: head - 1] + bytes([payloads[0][head - 1] & 0x3F])
    return [payloads[0], empty, *payloads[1:]]


def _delimiter(codec: str) -> bytes:
    return b"\x09\xf0" if codec == "h264" else b"\x46\x01\x50"


def _filler(codec: str) -> bytes:
    return (b"\x0c" if codec == "h264" else b"\x4c\x01") + b"\xff" * 20 + b"\x80"


def _sei(codec: str, random: Random) -> bytes:
    """User data (type 5) of 16 bytes of UUID and some more."""
    text = bytes(random.randrange(1, 256) for _ in range(30))
    return (b"\x06" if codec == "h264" else b"\x4e\x01") + bytes([5, len(text)]) + text + b"\x80"


def add_sei(stream: Sent, random: Random) -> None:
    """SEI in front of every picture, in a packet of its own; kept, as it may hold what a vendor says."""
    again = []
    seen = -1
    for packet in stream.packets:
        if packet.kind == "video" and packet.unit != seen and packet.vcl:
            seen = packet.unit
            sei = _sei(stream.codec, random)
            stream.units[seen].nals.insert(0, sei)
            again.append(replace(packet, payload=sei, marker=False))
        again.append(packet)
    stream.packets = again


# The SDP


def without_sprop(stream: Sent, _: Random) -> None:
    """Describe no parameter sets."""
    lines = [line for line in stream.sdp.split(b"\r\n") if not line.startswith(b"a=fmtp:96")]
    stream.sdp = b"\r\n".join(lines)


def sprop_of(sdp: bytes) -> bytes:
    """The value of sprop-parameter-sets."""
    return sdp.split(b"sprop-parameter-sets=")[1].split(b"\r\n")[0]


def with_sprop_of(other: Clip) -> Alter:
    """Describe the parameter sets of another clip (H.264); those in the stream are right."""

    def alter(stream: Sent, _: Random) -> None:
        sets = b",".join(b64encode(nal) for nal in other.parameter_sets)
        stream.sdp = stream.sdp.replace(sprop_of(stream.sdp), sets)

    return alter
