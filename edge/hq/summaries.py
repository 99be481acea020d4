"""The lines of all sites, kept up to date in the background so that a page of a thousand sites is made in no time.

A site is looked at when it has said something that matters, at most every NEWS_MS, and else every LOOK_MS, as time
alone changes what is so. One thread refreshes, any thread may read. Knows no HTTP.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

import msgspec

from edge.clock import Clock
from edge.journal.arrival import Entry
from edge.state.absence import Absence
from edge.state.fleet import AWAY, EventFigures, LinkFacts, Refusals, SiteSummary, site_summary
from edge.state.views import SiteView
from edge.web.live import LiveSite, NotReady

NEWS_MS: Final = 2_000
LOOK_MS: Final = 10_000
ROUND_NS: Final = 200_000_000
"""At most so long a round, of one a second, sites are looked at: the rest wait for the next."""
NO_NEWS: Final = frozenset({"segment_written", "disk_measured", "site_reported", "report_delivered", "disk_pruned"})
"""What comes all the time and changes little."""


class Watched(Protocol):
    """A site as the fleet watches it."""

    @property
    def site(self) -> str:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def live(self) -> LiveSite:
        """What its events add up to."""
        ...

    @property
    def link(self) -> LinkFacts:
        """The way to it."""
        ...

    @property
    def known(self) -> bool:
        """Whether its settings are known."""
        ...


class FleetSource(Protocol):
    """Where the sites come from."""

    def sites(self) -> Sequence[Watched]:
        """All sites that were heard of; cheap."""
        ...

    def events(self, site: str) -> EventFigures:
        """How complete the events of a site are."""
        ...

    def refused(self) -> Refusals:
        """What was not taken."""
        ...

    @property
    def deaf_since_ms(self) -> int | None:
        """Since when HQ has no connection to its own broker."""
        ...


class FleetMessage(msgspec.Struct):
    """What the stream says when something of the fleet is seen differently."""

    version: int
    well: int
    sites: int


class _Line:
    """A site's line, and when it was made."""

    __slots__ = ("absence", "looked_ms", "news", "summary", "watched")

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.absence = Absence()
        self.summary: SiteSummary | None = None
        self.looked_ms = 0
        self.news = True

    def hear(self, entries: Sequence[Entry]) -> None:
        """Be told of new entries of the site, on the folding thread."""
        if any(entry.event_type not in NO_NEWS for entry in entries):
            self.news = True

    def is_due(self, now_ms: int) -> bool:
        """Whether it is to be made again."""
        age_ms = now_ms - self.looked_ms
        return age_ms >= LOOK_MS or age_ms < 0 or (self.news and age_ms >= NEWS_MS)


class Summaries:
    """The summaries of all sites, worst first; `others` gives those that other processes told us of."""

    def __init__(
        self, source: FleetSource, clock: Clock, others: Callable[[], tuple[SiteSummary, ...]] = tuple
    ) -> None:
        self._source = source
        self._others = others
        self._other_sites: tuple[SiteSummary, ...] = ()
        self._own: tuple[SiteSummary, ...] = ()
        self._clock = clock
        self._lines: dict[str, _Line] = {}
        self._refreshing = threading.Lock()
        self._sorted: tuple[SiteSummary, ...] = ()
        self._version = 0
        self._deaf_since_ms: int | None = None
        self._hearing_since_ms: int | None = None
        self.refusals = Refusals()

    @property
    def version(self) -> int:
        """Grows whenever there is something else to see."""
        return self._version

    @property
    def deaf_since_ms(self) -> int | None:
        """Since when HQ hears nobody."""
        return self._deaf_since_ms

    def now_ms(self) -> int:
        """The wall clock in milliseconds."""
        return self._clock.wall_ns() // 1_000_000

    def all(self) -> tuple[SiteSummary, ...]:
        """Every site, worst first."""
        return self._sorted

    def own(self) -> tuple[SiteSummary, ...]:
        """The sites of this process."""
        return self._own

    def line(self, site: str) -> SiteSummary | None:
        """One site's, None for one that has none yet."""
        line = self._lines.get(site)
        return None if line is None else line.summary

    def glance(self) -> tuple[object, bytes]:
        """A value that differs when the page would, and the `state` message that says so."""
        found = self._sorted
        well = sum(one.level == "ok" for one in found)
        return self._version, msgspec.json.encode(FleetMessage(self._version, well, len(found)))

    def refresh(self) -> None:
        """Do what is due; to be called once a second."""
        with self._refreshing:
            self._take_sites()
            deaf, refused = self._source.deaf_since_ms, self._source.refused()
            different = (deaf is None) != (self._deaf_since_ms is None) or refused != self.refusals
            if different:
                for line in self._lines.values():
                    line.news = True
            self._deaf_since_ms, self.refusals = deaf, refused
            self._listen()
            others = self._others()
            if self._look() or different or others is not self._other_sites:
                self._version += 1
            self._other_sites = others
            self._own = tuple(line.summary for line in self._lines.values() if line.summary is not None)
            self._sorted = tuple(sorted((*self._own, *others), key=lambda one: one.weight))

    def _listen(self) -> None:
        """Take note of since when sites are heard at all."""
        if self._deaf_since_ms is not None:
            self._hearing_since_ms = None
        elif self._hearing_since_ms is None:
            self._hearing_since_ms = self.now_ms()

    def _take_sites(self) -> None:
        for watched in self._source.sites():
            line = self._lines.get(watched.site)
            if line is None:
                line = self._lines[watched.site] = _Line(watched)
                watched.live.add_listener(line.hear)

    def _look(self) -> bool:
        """Make the lines that are due, those without one and the oldest first; True when one is seen differently."""
        now_ms, end_ns = self.now_ms(), self._clock.monotonic_ns() + ROUND_NS
        different = False
        for line in sorted(self._lines.values(), key=lambda line: line.looked_ms):
            if not line.is_due(now_ms):
                continue
            if line.summary is not None and self._clock.monotonic_ns() > end_ns:
                break
            before, line.news, line.looked_ms = line.summary, False, now_ms
            line.summary = self._made(line, now_ms)
            different = different or _seen(before) != _seen(line.summary)
        return different

    def _made(self, line: _Line, now_ms: int) -> SiteSummary | None:
        watched = line.watched
        try:
            view = watched.live.view()
        except NotReady:
            return line.summary
        link = replace(watched.link, deaf_since_ms=self._deaf_since_ms, hearing_since_ms=self._hearing_since_ms)
        events = replace(self._source.events(watched.site), newest_ms=view.newest_event_ms)
        found = site_summary(
            watched.site, view, link, events, now_ms, name=watched.name, known=watched.known, back=line.absence.back
        )
        return self._followed(line, found, view, now_ms)

    def _followed(self, line: _Line, found: SiteSummary, view: SiteView, now_ms: int) -> SiteSummary:
        """The summary with how the site came back, where it was away; nothing is learnt while HQ hears nobody."""
        if found.diagnosis.fault == "unseen":
            return found
        silent = found.diagnosis.fault in AWAY
        line.absence.look(view.processes, found.heard_ms, now_ms, silent=silent)
        return replace(found, back=line.absence.back)


def _seen(one: SiteSummary | None) -> object:
    """What there is to see in a line, without what changes by the second."""
    if one is None:
        return None
    troubles = tuple((trouble.about, trouble.subject, trouble.code) for trouble in one.troubles)
    state = (one.level, one.diagnosis, one.totals, one.disk.state, one.processes_well, one.processes_all, one.back)
    return one.name, state, troubles, one.events.missing, one.events.lost
