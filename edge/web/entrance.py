"""The outermost layer of every request: which names the site answers to, HEAD, and the headers of every answer."""

from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_POLICY: Final = (
    b"default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    b"form-action 'self'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NO_STORE: Final = (b"cache-control", b"no-store")
_UNKNOWN_HOST: Final = (
    b'{"type":"urn:saksi:problem:unknown_host","title":"Misdirected Request","status":421,"detail":"without a login '
    b"this site answers only to localhost, 127.0.0.1 and [::1]; open it by one of these, or have the proxy send "
    b'Host: localhost"}'
)


class Entrance:
    """Wraps the application; `hosts` are the names that it answers to, None for any.

    Where nobody logs in, a page of another site could have its own name resolved to this machine and read everything
    from the browser of somebody here (DNS rebinding): the name in Host gives it away.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        if self._hosts is not None and _host(scope) not in self._hosts:
            await _refuse(send)
        elif scope["method"] == "HEAD":
            await self._app({**scope, "method": HttpMethod.GET}, receive, _without_body(send))
        else:
            await self._app(scope, receive, send)


def own_hosts(bind: str) -> frozenset[str]:
    """The names of this machine for itself; no name at all is no browser."""
    return frozenset({"", "localhost", "127.0.0.1", "[::1]", f"[{bind}]" if ":" in bind else bind.lower()})


def _host(scope: HTTPScope) -> str:
    value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    name, colon, port = value.rpartition(":")
    return name if colon and port.isdigit() else value


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(_UNKNOWN_HOST)).encode()),
    ]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": _UNKNOWN_HOST, "more_body": False})


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            headers += _HEADERS
            if not any(name.lower() == b"cache-control" for name, _ in message["headers"]):
                headers.append(_NO_STORE)
            message["headers"] = headers
        await send(message)

    return wrapped


def _without_body(send: Send) -> Send:
    """The answer to HEAD is that to GET without its body, which may have no end."""
    ended = False

    async def wrapped(message: Message) -> None:
        nonlocal ended
        if message["type"] != "http.response.body":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return wrapped
