"""Every answer that is not what was asked for: problem+json (RFC 9457) with a sentence that says what to do.

Turns exceptions into problems; what a person gets to see in a browser instead is passed in as `page`.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from edge.journal.errors import JournalUnavailable
from edge.web.live import NotReady

MEDIA_TYPE: Final = "application/problem+json"
CSRF_COOKIE: Final = "saksi_csrf"
LOGIN_PATH: Final = "/login"

_PROGRAM_PATHS: Final = ("/api", "/health", "/metrics", "/schema", "/static")
_TRY_AGAIN_S: Final = "2"
_DETAILS: Final = {
    401: "log in at /login, or send an API token of web.tokens as 'Authorization: Bearer TOKEN'",
    404: "there is nothing at this address; /schema/openapi.json lists what there is",
    405: "this address does not take that method; see the header Allow",
    413: "the request is larger than anything that this address takes",
}

_WIRE_NAMES: Final = {
    "types": "type",
    "channel_ids": "channel",
    "from_": "from",
    "last_event_id": "Last-Event-ID",
    "part": "q",
    "in_state": "state",
}

_log = structlog.get_logger()


class Problem(msgspec.Struct, frozen=True):
    """What went wrong with a request, and what to do about it."""

    type: Annotated[str, msgspec.Meta(description="Stable name of the kind of problem.")]
    title: Annotated[str, msgspec.Meta(description="The kind of problem in a few words.")]
    status: Annotated[int, msgspec.Meta(description="The HTTP status.")]
    detail: Annotated[str, msgspec.Meta(description="What is wrong with this request, and what to do.")]

    @property
    def code(self) -> str:
        """The last part of `type`."""
        return self.type.rpartition(":")[2]


class ProblemError(HTTPException):
    """A problem that a handler knows the words for."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail=detail, status_code=status, headers=headers)
        self.code = code


Page = Callable[[Request[Any, Any, Any], Problem], Response[Any]]


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """What the OpenAPI document says of the problems that a handler answers with."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=HTTPStatus(status).phrase, media_type=MEDIA_TYPE
        )
        for status in statuses
    }


def exception_handler(page: Page) -> Callable[[Request[Any, Any, Any], Exception], Response[Any]]:
    """The one handler of all exceptions; `page` draws a problem for people."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        problem, headers = _read(request, error)
        if isinstance(error, NotAuthorizedException) and _is_person(request):
            return _to_login(request)
        if _is_csrf(error) and request.scope["path"] == LOGIN_PATH:
            response: Response[Any] = redirect(f"{LOGIN_PATH}?problem=form")
        elif _is_person(request):
            response = page(request, problem)
            response.headers.update(headers)
        else:
            response = Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
        if _is_csrf(error):
            response.delete_cookie(CSRF_COOKIE)  # it may be of another secret; the next page brings a new one
        return response

    return handle


def redirect(path: str) -> Response[bytes]:
    """Send the browser to another address of ours with GET."""
    return Response(b"", status_code=303, headers={"location": path})


def _read(request: Request[Any, Any, Any], error: Exception) -> tuple[Problem, dict[str, str]]:
    if isinstance(error, NotReady):
        return _problem(503, "starting", str(error)), {"retry-after": _TRY_AGAIN_S}
    if isinstance(error, JournalUnavailable):
        detail = f"the journal cannot be read now ({error}); see to the disk of state_dir"
        return _problem(503, "journal_unavailable", detail), {"retry-after": _TRY_AGAIN_S}
    if not isinstance(error, HTTPException) or error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request_failed", method=request.method, path=request.scope["path"], exc_info=error)
        return _problem(500, "internal", "this should not happen; the log of the process says more"), {}
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="saksi"'
    code = error.code if isinstance(error, ProblemError) else _code(error.status_code)
    return _problem(error.status_code, code, _detail(error)), headers


def _detail(error: HTTPException) -> str:
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        return "; ".join(_parameter_words(one) for one in error.extra if isinstance(one, dict)) or error.detail
    if _is_csrf(error):
        return (
            "the form was too old, or the browser sent no cookies; load the page again and repeat (a program sends"
            " an API token as 'Authorization: Bearer TOKEN' instead)"
        )
    if error.detail == HTTPStatus(error.status_code).phrase:
        return _DETAILS.get(error.status_code, error.detail)
    return error.detail


def _parameter_words(problem: dict[str, Any]) -> str:
    words = str(problem.get("message", "is not valid"))
    key = _WIRE_NAMES.get(str(problem.get("key")), problem.get("key"))
    return f"{key}: {words[:1].lower()}{words[1:]}" if key else words


def _problem(status: int, code: str, detail: str) -> Problem:
    return Problem(f"urn:saksi:problem:{code}", HTTPStatus(status).phrase, status, detail)


def _code(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")


def _is_csrf(error: Exception) -> bool:
    return isinstance(error, PermissionDeniedException) and error.detail.startswith("CSRF")


def _is_person(request: Request[Any, Any, Any]) -> bool:
    path: str = request.scope["path"]
    return not path.startswith(_PROGRAM_PATHS) and "text/html" in request.headers.get("accept", "")


def _to_login(request: Request[Any, Any, Any]) -> Response[bytes]:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["path"] + (f"?{query}" if query else "")
    return redirect(LOGIN_PATH if path == "/" else f"{LOGIN_PATH}?next={quote(path, safe='/')}")
