"""What is said about one channel: the judge's verdict and the recorder's troubles as one stream of truth. Pure.

Rules:

1. A trouble of the recorder is said when it has lasted as long as a picture fault takes to be confirmed: a camera that
   drops its connection for a moment is not at fault.
2. While a trouble stands it is the truth, whatever was wrong with the last picture. Another trouble takes its place
   only when it has lasted as long itself.
3. A picture that came after the trouble began ends it; that is said when the picture is clean, or when what it shows
   is confirmed.
4. Nothing is said twice: a fault again only when its reason is another.
"""

from dataclasses import dataclass
from typing import Final

from edge.errors import StopReason
from edge.events.catalog.validator import InvalidReason
from edge.validator.verdict import Verdict

TROUBLES: Final[dict[StopReason, InvalidReason]] = {
    "unreachable": "unreachable",
    "auth_failed": "auth_failed",
    "not_found": "no_video",
    "timeout": "no_video",
    "ended": "no_video",
    "stream_error": "no_video",
    "unsupported": "no_video",
}
"""The others say nothing about the camera: the recorder was stopped, or the disk takes nothing."""
UNSEEN: Final = frozenset(TROUBLES.values())


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a channel; `measured` and `threshold` are None where no picture was measured."""

    reason: InvalidReason
    since_ms: int
    measured: float | None = None
    threshold: float | None = None

    @classmethod
    def of(cls, verdict: Verdict) -> "Fault":
        """A picture fault."""
        found = verdict.finding
        return cls(found.reason, verdict.since_ms, float(found.measured), float(found.threshold))


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there are no pictures: since when, and since when for this reason."""

    reason: InvalidReason
    since_ms: int
    reason_since_ms: int


@dataclass(frozen=True, slots=True)
class Statement:
    """Something to say: a channel is invalid (`fault`), or valid again after `was`."""

    fault: Fault | None
    was: Fault | None
    at_ms: int


class Standing:
    """What was last said about a channel, and what may have to be said next."""

    def __init__(self, patience_ms: int, said: Fault | None = None, trouble: Trouble | None = None) -> None:
        self._patience_ms = patience_ms
        self.said = said
        self.trouble = trouble

    def stopped(self, reason: StopReason, at_ms: int) -> None:
        """The recorder gets no pictures, or stopped for a reason that says nothing about the camera."""
        mapped = TROUBLES.get(reason)
        if mapped is not None:
            self.unseen(mapped, at_ms)
        elif self.said is None or self.said.reason not in UNSEEN:
            self.trouble = None

    def unseen(self, reason: InvalidReason, at_ms: int) -> None:
        """There is no picture that could be judged."""
        before = self.trouble
        if before is None:
            self.trouble = Trouble(reason, at_ms, at_ms)
        elif before.reason != reason:
            self.trouble = Trouble(reason, before.since_ms, at_ms)

    def started(self) -> None:
        """The recorder gets pictures: a trouble that was not said is none; one that was said ends with a clean look."""
        if self.said is None or self.said.reason not in UNSEEN:
            self.trouble = None

    def looked(self, verdict: Verdict | None, *, clean: bool, at_ms: int, changed_ms: int) -> Statement | None:
        """A picture that came at `at_ms` was judged; `clean` says that it shows no fault. What that changes, if any.

        `changed_ms` is when the first picture came that shows it to be so.
        """
        if self.trouble is not None and at_ms < self.trouble.since_ms:
            return None
        self.trouble = None
        if verdict is not None:
            return self._say(Fault.of(verdict), at_ms)
        if self.said is None or (self.said.reason in UNSEEN and not clean):
            return None
        was, self.said = self.said, None
        return Statement(None, was, changed_ms)

    def waited(self, now_ms: int) -> Statement | None:
        """Time went by: what has lasted long enough to be said, if any. A clock that was set back waits for nothing."""
        trouble = self.trouble
        if trouble is None or abs(now_ms - trouble.reason_since_ms) < self._patience_ms:
            return None
        return self._say(Fault(trouble.reason, trouble.since_ms), now_ms)

    def _say(self, fault: Fault, at_ms: int) -> Statement | None:
        was = self.said
        if was is not None and was.reason == fault.reason:
            return None
        self.said = fault
        return Statement(fault, was, at_ms)
