"""The sites that this process has: made when they are first heard, folded, and looked up by whoever shows them."""

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from edge.clock import Clock
from edge.events.messages import Heartbeat, Will
from edge.events.values import SITE_PATTERN
from edge.hq.figures import event_figures
from edge.hq.folding import concerned
from edge.hq.watched import WatchedSite
from edge.journal.arrival import Entry
from edge.journal.gaps import Unanswered
from edge.journal.store import Journal
from edge.state import read_fact
from edge.state.fleet import EventFigures, SiteSummary

MOST_SITES: Final = 10_000
"""Each has a certificate that we signed: more than this is a mistake, and would fill the memory."""
_SITE: Final = re.compile(SITE_PATTERN)

_log = structlog.get_logger()


class Fleet:
    """The sites that were heard of, by their names; `own_site` is headquarters itself, which is none of the fleet.

    `owns` says which sites are this process's, `reported` when the newest report of a site came by HTTP. Folding and
    hearing happen on one thread at a time, reading on any.
    """

    def __init__(
        self,
        own_site: str,
        owns: Callable[[str], bool],
        timezone: str,
        clock: Clock,
        reported: Callable[[str], int | None],
    ) -> None:
        self.own_site = own_site
        self._owns = owns
        self._made = partial(WatchedSite, timezone=timezone, clock=clock, reported=reported)
        self._making = threading.Lock()
        self._sites: dict[str, WatchedSite] = {}
        self._all: tuple[WatchedSite, ...] = ()
        self._full = False
        self._unanswered: set[str] = set()
        self._fast: set[str] = set()
        self.own = self._made(own_site)
        self.journal: Journal | None = None
        self.lines: Callable[[str], SiteSummary | None] = lambda _: None
        self.position = 0  # everything up to here is folded

    def owns(self, site: str) -> bool:
        """Whether a site falls to this process."""
        return self._owns(site)

    def sites(self) -> Sequence[WatchedSite]:
        """All sites that were heard of, in no order."""
        return self._all

    def find(self, site: str) -> WatchedSite | None:
        """A site that was heard of, or headquarters itself."""
        return self.own if site == self.own_site else self._sites.get(site)

    def events(self, site: str) -> EventFigures:
        """How complete the events of a site are; nothing while the journal is not open."""
        return EventFigures() if self.journal is None else event_figures(self.journal.tracks(site))

    def opened(self, journal: Journal) -> None:
        """Take the journal, which is open now."""
        self.journal = journal
        for watched in (self.own, *self._all):
            watched.web.journal = journal

    def begin(self, site: str) -> WatchedSite | None:
        """The site, made where it is not there; None for one that cannot be, or is not ours."""
        known = self.find(site)
        if known is not None or not _SITE.fullmatch(site) or not self._owns(site):
            return known
        with self._making:
            if len(self._sites) >= MOST_SITES:
                if not self._full:
                    _log.error("too_many_sites", site=site, most=MOST_SITES, next="share the sites among processes")
                self._full = True
                return None
            made = self._sites.setdefault(site, self._made(site))
            made.web.journal = self.journal
            made.web.line = lambda: self.lines(site)
            self._all = tuple(self._sites.values())
        return made

    def fold(self, entries: Sequence[Entry]) -> None:
        """Add new entries of the journal, in the order of their positions."""
        for site, some in self._by_site(entries).items():
            watched = self._shown(site)
            if watched is not None:
                watched.fold(some)
        self.position = max(self.position, entries[-1].position) if entries else self.position

    def hear(self, site: str, process: str, message: Heartbeat | Will, at_ms: int) -> None:
        """Add what a process of a site said of itself."""
        watched = self._shown(site)
        if watched is not None:
            watched.hear(process, message, at_ms)

    def bridged(self, site: str, up: bool, _at_ms: int) -> None:
        """Add what HQ's broker says of a site's bridge."""
        watched = self._shown(site)
        if watched is not None:
            watched.bridge_up = up

    def set_unanswered(self, found: Sequence[Unanswered]) -> None:
        """Say of sites which of their processes do not bring what they are said to have, and take back what was."""
        by_site: dict[str, list[Unanswered]] = {site: [] for site in self._unanswered}
        for one in found:
            by_site.setdefault(one.source.site, []).append(one)
        for site, some in by_site.items():
            watched = self._sites.get(site)
            if watched is not None:
                watched.live.set_unanswered(some)
        self._unanswered = {one.source.site for one in found}

    def set_fast(self, found: Mapping[str, float]) -> None:
        """Say how many events a second some sites write, and take back what was said of others."""
        for site in self._fast | set(found):
            watched = self._sites.get(site)
            if watched is not None:
                watched.live.set_pace(found.get(site, 0.0))
        self._fast = set(found)

    def _shown(self, site: str) -> WatchedSite | None:
        """A site that can be folded into: one that is only now heard of has nothing behind it."""
        watched = self.begin(site)
        if watched is not None and not watched.live.ready:
            watched.begin_empty()
        return watched

    def _by_site(self, entries: Iterable[Entry]) -> Mapping[str, list[Entry]]:
        """What is to be folded into each site: its own events, and what headquarters says of them."""
        found: dict[str, list[Entry]] = {}
        for entry in entries:
            found.setdefault(entry.site, []).append(entry)
            about = self.about(entry.site, entry.payload)
            if about is not None:
                found.setdefault(about, []).append(entry)
        return found

    def about(self, said_by: str, payload: bytes) -> str | None:
        """Which other site of ours an event speaks of; only headquarters speaks of others."""
        site = concerned(read_fact(payload)) if said_by == self.own_site else None
        return site if site is not None and site != self.own_site and self._owns(site) else None
