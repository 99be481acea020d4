"""Reports that sites post over HTTP: `POST /api/sites/{site}/reports`, stored as if they had come by MQTT.

The body is the event `site_reported` in its envelope, byte for byte as the site says it by MQTT too: whichever way is
first stores it, the other one is a repeat. The key is the event's id. Tokens stand in a folder, one file a site; they
are read at every request, compared in constant time and never said.
"""

import asyncio
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import structlog
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from edge.bus.connection import Message
from edge.bus.subscriber import NotCommitted
from edge.clock import Clock
from edge.config import read_secret
from edge.errors import ConfigError
from edge.events.catalog import SiteReported
from edge.events.envelope import Envelope
from edge.events.errors import EnvelopeError, EventDataError
from edge.events.payload import MAX_PAYLOAD_BYTES
from edge.events.topics import EventTopic
from edge.events.values import SITE_PATTERN
from edge.journal.batch import Appended
from edge.web.problem import ProblemError, problem_responses

REPORTER: Final = "reporter"
KEY_HEADER: Final = "idempotency-key"
OPEN: Final[dict[str, Any]] = {"open": True, "exclude_from_auth": True, "exclude_from_csrf": True}
_RETRY_AFTER: Final = {"retry-after": "5"}
_LOG_EVERY_NS: Final = 60_000_000_000
_SITE: Final = re.compile(SITE_PATTERN)
_NOBODYS: Final = secrets.token_urlsafe(32)
"""Compared with where a site has no token, so that the answer is the same work."""

_log = structlog.get_logger()


class ReportTaken(Struct, frozen=True):
    """What became of a report."""

    status: Annotated[
        Literal["stored", "already"], Meta(description="`already`: it came before, by this way or by MQTT.")
    ]


@dataclass(frozen=True, slots=True)
class Posted:
    """A request, as far as it matters."""

    site: str
    key: str | None
    body: bytes


class ReportDesk:
    """Checks who posts and what, and hands it to the journal; every method may be called from any thread.

    `take` is an Ingest's, None while the process starts; `owns` says whether a site is this process's.
    """

    def __init__(
        self,
        take: Callable[[], Callable[[Sequence[Message]], Appended] | None],
        owns: Callable[[str], bool],
        tokens_dir: Path | None,
        clock: Clock,
    ) -> None:
        self._take = take
        self._owns = owns
        self._tokens_dir = tokens_dir
        self._clock = clock
        self._mutex = threading.Lock()
        self._newest_ms: dict[str, int] = {}
        self._refused = 0
        self._refused_ns: int | None = None

    def newest_ms(self, site: str) -> int | None:
        """When the newest report of a site came over HTTP since the start, in milliseconds since 1970."""
        with self._mutex:
            return self._newest_ms.get(site)

    def admit(self, site: str, authorization: str | None) -> None:
        """Let a site's own token in; raises ProblemError for any other, and where no reports are taken."""
        if self._tokens_dir is None:
            raise ProblemError(404, "no_reports", "no reports are taken over HTTP; hq.yaml sets reports.tokens_dir")
        scheme, _, given = (authorization or "").partition(" ")
        token = self._token(site)
        same = hmac.compare_digest(given.strip().encode(), (token or _NOBODYS).encode())
        if token is None or not same or scheme.lower() != "bearer":
            self._log_refused(site)
            detail = "send the site's token as 'Authorization: Bearer TOKEN'; HQ has it in reports.tokens_dir"
            raise ProblemError(401, "wrong_token", detail)
        if not self._owns(site):
            raise ProblemError(404, "not_here", "another process of this headquarters has the site; post to that one")

    def take(self, posted: Posted) -> ReportTaken:
        """Store a report of an admitted site; raises ProblemError."""
        _check(posted)
        topic = EventTopic(REPORTER, SiteReported.event_type, None, posted.site)
        take = self._take()
        if take is None:
            raise ProblemError(503, "starting", "headquarters is starting; post it again in a moment", _RETRY_AFTER)
        try:
            appended = take([Message(str(topic), posted.body, retained=False, delivery=0, session=0)])
        except NotCommitted as error:
            _log.warning("report_not_stored", site=posted.site, error=str(error), next="the site posts it again")
            detail = "the journal takes nothing now; post it again in a moment"
            raise ProblemError(503, "journal_unavailable", detail, _RETRY_AFTER) from error
        if appended.refused:
            detail = f"the journal does not take it; /api/sites/{posted.site}/completeness and the log say why"
            raise ProblemError(422, "wrong_report", detail)
        if appended.conflicts:
            detail = "another report is stored under this id; see whether two machines run with a copy of one state_dir"
            raise ProblemError(409, "conflict", detail)
        with self._mutex:
            self._newest_ms[posted.site] = self._clock.wall_ns() // 1_000_000
        return ReportTaken("stored" if appended.entries else "already")

    def _log_refused(self, site: str) -> None:
        """Log at once and then once a minute: whoever guesses may do so without end."""
        with self._mutex:
            now_ns = self._clock.monotonic_ns()
            self._refused += 1
            if self._refused_ns is not None and now_ns - self._refused_ns < _LOG_EVERY_NS:
                return
            refused, self._refused, self._refused_ns = self._refused, 0, now_ns
        named = site if _SITE.fullmatch(site) else "?"
        _log.warning("report_token_refused", site=named, requests=refused, next="compare the tokens at both ends")

    def _token(self, site: str) -> str | None:
        """The token of a site, None where it has none that can be used."""
        if self._tokens_dir is None or not _SITE.fullmatch(site):
            return None
        path = self._tokens_dir / site
        if not path.is_file():
            return None
        try:
            return read_secret(path, "reports.tokens_dir")
        except ConfigError as error:
            _log.error("report_token_unreadable", site=site, error=str(error))
            return None


def _check(posted: Posted) -> None:
    """That the body is a report of the reporter of this site, under this key; raises ProblemError."""
    try:
        envelope = Envelope.parse(posted.body)
    except EnvelopeError as error:
        raise ProblemError(400, "no_event", f"the body is not an event in its envelope: {error}") from error
    source = f"/{posted.site}/{REPORTER}"
    if envelope.source != source or envelope.event_type != SiteReported.event_type:
        detail = f"the body is {envelope.type} of {envelope.source}; here goes {SiteReported.event_type} of {source}"
        raise ProblemError(422, "wrong_event", detail)
    if posted.key != envelope.id:
        raise ProblemError(422, "wrong_key", "the header Idempotency-Key must be the event's id")
    try:
        envelope.event()
    except EventDataError as error:
        raise ProblemError(422, "wrong_report", str(error)) from error


@post(
    "/api/sites/{site_id:str}/reports",
    opt=OPEN,
    status_code=202,
    request_max_body_size=MAX_PAYLOAD_BYTES,
    responses=problem_responses(400, 401, 404, 409, 413, 422, 503),
    tags=["sites"],
)
async def post_report(
    request: Request[Any, Any, Any], report_desk: NamedDependency[ReportDesk], site_id: FromPath[str]
) -> Response[ReportTaken]:
    """Hand in a report of a site: the event `site_reported` as it stands in the site's outbox.

    The site's token is wanted as `Authorization: Bearer`, the event's id as `Idempotency-Key`.
    """
    await asyncio.to_thread(report_desk.admit, site_id, request.headers.get("authorization"))  # before the body is read
    body = await request.body()
    taken = await asyncio.to_thread(report_desk.take, Posted(site_id, request.headers.get(KEY_HEADER), body))
    return Response(taken, status_code=202)


routes: Final = [post_report]
