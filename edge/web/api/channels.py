"""`/api/channels`: what each channel does, what became of every second of it, and its recordings."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter

from edge.web import documents as doc
from edge.web import history, written
from edge.web.api.given import ASKED_REFUSALS, READ_ONLY, REFUSALS, GivenJournal, GivenLive, GivenSite
from edge.web.asked import FromTime, ToTime, known_channel, range_ms, time_ms
from edge.web.live import LiveSite

_Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="At most so many.")]
_AfterTime = Annotated[
    str | None,
    QueryParameter(
        description="Only segments that start later; the `start` of the last one gives the next page.",
        schema_extra={"type": "string", "format": "date-time"},
    ),
]
_STATES: Final[Mapping[str, history.RecordingState]] = {"rejected": "rejected", "pruned": "pruned"}


@get("/channels", opt=READ_ONLY, responses=REFUSALS, sync_to_thread=False, tags=["channels"])
def channels(live: GivenLive) -> doc.ChannelsDocument:
    """All channels of the configuration, trouble first."""
    return doc.ChannelsDocument([written.channel(one) for one in live.view().channels])


@get("/channels/{channel_id:str}", opt=READ_ONLY, responses=ASKED_REFUSALS, sync_to_thread=False, tags=["channels"])
def channel(live: GivenLive, channel_id: FromPath[str]) -> doc.ChannelDocument:
    """One channel now."""
    known_channel(live, channel_id)
    view = live.channel(channel_id)
    assert view is not None
    return written.channel(view)


@get(
    "/channels/{channel_id:str}/coverage",
    opt=READ_ONLY,
    responses=ASKED_REFUSALS,
    sync_to_thread=True,
    tags=["channels"],
)
def channel_coverage(
    live: GivenLive, channel_id: FromPath[str], from_: FromTime = None, to: ToTime = None
) -> history.CoverageDocument:
    """For every second of a range of at most 62 days: recorded, or a gap and why, or pruned, or rejected."""
    known_channel(live, channel_id)
    from_ms, to_ms = range_ms(from_, to, live.now_ms())
    return written.coverage(channel_id, from_ms, to_ms, live.coverage(channel_id, from_ms, to_ms))


@get(
    "/channels/{channel_id:str}/recordings",
    opt=READ_ONLY,
    responses=ASKED_REFUSALS,
    sync_to_thread=True,
    tags=["channels"],
)
def channel_recordings(
    site: GivenSite,
    live: GivenLive,
    journal: GivenJournal,
    channel_id: FromPath[str],
    from_: FromTime = None,
    to: ToTime = None,
    after: _AfterTime = None,
    limit: _Limit = 100,
) -> history.RecordingsDocument:
    """The segments that reach into a range, oldest first, with the hashes that were announced."""
    known_channel(live, channel_id)
    from_ms, to_ms = range_ms(from_, to, live.now_ms())
    after_ms = None if after is None else time_ms("after", after)
    entries = journal.segments(channel_id, from_ms, to_ms, limit=limit, after_ms=after_ms)
    found = [msgspec.json.decode(entry.payload)["data"] for entry in entries if entry.understood]
    recordings = _with_states(live, channel_id, found)
    next_page = None
    if len(entries) == limit and recordings:
        times = {"from": written.time_text(from_ms), "to": written.time_text(to_ms), "after": recordings[-1].start}
        next_page = f"{site.frame.api_base}/channels/{channel_id}/recordings?{urlencode({**times, 'limit': limit})}"
    return history.RecordingsDocument(
        channel_id, written.time_text(from_ms), written.time_text(to_ms), recordings, next_page
    )


def _with_states(
    live: LiveSite, channel_id: str, found: Sequence[Mapping[str, Any]]
) -> list[history.RecordingDocument]:
    """What became of each segment since it was written: its middle lies in a span that says so."""
    if not found:
        return []
    times = [(time_ms("start", one["start"]), time_ms("end", one["end"])) for one in found]
    spans = live.coverage(channel_id, times[0][0], max(end for _, end in times) + 1)
    starts = [span.start_ms for span in spans]
    recordings = []
    for one, (start_ms, end_ms) in zip(found, times, strict=True):
        place = max(bisect_right(starts, (start_ms + end_ms) // 2) - 1, 0)
        kind = spans[place].kind if spans else "recorded"
        recordings.append(written.recording(one, _STATES.get(kind, "recorded")))
    return recordings


routes: Final = [channels, channel, channel_coverage, channel_recordings]
