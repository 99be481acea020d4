"""One site as headquarters watches it: its folded state, its settings, and the way to it."""

from collections.abc import Callable, Sequence
from typing import Final

from edge.clock import Clock
from edge.events.messages import Heartbeat, Will
from edge.hq.facts import MOST_CHANNELS, heard_facts, read_report, reported_facts
from edge.hq.folding import fold_for
from edge.journal.arrival import Entry
from edge.state import SiteProjection
from edge.state.facts import SiteFacts
from edge.state.fleet import LinkFacts
from edge.web.frame import Frame
from edge.web.live import LiveSite
from edge.web.site import Site

DAY_FRESH_MS: Final = 60_000
REPORTED: Final = "site_reported"


class WatchedSite:
    """A site; `known` once it reported its settings. Changed by the thread that folds, read by any.

    `reported` gives when the newest report of a site came by HTTP.
    """

    def __init__(self, site: str, timezone: str, clock: Clock, reported: Callable[[str], int | None]) -> None:
        self.site = site
        self.known = False
        self.bridge_up: bool | None = None
        self._reported = reported
        self._newest_report = ("", 0)
        self._channels: set[str] = set()
        self._processes: set[str] = set()
        facts = heard_facts(site, timezone, (), ())
        self.apply = fold_for(site)
        self.live = LiveSite(
            (), (), segment_s=facts.segment_s, clock=clock, own_process="", apply=self.apply,
            day_fresh_ms=DAY_FRESH_MS,
        )  # fmt: skip
        self.web = Site(facts, Frame.of_site(site, facts.zone), self.live, clock)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.site

    @property
    def link(self) -> LinkFacts:
        """What is known of the way to it."""
        return LinkFacts(bridge_up=self.bridge_up, reported_ms=self._reported(self.site))

    def begin_empty(self) -> None:
        """Begin with nothing: it is heard of for the first time."""
        self.load(SiteProjection(seamless=True), 0, None)

    def load(self, state: SiteProjection, position: int, report: bytes | None) -> None:
        """Begin with a state that holds everything up to a position, and the newest report."""
        self._channels = set(state.channels)
        self._processes = set(state.processes)
        if report is not None:
            self._take_report(report)
        if not self.known:
            self._configure_heard()
        self.live.load(state, position)
        self.live.show()

    def fold(self, entries: Sequence[Entry]) -> None:
        """Add new events, its own and those of headquarters that are about it."""
        reports = [one for one in entries if one.event_type == REPORTED and one.site == self.site]
        if reports:
            self._take_report(max(reports, key=lambda one: (one.epoch, one.sequence)).payload)
        if not self.known:
            own = [one for one in entries if one.site == self.site]
            self._hear_of({one.channel for one in own if one.channel}, {one.process for one in own})
        self.live.fold(entries)

    def hear(self, process: str, message: Heartbeat | Will, at_ms: int) -> None:
        """Add what a process said of itself."""
        if not self.known:
            self._hear_of(set(), {process})
        self.live.hear(process, message, at_ms)

    def _hear_of(self, channels: set[str], processes: set[str]) -> None:
        if len(self._channels) >= MOST_CHANNELS:
            channels = set()
        if channels <= self._channels and processes <= self._processes:
            return
        self._channels |= channels
        self._processes |= processes
        self._configure_heard()

    def _configure_heard(self) -> None:
        before = self.web.facts
        self._configure(heard_facts(self.site, before.timezone, self._channels, self._processes))

    def _take_report(self, payload: bytes) -> None:
        read = read_report(payload)
        if read is None or read[0] <= self._newest_report:
            return
        self._newest_report, report = read
        self.known = True
        facts = reported_facts(report, self.web.facts)
        if facts != self.web.facts:
            self._configure(facts)

    def _configure(self, facts: SiteFacts) -> None:
        self.web.facts = facts
        self.web.frame = Frame.of_site(self.site, facts.zone)
        self.live.configure(facts.channels, facts.expected_processes, facts.segment_s)
