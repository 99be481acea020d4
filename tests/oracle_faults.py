"""What goes wrong on the way, with the truth kept in step: alterations for `oracle_stream.sent`.

Times lie, packets carry unusual headers, strange bytes stand between the frames, packets get lost, doubled, swapped or
damaged. What a loss costs is written into the truth here.
"""

import struct
from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate
from random import Random

from oracle_stream import CHANNELS, SSRCS, Alter, Packet, Sent, frame_of, number, render

SAFE_TAIL_UNITS = 12
"""Losses that nothing follows cannot be noticed, so the last units stay whole."""

LEAST_JUMP_S = 1
"""A smaller step forward is believed."""


# Times


def jump(seconds: float, at: float = 0.5) -> Alter:
    """From some picture on all timestamps are shifted."""

    def alter(stream: Sent, _: Random) -> None:
        when_s = stream.packets[-1].due_s * at
        stream.gained_s = seconds if 0 < seconds < LEAST_JUMP_S else 0
        for packet in stream.packets:
            if packet.due_s >= when_s:
                rate = 90_000 if packet.kind == "video" else 8_000
                packet.timestamp += round(seconds * rate)

    return alter


def wrap(stream: Sent, _: Random) -> None:
    """Timestamps of both tracks pass 2 ** 32 in the middle of the stream."""
    for kind in CHANNELS:
        own = [packet for packet in stream.packets if packet.kind == kind]
        if own:
            shift = (1 << 32) - own[len(own) // 2].timestamp
            for packet in own:
                packet.timestamp += shift


def freeze(stream: Sent, _: Random) -> None:
    """From the tenth picture on, the timestamp stands still."""
    for packet in stream.packets:
        if packet.kind == "video" and packet.unit >= 10:
            packet.timestamp = stream.units[10].timestamp


def backward(stream: Sent, _: Random) -> None:
    """From the tenth picture on, timestamps count down."""
    for packet in stream.packets:
        if packet.kind == "video" and packet.unit >= 10:
            packet.timestamp = 2 * stream.units[10].timestamp - stream.units[packet.unit].timestamp


def pairs(stream: Sent, _: Random) -> None:
    """Two pictures share each timestamp."""
    for packet in stream.packets:
        if packet.kind == "video":
            packet.timestamp = stream.units[packet.unit // 2 * 2].timestamp


def early_sets(stream: Sent, _: Random) -> None:
    """Parameter sets carry the timestamp of the picture before theirs, and a marker (Reolink, Tapo)."""
    for packet in stream.packets:
        if packet.kind == "video" and not packet.vcl:
            packet.timestamp, packet.marker = stream.units[max(packet.unit - 1, 0)].timestamp, True


# Headers


def no_marker(stream: Sent, _: Random) -> None:
    """No packet is marked but the last, as nobody could know otherwise that the last picture is whole."""
    last = [packet for packet in stream.packets if packet.kind == "video"][-1]
    for packet in stream.packets:
        packet.marker = packet.marker and (packet.kind == "audio" or packet is last)


def extension(stream: Sent, random: Random) -> None:
    """Header extensions, also the one of ONVIF replay (0xABAC)."""
    for packet in stream.packets:
        words = random.randrange(4)
        profile = random.choice((0xABAC, 0xBEDE))
        packet.extension = struct.pack(">HH", profile, words) + random.randbytes(4 * words)


def padding(stream: Sent, random: Random) -> None:
    """Padding behind the payload, of various lengths."""
    for packet in stream.packets:
        packet.padding = random.choice((0, 1, 4, 33, 255))


def late_number(stream: Sent, _: Random) -> None:
    """Sequence numbers pass 65535 soon."""
    number(stream, 65_530)


# Between the frames


def between(kind: str) -> Alter:
    """Something that is no RTP of ours stands between some of the frames."""

    def alter(stream: Sent, random: Random) -> None:
        number(stream)
        for place, packet in enumerate(stream.packets):
            # Of a frame with garbage on both sides nobody can tell whether it is one, nor of the last one behind some.
            calm = place + 4 < len(stream.packets)
            if place and (place % 4 == 0 and calm if kind == "garbage" else random.random() < 0.2):
                stream.pieces.append((packet.due_s, _strange(kind, packet, random)))
            stream.pieces.append((packet.due_s, frame_of(stream, packet)))

    return alter


def _strange(kind: str, packet: Packet, random: Random) -> bytes:
    if kind == "blank_lines":
        return b"\r\n" * random.randrange(1, 3)
    if kind == "foreign_channel":
        return struct.pack(">BBH", 0x24, 8, 40) + random.randbytes(40)
    if kind == "zero_frames":
        return struct.pack(">BBH", 0x24, random.choice((0, 1, 2, 3)), 0)
    if kind == "requests":
        return b"OPTIONS rtsp://127.0.0.1/x RTSP/1.0\r\nCSeq: 7\r\n\r\n"
    if kind == "answers":
        return b"RTSP/1.0 200 OK\r\nCSeq: 99\r\nContent-Length: 9\r\n\r\n$\0\0\1 body"
    if kind == "reports":
        ntp = (0xE9000000 << 32) + round(packet.due_s * (1 << 32))
        stamp = packet.timestamp & 0xFFFFFFFF
        now = struct.pack(">BBHIQIII", 0x80, 200, 6, SSRCS[packet.kind], ntp, stamp, 1, 1)
        return struct.pack(">BBH", 0x24, CHANNELS[packet.kind] + 1, len(now)) + now
    if kind == "garbage":
        return random.randbytes(random.randrange(1, 64)).translate(bytes.maketrans(b"$RO\r\n", b"#####"))
    raise ValueError(kind)


def chop(stream: Sent, random: Random) -> None:
    """TCP cuts the bytes anywhere, and what was cut off comes a little later."""
    if not stream.pieces:
        render(stream)
    starts = [0, *accumulate(len(data) for _, data in stream.pieces)]
    times = [due_s for due_s, _ in stream.pieces]
    joined = b"".join(data for _, data in stream.pieces)
    stream.pieces, at = [], 0
    while at < len(joined):
        place = bisect_right(starts, at) - 1
        share = (at - starts[place]) / (starts[place + 1] - starts[place])
        due_s = times[place] + (times[min(place + 1, len(times) - 1)] - times[place]) * share
        size = random.choice((1, 2, 3, 5, 7, 11, 13, 17, 97, 1009, 1460))
        stream.pieces.append((due_s, joined[at : at + size]))
        at += size


def burst(seconds: float) -> Alter:
    """The camera first sends what it has kept of the last seconds, all at once, and then goes on in time."""

    def alter(stream: Sent, _: Random) -> None:
        if not stream.pieces:
            render(stream)
        stream.pieces = [(max(due_s - seconds, 0), data) for due_s, data in stream.pieces]

    return alter


# Losses


def drop(rate: float, kind: str = "video", run: int = 1) -> Alter:
    """Packets get lost, `run` in a row."""

    def alter(stream: Sent, random: Random) -> None:
        number(stream)
        gone: set[int] = set()
        own = [packet for packet in stream.packets if packet.kind == kind]
        for place in range(_first_loss(own), _last_loss(own) - run):
            if random.random() < rate and own[place].sequence not in gone:
                for packet in own[place : place + run]:
                    gone.add(packet.sequence)
        for packet in own:
            if packet.sequence in gone:
                _lose(stream, packet)
        stream.packets = [p for p in stream.packets if p.kind != kind or p.sequence not in gone]
        stream.lost_packets += len(gone)

    return alter


def drop_sets(stream: Sent, _: Random) -> None:
    """Every second bundle of parameter sets gets lost; the pictures stay whole."""
    number(stream)
    bundles = [packet for packet in stream.packets if packet.kind == "video" and not packet.vcl][1:-1:2]
    stream.packets = [packet for packet in stream.packets if packet not in bundles]
    stream.lost_packets += len(bundles)


def swap(rate: float) -> Alter:
    """Neighbouring video packets change places; on TCP the one that comes late counts as lost."""

    def alter(stream: Sent, random: Random) -> None:
        number(stream)
        places = [place for place, packet in enumerate(stream.packets) if packet.kind == "video"]
        own = [stream.packets[place] for place in places]
        at = _first_loss(own)
        while at < _last_loss(own):
            if random.random() < rate:
                earlier, later = places[at], places[at + 1]
                _lose(stream, stream.packets[earlier])
                stream.packets[earlier], stream.packets[later] = stream.packets[later], stream.packets[earlier]
                stream.lost_packets += 1
                at += 2
            at += 1
        for packet, due_s in zip(stream.packets, sorted(packet.due_s for packet in stream.packets), strict=True):
            packet.due_s = due_s

    return alter


def double(rate: float) -> Alter:
    """Packets come twice, at once or some packets later."""

    def alter(stream: Sent, random: Random) -> None:
        number(stream)
        again: list[Packet] = []
        waiting: list[tuple[int, Packet]] = []
        for place, packet in enumerate(stream.packets):
            again.append(packet)
            again += [replace(one, due_s=packet.due_s) for when, one in waiting if when == place]
            if random.random() < rate:
                waiting.append((place + random.choice((1, 1, 2, 5, 40)), packet))
        stream.packets = again

    return alter


def flip(rate: float, skip: int) -> Alter:
    """A bit of the payload flips, behind the first `skip` bytes: what a picture is stays the same, what it shows does not."""

    def alter(stream: Sent, random: Random) -> None:
        own = [packet for packet in stream.packets if packet.kind == "video" and packet.vcl]
        for packet in own[_first_loss(own) : _last_loss(own)]:
            if random.random() < rate and len(packet.payload) > skip + 4:
                data = bytearray(packet.payload)
                data[random.randrange(skip, len(data) - 2)] ^= 1 << random.randrange(8)
                packet.payload = bytes(data)
                stream.units[packet.unit].altered = True

    return alter


def empty_packets(stream: Sent, _: Random) -> None:
    """Packets without payload stand between the others, with sequence numbers of their own."""
    again: list[Packet] = []
    for place, packet in enumerate(stream.packets):
        if packet.kind == "video" and place % 9 == 5 and again[-1].unit == packet.unit:
            again.append(replace(packet, payload=b"", marker=False))
        again.append(packet)
    stream.packets = again


def _lose(stream: Sent, packet: Packet) -> None:
    if packet.kind == "audio":
        stream.sound[packet.unit] = b""
    elif packet.vcl:
        stream.units[packet.unit].damaged = True


def _first_loss(own: list[Packet]) -> int:
    """The first picture stays whole: before it nothing is recorded, and a loss there cannot be told."""
    return next(place for place, packet in enumerate(own) if packet.unit > 1)


def _last_loss(own: list[Packet]) -> int:
    return next(place for place, packet in enumerate(own) if packet.unit > own[-1].unit - SAFE_TAIL_UNITS)
