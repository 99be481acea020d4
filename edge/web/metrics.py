"""`/metrics`: what a site is doing, for Prometheus; read at every scrape from what is known anyway."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from litestar import MediaType, Response, get
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from edge.state.views import ChannelView, DiskView, ProcessView, SiteView
from edge.web.api.given import READ_ONLY, GivenFeed, GivenSite
from edge.web.live import NotReady
from edge.web.problem import problem_responses
from edge.web.site import Site

_CHANNEL_FIGURES: Final[tuple[tuple[str, str, Callable[[ChannelView], float | None]], ...]] = (
    ("saksi_channel_bitrate_bits_per_second", "Of the newest segments.", lambda one: one.bitrate_bits_s),
    (
        "saksi_channel_last_segment_end_timestamp_seconds",
        "Where the newest segment ends.",
        lambda one: one.last_segment.end_ms / 1000 if one.last_segment else None,
    ),
    (
        "saksi_channel_recorded_ratio",
        "Recorded part of the last 24 hours.",
        lambda one: one.recorded_s / one.expected_s if one.expected_s else None,
    ),
    ("saksi_channel_lost_packets_24h", "RTP packets that never arrived.", lambda one: one.lost_packets_24h),
    ("saksi_channel_backlog_bytes", "What the disk has not taken yet.", lambda one: one.backlog_bytes),
)
_PROCESS_FIGURES: Final[tuple[tuple[str, str, Callable[[ProcessView], float | None]], ...]] = (
    ("saksi_process_online", "1 when it was heard in time.", lambda one: float(one.status == "online")),
    (
        "saksi_process_last_heard_timestamp_seconds",
        "When it was heard last.",
        lambda one: None if one.last_heard_ms is None else one.last_heard_ms / 1000,
    ),
    ("saksi_process_last_sequence", "Number of its newest event.", lambda one: one.last_sequence),
)
_GAUGES: Final = ("position", "missing", "lost", "replays_open")
_CHANNEL_STATES: Final = ("recording", "picture_fault", "offline", "off", "unknown")
_HEALTH: Final = {"ok": 1.0, "degraded": 0.5, "down": 0.0}


class SiteCollector:
    """A site's metrics at this moment."""

    def __init__(self, site: Site, stream_clients: int) -> None:
        self._site = site
        self._stream_clients = stream_clients

    def collect(self) -> Iterator[Metric]:
        """Every metric; before the site is known only that it is not."""
        try:
            view = self._site.live.view()
        except NotReady:
            yield GaugeMetricFamily("saksi_ready", "Whether the events of the site are read.", 0)
            return
        yield GaugeMetricFamily("saksi_ready", "Whether the events of the site are read.", 1)
        yield GaugeMetricFamily("saksi_health", "1 ok, 0.5 degraded, 0 down.", _HEALTH[view.health])
        yield GaugeMetricFamily("saksi_troubles", "Things that are wrong now.", len(view.troubles))
        yield GaugeMetricFamily("saksi_stream_clients", "Who listens to the stream of events.", self._stream_clients)
        yield from _channels(view)
        yield from _processes(view.processes)
        yield from _disk(view.disk)
        if self._site.ingest is not None:
            yield from journal_metrics(self._site.ingest.metrics())


def _channels(view: SiteView) -> Iterator[Metric]:
    status = GaugeMetricFamily("saksi_channel_status", "1 for the status of the channel.", labels=["channel", "status"])
    for one in view.channels:
        for state in _CHANNEL_STATES:
            status.add_metric([one.id, state], float(one.status == state))
    yield status
    for name, words, read in _CHANNEL_FIGURES:
        yield _labelled(name, words, "channel", ((one.id, read(one)) for one in view.channels))


def _processes(processes: Sequence[ProcessView]) -> Iterator[Metric]:
    for name, words, read in _PROCESS_FIGURES:
        yield _labelled(name, words, "process", ((one.name, read(one)) for one in processes))


def _disk(disk: DiskView) -> Iterator[Metric]:
    for name, words, value in (
        ("saksi_disk_total_bytes", "Size of the disk of the recordings.", disk.total_bytes),
        ("saksi_disk_free_bytes", "What is free of it.", disk.free_bytes),
        ("saksi_disk_recordings_bytes", "What recordings take of it.", disk.recordings_bytes),
    ):
        if value is not None:
            yield GaugeMetricFamily(name, words, value)


def journal_metrics(counts: Mapping[str, int]) -> Iterator[Metric]:
    """What an ingest counts, as metrics."""
    for name, value in counts.items():
        if name in _GAUGES:
            yield GaugeMetricFamily(f"saksi_journal_{name}", f"As it is now: {name}.", value)
        else:
            yield CounterMetricFamily(f"saksi_journal_{name}", f"Of this run: {name}.", value)


def _labelled(name: str, words: str, label: str, values: Iterable[tuple[str, float | None]]) -> Metric:
    metric = GaugeMetricFamily(name, words, labels=[label])
    for owner, value in values:
        if value is not None:
            metric.add_metric([owner], value)
    return metric


@get("/metrics", opt=READ_ONLY, responses=problem_responses(401), media_type=MediaType.TEXT, sync_to_thread=False,
     tags=["health"])  # fmt: skip
def metrics(site: GivenSite, feed: GivenFeed) -> Response[str]:
    """The metrics of this moment in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(SiteCollector(site, feed.clients))
    content: Any = generate_latest(registry)
    return Response(content, media_type=CONTENT_TYPE_LATEST.partition("; charset")[0])
