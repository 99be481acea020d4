"""The kinds of events that a journal has met, in memory: as many as channels times types, however old it is."""

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, insert, select

from edge.journal.arrival import Kind
from edge.journal.tables import kinds

MOST_KINDS: Final = 20_000
"""Of one site: some tens of types for each of at most 512 channels."""


class Kinds:
    """Numbers of kinds, 1 and up; what a failed transaction gave is forgotten by not calling `keep`."""

    def __init__(self) -> None:
        self._numbers: dict[Kind, int] = {}
        self._by_site: dict[str, dict[Kind, int]] = {}  # replaced, not changed: readers may be going through one

    def load(self, connection: Connection) -> None:
        """Read those that are stored."""
        found = {Kind(*fields): number for number, *fields in connection.execute(select(kinds))}
        by_site: dict[str, dict[Kind, int]] = {}
        for kind, number in found.items():
            by_site.setdefault(kind.site, {})[kind] = number
        self._numbers, self._by_site = found, by_site

    @property
    def count(self) -> int:
        """How many kinds there are."""
        return len(self._numbers)

    def has_room(self, kind: Kind) -> bool:
        """Whether a kind is known or may become so."""
        return kind in self._numbers or len(self._by_site.get(kind.site, ())) < MOST_KINDS

    def with_new(self, new: dict[Kind, int]) -> Mapping[Kind, int]:
        """The numbers of all and those that `add` gave."""
        return ChainMap(new, self._numbers)

    def add(self, connection: Connection, wanted: Iterable[Kind]) -> dict[Kind, int]:
        """Store the kinds that are new and return their numbers, for `keep` after the commit."""
        unknown = [kind for kind in dict.fromkeys(wanted) if kind not in self._numbers]
        new = {kind: len(self._numbers) + place for place, kind in enumerate(unknown, 1)}
        if new:
            connection.execute(insert(kinds), [{"id": number, **kind._asdict()} for kind, number in new.items()])
        return new

    def keep(self, new: Mapping[Kind, int]) -> None:
        """Remember what was committed."""
        by_site: dict[str, dict[Kind, int]] = {}
        for kind, number in new.items():
            by_site.setdefault(kind.site, {})[kind] = number
        for site, found in by_site.items():
            self._by_site[site] = self._by_site.get(site, {}) | found
        self._numbers.update(new)

    def matching(
        self,
        *,
        site: str | None = None,
        processes: Collection[str] = (),
        event_types: Collection[str] = (),
        channels: Collection[str] = (),
    ) -> list[int]:
        """Numbers of the kinds that a filter lets through; an empty filter lets all through."""
        return [
            number
            for kind, number in self._of(site)
            if (not processes or kind.process in processes)
            and (not event_types or kind.event_type in event_types)
            and (not channels or kind.channel in channels)
        ]

    def channels(self, site: str, event_type: str) -> list[str]:
        """The channels that a type of event was said of."""
        return sorted(kind.channel for kind, _ in self._of(site) if kind.channel and kind.event_type == event_type)

    def _of(self, site: str | None) -> Iterator[tuple[Kind, int]]:
        chosen = list(self._by_site.values()) if site is None else [self._by_site.get(site, {})]
        return (one for of_site in chosen for one in of_site.items())
