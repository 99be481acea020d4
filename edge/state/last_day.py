"""How much of the last 24 hours of each channel is recorded, of what should have been. Pure; time is passed in."""

from edge.state.coverage import coverage
from edge.state.fact import DAY_MS
from edge.state.projection import SiteProjection


class LastDays:
    """The figures of a site's channels, counted again when they are older than `fresh_ms`.

    Counting is most of the work of a view: where a thousand sites are looked at, a minute's age is little.
    """

    def __init__(self, fresh_ms: int = 0) -> None:
        self._fresh_ms = fresh_ms
        self._counted: dict[str, tuple[int, float, float]] = {}

    def of(self, state: SiteProjection, channel: str, now_ms: int, segment_s: int) -> tuple[float, float]:
        """Seconds of the last 24 hours that were recorded, of those that should have been."""
        counted = self._counted.get(channel)
        if counted is None or not 0 <= now_ms - counted[0] < self._fresh_ms:
            counted = self._counted[channel] = (now_ms, *_count(state, channel, now_ms, segment_s))
        return counted[1], counted[2]


def _count(state: SiteProjection, channel: str, now_ms: int, segment_s: int) -> tuple[float, float]:
    recorded_ms = expected_ms = 0
    for span in coverage(state, channel, now_ms - DAY_MS, now_ms, now_ms, segment_s=segment_s):
        length_ms = span.end_ms - span.start_ms
        if span.reason != "not_yet":
            expected_ms += length_ms
        if span.kind in ("recorded", "rejected", "pruned"):
            recorded_ms += length_ms
    return recorded_ms / 1000, expected_ms / 1000
