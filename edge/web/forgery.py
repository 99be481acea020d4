"""Keeps pages of other sites from using the login of whoever looks at them (CSRF).

A browser sends cookies along with whatever any page makes it ask for, so requests that change something carry a token
that only our own pages know. A program sends `Authorization: Bearer` instead, which no page of another site can have a
browser send, and with which no cookie counts: it needs no token.
"""

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware.csrf import CSRFMiddleware
from litestar.types import Receive, Scope, Send


class ForgeryGuard(CSRFMiddleware):
    """The check of tokens, for requests that come with what a browser sends by itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == ScopeType.HTTP and bearer(Headers.from_scope(scope)) is not None:
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def bearer(headers: Headers) -> str | None:
    """The token of a program, None where none was sent."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if token and scheme.lower() == "bearer" else None
