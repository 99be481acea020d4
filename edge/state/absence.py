"""How a site came back after nothing was heard of it: what failed is told then, by its processes. Pure.

A process says when it started and counts its connections to the broker of its site. A box that lost power starts all
processes anew; a broker that restarted makes all of them connect again; a link that was cut changes neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge.state.views import ProcessView

Cause = Literal["box", "broker", "link", "unknown"]

UNSURE_MS: Final = 300_000
"""So long after a return what is heard may still change what is thought of it: a backlog comes before what is new."""


@dataclass(frozen=True, slots=True)
class Life:
    """One run of a process, and which of its connections to the broker it was heard over."""

    started_ms: int
    epoch: str
    bdseq: int


Lives = Mapping[str, Life]


@dataclass(frozen=True, slots=True)
class Return:
    """A site was silent from `from_ms` until `to_ms`, because of `cause`."""

    cause: Cause
    from_ms: int
    to_ms: int


def lives(processes: Sequence[ProcessView]) -> dict[str, Life]:
    """The runs of the processes that were heard."""
    return {
        one.name: Life(one.started_ms, one.epoch or "", one.bdseq)
        for one in processes
        if one.started_ms is not None and one.bdseq is not None
    }


def cause(before: Lives, after: Lives) -> Cause:
    """What kept a site silent, from its processes before and after; `unknown` where none is known from both."""
    both = [(before[name], after[name]) for name in before.keys() & after.keys()]
    if not both:
        return "unknown"
    stayed = [(was, now) for was, now in both if now.started_ms <= was.started_ms]
    if not stayed:
        return "box"
    return "broker" if all((now.epoch, now.bdseq) > (was.epoch, was.bdseq) for was, now in stayed) else "link"


class Absence:
    """Follows one site through its silence and back."""

    __slots__ = ("_before", "_now", "_silent_since_ms", "back")

    def __init__(self) -> None:
        self._now: Lives = {}
        self._before: Lives = {}
        self._silent_since_ms: int | None = None
        self.back: Return | None = None

    def look(self, processes: Sequence[ProcessView], heard_ms: int | None, now_ms: int, *, silent: bool) -> None:
        """See the site as it is now; `heard_ms` is when anything of it was heard last."""
        if silent:
            if self._silent_since_ms is None and heard_ms is not None:
                self._silent_since_ms, self._before = heard_ms, self._now or lives(processes)
            return
        self._now = lives(processes)
        if self._silent_since_ms is not None:
            self.back = Return(cause(self._before, self._now), self._silent_since_ms, now_ms)
            self._silent_since_ms = None
        elif self.back is not None and now_ms - self.back.to_ms <= UNSURE_MS:
            self.back = Return(cause(self._before, self._now), self.back.from_ms, self.back.to_ms)
