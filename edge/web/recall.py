"""The state of a site as its journal holds it: the newest snapshot, and the events after it. Keeps nothing."""

import threading
from collections.abc import Iterable, Iterator

import structlog

from edge.journal.store import Journal
from edge.state import SiteProjection, SnapshotError, rebuild

_log = structlog.get_logger()


def recall(journal: Journal, snapshot: str, stop: threading.Event) -> tuple[SiteProjection, int, int]:
    """The state, the position that it stands at and that of the snapshot it began with; cut short by `stop`."""
    state, begun_at = _from_snapshot(journal, snapshot)
    position = rebuild(_until(stop, journal.rows(begun_at)), state)
    return state, max(begun_at, position), begun_at


def _from_snapshot(journal: Journal, name: str) -> tuple[SiteProjection, int]:
    snapshot = journal.newest_snapshot(name, SiteProjection.VERSION)
    if snapshot is not None:
        try:
            return SiteProjection.load(snapshot.data), snapshot.position
        except SnapshotError as error:
            _log.error("snapshot_unreadable", error=str(error), next="the state is rebuilt from all events")
    return SiteProjection(), 0


def _until(stop: threading.Event, rows: Iterable[list[tuple[int, bytes]]]) -> Iterator[list[tuple[int, bytes]]]:
    for piece in rows:
        if stop.is_set():
            return
        yield piece
