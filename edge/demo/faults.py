"""What can go wrong with a camera: the table of faults, and what those that alter packets or times do; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from edge.demo.clips import VARIANTS
from edge.demo.packets import HEADER_BYTES
from edge.errors import ConfigError

_MARKER_BYTE = 5
_MARKER = 0x80


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does; `default` is its value if none is given, and None if it takes none."""

    does: str
    default: float | str | None = None
    once: bool = False


FAULTS: dict[str, Kind] = {
    # before a client gets anything
    "refuse": Kind("drops clients and resets each connection at its first request"),
    "401": Kind("refuses every user and password"),
    "404": Kind("does not know its path"),
    "453": Kind("has no bandwidth left at SETUP"),
    "503": Kind("is not available at DESCRIBE"),
    "hang": Kind("never answers DESCRIBE"),
    "no_video": Kind("describes no video"),
    "no_sprop": Kind("describes no parameter sets"),
    "silent": Kind("answers PLAY and sends nothing, to clients that come while it lasts"),
    "wrap": Kind("starts RTP timestamps VALUE seconds before they wrap, for clients that come while it lasts", 2.0),
    # to every client that is connected, once
    "drop": Kind("closes the connections", once=True),
    "reset": Kind("resets the connections", once=True),
    "bye": Kind("says RTCP BYE and sends nothing more on the open connections", once=True),
    "jump": Kind("shifts RTP timestamps by VALUE seconds from here on", 10.0, once=True),
    "stale": Kind("forgets its nonce, so that the next request must be signed anew", once=True),
    # while it lasts
    "stall": Kind("sends nothing on the open connections"),
    "blind": Kind("sends no video"),
    "mute": Kind("sends no audio"),
    "slow": Kind("sends at VALUE of its pace", 0.5),
    "freeze": Kind("gives every access unit the same RTP timestamp"),
    "backward": Kind("counts RTP timestamps down"),
    "lossy": Kind("loses a share VALUE of the packets", 0.02),
    "duplicate": Kind("sends a share VALUE of the packets twice", 0.05),
    "reorder": Kind("swaps a share VALUE of the packets with the next", 0.05),
    "corrupt": Kind("flips a bit in the payload of a share VALUE of the packets", 0.02),
    "garbage": Kind("puts bytes that are no frame before a share VALUE of the packets", 0.02),
    "empty": Kind("strips a share VALUE of the access units to bare headers and sends frames of size zero", 0.1),
    "no_marker": Kind("clears all marker bits"),
    "clock": Kind("is VALUE seconds ahead in its RTCP sender reports", 3600.0),
    "clip": Kind(f"shows something else: {', '.join(VARIANTS)}", "black"),
}
STATUS_FAULTS = {"401": "*", "404": "DESCRIBE", "453": "SETUP", "503": "DESCRIBE"}


def fault_kind(name: str) -> Kind:
    """Return the fault of this name; ConfigError if there is none."""
    kind = FAULTS.get(name)
    if kind is None:
        raise ConfigError(f"fault {name!r} is unknown: use one of {', '.join(FAULTS)}")
    return kind


def fault_value(name: str, value: float | str | None) -> float | str | None:
    """Return the value that a fault takes; ConfigError if there is no such fault or the value does not suit it."""
    kind = fault_kind(name)
    if value is None:
        return kind.default
    if kind.default is None:
        raise ConfigError(f"fault {name} takes no value, not {value!r}: leave it out")
    if isinstance(kind.default, str):
        if value not in VARIANTS:
            raise ConfigError(f"fault {name} takes one of {', '.join(VARIANTS)}, not {value!r}")
        return value
    try:
        return float(value)
    except ValueError as error:
        raise ConfigError(f"fault {name} takes a number, not {value!r}") from error


Frames = list[bytes]
FrameFault = Callable[[Sequence[bytes], float, Random], Frames]


def _lossy(frames: Sequence[bytes], rate: float, random: Random) -> Frames:
    return [frame for frame in frames if random.random() >= rate]


def _duplicate(frames: Sequence[bytes], rate: float, random: Random) -> Frames:
    return [copy for frame in frames for copy in [frame] * (1 + (random.random() < rate))]


def _reorder(frames: Sequence[bytes], rate: float, random: Random) -> Frames:
    swapped = list(frames)
    for index in range(len(swapped) - 1):
        if random.random() < rate:
            swapped[index], swapped[index + 1] = swapped[index + 1], swapped[index]
    return swapped


def _corrupt(frames: Sequence[bytes], rate: float, random: Random) -> Frames:
    damaged = []
    for frame in frames:
        data = bytearray(frame)
        if random.random() < rate and len(data) > HEADER_BYTES:
            data[random.randrange(HEADER_BYTES, len(data))] ^= 1 << random.randrange(8)
        damaged.append(bytes(data))
    return damaged


def _garbage(frames: Sequence[bytes], rate: float, random: Random) -> Frames:
    """Without `$`: garbage that looks like a frame hides what follows it from any client."""
    mixed = []
    for frame in frames:
        if random.random() < rate:
            mixed.append(random.randbytes(random.randrange(1, 64)).replace(b"$", b"#"))
        mixed.append(frame)
    return mixed


def _empty(frames: Sequence[bytes], rate: float, random: Random) -> Frames:
    if random.random() >= rate:
        return list(frames)
    bare = [frame[:2] + (HEADER_BYTES - 4).to_bytes(2, "big") + frame[4:HEADER_BYTES] for frame in frames]
    return [frames[0][:2] + bytes(2), *bare]


def _no_marker(frames: Sequence[bytes], _: float, __: Random) -> Frames:
    return [_unmarked(frame) if len(frame) > _MARKER_BYTE else frame for frame in frames]


def _unmarked(frame: bytes) -> bytes:
    return frame[:_MARKER_BYTE] + bytes([frame[_MARKER_BYTE] & ~_MARKER]) + frame[_MARKER_BYTE + 1 :]


# In the order in which they apply; garbage last, since what it adds is no frame.
FRAME_FAULTS: dict[str, FrameFault] = {
    "empty": _empty,
    "no_marker": _no_marker,
    "corrupt": _corrupt,
    "duplicate": _duplicate,
    "reorder": _reorder,
    "lossy": _lossy,
    "garbage": _garbage,
}

# From the true timestamp, the one sent last and the ticks between the two.
TIME_FAULTS: dict[str, Callable[[int, int, int], int]] = {
    "freeze": lambda _, last, __: last,
    "backward": lambda _, last, step: last - step,
}


def alter_frames(frames: Sequence[bytes], faults: Mapping[str, float | str | None], random: Random) -> Frames:
    """Return what is sent in place of these interleaved frames of one access unit."""
    altered = list(frames)
    for name, alter in FRAME_FAULTS.items():
        if name in faults and altered:
            rate = faults[name]
            altered = alter(altered, rate if isinstance(rate, float) else 1.0, random)
    return altered


def alter_timestamp(true: int, last: int, step: int, faults: Mapping[str, float | str | None]) -> int:
    """Return the timestamp that is sent in place of the true one."""
    for name, alter in TIME_FAULTS.items():
        if name in faults:
            return alter(true, last, step)
    return true
