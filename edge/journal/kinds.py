"""The kinds of events that a journal has met, in memory: as many as channels times types, however old it is."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, insert, select

from edge.journal.arrival import Kind
from edge.journal.tables import kinds


class Kinds:
    """Numbers of kinds, 1 and up; what a failed transaction gave is forgotten by not calling `keep`."""

    def __init__(self) -> None:
        self._numbers: dict[Kind, int] = {}

    def load(self, connection: Connection) -> None:
        """Read those that are stored."""
        self._numbers = {Kind(*fields): number for number, *fields in connection.execute(select(kinds))}

    @property
    def count(self) -> int:
        """How many kinds there are."""
        return len(self._numbers)

    def add(self, connection: Connection, wanted: Iterable[Kind]) -> dict[Kind, int]:
        """The numbers of all kinds with those that were new stored; for `keep` after the commit."""
        unknown = [kind for kind in dict.fromkeys(wanted) if kind not in self._numbers]
        if not unknown:
            return self._numbers
        new = {kind: len(self._numbers) + place for place, kind in enumerate(unknown, 1)}
        connection.execute(insert(kinds), [{"id": number, **kind._asdict()} for kind, number in new.items()])
        return self._numbers | new

    def keep(self, numbers: dict[Kind, int]) -> None:
        """Remember what was committed; readers on other threads may hold the mapping of before."""
        self._numbers = numbers

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
            for kind, number in self._numbers.items()
            if site in {None, kind.site}
            and (not processes or kind.process in processes)
            and (not event_types or kind.event_type in event_types)
            and (not channels or kind.channel in channels)
        ]

    def channels(self, site: str, event_type: str) -> list[str]:
        """The channels that a type of event was said of."""
        asked = (site, event_type)
        return sorted(kind.channel for kind in self._numbers if kind.channel and (kind.site, kind.event_type) == asked)
