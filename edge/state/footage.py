"""Where a channel has been recorded, whether the segments are still there or were deleted since."""

import sys

from edge.state.channels import ChannelState
from edge.state.intervals import Intervals
from edge.state.segments import JOIN_MS


def footage_runs(channel: ChannelState, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """Stretches that share something with a range, in order, with holes of less than a second filled."""
    joined = Intervals(JOIN_MS, sys.maxsize)
    around = (start_ms - JOIN_MS, end_ms + JOIN_MS)
    for run in (*channel.segments.runs(*around), *channel.taken.touching(*around)):
        joined.add(*run)
    return list(joined.touching(start_ms, end_ms))


def end_before(channel: ChannelState, time_ms: int) -> int | None:
    """Where the footage that starts before a time ends, at most that time."""
    taken = channel.taken.last_before(time_ms)
    return _largest(channel.segments.end_before(time_ms), None if taken is None else min(taken[1], time_ms))


def start_before(channel: ChannelState, time_ms: int) -> int | None:
    """Where the last segment, or stretch of deleted ones, that starts before a time starts."""
    taken = channel.taken.last_before(time_ms)
    return _largest(channel.segments.last_start_before(time_ms), None if taken is None else taken[0])


def start_after(channel: ChannelState, time_ms: int) -> int | None:
    """Where the first footage that starts at or after a time starts."""
    starts = (channel.segments.start_after(time_ms), channel.taken.start_after(time_ms))
    return min((start for start in starts if start is not None), default=None)


def _largest(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)
