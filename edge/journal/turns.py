"""How it stands with one source that is asked for events again: what to ask for next, and when. Pure.

A request that brings nothing is followed at once by one for the numbers behind it: events that nobody brings must not
hold up the others. After PATIENCE of them in a row each waits, longer and longer, as a source may say that it wrote
10**15 events that never were; every other one begins at the front again, so that no number is asked for only once.

All begins anew as soon as something of what was asked for comes, however late; when there is a hole that was not there
before; and when the process was away. Of a tail half a window has to come, as its first numbers come by themselves
while the process goes on.
"""

from dataclasses import dataclass
from typing import Final

from edge.journal.positions import Track
from edge.journal.ranges import NONE, Ranges
from edge.retry import delay_s

MOST_NUMBERS: Final = 1_000
PATIENCE: Final = 8
FIRST_WAIT_S: Final = 2.0
MOST_WAIT_S: Final = 300.0


@dataclass(slots=True)
class Turn:
    """What was asked of one source in vain: how often since something came, and when last."""

    in_vain: int = 0
    asked_ns: int = 0
    _in_a_row: int = 0
    _waits: int = 0
    _tried_to: int = 0
    _not_before_ns: int = 0
    _hole_to: int = 0
    _holes: Ranges = NONE  # asked for in vain, with something received behind them
    _tail: Ranges = NONE  # asked for in vain, as only the source itself tells of them

    def wanted(self, due: Ranges, track: Track, now_ns: int) -> Ranges:
        """What of the overdue numbers to ask for now."""
        self._look(due, track)
        behind = due - due.up_to(self._tried_to)
        patient = self._in_a_row < PATIENCE
        if now_ns < self._not_before_ns:
            return behind if patient else NONE
        if behind and (patient or self._waits % 2):
            return behind
        if not behind:
            self._tried_to = 0
        return due

    def asked(self, numbers: Ranges, received_to: int, now_ns: int) -> None:
        """Take note of what is asked for, and of the last number that was received by then."""
        holes = numbers.up_to(received_to)
        self._holes |= holes
        self._tail |= numbers - holes
        if now_ns >= self._not_before_ns:
            self._waits += 1
        self.asked_ns = now_ns

    def over(self, numbers: Ranges, missing: Ranges, now_ns: int) -> None:
        """Take note that a request is answered, or will not be, and of what is missing still."""
        if not numbers & missing or self._came(missing):
            self.brought()
            return
        wait_s = delay_s(self._waits - 1, first_s=FIRST_WAIT_S, most_s=MOST_WAIT_S, jitter=0.0, random=float)
        self.in_vain += 1
        self._in_a_row += 1
        self._tried_to = max(self._tried_to, numbers.last)
        self._not_before_ns = now_ns + round(wait_s * 1e9)

    def brought(self) -> None:
        """Take note that something came, or that what is lost is known to be."""
        self.in_vain = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Ask again without waiting: what was in vain may not be so any more."""
        self._in_a_row = self._waits = self._tried_to = self._not_before_ns = 0
        self._holes = self._tail = NONE

    def _look(self, due: Ranges, track: Track) -> None:
        if self._came(track.missing):
            self.brought()
        hole_to = due.up_to(track.received.last).last
        if hole_to > self._hole_to:
            self.begin_anew()
        self._hole_to = hole_to

    def _came(self, missing: Ranges) -> bool:
        tail = self._tail.count
        return bool(self._holes - missing) or (
            tail > 0 and 2 * (self._tail - missing).count >= min(tail, MOST_NUMBERS)
        )
