"""What headquarters acknowledges and when: that it holds every event of a process up to a number. Pure but for sending.

An ack lets an outbox forget, so it is said only of what is committed. It is retained: a process that starts late, or a
site that was cut off, hears the newest. None is needed for the next to be true, so one that is lost does no harm; after
every connection all are said again, as the broker may be a new one.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.bus.connection import Change
from edge.clock import Clock, rfc3339
from edge.events.messages import Ack
from edge.journal.gaps import Publish
from edge.journal.positions import Process, Source, Track
from edge.journal.scope import Scope
from edge.journal.store import Journal

ACK_NS: Final = 10_000_000_000  # between two acks to one process
MOST_A_TICK: Final = 500


@dataclass(frozen=True, slots=True)
class Held:
    """How far the newest epoch of a process is held."""

    epoch: str
    contiguous_to: int


class DueAcks:
    """Which processes are to be told something now; pure, time is handed in."""

    def __init__(self) -> None:
        self._said: dict[Process, tuple[Held, int]] = {}
        self._waiting: dict[Process, int] = {}  # until when
        self._order: list[tuple[int, Process]] = []  # a heap

    def changed(self, process: Process, now_ns: int) -> None:
        """More of a process's events are held."""
        if process not in self._waiting:
            said = self._said.get(process)
            self._wait(process, now_ns if said is None else max(now_ns, said[1] + ACK_NS))

    def begin_again(self, processes: Iterable[Process], now_ns: int) -> None:
        """Whatever was said may be forgotten: say it all again."""
        self._said.clear()
        self._waiting.clear()
        self._order.clear()
        for process in processes:
            self._wait(process, now_ns)

    def take(self, now_ns: int, most: int = MOST_A_TICK) -> list[Process]:
        """The processes whose time has come, those first that wait longest; they wait no longer."""
        due: list[Process] = []
        while self._order and self._order[0][0] <= now_ns and len(due) < most:
            _, process = heapq.heappop(self._order)
            del self._waiting[process]
            due.append(process)
        return due

    def is_news(self, process: Process, held: Held) -> bool:
        """Whether a process was not told this already; nothing held is nothing to tell."""
        said = self._said.get(process)
        return held.contiguous_to > 0 and (said is None or said[0] != held)

    def said(self, process: Process, held: Held, now_ns: int) -> None:
        """Note what a process was told."""
        self._said[process] = held, now_ns

    def _wait(self, process: Process, until_ns: int) -> None:
        self._waiting[process] = until_ns
        heapq.heappush(self._order, (until_ns, process))


def held(tracks: Iterable[tuple[Source, Track]]) -> Held | None:
    """How far the newest of a process's epochs is held; what is lost counts as settled, nobody can bring it."""
    newest = max(tracks, key=lambda one: one[0].epoch, default=None)
    return None if newest is None else Held(newest[0].epoch, newest[1].contiguous_to)


class Acks:
    """Sends what is due, once a second, as long as there is a connection."""

    def __init__(self, journal: Journal, scope: Scope, own: Process, clock: Clock, publish: Publish) -> None:
        self._journal = journal
        self._scope = scope
        self._own = own
        self._clock = clock
        self._publish = publish
        self._due = DueAcks()
        self._changes: deque[Change] = deque()
        self._connected = False

    def connection_changed(self, change: Change) -> None:
        """Take note, on the connection's own thread, and no more."""
        self._changes.append(change)

    def tick(self) -> None:
        """Say what is due."""
        now_ns = self._clock.monotonic_ns()
        changed = {source.speaker for source in self._journal.take_changed()}
        while self._changes:
            self._connected = self._changes.popleft().connected
            if self._connected:
                self._due.begin_again(sorted({source.speaker for source in self._journal.tracks()}), now_ns)
        for process in sorted(changed):
            self._due.changed(process, now_ns)
        if self._connected:
            for process in self._due.take(now_ns):
                self._say(process, now_ns)

    def _say(self, process: Process, now_ns: int) -> None:
        tracks = self._journal.tracks(process.site).items()
        now = held(one for one in tracks if one[0].process == process.name)
        if process.site == self._own.site and process != self._own:
            return  # another partition's process, which holds its own events
        if now is None or not self._due.is_news(process, now):
            return
        time = rfc3339(self._clock.wall_ns())
        ack = Ack(epoch=now.epoch, contiguous_to=now.contiguous_to, time=time)
        topic = self._scope.ack_topic(process.site, process.name)
        if self._publish(topic, ack.to_json(), retain=True):
            self._due.said(process, now, now_ns)
