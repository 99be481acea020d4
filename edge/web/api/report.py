"""`/api/report`: the site in one document, the same that the reporter sends to headquarters."""

from typing import Any, Final

import msgspec
from litestar import MediaType, Response, get

from edge.events.report import Report
from edge.state.views import Health
from edge.web.api.given import READ_ONLY, REFUSALS, GivenJournal, GivenLive, GivenSite
from edge.web.fields import Time
from edge.web.reporting import report_facts, report_now


class ReportDocument(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """What `site_reported` says."""

    from_: Time
    to: Time
    status: Health
    report: Report


@get("/report", opt=READ_ONLY, responses=REFUSALS, sync_to_thread=True, tags=["site"])
def report(site: GivenSite, live: GivenLive, journal: GivenJournal) -> Response[ReportDocument]:
    """The site now and over the last 24 hours; what stands at its default is not written."""
    facts = report_facts(site.facts)
    document: Any = msgspec.json.encode(report_now(live, journal.completeness(), facts).document())
    return Response(document, media_type=MediaType.JSON)


routes: Final = [report]
