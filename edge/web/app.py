"""The web application of a site: every route, who may use it, and what the handlers are given."""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from litestar import Litestar, Router
from litestar.config.compression import CompressionConfig
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware.base import DefineMiddleware
from litestar.stores.file import FileStore

from edge.web import api, kept_pictures, metrics, pages, pictures, protecting
from edge.web.accounts import Accounts
from edge.web.assets import Assets, static_file
from edge.web.door import Authentication, Door, log_in, log_out
from edge.web.entrance import Entrance, own_hosts
from edge.web.feed import Feed
from edge.web.forgery import ForgeryGuard
from edge.web.glance import glance
from edge.web.health import HealthAnswer
from edge.web.health import routes as health_routes
from edge.web.openapi import TOKEN_NEEDED, openapi_config
from edge.web.problem import CSRF_COOKIE, exception_handler
from edge.web.sessions import Sessions
from edge.web.site import Site

if TYPE_CHECKING:
    from litestar.types import ASGIApp

MOST_BODY_BYTES: Final = 65_536
_COMPRESS_FROM_BYTES: Final = 2_000
_NOT_COMPRESSED: Final = ["^/api/events/stream", r"^/channels/.+\.jpg$", "^/media", "^/health"]
_SWEEP_S: Final = 3600.0

_log = structlog.get_logger()


class WebApp:
    """The application as a server runs it (ASGI), and the parts of it that live beyond a request."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._sessions_folder = site.config.state_dir / "web" / "sessions"
        self._store = FileStore(self._sessions_folder)
        self.door = Door(Accounts(site.config.web), Sessions(self._store, site.clock), site.clock)
        self.feed = Feed(site.opened_journal, lambda: glance(site.live))
        self.litestar = self._litestar()
        guarded = site.config.web.auth == "off"
        self.asgi: ASGIApp = Entrance(self.litestar, own_hosts(site.config.web.bind) if guarded else None)

    def _parts(self, assets: Assets) -> dict[str, Callable[[], Any]]:
        """What handlers may ask for by the names of their parameters."""
        site, health = self.site, HealthAnswer(self.site)
        return {
            "site": lambda: site,
            "live": lambda: site.live,
            "journal": site.opened_journal,
            "settings": lambda: site.live.settings,
            "config": lambda: site.config,
            "clock": lambda: site.clock,
            "pictures": lambda: site.pictures,
            "door": lambda: self.door,
            "feed": lambda: self.feed,
            "assets": lambda: assets,
            "health": lambda: health,
        }

    def _litestar(self) -> Litestar:
        site, assets = self.site, Assets()
        return Litestar(
            [
                *health_routes,
                static_file,
                log_in,
                log_out,
                *pages.routes,
                *protecting.routes,
                Router(
                    "/",
                    route_handlers=[*api.routes, metrics.metrics, *pictures.routes, *kept_pictures.routes],
                    security=TOKEN_NEEDED,
                ),
            ],
            dependencies={name: Provide(part, sync_to_thread=False) for name, part in self._parts(assets).items()},
            exception_handlers={Exception: exception_handler(pages.error_page)},
            middleware=[
                DefineMiddleware(Authentication, door=self.door),
                DefineMiddleware(ForgeryGuard, config=csrf_config(site.config.state_dir)),
            ],
            compression_config=CompressionConfig(
                "gzip", gzip_compress_level=5, minimum_size=_COMPRESS_FROM_BYTES, exclude=_NOT_COMPRESSED
            ),
            template_config=pages.template_config,
            openapi_config=openapi_config(),
            lifespan=[self._lifespan],
            state=State({"site": site, "assets": assets}),  # for pages of errors, which have no handler
            logging_config=None,
            request_max_body_size=MOST_BODY_BYTES,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Litestar) -> AsyncIterator[None]:
        self.site.live.add_listener(self.feed.add)
        tasks = [asyncio.create_task(self.feed.run()), asyncio.create_task(self._sweep())]
        for task in tasks:
            task.add_done_callback(_say_failure)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.site.pictures.close()

    async def _sweep(self) -> None:
        """Delete the files of sessions that are long over."""
        while True:
            try:
                self._sessions_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                await self._store.delete_expired()
            except (OSError, msgspec.MsgspecError) as error:
                _log.warning("sessions_not_swept", error=str(error))
            await asyncio.sleep(_SWEEP_S)


def _say_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("web_task_failed", exc_info=error, next="pages work, but do not change by themselves")


def create_app(site: Site) -> WebApp:
    """The web application of a site; raises ConfigError where an account cannot be read."""
    return WebApp(site)


def csrf_config(state_dir: Path) -> CSRFConfig:
    """How tokens of forms are made and where they are kept."""
    secret = csrf_secret(state_dir)
    return CSRFConfig(secret, cookie_name=CSRF_COOKIE, cookie_httponly=True, cookie_samesite="lax")


def csrf_secret(state_dir: Path) -> str:
    """What signs the tokens of forms: kept, so that a form survives a restart; a new one where it cannot be kept."""
    path = state_dir / "web" / "csrf"
    try:
        known = path.read_bytes()
        if len(known) == 32:
            return hashlib.sha256(known).hexdigest()
    except OSError:
        pass
    secret = secrets.token_bytes(32)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_bytes(secret)
    return hashlib.sha256(secret).hexdigest()
