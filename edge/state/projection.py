"""The state of a site: folds events in place, hears heartbeats, and goes into a snapshot and back.

Owned by one thread. What the state is depends on which events were folded, not on their order, on doubles or on where
a snapshot was taken: of two things that one process said the later by (epoch, sequence) holds, and everything else is
a set.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar, Final, Self

from edge.events.messages import Heartbeat, Will
from edge.state import snapshot
from edge.state.channels import MISSING, ChannelState
from edge.state.clock import ClockFold
from edge.state.completeness import Losses
from edge.state.disk import DiskFold
from edge.state.fact import Fact, read_fact, to_ms
from edge.state.processes import Heard, ProcessState
from edge.state.runs import Runs

RECORDER: Final = "recorder"
MOST_CHANNELS: Final = 5_000
"""Ten times what a site may have configured; of a site that names more, the later ones are not kept."""


class SiteProjection:
    """What is known of a site; `seamless` holds no segment alone, for who holds a thousand sites."""

    VERSION: ClassVar[int] = 1

    __slots__ = ("channels", "clock", "disk", "heard", "losses", "newest_event_ms", "processes", "runs", "seamless")

    def __init__(self, *, seamless: bool = False) -> None:
        self.seamless = seamless
        self.channels: dict[str, ChannelState] = {}
        self.processes: dict[str, ProcessState] = {}
        self.heard: dict[str, Heard] = {}
        self.runs = Runs()
        self.disk = DiskFold()
        self.clock = ClockFold()
        self.losses: dict[str, Losses] = {}
        self.newest_event_ms: int | None = None

    def apply(self, fact: Fact) -> None:
        """Fold one event; one of a type that says nothing about the state changes only when its process was heard."""
        self.notice(fact)
        self.apply_about(fact)

    def notice(self, fact: Fact) -> None:
        """Take an event of the site for a sign of life of its process, and let be what it says."""
        process = self.processes.get(fact.process)
        if process is None:
            process = self.processes[fact.process] = ProcessState()
        if fact.epoch > process.epoch or (fact.sequence > process.sequence and fact.epoch == process.epoch):
            process.epoch, process.sequence, process.newest_ms = fact.epoch, fact.sequence, fact.time_ms
        if self.newest_event_ms is None or fact.time_ms > self.newest_event_ms:
            self.newest_event_ms = fact.time_ms

    def apply_about(self, fact: Fact) -> None:
        """Fold what an event says about the site, whoever said it; of no process it is a sign of life."""
        fold = _CHANNEL_FOLDS.get(fact.event_type)
        if fold is None:
            other = _FOLDS.get(fact.event_type)
            if other is not None:
                other(self, fact)
        elif fact.channel is not None:
            fold(self.channel(fact.channel), fact)

    def hear(self, process: str, message: Heartbeat | Will, at_ms: int) -> None:
        """Take a heartbeat or Will that came at this time; it is in no snapshot."""
        self.heard.setdefault(process, Heard()).hear(message, at_ms)

    def dump(self) -> bytes:
        """The state as a snapshot; the same state gives the same bytes."""
        return snapshot.dump(self)

    @classmethod
    def load(cls, data: bytes, *, seamless: bool = False) -> Self:
        """The state in a snapshot; raises SnapshotError for anything else, and for other versions."""
        state = cls(seamless=seamless)
        snapshot.load(state, data)
        return state

    def channel(self, name: str) -> ChannelState:
        """The fold of a channel, begun where there is none."""
        channel = self.channels.get(name)
        if channel is None:
            channel = ChannelState(seamless=self.seamless)
            if len(self.channels) < MOST_CHANNELS:
                self.channels[name] = channel
        return channel


def rebuild(rows: Iterable[list[tuple[int, bytes]]], state: SiteProjection) -> int:
    """Fold the payloads of a journal, in pieces of (position, payload); returns the last position, 0 for none."""
    position = 0
    apply = state.apply
    for piece in rows:
        for position, payload in piece:  # noqa: B007 - the last one is what is asked for
            apply(read_fact(payload))
    return position


def _process_started(state: SiteProjection, fact: Fact) -> None:
    state.processes[fact.process].process_started(fact)
    if fact.process == RECORDER:
        state.runs.add(fact, "started")


def _process_stopped(state: SiteProjection, fact: Fact) -> None:
    state.processes[fact.process].process_stopped(fact)
    if fact.process == RECORDER:
        state.runs.add(fact, fact.data["reason"])


def _disk_pruned(state: SiteProjection, fact: Fact) -> None:
    state.disk.disk_pruned(fact)
    _gone(state, fact, fact.data["rule"])


def _gone(state: SiteProjection, fact: Fact, rule: str) -> None:
    for gone in fact.data["channels"]:
        channel = state.channel(gone["channel"])
        channel.pruned_range(rule, to_ms(gone["from"]), to_ms(gone["to"]), fact.time_ms)


def _losses(state: SiteProjection, source: str) -> Losses:
    return state.losses.setdefault(source.rpartition("/")[2], Losses())


_CHANNEL_FOLDS: Final[dict[str, Callable[[ChannelState, Fact], None]]] = {
    "recording_started": ChannelState.recording_started,
    "segment_written": ChannelState.segment_written,
    "recording_stopped": ChannelState.recording_stopped,
    "channel_invalid": ChannelState.channel_invalid,
    "channel_valid": ChannelState.channel_valid,
    "segment_rejected": ChannelState.segment_rejected,
    "livestream_ready": ChannelState.livestream_ready,
    "livestream_lost": ChannelState.livestream_lost,
    "footage_protected": ChannelState.footage_protected,
    "footage_unprotected": ChannelState.footage_unprotected,
}
_FOLDS: Final[dict[str, Callable[[SiteProjection, Fact], None]]] = {
    "process_started": _process_started,
    "process_stopped": _process_stopped,
    "outbox_truncated": lambda state, fact: _losses(state, fact.process).outbox_truncated(fact),
    "clock_jumped": lambda state, fact: state.clock.clock_jumped(fact),
    "disk_measured": lambda state, fact: state.disk.disk_measured(fact),
    "disk_pruned": _disk_pruned,
    "disk_low": lambda state, fact: state.disk.disk_low(fact),
    "disk_full": lambda state, fact: state.disk.disk_full(fact),
    "disk_recovered": lambda state, fact: state.disk.disk_recovered(fact),
    "disk_missing": lambda state, fact: state.disk.disk_missing(fact),
    "disk_faulty": lambda state, fact: state.disk.disk_faulty(fact),
    "segments_missing": lambda state, fact: _gone(state, fact, MISSING),
    "segments_verified": lambda state, fact: state.disk.segments_verified(fact),
    "retention_short": lambda state, fact: state.disk.retention_short(fact),
    "retention_restored": lambda state, fact: state.disk.retention_restored(fact),
    "events_conflicting": lambda state, fact: _losses(state, fact.data["source"]).events_conflicting(fact),
    "events_missing": lambda state, fact: _losses(state, fact.data["source"]).events_missing(fact),
    "events_recovered": lambda state, fact: _losses(state, fact.data["source"]).events_recovered(fact),
}
SAYS_NOTHING: Final = frozenset({"site_reported", "report_delivered", "report_failed", "catalog_rebuilt"})
"""Types that say nothing about the state of the site: reports are made from it, and an index is retention's own."""
