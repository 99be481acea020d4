"""The state of all sites at the start: each from its newest snapshot, and then from the events behind it.

Most snapshots are minutes old, and one pass over the newest events serves all of them. A site whose snapshot is older,
as it was silent for long, is brought up to date by its own events alone: a pass from there would read those of all.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from edge.hq.fleet import Fleet
from edge.hq.folding import LEDGER
from edge.hq.watched import REPORTED, WatchedSite
from edge.journal.store import Journal
from edge.state import SiteProjection, SnapshotError, read_fact

NAMES: Final = "site:"
PASS_ROWS: Final = 300_000
"""So many of the newest events are read in any case: of a thousand sites, those of ten minutes."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Begun:
    """A site, and the state that holds everything up to a position."""

    watched: WatchedSite
    state: SiteProjection
    position: int

    def apply(self, said_by: str, payload: bytes) -> None:
        """Fold one event."""
        self.watched.apply(self.state, said_by, read_fact(payload))


class _Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The process is to end."""


def snapshot_name(site: str) -> str:
    """What a site's snapshots are called in the journal."""
    return NAMES + site


def load(fleet: Fleet, journal: Journal, stop: threading.Event) -> int | None:
    """Bring every site of the journal up to date; returns how many events that took, None when told to stop."""
    begun: dict[str, _Begun] = {}
    try:
        for site in sorted({source.site for source in journal.tracks()} | {fleet.own_site}):
            watched = fleet.begin(site)
            if watched is not None:
                begun[site] = _Begun(watched, *_from_snapshot(journal, site))
            _end_if(stop)
        old = _old(begun.values(), journal.newest_position() - PASS_ROWS)
        count = sum(_read_alone(fleet, journal, one, stop) for one in old)
        passed = {site: one for site, one in begun.items() if one not in old}
        count += _read_together(fleet, journal, passed, stop)
    except _Stopped:
        return None
    fleet.position = journal.newest_position()
    for site, one in begun.items():
        one.watched.load(one.state, fleet.position, _newest_report(journal, site))
    return count


def _old(begun: Iterable[_Begun], before: int) -> list[_Begun]:
    """The sites that are better read alone; none where that are most of them, as after a change of the state."""
    everyone = list(begun)
    old = [one for one in everyone if one.position < before]
    return old if 2 * len(old) <= len(everyone) else []


def _read_alone(fleet: Fleet, journal: Journal, one: _Begun, stop: threading.Event) -> int:
    count = 0
    for piece in journal.rows_of(one.watched.site, one.position):
        count += len(piece)
        for payload in piece:
            one.apply(one.watched.site, payload)
        _end_if(stop)
    for piece in journal.rows_of(fleet.own_site, one.position, event_types=sorted(LEDGER)):
        for payload in piece:
            if fleet.about(fleet.own_site, payload) == one.watched.site:
                one.apply(fleet.own_site, payload)
        _end_if(stop)
    return count


def _read_together(fleet: Fleet, journal: Journal, begun: dict[str, _Begun], stop: threading.Event) -> int:
    count = 0
    for piece in journal.site_rows(min((one.position for one in begun.values()), default=0)):
        count += len(piece)
        for position, site, payload in piece:
            for shown in (site, fleet.about(site, payload)):
                one = begun.get(shown) if shown is not None else None
                if one is not None and position > one.position:
                    one.apply(site, payload)
        _end_if(stop)
    return count


def _end_if(stop: threading.Event) -> None:
    if stop.is_set():
        raise _Stopped


def _from_snapshot(journal: Journal, site: str) -> tuple[SiteProjection, int]:
    snapshot = journal.newest_snapshot(snapshot_name(site), SiteProjection.VERSION)
    if snapshot is not None:
        try:
            return SiteProjection.load(snapshot.data, seamless=True), snapshot.position
        except SnapshotError as error:
            _log.error("snapshot_unreadable", site=site, error=str(error), next="it is rebuilt from all its events")
    return SiteProjection(seamless=True), 0


def _newest_report(journal: Journal, site: str) -> bytes | None:
    entries = journal.entries(site=site, event_types=(REPORTED,), newest_first=True, limit=1)
    return entries[0].payload if entries and entries[0].understood else None
