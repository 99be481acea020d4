"""`/api/events`: what happened, as it stands in the journal, in pages and as a live stream."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import MediaType, Response, get
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from edge.events.values import CHANNEL_PATTERN, LEVEL_PATTERN
from edge.web import history
from edge.web.api.given import READ_ONLY, GivenFeed, GivenJournal, GivenLive, GivenSite
from edge.web.feed import Wanted
from edge.web.problem import ProblemError, problem_responses
from edge.web.written import time_text

_MOST_POSITION: Final = 2**63 - 1
_Level = Annotated[str, msgspec.Meta(pattern=LEVEL_PATTERN)]
_Channel = Annotated[str, msgspec.Meta(pattern=CHANNEL_PATTERN)]
_Types = Annotated[
    list[_Level] | None, QueryParameter(name="type", max_items=50, description="Only these types; repeatable.")
]
_Channels = Annotated[
    list[_Channel] | None, QueryParameter(name="channel", max_items=50, description="Only these channels; repeatable.")
]
_After = Annotated[
    int | None,
    QueryParameter(ge=0, le=_MOST_POSITION, description="Only what arrived after this position, oldest first."),
]
_Before = Annotated[
    int | None,
    QueryParameter(ge=0, le=_MOST_POSITION, description="Only what arrived before this position."),
]
_Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="At most so many.")]


class _Written(msgspec.Struct):
    """An EventDocument whose envelope is not read, only passed on."""

    position: int
    received: str
    event: msgspec.Raw


class _WrittenEvents(msgspec.Struct):
    events: list[_Written]
    next: str | None


@get(
    "/events",
    opt=READ_ONLY,
    responses=problem_responses(400, 401, 503),
    sync_to_thread=True,
    tags=["events"],
)
def events(
    site: GivenSite,
    journal: GivenJournal,
    types: _Types = None,
    channel_ids: _Channels = None,
    after: _After = None,
    before: _Before = None,
    limit: _Limit = 100,
) -> Response[history.EventsDocument]:
    """Events, newest first; with `after` oldest first, so that a program can follow on."""
    entries = journal.entries(
        after=after or 0,
        before=before,
        limit=limit,
        newest_first=after is None,
        event_types=types or (),
        channels=channel_ids or (),
    )
    next_page = None
    if len(entries) == limit:
        place = {"before" if after is None else "after": entries[-1].position}
        bound = {"before": before} if after is not None and before is not None else {}
        query = {"type": types or [], "channel": channel_ids or [], **place, **bound, "limit": limit}
        next_page = f"{site.frame.api_base}/events?{urlencode(query, doseq=True)}"
    found = [_Written(one.position, time_text(one.received_ms), msgspec.Raw(one.payload)) for one in entries]
    content: Any = msgspec.json.encode(_WrittenEvents(found, next_page))
    return Response(content, media_type=MediaType.JSON)


@get(
    "/events/stream",
    opt=READ_ONLY,
    responses=problem_responses(400, 401, 503),
    media_type="text/event-stream",
    tags=["events"],
)
async def stream(
    live: GivenLive,
    journal: GivenJournal,
    feed: GivenFeed,
    types: _Types = None,
    channel_ids: _Channels = None,
    after: _After = None,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(name="Last-Event-ID", description="Position that was seen last; the stream goes on after it."),
    ] = None,
) -> Stream:
    """Server-sent events: each event as it arrives, and `state` whenever something is seen differently.

    `id` is the position, `event` the type and `data` the envelope. A comment comes every 15 seconds; the stream ends
    after an hour and is to be opened again.
    """
    live.view()  # NotReady is answered here, before the stream begins
    if feed.full:
        raise ProblemError(503, "stream_full", "too many pages listen already; close some and try again")
    newest = journal.newest_position()
    begin = newest if after is None else after
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        begin = int(last_event_id[:18])
    begin = min(begin, newest)  # a journal that was begun anew is behind what its clients have seen
    content = feed.stream(begin, Wanted(types or (), channel_ids or ()))
    headers = {"x-accel-buffering": "no", "cache-control": "no-cache"}
    return Stream(content, media_type="text/event-stream", headers=headers)


routes: Final = [events, stream]
