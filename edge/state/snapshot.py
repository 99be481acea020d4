"""A site's state as bytes and back: one line of heading, one line of JSON, and behind it the long arrays as they are.

The heading names the version and the checksum of all that follows. Equal states give equal bytes.
"""

import json
import sys
import zlib
from array import array
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from edge.errors import SaksiError
from edge.state.channels import MISSING, MOST_PRUNED, RULES, ChannelState
from edge.state.completeness import MOST_RANGES, Losses
from edge.state.intervals import Intervals
from edge.state.newest import Newest
from edge.state.processes import ProcessState
from edge.state.runs import RunMark
from edge.state.seamless import Seamless
from edge.state.segments import JOIN_MS, Day, Segments

if TYPE_CHECKING:
    from edge.state.projection import SiteProjection

_HEADING: Final = b"saksi-state"
_RANGES: Final = ("missing", "recovered", "gone", "truncated", "conflicting")
_TIMES: Final = ("missing_ms", "gone_ms", "truncated_ms", "conflicting_ms")


class SnapshotError(SaksiError):
    """Bytes are not a snapshot of this version's state: the state is rebuilt from the journal."""


def dump(state: "SiteProjection") -> bytes:
    """The snapshot of a state."""
    arrays = _Writer()
    document = {
        "newest_event_ms": state.newest_event_ms,
        "processes": {name: _process(process) for name, process in state.processes.items()},
        "runs": state.runs.marks,
        "disk": [
            _newest(state.disk.measured),
            _newest(state.disk.condition),
            _newest(state.disk.pruned),
            {channel: said.document() for channel, said in state.disk.short.items()},
            _newest(state.disk.verified),
            _newest(state.disk.harmed),
        ],
        "clock": [_newest(state.clock.newest), arrays.intervals(state.clock.skipped)],
        "losses": {name: _losses(state.losses[name], arrays) for name in sorted(state.losses)},
        "channels": {name: _channel(state.channels[name], arrays) for name in sorted(state.channels)},
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    body = b"\n".join((text, b"".join(arrays.pieces)))
    return b"%s %d %08x\n%s" % (_HEADING, state.VERSION, zlib.crc32(body), body)


def load(state: "SiteProjection", data: bytes) -> None:
    """Fill an empty state from a snapshot; raises SnapshotError."""
    heading, _, body = data.partition(b"\n")
    if heading != b"%s %d %08x" % (_HEADING, state.VERSION, zlib.crc32(body)):
        raise SnapshotError(f"{heading[:40]!r} is not the heading of a whole snapshot of version {state.VERSION}")
    text, _, rest = body.partition(b"\n")
    try:
        _fill(state, json.loads(text), _Reader(rest))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise SnapshotError(f"the snapshot cannot be read: {type(error).__name__}: {error}") from error


def _fill(state: "SiteProjection", document: Mapping[str, Any], arrays: "_Reader") -> None:
    state.newest_event_ms = document["newest_event_ms"]
    for name, values in document["processes"].items():
        process = state.processes[name] = ProcessState()
        process.epoch, process.sequence, process.newest_ms = values[:3]
        process.started, process.stopped = Newest.read(values[3]), Newest.read(values[4])
    state.runs.marks = [RunMark(*mark) for mark in document["runs"]]
    measured, condition, pruned, short, verified, harmed = document["disk"]
    state.disk.measured, state.disk.condition = Newest.read(measured), Newest.read(condition)
    state.disk.pruned = Newest.read(pruned)
    state.disk.verified, state.disk.harmed = Newest.read(verified), Newest.read(harmed)
    state.disk.short = {channel: Newest(*said) for channel, said in short.items()}
    state.clock.newest = Newest.read(document["clock"][0])
    arrays.into(state.clock.skipped, document["clock"][1])
    for name, values in document["losses"].items():  # in the order of their names, as their arrays are
        state.losses[name] = _read_losses(values, arrays)
    for name, values in document["channels"].items():
        state.channels[name] = _read_channel(values, arrays, seamless=state.seamless)


class _Writer:
    """Takes arrays, gives what stands for them in the JSON."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def array(self, values: "array[int]") -> int:
        """An array; its length stands for it."""
        if sys.byteorder == "big":
            values = array(values.typecode, values)
            values.byteswap()
        self.pieces.append(values.tobytes())
        return len(values)

    def intervals(self, ranges: Intervals) -> int:
        """Ranges; their number stands for them."""
        self.array(ranges.starts)
        return self.array(ranges.ends)


class _Reader:
    """Gives the arrays back in the order in which they were taken."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def array(self, typecode: str, length: int) -> "array[int]":
        """The next array; raises ValueError where it is not whole."""
        values = array(typecode)
        end = self._at + length * values.itemsize
        piece = self._data[self._at : end]
        if length < 0 or len(piece) != length * values.itemsize:
            raise ValueError("an array is cut short")
        values.frombytes(piece)
        if sys.byteorder == "big":
            values.byteswap()
        self._at = end
        return values

    def into(self, ranges: Intervals, length: int) -> Intervals:
        """The next ranges."""
        ranges.starts = self.array("q", length)
        ranges.ends = self.array("q", length)
        return ranges


def _newest(said: Newest | None) -> list[Any] | None:
    return None if said is None else said.document()


def _process(process: ProcessState) -> list[Any]:
    values: list[Any] = [process.epoch, process.sequence, process.newest_ms]
    return [*values, _newest(process.started), _newest(process.stopped)]


def _losses(losses: Losses, arrays: _Writer) -> list[Any]:
    ranges = [
        {epoch: arrays.intervals(held[epoch]) for epoch in sorted(held)}
        for held in (getattr(losses, name) for name in _RANGES)
    ]
    return [ranges, [getattr(losses, name) for name in _TIMES]]


def _read_losses(document: list[Any], arrays: _Reader) -> Losses:
    losses = Losses()
    for name, held in zip(_RANGES, document[0], strict=True):
        ranges = {epoch: arrays.into(Intervals(1, MOST_RANGES), length) for epoch, length in held.items()}
        setattr(losses, name, ranges)
    for name, time_ms in zip(_TIMES, document[1], strict=True):
        setattr(losses, name, time_ms)
    return losses


def _channel(channel: ChannelState, arrays: _Writer) -> dict[str, Any]:
    return {
        "first_ms": channel.first_ms,
        "newest": [
            _newest(said)
            for said in (channel.last, channel.transition, channel.session, channel.invalid, channel.livestream)
        ],
        "marks": [arrays.array(marks.packed) for marks in (channel.transitions, channel.validity, channel.rejected)],
        "pruned": [
            arrays.intervals(channel.pruned[rule]) if rule in channel.pruned else 0 for rule in (*RULES, MISSING)
        ],
        "taken": arrays.intervals(channel.taken),
        "protections": {name: said.document() for name, said in channel.protections.items()},
        **_segments(channel.segments, arrays),
    }


def _segments(held: Segments | Seamless, arrays: _Writer) -> dict[str, Any]:
    if isinstance(held, Seamless):
        return {"stretches": arrays.intervals(held.ranges), "stretch_losses": arrays.array(held.packed)}
    return {
        "floor_day": held.floor_day,
        "days": [
            [number, arrays.array(day.starts), arrays.array(day.lengths), arrays.array(day.losses)]
            for number, day in sorted(held.days.items())
        ],
    }


def _read_channel(document: Mapping[str, Any], arrays: _Reader, *, seamless: bool) -> ChannelState:
    channel = ChannelState(seamless=seamless)
    channel.first_ms = document["first_ms"]
    newest = [Newest.read(said) for said in document["newest"]]
    channel.last, channel.transition, channel.session, channel.invalid, channel.livestream = newest
    for marks, length in zip((channel.transitions, channel.validity, channel.rejected), document["marks"], strict=True):
        marks.packed = arrays.array("q", length)
    for rule, length in zip((*RULES, MISSING), document["pruned"], strict=True):
        if length:
            channel.pruned[rule] = arrays.into(Intervals(JOIN_MS, MOST_PRUNED), length)
    arrays.into(channel.taken, document["taken"])
    channel.protections = {name: Newest(*said) for name, said in document["protections"].items()}
    _read_segments(channel.segments, document, arrays)
    return channel


def _read_segments(held: Segments | Seamless, document: Mapping[str, Any], arrays: _Reader) -> None:
    if isinstance(held, Seamless):
        arrays.into(held.ranges, document["stretches"])
        held.packed = arrays.array("q", document["stretch_losses"])
        return
    held.floor_day = document["floor_day"]
    for number, starts, lengths, losses in document["days"]:
        day = held.days[number] = Day()
        day.starts, day.lengths = arrays.array("I", starts), arrays.array("I", lengths)
        day.losses = arrays.array("I", losses)
