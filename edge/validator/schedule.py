"""When each channel is looked at next, so that the load of all lies evenly over time. Pure: times are passed in.

A channel is due every `every_s`. Where there is nothing new to see it is tried again sooner, for a while; while it has
segments to catch up with it is due more often.
"""

import heapq
from typing import Final

_AGAIN: Final = 0.25
_CATCH_UP: Final = 0.125
_TRIES: Final = 8
"""So often in a row a channel with nothing new is tried again sooner; then at its usual pace."""


class Schedule:
    """The next look of each channel, in nanoseconds of the monotonic clock."""

    def __init__(self, every_s: float) -> None:
        self._every_ns = round(every_s * 1e9)
        self._due: dict[str, int] = {}
        self._misses: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def plan(self, channels: list[str], from_ns: int) -> None:
        """Look at exactly these channels; those that are new begin in turns from `from_ns` on."""
        for gone in self._due.keys() - channels:
            del self._due[gone]
            self._misses.pop(gone, None)
        fresh = [channel for channel in channels if channel not in self._due]
        for place, channel in enumerate(fresh):
            self._set(channel, from_ns + self._every_ns * place // len(fresh))

    def next(self) -> tuple[str, int] | None:
        """The channel that is due first, and when; None without channels."""
        while self._heap:
            due_ns, channel = self._heap[0]
            if self._due.get(channel) == due_ns:
                return channel, due_ns
            heapq.heappop(self._heap)
        return None

    def looked(self, channel: str, now_ns: int, *, behind: bool) -> None:
        """The channel was looked at; `behind` says that it has older segments to look at."""
        self._misses.pop(channel, None)
        if behind:
            self._set(channel, now_ns + round(self._every_ns * _CATCH_UP))
            return
        planned_ns = self._due.get(channel, now_ns) + self._every_ns
        # A late look moves the plan: two looks soon after another would see the same.
        self._set(channel, planned_ns if planned_ns > now_ns + self._every_ns // 2 else now_ns + self._every_ns)

    def missed(self, channel: str, now_ns: int) -> None:
        """There was nothing new to see."""
        misses = self._misses[channel] = self._misses.get(channel, 0) + 1
        self._set(channel, now_ns + round(self._every_ns * (_AGAIN if misses <= _TRIES else 1)))

    def hold(self, channel: str, until_ns: int) -> None:
        """Leave the channel alone until then."""
        self._set(channel, until_ns)

    def _set(self, channel: str, due_ns: int) -> None:
        self._due[channel] = due_ns
        heapq.heappush(self._heap, (due_ns, channel))
