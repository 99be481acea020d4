"""The live streams of sites: one for each that somebody looks at, begun when it is asked for and ended afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.journal.arrival import Entry
from edge.web.app import journal_of
from edge.web.feed import Feed
from edge.web.glance import glance
from edge.web.site import Site

IDLE_S: Final = 60.0


@dataclass(slots=True, eq=False)
class _Running:
    """A feed and the task that runs it; `hear` is told of the site's news."""

    site: Site
    feed: Feed
    task: asyncio.Task[None]

    def hear(self, entries: Sequence[Entry]) -> None:
        """Take the site's own events: what headquarters says of it changes only how it is seen."""
        self.feed.add([one for one in entries if one.site == self.site.facts.site])


class SiteFeeds:
    """The feeds of all sites that are looked at; all but `close` for the loop's thread."""

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._running: dict[str, _Running] = {}

    @property
    def clients(self) -> int:
        """How many listen, to all sites together."""
        return sum(one.feed.clients for one in self._running.values())

    def of(self, site: Site) -> Feed:
        """The feed of a site."""
        running = self._running.get(site.facts.site)
        if running is None:
            feed = Feed(lambda: journal_of(site), lambda: glance(site.live))
            task = asyncio.get_running_loop().create_task(feed.run())
            running = self._running[site.facts.site] = _Running(site, feed, task)
            site.live.add_listener(running.hear)
        return running.feed

    def close(self) -> None:
        """End all streams; from any thread."""
        for running in list(self._running.values()):
            running.feed.close()

    async def run(self) -> None:
        """End what nobody listens to any longer, until cancelled."""
        idle: set[str] = set()
        try:
            while True:
                await asyncio.sleep(self._idle_s)
                unheard = {site for site, one in self._running.items() if not one.feed.clients}
                for site in unheard & idle:
                    self._end(self._running.pop(site))
                idle = unheard
        finally:
            for running in self._running.values():
                self._end(running)

    def _end(self, running: _Running) -> None:
        running.site.live.remove_listener(running.hear)
        running.task.cancel()
