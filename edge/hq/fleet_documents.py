"""The documents of `/api/sites`; times are RFC 3339 in UTC. Knows no request."""

from typing import Annotated

from msgspec import Meta, Struct

from edge.state.fleet import EventFigures, Fault, Level, SiteSummary
from edge.state.views import DiskState
from edge.web import documents as doc
from edge.web.fields import Count, Seconds, Time
from edge.web.written import time_or_none, time_text, trouble


class LedgerDocument(Struct, frozen=True):
    """How complete the events of a site are at HQ."""

    held: Count
    missing: Annotated[int, Meta(ge=0, description="Known to exist and asked for again.")]
    lost: Annotated[int, Meta(ge=0, description="Nobody has them any longer.")]
    lost_of: Annotated[dict[str, int], Meta(description="The lost ones by process.")]
    newest: Annotated[Time | None, Meta(description="When the newest event happened.")]


class ReturnDocument(Struct, frozen=True):
    """The newest silence of a site that is over, since HQ was started."""

    cause: Annotated[str, Meta(description="`box`, `broker`, `link` or `unknown`, told by its processes.")]
    from_: Time
    to: Time


class SiteLineDocument(Struct, frozen=True):
    """A site in the fleet; more of it is at `/api/sites/{site}/site`."""

    site: str
    name: str
    status: Annotated[Level, Meta(description="`down`, `degraded`, `waiting` or `ok`.")]
    fault: Annotated[Fault, Meta(description="What failed there; `none` where all is well.")]
    since: Time | None
    reasons: Annotated[list[doc.TroubleDocument], Meta(description="Worst first, at most 20.")]
    channels: doc.ChannelTotals
    recorded_s: Annotated[float, Meta(description="Seconds recorded in the last 24 hours, all channels together.")]
    expected_s: Seconds
    disk: DiskState
    disk_hours_left: float | None
    events: LedgerDocument
    heard: Annotated[Time | None, Meta(description="When any process of it was heard last.")]
    reported: Annotated[Time | None, Meta(description="When its newest report came by HTTP.")]
    back: ReturnDocument | None


class RefusedDocument(Struct, frozen=True):
    """A message that was not taken."""

    time: Time
    site: Annotated[str, Meta(description="The site on whose topic it came.")]
    reason: str


class SitesDocument(Struct, frozen=True):
    """Sites, those in trouble first."""

    time: Time
    version: Annotated[int, Meta(description="Grows with every change; see the `state` messages of the stream.")]
    sites: list[SiteLineDocument]
    found: Annotated[int, Meta(ge=0, description="How many match, on all pages together.")]
    all: Annotated[int, Meta(ge=0, description="How many sites there are.")]
    states: Annotated[dict[str, int], Meta(description="How many of all are in each state.")]
    refused: Annotated[int, Meta(ge=0, description="Messages that were not taken.")]
    refused_by: Annotated[dict[str, int], Meta(description="The same by the site on whose topics they came.")]
    newest_refused: list[RefusedDocument]
    next: Annotated[str | None, Meta(description="Address of the next page.")]


MOST_REASONS = 20


def site_line(one: SiteSummary) -> SiteLineDocument:
    """A site's summary as a document."""
    totals, back = one.totals, one.back
    return SiteLineDocument(
        site=one.site,
        name=one.name,
        status=one.level,
        fault=one.diagnosis.fault,
        since=time_or_none(one.diagnosis.since_ms),
        reasons=[trouble(reason) for reason in one.troubles[:MOST_REASONS]],
        channels=doc.ChannelTotals(
            totals.total, totals.recording, totals.invalid, totals.offline, totals.off, totals.unknown
        ),
        recorded_s=one.recorded_s,
        expected_s=one.expected_s,
        disk=one.disk.state,
        disk_hours_left=one.disk.hours_left,
        events=_ledger(one.events),
        heard=time_or_none(one.heard_ms),
        reported=time_or_none(one.reported_ms),
        back=ReturnDocument(back.cause, time_text(back.from_ms), time_text(back.to_ms)) if back else None,
    )


def _ledger(events: EventFigures) -> LedgerDocument:
    return LedgerDocument(
        events.held, events.missing, events.lost, dict(events.lost_of), time_or_none(events.newest_ms)
    )
