"""The web application of headquarters: the fleet, and below `/sites/{site}` what each site's own pages show."""

from typing import Final

from litestar import Litestar, Request, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from edge.clock import Clock
from edge.config import HqConfig
from edge.hq import fleet_page, reports
from edge.hq.elsewhere import Elsewhere, ElsewhereError
from edge.hq.fleet_page import Partition, feed_of
from edge.hq.health import routes as health_routes
from edge.hq.reports import ReportDesk
from edge.hq.sharing import Sharing
from edge.hq.site_feeds import SiteFeeds
from edge.hq.state import HqState
from edge.hq.summaries import Summaries
from edge.web import api, pages
from edge.web import documents as doc
from edge.web.api.given import READ_ONLY, REFUSALS, GivenSite
from edge.web.app import journal_of, live_of
from edge.web.feed import Feed
from edge.web.frame import Frame
from edge.web.health import health_document
from edge.web.live import NotReady
from edge.web.openapi import TOKEN_NEEDED
from edge.web.problem import ProblemError
from edge.web.shell import Shell
from edge.web.site import Site

SITE: Final = "/sites/{site_id:str}"


@get("/health", opt=READ_ONLY, responses=REFUSALS, sync_to_thread=False, tags=["site"])
def site_health(site: GivenSite) -> doc.HealthDocument:
    """Whether the site does its work, as far as headquarters knows."""
    return health_document(site)


def _routes() -> list[ControllerRouterHandler]:
    """The fleet, and what every site has below its own address."""
    return [
        *health_routes,
        *fleet_page.routes,
        *reports.routes,
        Router(SITE, route_handlers=[*pages.routes]),
        Router(f"/api{SITE}", route_handlers=[*api.routes, site_health], security=TOKEN_NEEDED),
    ]


def _document_unknown_sites(litestar: Litestar) -> None:
    """Say of every address below a site that there may be no such site, as the handlers do not know of others."""
    operations = [
        (path, operation)
        for path, item in (litestar.openapi_schema.paths or {}).items()
        for operation in (item.get, item.post)
        if operation is not None and operation.responses is not None
    ]
    unknown = next(found.responses["404"] for _, found in operations if found.responses and "404" in found.responses)
    for path, operation in operations:
        if "{site_id}" in path and operation.responses is not None:
            operation.responses.setdefault("404", unknown)


class HqApp:
    """The application as a server runs it (ASGI), and the parts of it that live beyond a request."""

    def __init__(self, config: HqConfig, hq: HqState, desk: ReportDesk, sharing: Sharing, clock: Clock) -> None:
        self.config = config
        self.hq = hq
        self.sharing = sharing
        self.summaries = Summaries(hq, clock, sharing.sites)
        hq.fleet.lines = self.summaries.line
        self.fleet_feed = feed_of(self.summaries)
        self.site_feeds = SiteFeeds()
        self._elsewhere = Elsewhere(config.partition.of, sharing)
        self._frame = Frame.of_hq(config.site, config.zone)
        self._shell = Shell(
            config.web,
            config.state_dir,
            clock,
            title="Saksi, headquarters",
            routes=_routes(),
            parts={
                "site": self._site,
                "live": live_of,
                "journal": journal_of,
                "feed": self._feed,
                "frame": lambda: self._frame,
                "hq": lambda: hq,
                "summaries": self._started_summaries,
                "known_summaries": lambda: self.summaries,
                "fleet_feed": lambda: self.fleet_feed,
                "partition": self.partition,
                "report_desk": lambda: desk,
            },
            frame_of=self._frame_of,
            tasks=[self.fleet_feed.run, self.site_feeds.run],
        )
        _document_unknown_sites(self._shell.litestar)
        self.door = self._shell.door
        self.litestar = self._shell.litestar
        self.asgi = self._shell.asgi

    def close(self) -> None:
        """End the answers that have no end of their own; from any thread."""
        self.fleet_feed.close()
        self.site_feeds.close()

    def partition(self) -> Partition:
        """Which share of the sites is here, and where the others are."""
        share = self.config.partition
        return Partition(share.number, share.of, self._elsewhere.addresses())

    def _site(self, request: Request, site_id: FromPath[str]) -> Site:  # type: ignore[type-arg] # as Litestar wants it
        """What handlers get as `site`; raises ProblemError, and ElsewhereError for a site of another process."""
        fleet = self.hq.fleet
        watched = fleet.find(site_id)
        if watched is fleet.own and not request.scope["path"].startswith("/api/"):
            words = f"headquarters itself has no page; /api/sites/{site_id}/events lists what it said"
            raise ProblemError(404, "no_such_page", words)
        if watched is not None:
            return watched.web
        if not fleet.owns(site_id):
            address = self._elsewhere.address_of(site_id)
            if address is not None:
                query = request.scope["query_string"].decode("latin-1")
                raise ElsewhereError(address + request.scope["path"] + (f"?{query}" if query else ""))
        self._started_summaries()
        raise ProblemError(404, "no_such_site", "no site of this name was ever heard; /api/sites lists those that were")

    def _started_summaries(self) -> Summaries:
        """The lines of the fleet; raises NotReady until there are some."""
        if self.hq.condition.since_ms("starting") is not None:
            raise NotReady("the events of all sites are still being read; try again in a few seconds")
        return self.summaries

    def _feed(self, site: NamedDependency[Site]) -> Feed:
        return self.site_feeds.of(site)

    def _frame_of(self, request: Request) -> Frame:  # type: ignore[type-arg] # as Litestar wants it
        """The frame of a page that says what is wrong: of the site where it is about one that there is."""
        watched = self.hq.fleet.find(str(request.path_params.get("site_id", "")))
        return self._frame if watched in {None, self.hq.fleet.own} else watched.web.frame
