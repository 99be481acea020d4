"""What a report of the site is made from: the projection, the journal's account of its events, the configuration.

Shared by `/api/report` and the reporter, so it knows neither HTTP nor topics.
"""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Final

from edge.events.catalog import SiteReported
from edge.journal.positions import SourceCompleteness
from edge.state.fact import DAY_MS
from edge.state.facts import SiteFacts
from edge.state.report import HeldEvents, ReportFacts, site_reported
from edge.web.live import LiveSite

VERSION: Final = version("saksi")


def report_facts(facts: SiteFacts) -> ReportFacts:
    """What a report says of the site's settings."""
    return ReportFacts(
        settings=facts.channels,
        timezone=facts.timezone,
        segment_s=facts.segment_s,
        promise_days=facts.keeping.promise_days or 0.0,
        expected_processes=facts.expected_processes,
        version=VERSION,
    )


def report_now(live: LiveSite, sources: Iterable[SourceCompleteness], facts: ReportFacts) -> SiteReported:
    """The report of this moment, with `sources` as the account of the events; raises NotReady."""
    view = live.view()
    spans = {one.id: live.coverage(one.id, view.now_ms - DAY_MS, view.now_ms) for one in facts.settings}
    return site_reported(view, spans, facts, held_events(sources))


def held_events(sources: Iterable[SourceCompleteness]) -> list[HeldEvents]:
    """Each process with its newest epoch, as epochs sort by their time; what is missing or lost counts over all."""
    newest: dict[str, HeldEvents] = {}
    for one in sorted(sources, key=lambda source: (source.process, source.epoch)):
        before = newest.get(one.process)
        newest[one.process] = HeldEvents(
            process=one.process,
            epoch=one.epoch,
            newest=one.newest,
            missing=_count(one.missing) + (before.missing if before else 0),
            lost=_count(one.lost) + (before.lost if before else 0),
        )
    return list(newest.values())


def _count(ranges: Iterable[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in ranges)
