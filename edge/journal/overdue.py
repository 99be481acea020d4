"""Which missing numbers have been missing for so long that they will not come by themselves. Pure; time is handed in.

A hole is given a little time, as a reconnect reorders messages. A tail that only the source's heartbeat tells of is
given more, as the events may be on their way, and all the time while the source's events keep coming.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.journal.positions import Source, Track
from edge.journal.ranges import Ranges

HOLE_NS: Final = 2_000_000_000
TAIL_NS: Final = 5_000_000_000


@dataclass(slots=True)
class _Watch:
    """How far one source's events reached at some moments, so that their age can be told."""

    reached: deque[tuple[int, int]] = field(default_factory=deque)
    due_to: int = 0
    tail_since_ns: int = 0
    tail_after: int = -1
    tail_to: int = 0

    def look(self, track: Track, now_ns: int) -> int:
        """The number up to which whatever is missing is overdue."""
        came = max(track.received.last, track.lost.last)
        if not self.reached or self.reached[-1][1] != came:
            self.reached.append((now_ns, came))
        while self.reached and now_ns - self.reached[0][0] >= HOLE_NS:
            self.due_to = max(self.due_to, self.reached.popleft()[1])
        if came != self.tail_after:
            self.tail_since_ns, self.tail_after, self.tail_to = now_ns, came, track.heard
        if self.tail_to <= came:  # nothing was known to be missing until now
            self.tail_since_ns, self.tail_to = now_ns, track.heard
        if now_ns - self.tail_since_ns >= (TAIL_NS if came else HOLE_NS):  # nothing is on its way from before us
            self.due_to = max(self.due_to, self.tail_to)
        return self.due_to


class Overdue:
    """Watches the tracks of all sources that lack something; to be asked about once a second."""

    def __init__(self) -> None:
        self._watches: dict[Source, _Watch] = {}

    def begin_again(self) -> None:
        """Forget all ages: while the connection was away nothing could come."""
        self._watches.clear()

    def look(self, tracks: Mapping[Source, Track], now_ns: int) -> dict[Source, Ranges]:
        """The overdue numbers of each source that has any; of sources that are not handed in nothing is missing."""
        found = {}
        self._watches = {source: watch for source, watch in self._watches.items() if source in tracks}
        for source, track in tracks.items():
            if not track.missing:
                self._watches.pop(source, None)
                continue
            due = track.missing.up_to(self._watches.setdefault(source, _Watch()).look(track, now_ns))
            if due:
                found[source] = due
        return found
