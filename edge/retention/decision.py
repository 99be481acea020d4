"""What has to be deleted next, and by which rule. Pure: the same holdings, room, policy and time give the same answer.

Rules in their order: `rejected` (worthless, and out of quarantine), `age`, `quota` (a channel over its share), `space`
(the disk is over its limit). What holds for all of them:

1. Protected segments never go.
2. Within a rule the oldest go first, by the start of the segment over all channels. So every channel reaches equally
   far back, whatever its bitrate: that is what fair means here.
3. `rejected` and `age` never touch the newest hour. `quota` and `space` come to it last, when nothing older is left.
4. `quota` and `space` stop as soon as what went is enough: taking one segment less would not be.
"""

import heapq
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Final, Literal, Protocol

from edge.events.catalog import Stuck
from edge.recordings.catalog import Entry, Usage
from edge.recordings.segment import SegmentName
from edge.retention.policy import HOUR_MS, Policy

Rule = Literal["rejected", "age", "quota", "space"]

STEP_SEGMENTS: Final = 200
STEP_BYTES: Final = 2 << 30
"""A step is bounded, and the disk measured between two: an error costs a step and not a disk."""


class Holdings(Protocol):
    """What is on the disk, as the catalog tells it."""

    def usage(self) -> Mapping[str, Usage]:
        """What each channel has."""
        ...

    def oldest(self, channel: str | None = None, *, from_ms: int = ...) -> Iterator[Entry]:
        """Segments of a channel that start at `from_ms` or later, in the order of their start."""
        ...

    def rejected(self) -> Iterator[Entry]:
        """Worthless segments, those rejected first in front."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """The disk as it was measured."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What is protected: for each channel ranges of UTC milliseconds, sorted, apart; and the bytes that they hold."""

    ranges: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, protections: Iterable[tuple[str, int, int]], held_bytes: Mapping[str, int]) -> "Kept":
        """Join what overlaps: `protections` are channel, start and end."""
        ranges: dict[str, list[tuple[int, int]]] = {}
        for channel, from_ms, to_ms in sorted(protections):
            mine = ranges.setdefault(channel, [])
            if mine and from_ms <= mine[-1][1]:
                mine[-1] = (mine[-1][0], max(mine[-1][1], to_ms))
            else:
                mine.append((from_ms, to_ms))
        return cls(ranges, dict(held_bytes))

    def until_ms(self, entry: Entry) -> int | None:
        """The end of the protection that covers some of a segment; None where it is free to go."""
        mine = self.ranges.get(entry.channel, ())
        place = bisect_right(mine, entry.end_ms, key=lambda one: one[0])
        for from_ms, to_ms in reversed(mine[:place]):
            if from_ms < max(entry.end_ms, entry.start_ms + 1) and to_ms > entry.start_ms:
                return to_ms
            if to_ms <= entry.start_ms:
                return None
        return None


@dataclass(frozen=True, slots=True)
class Step:
    """What goes now and by which rule; `clearing` is whether the disk is being brought to its low mark.

    `stuck` is why the disk stays over its limit although nothing more can go.
    """

    rule: Rule | None
    entries: tuple[Entry, ...]
    clearing: bool
    stuck: Stuck | None = None


def decide(
    holdings: Holdings,
    room: Room,
    policy: Policy,
    kept: Kept,
    now_ms: int,
    *,
    clearing: bool = False,
    unwilling: Container[SegmentName] = frozenset(),
) -> Step:
    """The next step; `unwilling` are segments that the disk did not let us delete."""
    reserve_bytes = policy.reserve_bytes(room.total_bytes)
    low_mark_bytes = policy.low_mark_bytes(room.total_bytes)
    clearing = room.free_bytes < (low_mark_bytes if clearing else reserve_bytes)
    free = _Free(holdings, kept, unwilling)
    rules: tuple[tuple[Rule, Iterator[Entry]], ...] = (
        ("rejected", _out_of_quarantine(holdings, policy, kept, now_ms, unwilling)),
        ("age", _too_old(free, policy, now_ms)),
        ("quota", _over_share(free, policy, kept)),
        ("space", _enough(free.oldest(), low_mark_bytes - room.free_bytes if clearing else 0)),
    )
    for rule, entries in rules:
        step = _bounded(entries)
        if step:
            return Step(rule, step, clearing)
    return Step(None, (), clearing, _stuck(reserve_bytes - room.free_bytes, kept))


def _stuck(over_bytes: int, kept: Kept) -> Stuck | None:
    """Why the disk stays over its limit: evidence, if there is enough of it to make up for that."""
    if over_bytes <= 0:
        return None
    return "protected" if sum(kept.bytes.values()) >= over_bytes else "not_ours"


class _Free:
    """Segments that are free to go, oldest first; protected stretches are leapt over, not read."""

    def __init__(self, holdings: Holdings, kept: Kept, unwilling: Container[SegmentName]) -> None:
        self._holdings = holdings
        self._kept = kept
        self._unwilling = unwilling
        self.usage = holdings.usage()

    def of_channel(self, channel: str) -> Iterator[Entry]:
        from_ms: int | None = -(2**62)
        while from_ms is not None:
            entries, from_ms = self._holdings.oldest(channel, from_ms=from_ms), None
            for entry in entries:
                until_ms = self._kept.until_ms(entry)
                if until_ms is not None:
                    from_ms = max(until_ms, entry.start_ms + 1)
                    break
                if entry.name not in self._unwilling:
                    yield entry

    def oldest(self) -> Iterator[Entry]:
        return _in_order(self.of_channel(channel) for channel in sorted(self.usage))


def _out_of_quarantine(
    holdings: Holdings, policy: Policy, kept: Kept, now_ms: int, unwilling: Container[SegmentName]
) -> Iterator[Entry]:
    for entry in holdings.rejected():
        if entry.rejected_ms is None or entry.rejected_ms + policy.quarantine_ms > now_ms:
            return
        if entry.end_ms <= now_ms - HOUR_MS and kept.until_ms(entry) is None and entry.name not in unwilling:
            yield entry


def _too_old(free: _Free, policy: Policy, now_ms: int) -> Iterator[Entry]:
    def of_channel(channel: str, age_ms: int) -> Iterator[Entry]:
        end_ms = now_ms - max(age_ms, HOUR_MS)
        return takewhile(lambda entry: entry.end_ms <= end_ms, free.of_channel(channel))

    ages_ms = {channel: policy.age_ms(channel) for channel in sorted(free.usage)}
    return _in_order(of_channel(channel, age_ms) for channel, age_ms in ages_ms.items() if age_ms is not None)


def _over_share(free: _Free, policy: Policy, kept: Kept) -> Iterator[Entry]:
    """Protected segments do not count: evidence must not cost the channel the rest of its footage."""

    def of_channel(channel: str, share_bytes: int) -> Iterator[Entry]:
        over_bytes = free.usage[channel].bytes - kept.bytes.get(channel, 0) - share_bytes
        return _enough(free.of_channel(channel), over_bytes)

    shares = {channel: policy.channel_bytes.get(channel) for channel in sorted(free.usage)}
    return _in_order(of_channel(channel, share) for channel, share in shares.items() if share is not None)


def _enough(entries: Iterator[Entry], need_bytes: int) -> Iterator[Entry]:
    """Entries until they are as much as is needed."""
    while need_bytes > 0:
        entry = next(entries, None)
        if entry is None:
            return
        need_bytes -= entry.bytes
        yield entry


def _in_order(channels: Iterable[Iterator[Entry]]) -> Iterator[Entry]:
    return heapq.merge(*channels, key=lambda entry: (entry.start_ms, entry.channel))


def _bounded(entries: Iterator[Entry]) -> tuple[Entry, ...]:
    step: list[Entry] = []
    size = 0
    for entry in islice(entries, STEP_SEGMENTS):
        if step and size + entry.bytes > STEP_BYTES:
            break
        step.append(entry)
        size += entry.bytes
    return tuple(step)
