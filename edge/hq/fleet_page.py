"""`/` of HQ: every site at a glance, those in trouble first; the same for programs, and the stream that says `look`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from edge.hq import fleet_documents as doc
from edge.hq.fleet_rows import CELL, mosaic, row
from edge.hq.selection import STATES, Chosen, Selection, choose, counts, worst_levels
from edge.hq.summaries import Summaries
from edge.journal.arrival import Entry
from edge.web.api.given import READ_ONLY
from edge.web.assets import Assets
from edge.web.feed import Feed, Wanted
from edge.web.frame import Frame
from edge.web.pages import reader_of
from edge.web.problem import ProblemError, problem_responses
from edge.web.written import time_text
from edge.words.fleet import SHAPES, events_words, fleet_summary, ledger_words

STREAM: Final = "/api/fleet/stream"
SHOWN_LOST: Final = 20
SHOWN_REFUSED: Final = 10
"""Sites with refused messages, those with most of them."""

_NO_EVENT: Final = Wanted(("none",))  # no event is called so: only `state` comes
_Part = Annotated[str, QueryParameter(name="q", max_length=100, description="A part of the site's id or name.")]
_State = Annotated[
    str,
    QueryParameter(
        name="state", description="Only sites of one state.", schema_extra={"enum": ["", *STATES]}, max_length=20
    ),
]
_Page = Annotated[int, QueryParameter(ge=1, le=100_000, description="Which hundred of them, from 1 on.")]


@dataclass(frozen=True, slots=True)
class Partition:
    """Which part of the fleet this process sees to, and where the pages of the others are, by their number."""

    number: int = 1
    of: int = 1
    others: Mapping[int, str] = field(default_factory=dict)


class _NoEntries:
    """What the feed of the fleet reads: its pages follow states and no events."""

    def entries(self, *, after: int, limit: int) -> Sequence[Entry]:  # noqa: ARG002 - as a feed asks
        return ()


def feed_of(summaries: Summaries) -> Feed:
    """The stream to the fleet's pages; `run` it, and `close` it at the end."""
    nothing = _NoEntries()
    return Feed(lambda: nothing, summaries.glance)


@get("/", include_in_schema=False, sync_to_thread=True)
def fleet_page(
    request: Request[Any, Any, Any],
    summaries: NamedDependency[Summaries],
    partition: NamedDependency[Partition],
    frame: NamedDependency[Frame],
    assets: NamedDependency[Assets],
    part: _Part = "",
    in_state: _State = "",
    page: _Page = 1,
) -> Response[str]:
    """The fleet at a glance."""
    sites, now_ms = summaries.all(), summaries.now_ms()
    reader = reader_of(request, frame, now_ms)
    times, wanted = reader.times, _selection(part, in_state, page)
    chosen = choose(sites, wanted)
    lost = sorted((one for one in sites if one.events.lost), key=lambda one: -one.events.lost)
    return reader.page(
        "fleet.html",
        assets=assets,
        stream=STREAM,
        summary=fleet_summary(sites, summaries.deaf_since_ms, summaries.refusals, times),
        rows=[row(one, times) for one in chosen.sites],
        wanted=wanted,
        chosen=chosen,
        turn=_turn(chosen, wanted),
        states=STATES,
        counts=counts(sites),
        shapes={fault: SHAPES[level] for fault, level in worst_levels(sites).items()},
        sites_all=len(sites),
        ledger=ledger_words(sites, times) if sites else "",
        mosaic=mosaic(sites, times),
        cell=CELL,
        refusals=summaries.refusals,
        lost=[(one, events_words(one.events, times, heard=True)) for one in lost[:SHOWN_LOST]],
        more_lost=max(0, len(lost) - SHOWN_LOST),
        refused_shown=SHOWN_REFUSED,
        lost_all=sum(one.events.lost for one in lost),
        partition=partition,
    )


@get("/api/sites", opt=READ_ONLY, responses=problem_responses(400, 401), sync_to_thread=True, tags=["fleet"])
def sites(
    summaries: NamedDependency[Summaries], part: _Part = "", in_state: _State = "", page: _Page = 1
) -> doc.SitesDocument:
    """The sites, those in trouble first, a hundred at a time."""
    found, wanted = summaries.all(), _selection(part, in_state, page)
    chosen = choose(found, wanted)
    refused = summaries.refusals
    return doc.SitesDocument(
        time=time_text(summaries.now_ms()),
        version=summaries.version,
        sites=[doc.site_line(one) for one in chosen.sites],
        found=chosen.found,
        all=len(found),
        states=counts(found),
        refused=refused.count,
        refused_by=dict(refused.by_site),
        newest_refused=[doc.RefusedDocument(time_text(one.at_ms), one.site, one.reason) for one in refused.newest],
        next=None if chosen.next is None else f"/api/sites{wanted.address(chosen.next)}",
    )


@get(
    STREAM,
    opt=READ_ONLY,
    responses=problem_responses(401, 503),
    media_type="text/event-stream",
    sync_to_thread=False,
    tags=["fleet"],
)
def fleet_stream(fleet_feed: NamedDependency[Feed]) -> Stream:
    """Server-sent events: `state` whenever something of the fleet is seen differently. See `/api/events/stream`."""
    if fleet_feed.full:
        raise ProblemError(503, "stream_full", "too many pages listen already; close some and try again")
    headers = {"x-accel-buffering": "no", "cache-control": "no-cache"}
    return Stream(fleet_feed.stream(0, _NO_EVENT), media_type="text/event-stream", headers=headers)


def _selection(part: str, state: str, page: int) -> Selection:
    """What is asked for; raises ProblemError."""
    if state and state not in STATES:
        raise ProblemError(400, "no_such_state", f"state: must be one of {', '.join(STATES)}, or left out")
    return Selection(part, state, page)


def _turn(chosen: Chosen, wanted: Selection) -> dict[str, str | None]:
    """The addresses of the pages beside this one."""
    pages = {"previous": chosen.previous, "next": chosen.next}
    return {name: None if page is None else f"/{wanted.address(page)}" for name, page in pages.items()}


routes: Final = [fleet_page, sites, fleet_stream]
