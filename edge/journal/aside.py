"""What is kept aside for a person to look at, conflicts and refused payloads, and what of it has to go. Pure.

Each site has room for its newest thousand. All together have room for ten thousand: where that is not enough, those
that have most keep less, all the same number. So nobody pushes out what is kept about a site that has little.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Self

MOST_OF_SITE: Final = 1_000
MOST: Final = 10_000
"""More only where there are more sites than that: each keeps its newest one."""


@dataclass(frozen=True, slots=True)
class Aside:
    """The numbers of the rows that are kept, by the site that they came from, the oldest first."""

    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, int]]) -> Self:
        """Rows that are stored, each with its site, the oldest first."""
        found: dict[str, list[int]] = {}
        for site, number in rows:
            found.setdefault(site, []).append(number)
        return cls({site: tuple(numbers) for site, numbers in found.items()})

    def counts(self) -> dict[str, int]:
        """How many are kept of each site."""
        return {site: len(numbers) for site, numbers in self.rows.items()}

    def with_new(self, new: Iterable[tuple[str, int]]) -> "tuple[Aside, list[int]]":
        """What is kept after rows were added, and the numbers of those that have to go."""
        added = self.of(new).rows
        rows = {site: (*self.rows.get(site, ()), *added.get(site, ())) for site in {**self.rows, **added}}
        most = _share(len(numbers) for numbers in rows.values())
        kept = Aside({site: numbers[-most:] for site, numbers in rows.items()})
        return kept, list(chain.from_iterable(numbers[:-most] for numbers in rows.values()))


def _share(counts: Iterable[int]) -> int:
    """How many each site may keep, so that all have room."""
    waiting = sorted(min(count, MOST_OF_SITE) for count in counts)
    room = MOST
    for place, count in enumerate(waiting):
        share = room // (len(waiting) - place)
        if count > share:
            return max(1, share)
        room -= count
    return MOST_OF_SITE
