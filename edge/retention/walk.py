"""Holds the catalog against the disk, a folder at a time: what is there gets in, what is not gets out and is told of.

Right after the start only what is doubted is walked: everything where the catalog was made anew, the newest days where
retention was away or was killed. Then all folders go by slowly, again and again. Oldest days come first, so that a
catalog that is not complete yet lacks only what would be deleted last.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from edge.recordings.catalog import Catalog, Entry
from edge.recordings.segment import SegmentName
from edge.recordings.tree import Tree
from edge.retention.policy import DAY_MS
from edge.retention.protection import LONGEST_MS

_PIECE: Final = 500


@dataclass(slots=True)
class Found:
    """What one folder showed."""

    added: int = 0
    missing: list[Entry] = field(default_factory=list)


class Walk:
    """Which folders are to be looked at, in their order."""

    def __init__(self) -> None:
        self._urgent: deque[tuple[str, str]] = deque()
        self._slow: deque[tuple[str, str]] = deque()
        self.folders = 0
        """Folders in one round."""

    @property
    def urgent(self) -> int:
        """Folders that are doubted and not looked at yet."""
        return len(self._urgent)

    def doubt(self, tree: Tree, catalog: Catalog, *, since_ms: int | None) -> None:
        """Look soon at all folders, or at those from a time on; raises OSError."""
        folders = self._layout(tree, catalog)
        first = "" if since_ms is None else day_of(since_ms)
        queued = set(self._urgent)
        self._urgent.extend(one for one in folders if one[1] >= first and one not in queued)

    def next(self, tree: Tree, catalog: Catalog, *, slow: bool) -> tuple[str, str] | None:
        """The next folder to look at: a doubted one, or if `slow` the next of the round. Raises OSError.

        It stays the next until it is `done`.
        """
        if self._urgent:
            return self._urgent[0]
        if not slow:
            return None
        if not self._slow:
            self._slow.extend(self._layout(tree, catalog))
        return self._slow[0] if self._slow else None

    def done(self) -> None:
        """The folder that was next has been looked at."""
        (self._urgent or self._slow).popleft()

    def _layout(self, tree: Tree, catalog: Catalog) -> list[tuple[str, str]]:
        """Folders on the disk, and those that the catalog knows of and that are not there; counts what is not ours."""
        layout = tree.layout()
        for (channel, day), count in layout.unknown_files.items():
            catalog.set_unknown_files(channel, day, count)
        there = set(layout.folders)
        for channel, day in catalog.unknown_folders():
            if (channel, day) not in (there if day else layout.unknown_files):
                catalog.set_unknown_files(channel, day, 0)
        self.folders = len(layout.folders)
        lost = catalog_folders(catalog) - there
        return sorted(there | lost, key=lambda one: (one[1], one[0]))


def look(tree: Tree, catalog: Catalog, channel: str, day: str) -> Found:
    """Bring the catalog in step with one folder; raises OSError and then has concluded nothing."""
    start_ms = day_start_ms(day)
    before = {one.name: one for one in catalog.between(channel, start_ms, start_ms + DAY_MS)}
    listing = tree.listing(channel, day)
    found = Found()
    for name in sorted(before.keys() - listing.segments):
        if tree.status(name) is None:
            found.missing.append(before[name])
    new = sorted(listing.segments - before.keys())
    nexts = sorted(name.start_ms for name in listing.segments)
    following = dict(pairwise(nexts))
    for piece in _pieces(new):
        entries = [_entry(tree, name, following.get(name.start_ms)) for name in piece]
        found.added += catalog.add(one for one in entries if one is not None)
    if found.missing:
        catalog.remove(found.missing)
    catalog.set_unknown_files(channel, day, listing.unknown_files)
    return found


def catalog_folders(catalog: Catalog) -> set[tuple[str, str]]:
    """The folders that the catalog's segments lie in, found by leaps and not by reading every segment."""
    found: set[tuple[str, str]] = set()
    for channel in catalog.usage():
        from_ms = -(2**62)
        while (start_ms := catalog.first_from(channel, from_ms)) is not None:
            day = day_of(start_ms)
            found.add((channel, day))
            from_ms = day_start_ms(day) + DAY_MS
    return found


def day_of(time_ms: int) -> str:
    """The name of the folder of a time."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d}"


def day_start_ms(day: str) -> int:
    """The first millisecond of a day's folder; that of 1970 for a name that is no day."""
    try:
        return round(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0


def _entry(tree: Tree, name: SegmentName, next_ms: int | None) -> Entry | None:
    """A segment that nobody told of: it ends when it was last written, at the latest where the next one begins."""
    status = tree.status(name)
    if status is None:
        return None
    end_ms = min(status.st_mtime_ns // 1_000_000, name.start_ms + LONGEST_MS, next_ms or name.start_ms + LONGEST_MS)
    return Entry(name.channel, name.start_ms, max(end_ms, name.start_ms), status.st_size)


def _pieces(names: list[SegmentName]) -> Iterable[list[SegmentName]]:
    return (names[start : start + _PIECE] for start in range(0, len(names), _PIECE))
