"""`/api/protections`: footage that is kept from deletion; everybody may see it, admins change it."""

from typing import Annotated, Any, Final

from litestar import HttpMethod, Request, Response, delete, get, post, route
from litestar.params import FromPath, JSONBody, QueryParameter

from edge.events.values import CHANNEL_PATTERN
from edge.web import evidence, keeping, written
from edge.web.api.given import READ_ONLY, GivenSite
from edge.web.asked import time_ms
from edge.web.problem import problem_responses

PATH: Final = "/protections"
_ASKED: Final = (400, 401, 503, 504)
_Channel = Annotated[str | None, QueryParameter(pattern=CHANNEL_PATTERN, description="Only those of this channel.")]


@route(PATH, http_method=HttpMethod.OPTIONS, include_in_schema=False, opt=READ_ONLY, sync_to_thread=False)
def methods() -> Response[None]:
    """The methods of this address: Litestar itself would name only those of the first handler."""
    return Response(None, status_code=204, headers={"allow": "GET, OPTIONS, POST"})


@get(PATH, opt=READ_ONLY, responses=problem_responses(*_ASKED), sync_to_thread=True, tags=["protections"])
def protections(site: GivenSite, channel: _Channel = None) -> keeping.ProtectionsDocument:
    """What is kept from deletion, with what that holds now; retention is asked."""
    return keeping.ProtectionsDocument([written.protection(one) for one in evidence.protections(site, channel)])


@post(
    PATH,
    guards=[evidence.admin_only],
    responses=problem_responses(*_ASKED, 403, 422),
    sync_to_thread=True,
    tags=["protections"],
)
def protect(
    request: Request[Any, Any, Any], site: GivenSite, data: JSONBody[keeping.ProtectionWish]
) -> keeping.ProtectionDocument:
    """Keep a stretch of a channel from deletion, until it is let go; for the role admin.

    Segments that reach into the stretch are kept whole, also those that are yet to be recorded.
    """
    from_ms, to_ms = time_ms("from", data.from_), time_ms("to", data.to)
    made = evidence.protect(site, request.scope["user"], data.channel, from_ms, to_ms, data.note)
    return written.protection(made)


@delete(
    PATH + "/{protection_id:str}",
    guards=[evidence.admin_only],
    responses=problem_responses(*_ASKED, 403, 404),
    sync_to_thread=True,
    tags=["protections"],
)
def unprotect(request: Request[Any, Any, Any], site: GivenSite, protection_id: FromPath[str]) -> None:
    """Let footage be deleted like any other; for the role admin."""
    evidence.unprotect(site, request.scope["user"], protection_id)


routes: Final = [methods, protections, protect, unprotect]
