"""The web application of a site: every route, who may use it, and what the handlers are given."""

from litestar import Router
from litestar.di import NamedDependency

from edge.config import Config
from edge.web import api, kept_pictures, metrics, pages, pictures, protecting
from edge.web.feed import Feed
from edge.web.glance import glance
from edge.web.health import HealthAnswer
from edge.web.health import routes as health_routes
from edge.web.live import LiveSite
from edge.web.openapi import TOKEN_NEEDED
from edge.web.shell import Shell
from edge.web.site import Site
from edge.web.site_journal import SiteJournal


def live_of(site: NamedDependency[Site]) -> LiveSite:
    """What handlers get as `live`."""
    return site.live


def journal_of(site: NamedDependency[Site]) -> SiteJournal:
    """What handlers get as `journal`; raises NotReady."""
    return SiteJournal(site.opened_journal(), site.facts.site)


class WebApp:
    """The application as a server runs it (ASGI), and the parts of it that live beyond a request."""

    def __init__(self, site: Site, config: Config) -> None:
        self.site = site
        self.config = config
        self.feed = Feed(lambda: journal_of(site), lambda: glance(site.live))
        health = HealthAnswer(site)
        with_token = [metrics.metrics, *pictures.routes, *kept_pictures.routes]
        self._shell = Shell(
            config.web,
            config.state_dir,
            site.clock,
            title="Saksi, a site",
            routes=[
                *health_routes,
                *pages.routes,
                *protecting.routes,
                Router("/", route_handlers=with_token, security=TOKEN_NEEDED),
                Router("/api", route_handlers=[*api.routes, *api.local_routes], security=TOKEN_NEEDED),
            ],
            parts={
                "site": lambda: site,
                "live": live_of,
                "journal": journal_of,
                "pictures": lambda: site.pictures,
                "kept": lambda: site.kept,
                "frame": lambda: site.frame,
                "feed": lambda: self.feed,
                "health": lambda: health,
            },
            frame_of=lambda _: site.frame,
            tasks=[self._follow],
            ending=site.pictures.close if site.pictures is not None else None,
        )
        self.door = self._shell.door
        self.litestar = self._shell.litestar
        self.asgi = self._shell.asgi

    async def _follow(self) -> None:
        self.site.live.add_listener(self.feed.add)
        await self.feed.run()


def create_app(site: Site, config: Config) -> WebApp:
    """The web application of a site; raises ConfigError where an account cannot be read."""
    return WebApp(site, config)
