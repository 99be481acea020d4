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
        self.verdict = verdict
        self._confirm = confirm
        self._reason: Reason | None = None
        self._looks = 0
        self._since_ms = 0
        self._apart_looks = 0
        self._apart_since_ms = 0
        self._last_ms: int | None = None

    def look(self, at_ms: int, finding: Finding | None) -> Change | None:
        """Take in what a look shows; a change once `confirm` looks in a row agree on it.

        Where they agree on nothing for twice as long, but not on the fault that stands either, that has ended.
        """
        reason = finding.reason if finding else None
        last_ms, self._last_ms = self._last_ms, at_ms
        if reason == self._standing:
            self._looks = self._apart_looks = 0
            return None
        self._count(reason, at_ms)
        if finding and finding.looks > self._looks and last_ms is not None:
            self._looks, self._since_ms = finding.looks, last_ms
        if self._looks >= self._confirm:
            return self._change(finding, self._since_ms)
        if finding is None and self._apart_looks >= 2 * self._confirm:
            return self._change(None, self._apart_since_ms)
        return None

    @property
    def _standing(self) -> Reason | None:
        return self.verdict.finding.reason if self.verdict else None

    def _count(self, reason: Reason | None, at_ms: int) -> None:
        if not self._apart_looks:
            self._apart_since_ms = at_ms
        if not self._looks or reason != self._reason:
            self._reason, self._looks, self._since_ms = reason, 0, at_ms
        self._looks += 1
        self._apart_looks += 1

    def _change(self, finding: Finding | None, since_ms: int) -> Change:
        was = self.verdict
        self.verdict = Verdict(finding, since_ms) if finding else None
        self._looks = self._apart_looks = 0
        return Change(was, self.verdict, since_ms)
