"""The way from a site to HQ, as the site sees it: what HQ has acknowledged, and for how long it has not. Pure.

HQ acknowledges a process's events at most every ten seconds and says nothing while there is nothing new, so that only
events that wait make its silence a trouble. Time is passed in; one thread tells, any thread may look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge.state.views import ProcessView

HqStatus = Literal["waiting", "linked", "behind", "silent"]

SILENT_MS: Final = 60_000
BEHIND: Final = 100
"""More than come between two acks of a site: from so many on it is said how many wait."""


@dataclass(frozen=True, slots=True)
class HqLinkView:
    """How the site's events come to HQ.

    `held` of `newest` events (of the epochs that processes are in) are acknowledged, the last at `acked_ms`.
    `since_ms` is since when events wait without an ack, None while none does. `waiting`: no ack was heard yet.
    """

    status: HqStatus
    held: int
    newest: int
    acked_ms: int | None
    since_ms: int | None

    @property
    def behind(self) -> int:
        """How many events wait."""
        return self.newest - self.held


class HqLink:
    """What was heard of HQ at a site."""

    def __init__(self) -> None:
        self._acked: dict[str, tuple[str, int]] = {}
        self._acked_ms: int | None = None
        self._newest: dict[str, tuple[str, int]] = {}
        self._waiting_ms: dict[str, int] = {}

    def told(self, process: str, epoch: str, sequence: int, at_ms: int) -> None:
        """Take note of an event of a process: it waits for its ack from now on."""
        if (epoch, sequence) > self._newest.get(process, ("", 0)):
            self._newest[process] = epoch, sequence
        if self._newest[process] > self._acked.get(process, ("", 0)):
            self._waiting_ms.setdefault(process, at_ms)

    def acked(self, process: str, epoch: str, contiguous_to: int, at_ms: int) -> None:
        """Take note of an ack, which may be an old one that the broker kept; `at_ms` is when HQ said it."""
        if (epoch, contiguous_to) <= self._acked.get(process, ("", 0)):
            return
        self._acked[process] = epoch, contiguous_to
        self._acked_ms = max(at_ms, self._acked_ms or 0)
        if (epoch, contiguous_to) >= self._newest.get(process, ("", 0)):
            self._waiting_ms.pop(process, None)
        elif process in self._waiting_ms:
            self._waiting_ms[process] = max(at_ms, self._waiting_ms[process])

    def view(self, processes: Sequence[ProcessView], now_ms: int) -> HqLinkView:
        """How it stands."""
        held = newest = 0
        for process in processes:
            if process.epoch is None or not process.last_sequence:
                continue
            epoch, sequence = self._acked.get(process.name, ("", 0))
            newest += process.last_sequence
            held += min(sequence, process.last_sequence) if epoch == process.epoch else 0
        since_ms = min(dict(self._waiting_ms).values(), default=None)
        return HqLinkView(self._status(newest - held, since_ms, now_ms), held, newest, self._acked_ms, since_ms)

    def _status(self, behind: int, since_ms: int | None, now_ms: int) -> HqStatus:
        if since_ms is not None and now_ms - since_ms >= SILENT_MS:
            return "silent"
        if self._acked_ms is None:
            return "waiting"
        return "behind" if behind >= BEHIND else "linked"
