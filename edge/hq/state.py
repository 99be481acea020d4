"""What headquarters' handlers work with: the fleet, how the process itself is, and its parts as they come."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from edge.hq.condition import Condition
from edge.hq.figures import refusals
from edge.hq.fleet import Fleet
from edge.hq.watched import WatchedSite
from edge.journal.errors import JournalUnavailable
from edge.journal.ingest import Ingest
from edge.state.fleet import EventFigures, Refusals

NEWEST_REFUSED: Final = 5


@dataclass(slots=True)
class HqState:
    """Headquarters on the web; `ingest` is None until the journal is open. What summaries are made from, too."""

    name: str
    fleet: Fleet
    condition: Condition
    ingest: Ingest | None = None
    _refusals: Refusals = field(default_factory=Refusals)
    _counted: Mapping[str, int] = field(default_factory=dict)
    _before: Counter[str] | None = None

    def journal_figures(self) -> Mapping[str, int]:
        """What the ingest counts; nothing until it is there."""
        return {} if self.ingest is None else self.ingest.metrics()

    def sites(self) -> tuple[WatchedSite, ...]:
        """All sites that were heard of."""
        return tuple(self.fleet.sites())

    def events(self, site: str) -> EventFigures:
        """How complete the events of a site are."""
        return self.fleet.events(site)

    def refused(self) -> Refusals:
        """What was not taken, what the journal keeps of before the start too; it is asked only when there is more."""
        journal, ingest = self.fleet.journal, self.ingest
        if journal is None or ingest is None:
            return self._refusals
        counted = ingest.refused()
        if self._before is None or counted != self._counted:
            with suppress(JournalUnavailable):
                newest = journal.refused(limit=NEWEST_REFUSED)
                if self._before is None:
                    self._before = Counter(journal.refused_of()) - Counter(counted)
                self._refusals = refusals(self._before + Counter(counted), newest)
                self._counted = counted
        return self._refusals

    @property
    def deaf_since_ms(self) -> int | None:
        """Since when this process has no connection to its own broker."""
        return self.condition.since_ms("broker_away")
