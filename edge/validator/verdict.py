"""When findings become a verdict: several looks in a row must agree, for the fault and for its end. Pure."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["black", "no_signal", "frozen", "covered", "blurred"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look shows to be wrong: the measure that decided, and the limit that it was held against."""

    reason: Reason
    measured: float
    threshold: float
    looks: int = 1
    """Looks up to this one that show it: a picture that was seen before makes that earlier look one of them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A fault that stands: its last finding before it was confirmed, and the time of the first look that showed it."""

    finding: Finding
    since_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict began, ended, or gave way to another; `since_ms` is the first look that showed it to be so."""

    was: Verdict | None
    now: Verdict | None
    since_ms: int


class Hysteresis:
    """The verdict that stands, and how many looks in a row speak for another."""

    def __init__(self, confirm: int, verdict: Verdict | None = None) -> None:
        self._confirm = confirm
        self.verdict = verdict
        self._reason: Reason | None = None
        self._looks = 0
        self._since_ms = 0
        self._last_ms = 0

    def look(self, at_ms: int, finding: Finding | None) -> Change | None:
        """Take in what a look shows; a change once `confirm` looks in a row agree on it."""
        last_ms, self._last_ms = self._last_ms or at_ms, at_ms
        reason = finding.reason if finding else None
        if reason == self._standing:
            self._reason, self._looks = reason, 0
            return None
        if not self._looks or reason != self._reason:
            self._reason, self._looks = reason, 1
            self._since_ms = at_ms
            if finding and finding.looks > 1:
                self._looks, self._since_ms = 2, last_ms
        else:
            self._looks += 1
        if self._looks < self._confirm:
            return None
        return self._changed(finding)

    @property
    def _standing(self) -> Reason | None:
        return self.verdict.finding.reason if self.verdict else None

    def _changed(self, finding: Finding | None) -> Change:
        was = self.verdict
        self.verdict = Verdict(finding, self._since_ms) if finding else None
        self._looks = 0
        return Change(was, self.verdict, self._since_ms)
