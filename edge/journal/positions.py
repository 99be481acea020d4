"""How complete one source's events are: values only, each change makes a new one, so that a failed write changes none.

Numbers of a source and epoch run from 1 without holes (the outbox sees to that): what is not there is missing.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from edge.journal.ranges import NONE, Range, Ranges


class Process(NamedTuple):
    """Who speaks, over all its epochs."""

    site: str
    name: str

    def __str__(self) -> str:
        return f"/{self.site}/{self.name}"


class Source(NamedTuple):
    """Whose events: numbers are contiguous within one."""

    site: str
    process: str
    epoch: str

    @property
    def speaker(self) -> Process:
        """The process whose epoch it is."""
        return Process(self.site, self.process)

    def __str__(self) -> str:
        return f"/{self.site}/{self.process}"


@dataclass(frozen=True)
class Track:
    """What is known of the numbers of one source."""

    received: Ranges = NONE
    lost: Ranges = NONE  # nobody has them any longer
    announced: Ranges = NONE  # said to be missing and not yet said to have come
    heard: int = 0  # the source itself says that it has given numbers up to this one

    @property
    def newest(self) -> int:
        """The greatest number that is known to exist."""
        return max(self.received.last, self.lost.last, self.heard)

    @cached_property
    def missing(self) -> Ranges:
        """Numbers that exist and neither came nor are lost."""
        if self.newest == 0:
            return NONE
        return Ranges(((1, self.newest),)) - self.received - self.lost

    @property
    def contiguous_to(self) -> int:
        """The last number before the first missing one; what is lost is settled and does not count as missing."""
        return self.missing.first - 1 if self.missing else self.newest

    def with_received(self, numbers: Ranges) -> "Track":
        """After events came; what was lost and came after all is lost no longer, and is to be said."""
        found = self.lost & numbers
        return replace(
            self, received=self.received | numbers, lost=self.lost - numbers, announced=self.announced | found
        )

    def with_heard(self, newest: int) -> "Track":
        """After the source said how far it has come."""
        return self if newest <= self.heard else replace(self, heard=newest)

    def with_lost(self, numbers: Ranges) -> "Track":
        """After it turned out that nobody has some of the missing numbers."""
        return replace(self, lost=self.lost | (numbers & self.missing))

    def with_announced(self, numbers: Ranges) -> "Track":
        """After what was said to be missing has changed."""
        return replace(self, announced=numbers)


@dataclass(frozen=True, slots=True)
class SourceCompleteness:
    """What `/api/completeness` says of one source; `contiguous_to` stands before the first missing number."""

    site: str
    process: str
    epoch: str
    first: int
    contiguous_to: int
    newest: int
    missing: tuple[Range, ...]
    lost: tuple[Range, ...]
    count: int

    @classmethod
    def of(cls, source: Source, track: Track) -> "SourceCompleteness":
        """The summary of a track; `first` is 0 when nothing came yet."""
        return cls(
            site=source.site,
            process=source.process,
            epoch=source.epoch,
            first=track.received.first,
            contiguous_to=track.contiguous_to,
            newest=track.newest,
            missing=track.missing.spans,
            lost=track.lost.spans,
            count=track.received.count,
        )
