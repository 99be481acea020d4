"""The fold of processes: what each said of its starts and ends, and when it was last heard.

What is heard (heartbeats and Wills) is not journaled. It is kept beside the folded state and is in no snapshot, so that
a rebuild gives the same state as living through it; retained heartbeats come again with every subscription.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge.events.messages import Heartbeat, Will
from edge.state.fact import Fact, to_ms
from edge.state.newest import Newest, is_newer
from edge.state.views import ProcessStatus, ProcessView

ONLINE_MS: Final = 25_000
LATE_MS: Final = 60_000
AHEAD_MS: Final = 60_000
"""An event whose time is further ahead of now than this is no sign of life."""


class ProcessState:
    """One process, folded."""

    __slots__ = ("epoch", "newest_ms", "sequence", "started", "stopped")

    def __init__(self) -> None:
        self.epoch = ""
        self.sequence = 0
        self.newest_ms = 0
        self.started: Newest | None = None
        self.stopped: Newest | None = None

    def process_started(self, fact: Fact) -> None:
        """It is up."""
        data = fact.data
        value = [data["version"], data["pid"], data.get("host"), data["bdseq"]]
        self.started = Newest.of(self.started, fact, value)

    def process_stopped(self, fact: Fact) -> None:
        """It is about to end."""
        self.stopped = Newest.of(self.stopped, fact, [fact.data["reason"], fact.data.get("detail")])


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat in the terms of the state."""

    epoch: str
    bdseq: int
    time_ms: int
    started_ms: int
    last_sequence: int
    version: str
    pid: int
    metrics: Mapping[str, Any]

    @property
    def connection(self) -> tuple[str, int]:
        """Which connection to the broker it came over; later ones are greater."""
        return self.epoch, self.bdseq


class Heard:
    """What was heard of one process beside its events."""

    __slots__ = ("beat", "gone", "gone_ms", "heard_ms")

    def __init__(self) -> None:
        self.beat: Beat | None = None
        self.heard_ms: int | None = None
        self.gone: tuple[str, int] | None = None
        self.gone_ms: int | None = None

    def hear(self, message: Heartbeat | Will, at_ms: int) -> None:
        """Take a heartbeat or a Will; one that belongs to an earlier connection changes nothing."""
        if isinstance(message, Will):
            self._will((message.epoch, message.bdseq), at_ms)
        else:
            self._heartbeat(message, at_ms)

    def _will(self, connection: tuple[str, int], at_ms: int) -> None:
        if self.beat is None or connection >= self.beat.connection:
            self.gone, self.gone_ms = connection, at_ms

    def _heartbeat(self, message: Heartbeat, at_ms: int) -> None:
        time_ms = to_ms(message.time)
        if not self._is_news((message.epoch, message.bdseq), time_ms):
            return
        self.beat = Beat(
            message.epoch,
            message.bdseq,
            time_ms,
            to_ms(message.started),
            message.last_sequence,
            message.version,
            message.pid,
            message.metrics,
        )
        self.heard_ms = at_ms
        self.gone = self.gone_ms = None

    def _is_news(self, connection: tuple[str, int], time_ms: int) -> bool:
        """Numbers of connections grow, save where a full disk did not take one: then the time of the beat decides."""
        if self.gone is not None and connection <= self.gone:
            return self.beat is not None and time_ms > self.beat.time_ms
        return self.beat is None or connection >= self.beat.connection or time_ms > self.beat.time_ms


def process_view(
    name: str, state: ProcessState | None, heard: Heard | None, now_ms: int, *, expected: bool
) -> ProcessView:
    """A process at a moment."""
    folded, said = state or ProcessState(), heard or Heard()
    beat, started = said.beat, folded.started
    last_heard_ms = _last_heard_ms(folded, said, now_ms)
    ended = folded.stopped if is_newer(folded.stopped, started) else None
    status = _status(last_heard_ms, said, ended, now_ms)
    started_ms = beat.started_ms if beat is not None else started.time_ms if started is not None else None
    since_ms = last_heard_ms
    if status == "online":
        since_ms = started_ms
    elif status == "offline":
        since_ms = _gone_since_ms(last_heard_ms, said, ended)
    version, pid, host, bdseq = started.value if started is not None else (None,) * 4
    return ProcessView(
        name=name,
        expected=expected,
        status=status,
        since_ms=since_ms,
        last_heard_ms=last_heard_ms,
        started_ms=started_ms,
        version=beat.version if beat is not None else version,
        host=host,
        epoch=_epoch(folded, beat),
        last_sequence=_last_sequence(folded, beat),
        bdseq=beat.bdseq if beat is not None else bdseq,
        pid=beat.pid if beat is not None else pid,
        stopped=ended.value[0] if ended is not None and status == "offline" else None,
        detail=ended.value[1] if ended is not None and status == "offline" else None,
        metrics=beat.metrics if beat is not None else {},
    )


def _last_heard_ms(folded: ProcessState, said: Heard, now_ms: int) -> int | None:
    heard = [said.heard_ms] if said.heard_ms is not None else []
    if folded.epoch and folded.newest_ms <= now_ms + AHEAD_MS:
        heard.append(folded.newest_ms)
    return max(heard, default=said.gone_ms)


def _status(last_heard_ms: int | None, said: Heard, ended: Newest | None, now_ms: int) -> ProcessStatus:
    if said.gone is not None:
        return "offline"
    if last_heard_ms is None:
        return "unknown"
    if ended is not None and (said.beat is None or said.beat.time_ms <= ended.time_ms):
        return "offline"
    quiet_ms = now_ms - last_heard_ms
    return "online" if quiet_ms <= ONLINE_MS else "late" if quiet_ms <= LATE_MS else "offline"


def _gone_since_ms(last_heard_ms: int | None, said: Heard, ended: Newest | None) -> int | None:
    if ended is not None and (said.gone_ms is None or ended.time_ms <= said.gone_ms):
        return ended.time_ms
    if said.gone_ms is None or said.beat is None:  # a Will that was kept by the broker does not say how old it is
        return last_heard_ms
    return said.gone_ms


def _epoch(folded: ProcessState, beat: Beat | None) -> str | None:
    return max(folded.epoch, beat.epoch if beat is not None else "") or None


def _last_sequence(folded: ProcessState, beat: Beat | None) -> int | None:
    known = [(folded.epoch, folded.sequence)] if folded.epoch else []
    if beat is not None:
        known.append((beat.epoch, beat.last_sequence))
    return max(known)[1] if known else None
