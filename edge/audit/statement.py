"""A statement: what became of every second of a range, channel by channel, and what keeps it from being whole. Pure.

Times are milliseconds of UTC; the kinds of a channel's time add up to the range exactly, in whole milliseconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge.audit.chain import whole
from edge.audit.holes import SourceStatement
from edge.audit.stretches import Stretch, StretchKind
from edge.audit.tally import Tally
from edge.state.channels import MISSING
from edge.state.gaps import UNEXPLAINED
from edge.verify.findings import Report

NOT_YET: Final = "not_yet"
Code = Literal[
    "before_first_event", "future", "unsaid", "events_missing", "events_lost", "events_conflicting", "events_unread",
    "footage_missing", "unexplained", "contradicted", "file_changed", "file_missing", "file_unknown", "file_unreadable",
    "not_verified",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a statement is about; `zone` is the name of the zone in which people read it."""

    site: str
    zone: str
    from_ms: int
    to_ms: int
    channels: tuple[str, ...]

    @property
    def ms(self) -> int:
        """How long the range is."""
        return self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class ChannelStatement:
    """One channel: its stretches leave nothing of the range out."""

    channel: str
    stretches: Sequence[Stretch]
    tally: Tally

    def ms(self, kind: StretchKind) -> int:
        """Milliseconds of a kind."""
        return sum(one.ms for one in self.stretches if one.kind == kind)

    def of(self, *kinds: StretchKind) -> list[Stretch]:
        """The stretches of some kinds."""
        return [one for one in self.stretches if one.kind in kinds]

    def ms_because(self, reason: str) -> int:
        """Milliseconds of gaps with a reason."""
        return sum(one.ms for one in self.stretches if one.kind == "gap" and one.reason == reason)

    @property
    def fault_ms(self) -> int:
        """Milliseconds recorded while the picture was at fault."""
        return sum(one.ms for one in self.stretches if one.kind == "recorded" and one.invalid)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is off, or that cannot be said: a code, what it is about (channel, source or file), how much."""

    code: Code
    about: str
    count: int = 1
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """All that is said of a range.

    `unread` are events that this release does not understand. `files` is what a verification found, None at HQ.
    """

    asked: Asked
    ledger: Literal["site", "hq"]
    version: str
    made_ms: int
    known_from_ms: int | None
    known_to_ms: int | None
    channels: Sequence[ChannelStatement]
    sources: Sequence[SourceStatement]
    unread: int
    files: Report | None = None
    not_verified: str | None = None

    @property
    def digest(self) -> bytes:
        """The one value by which two statements are compared."""
        return whole({one.channel: one.tally.digest for one in self.channels})

    @property
    def segments(self) -> int:
        """How many announced segments the digest is made of."""
        return sum(one.tally.segments for one in self.channels)

    @property
    def problems(self) -> list[Problem]:
        """What is off and what cannot be said; none of a statement that is whole and finds all as it should be."""
        return [*self._of_events(), *self._of_channels(), *self._of_files()]

    def _of_events(self) -> Iterator[Problem]:
        for source in self.sources:
            about = f"/{self.asked.site}/{source.process} {source.epoch}"
            for hole in source.missing:
                yield Problem("events_missing", about, hole.count, numbers(hole.first, hole.last))
            for hole in source.lost:
                yield Problem("events_lost", about, hole.count, numbers(hole.first, hole.last))
            if source.conflicts:
                told = ", ".join(str(one.sequence) for one in source.conflicts[:10])
                yield Problem("events_conflicting", about, len(source.conflicts), told)
        if self.unread:
            yield Problem("events_unread", f"/{self.asked.site}", self.unread)

    def _of_channels(self) -> Iterator[Problem]:
        for one in self.channels:
            found: dict[Code, int] = {
                "before_first_event": one.ms_because(NOT_YET),
                "unsaid": one.ms("unsaid"),
                "future": one.ms("future"),
                "footage_missing": one.ms_because(MISSING),
                "unexplained": one.ms_because(UNEXPLAINED),
            }
            yield from (Problem(code, one.channel, ms, "ms") for code, ms in found.items() if ms)
            if one.tally.contradicted_count:
                paths = ", ".join(one.tally.contradicted[:3])
                yield Problem("contradicted", one.channel, one.tally.contradicted_count, paths)

    def _of_files(self) -> Iterator[Problem]:
        if self.not_verified is not None:
            yield Problem("not_verified", self.asked.site, 1, self.not_verified)
        for finding in self.files.findings if self.files is not None else ():
            yield Problem(_FILES[finding.kind], finding.path, 1, finding.detail)


_FILES: Final[dict[str, Code]] = {
    "changed": "file_changed",
    "missing": "file_missing",
    "unknown": "file_unknown",
    "unreadable": "file_unreadable",
    "undecodable": "file_unreadable",
}


def numbers(first: int, last: int) -> str:
    """A range of numbers as people write it."""
    return str(first) if first == last else f"{first} to {last}"
