"""Who comes in: finds out who asks, from a token, a session or because nobody is asked; logs people in and out."""

import asyncio
import math
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from litestar import Request, Response, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException
from litestar.middleware.authentication import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from edge.clock import Clock
from edge.web.accounts import ANYBODY, Accounts, Visitor
from edge.web.attempts import Attempts
from edge.web.forgery import bearer
from edge.web.problem import LOGIN_PATH, redirect
from edge.web.sessions import LONGEST_S, Sessions

SESSION_COOKIE: Final = "saksi_session"
_MOST_WAITING: Final = 8

_log = structlog.get_logger()


class Door:
    """Accounts, sessions and failed attempts; `accounts` is replaced by a reload."""

    def __init__(self, accounts: Accounts, sessions: Sessions, clock: Clock) -> None:
        self.accounts = accounts
        self.sessions = sessions
        self._attempts = Attempts()
        self._clock = clock
        self._verifying = asyncio.Semaphore(1)  # each takes 64 MiB and a core
        self._waiting = 0

    async def who(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Visitor | None:
        """Who asks, None for a stranger."""
        if not self.accounts.required:
            return ANYBODY
        token = bearer(connection.headers)
        if token is not None:
            return self.accounts.by_token(token)
        secret = connection.cookies.get(SESSION_COOKIE)
        session = await self.sessions.find(secret) if secret else None
        return self.accounts.by_name(session.name, session.mark) if session else None

    async def enter(self, address: str, name: str, password: str) -> str | dict[str, str]:
        """Log in: the secret of a new session, or the problem as the login page's query has it."""
        if self._waiting >= _MOST_WAITING:
            return {"problem": "full"}
        self._waiting += 1
        try:
            async with self._verifying:
                return await self._verified(address, name, password)
        finally:
            self._waiting -= 1

    async def _verified(self, address: str, name: str, password: str) -> str | dict[str, str]:
        now_ns = self._clock.monotonic_ns()
        wait_s = self._attempts.wait_s(address, name, now_ns)
        if wait_s > 0:
            return {"problem": "wait", "wait_s": str(math.ceil(wait_s))}
        self._attempts.failed(address, name, now_ns)
        visitor = await asyncio.to_thread(self.accounts.by_password, name, password)
        if visitor is None:
            _log.warning("login_refused", user=name[:64], address=address)
            return {"problem": "wrong"}
        self._attempts.succeeded(address, name)
        _log.info("login", user=name, address=address)
        return await self.sessions.begin(name, self.accounts.mark(name))


class Authentication(AbstractAuthenticationMiddleware):
    """Lets nobody in who is not known, but for routes with `opt={"open": True}`."""

    __slots__ = ("_door",)

    def __init__(self, app: ASGIApp, door: Door) -> None:
        super().__init__(app)
        self._door = door

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """Who asks, as the connection's user; raises NotAuthorizedException."""
        visitor = await self._door.who(connection)
        if visitor is None and not connection.route_handler.opt.get("open"):
            raise NotAuthorizedException
        return AuthenticationResult(user=visitor, auth=None)


@post(LOGIN_PATH, opt={"open": True}, include_in_schema=False)
async def log_in(request: Request[Any, Any, Any], door: NamedDependency[Door]) -> Response[bytes]:
    """Log in with the form of the login page; always leads to a page."""
    form = await request.form()
    name, password, wanted = (_text(form.get(field)) for field in ("username", "password", "next"))
    next_path = safe_path(wanted)
    address = request.client.host if request.client else ""
    outcome = await door.enter(address, name, password)
    if isinstance(outcome, dict):
        return redirect(f"{LOGIN_PATH}?{urlencode(outcome | {'next': next_path})}")
    response = redirect(next_path)
    response.set_cookie(_cookie(request, outcome, LONGEST_S))
    return response


@post("/logout", opt={"open": True}, include_in_schema=False)
async def log_out(request: Request[Any, Any, Any], door: NamedDependency[Door]) -> Response[bytes]:
    """End the session."""
    secret = request.cookies.get(SESSION_COOKIE)
    if secret:
        await door.sessions.end(secret)
    response = redirect(LOGIN_PATH)
    response.set_cookie(_cookie(request, "", 0))
    return response


def safe_path(wanted: str) -> str:
    """A path of this site to go on to; `/` for anything that could lead elsewhere."""
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return "/"
    return wanted if len(wanted) <= 2000 and wanted.isascii() else "/"


def _cookie(request: Request[Any, Any, Any], value: str, max_age_s: int) -> Cookie:
    secure = request.scope["scheme"] == "https"
    return Cookie(
        SESSION_COOKIE, value=value, max_age=max_age_s, httponly=True, samesite="lax", secure=secure
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
