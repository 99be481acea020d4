"""What the reporter knows of the site, over restarts: a journal of its own, and the state that was folded from it.

It needs nothing but events: neither the web process nor its files. Rows stay for two days, the state is in snapshots.
"""

import gc
import threading
from pathlib import Path
from typing import Final

import structlog

from edge.clock import Clock
from edge.journal.errors import JournalUnavailable
from edge.journal.store import Journal
from edge.state import SiteProjection
from edge.web.live import LiveSite
from edge.web.recall import recall

SNAPSHOT: Final = "site"
SNAPSHOT_ENTRIES: Final = 20_000
SNAPSHOT_S: Final = 3600.0
JOURNAL_DAYS: Final = 2
_RETIRE_S: Final = 3600.0
_RETRY_S: Final = 2.0

_log = structlog.get_logger()


def open_journal(path: Path, clock: Clock, stop: threading.Event) -> Journal | None:
    """The journal; waits for a disk that takes nothing, None when told to stop meanwhile."""
    said = False
    while not stop.is_set():
        try:
            return Journal.open(f"sqlite:///{path}", clock=clock)
        except JournalUnavailable as error:
            if not said:
                _log.error("journal_unavailable", error=str(error), next="tried again until the disk takes it")
                said = True
            stop.wait(_RETRY_S)
    return None


class Memory:
    """Brings a LiveSite up to date from a journal, and keeps what makes the next start fast."""

    def __init__(self, journal: Journal, live: LiveSite, clock: Clock) -> None:
        self._journal = journal
        self._live = live
        self._clock = clock
        self._saved_position = 0
        self._saved_ns = self._retired_ns = clock.monotonic_ns()

    def recall(self, stop: threading.Event) -> bool:
        """Rebuild the state from the newest snapshot and the events after it; False when told to stop meanwhile."""
        state, position, begun_at = recall(self._journal, SNAPSHOT, stop)
        if stop.is_set():
            return False
        self._saved_position = begun_at
        self._live.load(state, position)
        gc.freeze()  # what was read lives long: nothing to look through at every collection
        _log.info("state_ready", position=position, snapshot=begun_at)
        return True

    def tick(self) -> None:
        """Save a snapshot or let old events go where that is due; raises JournalUnavailable."""
        now_ns = self._clock.monotonic_ns()
        new = self._live.position - self._saved_position
        if new >= SNAPSHOT_ENTRIES or (new and now_ns - self._saved_ns > SNAPSHOT_S * 1e9):
            self.save()
        if now_ns - self._retired_ns > _RETIRE_S * 1e9:
            self._retired_ns = now_ns
            self._journal.retire(self._live.now_ms() - JOURNAL_DAYS * 86_400_000)

    def save(self) -> None:
        """Save a snapshot of what is known now; raises JournalUnavailable."""
        position, data = self._live.dump()
        self._journal.save_snapshot(SNAPSHOT, SiteProjection.VERSION, position, data)
        self._saved_position, self._saved_ns = position, self._clock.monotonic_ns()
