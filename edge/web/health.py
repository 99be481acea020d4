"""`/health`: whether the site does its work, for whoever watches it from outside; open to all, and cheap."""

from typing import Any, Final

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from edge.web import documents as doc
from edge.web import written
from edge.web.live import LiveSite, NotReady
from edge.web.problem import ProblemError, problem_responses
from edge.web.site import Site

_FRESH_NS: Final = 1_000_000_000
_NEW_ENOUGH_NS: Final = 100_000_000  # also while hundreds of events a second come in
_OPEN: Final = {"open": True, "exclude_from_auth": True, "exclude_from_csrf": True}
_ALIVE: Final = ("online", "late")


class HealthAnswer:
    """The answer of `/health`, written again soon after something changed, or after a second."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._written: tuple[int, int, int, bytes] | None = None  # version, monotonic time, status, body

    def answer(self) -> tuple[int, bytes]:
        """Status and body."""
        live, now_ns = self._site.live, self._site.clock.monotonic_ns()
        known = self._written
        if known is not None and now_ns - known[1] < (_FRESH_NS if known[0] == live.version else _NEW_ENOUGH_NS):
            return known[2], known[3]
        version = live.version
        document = health_document(self._site)
        status = 200 if document.status in {"ok", "degraded"} else 503
        body = msgspec.json.encode(document)
        self._written = version, now_ns, status, body
        return status, body


def health_document(site: Site) -> doc.HealthDocument:
    """The health of a site, also while it starts."""
    try:
        view = site.live.view()
        return written.health(site.facts.site, view, site.hq_link(view))
    except NotReady:
        starting = doc.TroubleDocument("down", "process", "web", "starting", None)
        time = written.time_text(site.live.now_ms())
        return doc.HealthDocument("starting", site.facts.site, time, [starting], {}, None, None, "unknown")


@get(
    "/health",
    opt=_OPEN,
    sync_to_thread=False,
    tags=["health"],
    responses={503: ResponseSpec(doc.HealthDocument, generate_examples=False, description="It does not.")},
)
def site_health(health: NamedDependency[HealthAnswer]) -> Response[doc.HealthDocument]:
    """Whether the site does its work: 200 when it records, 503 when it does not or has just started."""
    status, body = health.answer()
    content: Any = body  # written already
    return Response(content, status_code=status, media_type=MediaType.JSON)


@get(
    "/health/{process:str}",
    opt=_OPEN,
    sync_to_thread=False,
    tags=["health"],
    responses={
        **problem_responses(404),
        503: ResponseSpec(doc.ProcessHealthDocument, generate_examples=False, description="It does not."),
    },
)
def process_health(
    live: NamedDependency[LiveSite], process: FromPath[str]
) -> Response[doc.ProcessHealthDocument]:
    """Whether one process lives: 200 when it was heard within a minute, else 503."""
    view = live.view()
    found = next((one for one in view.processes if one.name == process), None)
    if found is None:
        raise ProblemError(404, "no_such_process", "there is no such process; /health lists those that there are")
    document = doc.ProcessHealthDocument(
        found.name,
        found.status,
        written.time_or_none(found.since_ms),
        written.time_or_none(found.last_heard_ms),
        written.time_text(view.now_ms),
    )
    return Response(document, status_code=200 if found.status in _ALIVE else 503)


routes: Final = [site_health, process_health]
