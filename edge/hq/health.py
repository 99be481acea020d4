"""`/health` and `/metrics` of headquarters: whether its own process does its work, and how many sites are well."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Final

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta, Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from edge.hq.fleet_page import Partition
from edge.hq.state import HqState
from edge.hq.summaries import Summaries
from edge.state.fleet import SiteSummary
from edge.web import written
from edge.web.api.given import READ_ONLY
from edge.web.fields import Time
from edge.web.metrics import journal_metrics
from edge.web.problem import problem_responses

_OPEN: Final = {"open": True, "exclude_from_auth": True, "exclude_from_csrf": True}
_LEVELS: Final = ("ok", "waiting", "degraded", "down")
_LEVEL_VALUES: Final = {"ok": 1.0, "waiting": 1.0, "degraded": 0.5, "down": 0.0}
_STOPS: Final = ("starting", "journal_unavailable")


class HqTroubleDocument(Struct, frozen=True):
    """One thing that is wrong with headquarters itself."""

    code: Annotated[str, Meta(description="`starting`, `broker_away` or `journal_unavailable`.")]
    since: Time


class HqHealthDocument(Struct, frozen=True):
    """Whether headquarters does its work."""

    status: Annotated[str, Meta(description="`ok`, `degraded` (200), `starting` or `down` (503).")]
    site: Annotated[str, Meta(description="The name that headquarters speaks under.")]
    time: Time
    reasons: list[HqTroubleDocument]
    partition: Annotated[str, Meta(description="Which share of the sites this process has, as `1 of 1`.")]
    sites: Annotated[dict[str, int], Meta(description="How many of this process's sites are in each state.")]
    position: Annotated[int, Meta(ge=0, description="Of the newest event in the journal.")]
    missing: Annotated[int, Meta(ge=0, description="Events that are asked for again.")]
    lost: Annotated[int, Meta(ge=0, description="Events that nobody has any longer.")]


@get(
    "/health",
    opt=_OPEN,
    sync_to_thread=False,
    tags=["health"],
    responses={503: ResponseSpec(HqHealthDocument, generate_examples=False, description="It does not.")},
)
def hq_health(
    hq: NamedDependency[HqState], known_summaries: NamedDependency[Summaries], partition: NamedDependency[Partition]
) -> Response[HqHealthDocument]:
    """Whether headquarters takes in and keeps events; how the sites are is counted beside it."""
    troubles = hq.condition.all()
    status = "ok" if not troubles else "degraded"
    if any(one in troubles for one in _STOPS):
        status = "starting" if "starting" in troubles else "down"
    counts = Counter(one.level for one in known_summaries.own())
    figures = hq.journal_figures()
    document = HqHealthDocument(
        status=status,
        site=hq.name,
        time=written.time_text(hq.condition.now_ms()),
        reasons=[HqTroubleDocument(code, written.time_text(since_ms)) for code, since_ms in troubles.items()],
        partition=f"{partition.number} of {partition.of}",
        sites={level: counts[level] for level in _LEVELS},
        position=figures.get("position", 0),
        missing=figures.get("missing", 0),
        lost=figures.get("lost", 0),
    )
    return Response(document, status_code=200 if status in {"ok", "degraded"} else 503)


class HqCollector:
    """Headquarters' metrics at this moment."""

    def __init__(self, hq: HqState, sites: tuple[SiteSummary, ...]) -> None:
        self._hq = hq
        self._sites = sites

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        troubles = self._hq.condition.all()
        yield GaugeMetricFamily("saksi_ready", "Whether the events of the sites are read.", "starting" not in troubles)
        yield GaugeMetricFamily("saksi_broker_away", "1 while HQ's broker is away.", "broker_away" in troubles)
        levels = GaugeMetricFamily("saksi_sites", "Sites by how they are.", labels=["status"])
        counts = Counter(one.level for one in self._sites)
        for level in _LEVELS:
            levels.add_metric([level], counts[level])
        yield levels
        yield from self._site_gauges()
        yield from journal_metrics(self._hq.journal_figures())

    def _site_gauges(self) -> Iterator[Metric]:
        health = GaugeMetricFamily("saksi_site_health", "1 well, 0.5 degraded, 0 down.", labels=["site"])
        held = GaugeMetricFamily("saksi_site_events_held", "Events of the site that are here.", labels=["site"])
        missing = GaugeMetricFamily("saksi_site_events_missing", "Asked for again.", labels=["site"])
        lost = GaugeMetricFamily("saksi_site_events_lost", "Nobody has them any longer.", labels=["site"])
        newest = GaugeMetricFamily("saksi_site_newest_event_timestamp_seconds", "When it happened.", labels=["site"])
        for one in self._sites:
            health.add_metric([one.site], _LEVEL_VALUES[one.level])
            held.add_metric([one.site], one.events.held)
            missing.add_metric([one.site], one.events.missing)
            lost.add_metric([one.site], one.events.lost)
            if one.events.newest_ms is not None:
                newest.add_metric([one.site], one.events.newest_ms / 1000)
        yield from (health, held, missing, lost, newest)


@get("/metrics", opt=READ_ONLY, responses=problem_responses(401), media_type=MediaType.TEXT, sync_to_thread=True,
     tags=["health"])  # fmt: skip
def hq_metrics(hq: NamedDependency[HqState], known_summaries: NamedDependency[Summaries]) -> Response[str]:
    """The metrics of this moment in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(HqCollector(hq, known_summaries.own()))
    content: Any = generate_latest(registry)
    return Response(content, media_type=CONTENT_TYPE_LATEST.partition("; charset")[0])


routes: Final = [hq_health, hq_metrics]
