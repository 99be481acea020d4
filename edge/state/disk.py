"""The fold of the disk: what retention measured, what is wrong with it, what was deleted, what will be short."""

from collections.abc import Mapping
from typing import Any, Final

from edge.state.fact import Fact, to_ms
from edge.state.newest import Newest, drop_oldest, is_newer
from edge.state.views import DiskState, DiskView, HarmedView, PrunedView, RetentionView

MOST_SHORT: Final = 1_000
"""More than a site may have channels, of which some were renamed."""


class DiskFold:
    """The disk of the recordings, folded."""

    __slots__ = ("condition", "harmed", "measured", "pruned", "short", "verified")

    def __init__(self) -> None:
        self.measured: Newest | None = None
        self.condition: Newest | None = None
        """What is wrong with it, or `ok`, and what the event says."""
        self.pruned: Newest | None = None
        self.short: dict[str, Newest] = {}
        self.verified: Newest | None = None
        """When segments were read back last: how many."""
        self.harmed: Newest | None = None
        """When that last showed any that are damaged: how many, and the path of one."""

    def disk_measured(self, fact: Fact) -> None:
        """How full it is."""
        self.measured = Newest.of(self.measured, fact, dict(fact.data))

    def disk_low(self, fact: Fact) -> None:
        """Over its limit."""
        self._condition(fact, "low")

    def disk_full(self, fact: Fact) -> None:
        """No space left."""
        self._condition(fact, "full")

    def disk_missing(self, fact: Fact) -> None:
        """Not the disk that was marked."""
        self._condition(fact, "missing")

    def disk_faulty(self, fact: Fact) -> None:
        """It cannot be written, or fails to read."""
        self._condition(fact, "faulty")

    def disk_recovered(self, fact: Fact) -> None:
        """Within its limits, or back."""
        self._condition(fact, "ok")

    def disk_pruned(self, fact: Fact) -> None:
        """Segments were deleted."""
        data = fact.data
        self.pruned = Newest.of(self.pruned, fact, [data["rule"], data["segments"], data["bytes"]])

    def segments_verified(self, fact: Fact) -> None:
        """Some segments were read back."""
        data = fact.data
        self.verified = Newest.of(self.verified, fact, data["checked"])
        bad = [*data["changed"], *data["unreadable"], *data["undecodable"]]
        if bad:
            self.harmed = Newest.of(self.harmed, fact, [len(bad), bad[0]])

    def retention_short(self, fact: Fact) -> None:
        """Recordings will not reach back far enough."""
        data = fact.data
        self._short(fact, [data["promise_days"], data["forecast_days"], to_ms(data["short_from"])])

    def retention_restored(self, fact: Fact) -> None:
        """Recordings will reach back far enough again."""
        self._short(fact, None)

    def _short(self, fact: Fact, value: list[Any] | None) -> None:
        channel = fact.data["channel"] or ""
        self.short[channel] = Newest.of(self.short.get(channel), fact, value)
        drop_oldest(self.short, MOST_SHORT)

    def _condition(self, fact: Fact, state: DiskState) -> None:
        self.condition = Newest.of(self.condition, fact, [state, dict(fact.data)])


def disk_view(fold: DiskFold, recorder_says: tuple[DiskState, int, str] | None) -> DiskView:
    """The disk now; what stops the recorder (state, since, detail) counts where retention says nothing worse."""
    measured: Mapping[str, Any] = fold.measured.value if fold.measured is not None else {}
    state, since_ms, said = _condition_now(fold)
    detail = said.get("detail")
    if recorder_says is not None and state in ("ok", "unknown", "low"):
        state, since_ms, detail = recorder_says
    known = {**said, **measured}
    return DiskView(
        state=state,
        since_ms=since_ms,
        detail=detail,
        mount=known.get("mount"),
        device=known.get("device"),
        measured_ms=fold.measured.time_ms if fold.measured is not None else None,
        total_bytes=known.get("total_bytes"),
        used_bytes=known.get("used_bytes"),
        free_bytes=known.get("free_bytes"),
        recordings_bytes=known.get("recordings_bytes"),
        unknown_files=known.get("unknown_files"),
        write_rate_bytes_s=known.get("write_rate_bytes_s"),
        hours_left=measured.get("hours_left"),
        smart=known.get("smart"),
        oldest_ms={channel: to_ms(text) for channel, text in measured.get("oldest", {}).items()},
        short=_short(fold),
        last_pruned=PrunedView(fold.pruned.time_ms, *fold.pruned.value) if fold.pruned is not None else None,
        stuck=said.get("reason"),
        protected_bytes=known.get("protected_bytes"),
        serial=known.get("serial"),
        forecast_days=measured.get("forecast_days", {}),
        verified_ms=fold.verified.time_ms if fold.verified is not None else None,
        harmed=HarmedView(fold.harmed.time_ms, *fold.harmed.value) if fold.harmed is not None else None,
    )


def _condition_now(fold: DiskFold) -> tuple[DiskState, int | None, Mapping[str, Any]]:
    """State, since when, and what was said of it; a newer measure that judges otherwise counts: words may be lost."""
    state: DiskState = "unknown" if fold.measured is None else "ok"
    since_ms: int | None = None
    said: Mapping[str, Any] = {}
    if fold.condition is not None:
        state, said = fold.condition.value
        since_ms = fold.condition.time_ms
    measured = fold.measured
    judged: DiskState | None = measured.value.get("state") if measured is not None else None
    if measured is not None and judged is not None and judged != state and is_newer(measured, fold.condition):
        return judged, None if judged == "ok" else measured.time_ms, {}
    return state, since_ms, said


def _short(fold: DiskFold) -> tuple[RetentionView, ...]:
    found: list[RetentionView] = []
    for channel, said in sorted(fold.short.items()):
        if said.value is not None:
            promise_days, forecast_days, short_from_ms = said.value
            found.append(RetentionView(channel or None, promise_days, forecast_days, short_from_ms, said.time_ms))
    return tuple(found)
