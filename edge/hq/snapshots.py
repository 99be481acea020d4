"""Snapshots of all sites, a few at a time in the background, so that a start reads minutes of events and not days."""

from typing import Final

import structlog

from edge.clock import Clock
from edge.hq.fleet import Fleet
from edge.hq.loading import snapshot_name
from edge.hq.watched import WatchedSite
from edge.journal.errors import JournalUnavailable
from edge.journal.store import Journal
from edge.state import SiteProjection

EVERY_NS: Final = 600_000_000_000
AT_LEAST_NS: Final = 3_600_000_000_000
"""One that is silent is kept anew too: what its old snapshot lacks could not be let go from the journal."""
ROUND_NS: Final = 100_000_000

_log = structlog.get_logger()


class Snapshots:
    """When the state of each site was last kept, and keeping it; one thread."""

    def __init__(self, fleet: Fleet, journal: Journal, clock: Clock) -> None:
        self._fleet = fleet
        self._journal = journal
        self._clock = clock
        self._kept: dict[str, tuple[int, int]] = {}  # time of the monotonic clock, position of the site then

    def begin(self) -> None:
        """Take all sites for just kept, at times spread over the interval: so they do not all fall due at once."""
        now_ns, sites = self._clock.monotonic_ns(), self._all()
        for place, watched in enumerate(sites):
            self._kept[watched.site] = now_ns - EVERY_NS * place // max(1, len(sites)), watched.live.position

    def tick(self) -> None:
        """Keep what is due, for a moment; raises JournalDamaged."""
        self._keep(self._due(EVERY_NS), ROUND_NS)

    def finish(self, most_ns: int) -> None:
        """Keep what has changed, the longest unkept first, for as long as there is time."""
        self._keep(self._due(0), most_ns)

    def _all(self) -> list[WatchedSite]:
        return [one for one in (self._fleet.own, *self._fleet.sites()) if one.live.ready]

    def _due(self, every_ns: int) -> list[WatchedSite]:
        now_ns = self._clock.monotonic_ns()
        found = []
        for watched in self._all():
            kept_ns, position = self._kept.setdefault(watched.site, (now_ns - AT_LEAST_NS, -1))  # new: kept at once
            changed = watched.live.position != position
            if now_ns - kept_ns >= (every_ns if changed else AT_LEAST_NS):
                found.append((kept_ns, watched.site, watched))
        return [watched for *_, watched in sorted(found)]

    def _keep(self, due: list[WatchedSite], most_ns: int) -> None:
        end_ns = self._clock.monotonic_ns() + most_ns
        for watched in due:
            # Read before the dump: what is folded meanwhile is folded again by the next start, which changes nothing.
            position = self._fleet.position
            own, data = watched.live.dump()
            try:
                self._journal.save_snapshot(snapshot_name(watched.site), SiteProjection.VERSION, position, data)
            except JournalUnavailable as error:
                _log.warning("snapshot_not_saved", error=str(error), next="the next start takes longer")
                return
            self._kept[watched.site] = self._clock.monotonic_ns(), own
            if self._clock.monotonic_ns() > end_ns:
                return
