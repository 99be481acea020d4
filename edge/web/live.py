"""The site as it is now: the projection under a lock, folded by one thread and looked at by many. Knows no HTTP.

The fold owns what is known from events; some troubles are known only here: that the broker is away, that the journal
takes nothing, that events are asked for in vain. Whoever asks before the projection is complete is told so by NotReady.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from edge.clock import Clock
from edge.errors import SaksiError
from edge.events.messages import Heartbeat, Will
from edge.journal.arrival import Entry
from edge.journal.gaps import Unanswered
from edge.journal.pace import is_flood
from edge.state import Fact, SiteProjection, coverage, read_fact, site_view
from edge.state.last_day import LastDays
from edge.state.views import ChannelSetting, ChannelView, SiteView, Span, Trouble

OWN_PROCESS: Final = "web"
_STARTING: Final = "the events of this site are still being read; try again in a few seconds"
_FRESH_NS: Final = 1_000_000_000
_PATIENCE_S: Final = 0.05


class NotReady(SaksiError):  # noqa: N818 - named for the state
    """The process has just started and does not know the site yet."""


Apply = Callable[[SiteProjection, str, Fact], None]
"""Folds what a process of a site, or of headquarters, said into the state of the site that is shown."""


def _apply(state: SiteProjection, _site: str, fact: Fact) -> None:
    state.apply(fact)


class LiveSite:
    """What the events of a site add up to; every method may be called from any thread.

    Figures of the last 24 hours may be `day_fresh_ms` old.
    """

    def __init__(
        self,
        settings: Sequence[ChannelSetting],
        expected_processes: Sequence[str],
        *,
        segment_s: int,
        clock: Clock,
        own_process: str = OWN_PROCESS,
        apply: Apply = _apply,
        day_fresh_ms: int = 0,
    ) -> None:
        self._own_process = own_process
        self._apply = apply
        self._settings = tuple(settings)
        self._expected = tuple(expected_processes)
        self._segment_s = segment_s
        self._clock = clock
        self._days = LastDays(day_fresh_ms)
        self._lock = threading.Lock()
        self._state: SiteProjection | None = None
        self._position = 0
        self._version = 0
        self._cached: tuple[int, int, SiteView] | None = None  # version, time of the monotonic clock, view
        self._shown = False
        self._heard = threading.Event()
        self._own_troubles: dict[str, Trouble] = {}
        self._unanswered: dict[str, Unanswered] = {}
        self._flood: Trouble | None = None
        self._listeners: list[Callable[[Sequence[Entry]], None]] = []

    @property
    def ready(self) -> bool:
        """Whether there is something to see."""
        return self._shown

    @property
    def version(self) -> int:
        """Grows with everything that is folded, heard or configured."""
        return self._version

    @property
    def position(self) -> int:
        """The journal's position of the newest entry that is folded."""
        return self._position

    @property
    def settings(self) -> tuple[ChannelSetting, ...]:
        """The channels of the configuration."""
        return self._settings

    @property
    def expected_processes(self) -> tuple[str, ...]:
        """The processes that the site is to have."""
        return self._expected

    def remove_listener(self, listener: Callable[[Sequence[Entry]], None]) -> None:
        """Call `listener` no more."""
        self._listeners = [one for one in self._listeners if one != listener]

    def add_listener(self, listener: Callable[[Sequence[Entry]], None]) -> None:
        """Have `listener` called after every change, on the changing thread, with the entries that were new."""
        self._listeners.append(listener)

    def load(self, state: SiteProjection, position: int) -> None:
        """Take a projection that holds everything up to a position; it is folded on, but not shown yet."""
        with self._lock:
            self._state = state
            self._position = position
            self._version += 1

    def show(self) -> None:
        """Have it seen from here on."""
        with self._lock:
            self._shown = True
            self._version += 1
        self._tell(())

    def configure(
        self,
        settings: Sequence[ChannelSetting],
        expected_processes: Sequence[str] | None = None,
        segment_s: int | None = None,
    ) -> None:
        """Take the settings of a configuration that was read again; None leaves what there is."""
        with self._lock:
            self._settings = tuple(settings)
            self._expected = self._expected if expected_processes is None else tuple(expected_processes)
            self._segment_s = self._segment_s if segment_s is None else segment_s
            self._version += 1
        self._tell(())

    def fold(self, entries: Sequence[Entry]) -> None:
        """Add new entries of the journal, in the order of their positions."""
        with self._lock:
            state = self._loaded()
            for entry in entries:
                if entry.understood:
                    self._apply(state, entry.site, read_fact(entry.payload))
                self._position = entry.position
            self._version += 1
        self._tell(entries)

    def hear(self, process: str, message: Heartbeat | Will, at_ms: int) -> None:
        """Add what a process said of itself."""
        with self._lock:
            self._loaded().hear(process, message, at_ms)
            self._version += 1
        self._heard.set()
        self._tell(())

    def wait_heard(self, timeout_s: float) -> bool:
        """Wait until some process was heard; the broker tells at once which ones live."""
        return self._heard.wait(timeout_s)

    def set_trouble(self, code: str, *, holds: bool, since_ms: int | None = None) -> None:
        """Say that `broker_away`, `journal_unavailable` or `hq_silent` holds since then or now, or not any more."""
        with self._lock:
            if holds == (code in self._own_troubles):
                return
            if holds:
                self._own_troubles[code] = Trouble("degraded", "events", "", code, since_ms or self.now_ms(), {})
            else:
                del self._own_troubles[code]
            self._version += 1
        self._tell(())

    def set_unanswered(self, found: Sequence[Unanswered]) -> None:
        """Say which of the site's processes do not bring what they are said to have; of several epochs, the worst."""
        worst = {one.source.process: one for one in sorted(found, key=lambda one: one.missing)}
        with self._lock:
            if worst == self._unanswered:
                return
            self._unanswered = worst
            self._version += 1
        self._tell(())

    def set_pace(self, events_s: float) -> None:
        """Say how many events a second the site has written for some minutes, 0 where that is nothing to speak of."""
        with self._lock:
            usual_s = sum(one.enabled for one in self._settings) / self._segment_s
            before, after = self._flood, None
            if is_flood(events_s, usual_s):
                params = {"events_s": float(f"{events_s:.2g}"), "usual_s": usual_s}
                since_ms = self.now_ms() if before is None else before.since_ms
                after = Trouble("degraded", "events", "", "flood", since_ms, params)
            if after == before:
                return
            self._flood = after
            self._version += 1
        self._tell(())

    def dump(self) -> tuple[int, bytes]:
        """The projection for a snapshot, and the position that it stands at; raises NotReady."""
        with self._lock:
            return self._position, self._loaded().dump()

    def now_ms(self) -> int:
        """The wall clock in milliseconds."""
        return self._clock.wall_ns() // 1_000_000

    def view(self) -> SiteView:
        """The site now, at most a second old; raises NotReady.

        While the fold is busy for long (a snapshot is taken) the last view is given again.
        """
        cached, now_ns = self._cached, self._clock.monotonic_ns()
        if cached is not None and cached[0] == self._version and now_ns - cached[1] < _FRESH_NS:
            return cached[2]
        if not self._lock.acquire(timeout=-1 if cached is None else _PATIENCE_S) and cached is not None:
            return cached[2]
        try:
            version = self._version
            view = site_view(
                self._known(),
                self._settings,
                self._expected,
                self.now_ms(),
                segment_s=self._segment_s,
                days=self._days,
            )
            own, unanswered, flood = tuple(self._own_troubles.values()), self._unanswered, self._flood
        finally:
            self._lock.release()
        if flood is not None:
            view = replace(view, troubles=(*view.troubles, flood))
        view = _as_seen_from_here(view, own, unanswered, self._own_process)
        self._cached = version, now_ns, view
        return view

    def channel(self, channel: str) -> ChannelView | None:
        """A channel now, None where the configuration has none of this id; raises NotReady."""
        return next((one for one in self.view().channels if one.id == channel), None)

    def coverage(self, channel: str, from_ms: int, to_ms: int) -> list[Span]:
        """What became of every moment of a range; raises NotReady."""
        with self._lock:
            return coverage(self._known(), channel, from_ms, to_ms, self.now_ms(), segment_s=self._segment_s)

    def lacks(self, process: str, epoch: str, first: int, last: int) -> bool:
        """Whether any event of a range that was said to be missing is missing still, or lost; raises NotReady."""
        with self._lock:
            losses = self._known().losses.get(process)
            return losses is not None and losses.lacks(epoch, first, last)

    def _known(self) -> SiteProjection:
        if not self._shown:
            raise NotReady(_STARTING)
        return self._loaded()

    def _loaded(self) -> SiteProjection:
        if self._state is None:
            raise NotReady(_STARTING)
        return self._state

    def _tell(self, entries: Sequence[Entry]) -> None:
        for listener in self._listeners:
            listener(entries)


def _as_seen_from_here(
    view: SiteView, own: tuple[Trouble, ...], unanswered: Mapping[str, Unanswered], own_process: str
) -> SiteView:
    """A view with the troubles that only this process knows; that it runs itself is seen from its answering."""
    processes = tuple(
        replace(one, status="online", since_ms=one.started_ms, stopped=None, detail=None)
        if one.name == own_process and one.status != "online"
        else one
        for one in view.processes
    )
    theirs = [one for one in view.troubles if (one.about, one.subject) != ("process", own_process)]
    said = {one.name: (one.epoch, one.last_sequence) for one in view.processes}
    told = [_told(one, unanswered, said.get(one.subject)) for one in theirs]
    troubles = tuple(sorted((*own, *told), key=lambda one: one.severity != "down"))
    health, totals = view.health, view.totals
    if health != "down":
        starting = totals.recording + totals.invalid == 0 and totals.off < totals.total
        health = "degraded" if troubles or starting else "ok"
    return replace(view, health=health, troubles=troubles, processes=processes)


def _told(
    trouble: Trouble, unanswered: Mapping[str, Unanswered], says_now: tuple[str | None, int | None] | None
) -> Trouble:
    """The trouble, or, of events that were asked for in vain, how often they were; `now`: what it says in the end."""
    found = unanswered.get(trouble.subject)
    if found is None or (trouble.about, trouble.code) != ("events", "missing"):
        return trouble
    epoch, last = says_now or (None, None)
    now = last if epoch == found.source.epoch and last is not None and last < found.said else None
    params = {"count": found.missing, "said": found.said, "asked": found.asked, "asked_ms": found.asked_ms, "now": now}
    return replace(trouble, code="unanswered", params=params)
