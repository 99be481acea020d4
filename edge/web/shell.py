"""What every application of ours has, whatever it shows: accounts, sessions, forms, static files, errors, headers."""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from litestar import Litestar, Request
from litestar.config.compression import CompressionConfig
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware.base import DefineMiddleware
from litestar.stores.file import FileStore
from litestar.types import ControllerRouterHandler

from edge.clock import Clock
from edge.config import WebConfig
from edge.web import pages
from edge.web.accounts import Accounts
from edge.web.assets import Assets, static_file
from edge.web.door import Authentication, Door, log_in, log_out
from edge.web.entrance import Entrance, own_hosts
from edge.web.forgery import ForgeryGuard
from edge.web.frame import Frame
from edge.web.openapi import openapi_config
from edge.web.problem import CSRF_COOKIE, exception_handler
from edge.web.sessions import Sessions

if TYPE_CHECKING:
    from litestar.types import ASGIApp

MOST_BODY_BYTES: Final = 65_536
_COMPRESS_FROM_BYTES: Final = 2_000
_NOT_COMPRESSED: Final = ["^/api/(.+/)?stream$", r"^(/sites/[^/]+)?/channels/.+\.jpg$", "^/media", "^/health"]
_SWEEP_S: Final = 3600.0

_log = structlog.get_logger()


class Shell:
    """An application as a server runs it (`asgi`), and the parts of it that live beyond a request.

    `parts` are what handlers may ask for by the names of their parameters, beside `door` and `assets`;
    `frame_of` gives the frame of a page that says what is wrong with a request. `tasks` run while the application does,
    `ending` when it ends.
    """

    def __init__(
        self,
        web: WebConfig,
        state_dir: Path,
        clock: Clock,
        *,
        title: str,
        routes: Sequence[ControllerRouterHandler],
        parts: Mapping[str, Callable[..., Any]],
        frame_of: Callable[[Request[Any, Any, Any]], Frame],
        tasks: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
        ending: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self._sessions_folder = state_dir / "web" / "sessions"
        self._store = FileStore(self._sessions_folder)
        self._tasks = tasks
        self._ending = ending
        self.assets = Assets()
        self.door = Door(Accounts(web), Sessions(self._store, clock), clock)
        own = {"door": lambda: self.door, "assets": lambda: self.assets}
        self.litestar = Litestar(
            [static_file, log_in, log_out, *pages.login_routes, *routes],
            dependencies={name: Provide(part, sync_to_thread=False) for name, part in {**own, **parts}.items()},
            exception_handlers={Exception: exception_handler(pages.error_page)},
            middleware=[
                DefineMiddleware(Authentication, door=self.door),
                DefineMiddleware(ForgeryGuard, config=csrf_config(state_dir)),
            ],
            compression_config=CompressionConfig(
                "gzip", gzip_compress_level=5, minimum_size=_COMPRESS_FROM_BYTES, exclude=_NOT_COMPRESSED
            ),
            template_config=pages.template_config,
            openapi_config=openapi_config(title),
            lifespan=[self._lifespan],
            # for pages of errors, which have no handler
            state=State({"frame_of": frame_of, "assets": self.assets, "clock": clock}),
            logging_config=None,
            request_max_body_size=MOST_BODY_BYTES,
        )
        self.asgi: ASGIApp = Entrance(self.litestar, own_hosts(web.bind) if web.auth == "off" else None)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Litestar) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(begin()) for begin in (*self._tasks, self._sweep)]
        for task in tasks:
            task.add_done_callback(_say_failure)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._ending is not None:
                await self._ending()

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
