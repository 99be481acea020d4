"""The catalog over the life of the process: opened when the disk is there, made anew when it is doubted, walked on.

Where its file cannot be opened because the disk of the state folder is full, an index in memory stands in: pruning,
which makes the room, must not wait for it.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import structlog

from edge.clock import Clock
from edge.events.catalog import CatalogRebuilt, SegmentsMissing
from edge.recordings.catalog import Catalog, CatalogDamaged, CatalogUnavailable, Doubt, Entry
from edge.recordings.tree import Tree
from edge.retention import walk
from edge.retention.policy import DAY_MS
from edge.retention.receipts import ranges
from edge.retention.states import FAULTS
from edge.retention.voice import Voice

SLOW_WALK_S: Final = 20.0
"""Between two folders of the round in which nothing is doubted."""
_URGENT_S: Final = 0.4
_REOPEN_S: Final = 60.0
_MOST_TOLD: Final = 200
_DOUBT: Final = "doubt"

_log = structlog.get_logger()


class Index:
    """Owns the catalog; `catalog` is None until the disk was there once."""

    def __init__(self, path: Path, voice: Voice, clock: Clock) -> None:
        self.catalog: Catalog | None = None
        self._path = path
        self._voice = voice
        self._clock = clock
        self._walk = walk.Walk()
        self._device: str | None = None
        self._damaged = False
        self._rebuild_since_ns: int | None = None
        self._walked_ns = 0
        self._reopen_ns = 0

    @property
    def doubted_folders(self) -> int:
        """Folders that have to be looked at before the catalog can be relied on."""
        return self._walk.urgent

    def need(self) -> Catalog:
        """The catalog; raises CatalogUnavailable before there is one."""
        if self.catalog is None:
            raise CatalogUnavailable("the catalog is not open")
        return self.catalog

    def open(self, tree: Tree, device: str) -> bool:
        """Have the catalog of this disk open; whether it was opened now. Raises OSError."""
        same = self.catalog is not None and self._device == device
        if same and not self._may_be_a_file_again():
            return False
        opened = self._file(device) or (None if same else Catalog.open(None, device))
        if opened is None:
            return False
        if self.catalog is not None:
            self.catalog.close()
        self._device, self.catalog = device, opened
        doubt: Doubt | None = self.catalog.doubt or self.catalog.note(_DOUBT)
        if doubt is not None:
            self.catalog.set_note(_DOUBT, doubt)
            self._rebuild_since_ns = self._clock.monotonic_ns()
            self._walk.doubt(tree, self.catalog, since_ms=None)
            _log.warning("catalog_rebuilding", reason=doubt, folders=self._walk.urgent)
        elif not self.catalog.clean:
            self.doubt_newest(tree)
        return True

    def doubt_newest(self, tree: Tree) -> None:
        """Segments may have been written that we never heard of: look at the newest days. Raises OSError."""
        catalog = self.need()
        newest = [found[1] for channel in catalog.usage() if (found := catalog.extremes(channel)) is not None]
        self._walk.doubt(tree, catalog, since_ms=max(newest) - DAY_MS if newest else None)

    def damaged(self) -> None:
        """The catalog was found damaged: it is made anew at the next `open`."""
        if self.catalog is not None:
            self.catalog.close(clean=False)
        self.catalog, self._damaged = None, True

    def stand_in(self) -> None:
        """The file takes nothing although deletion wants to go on: an index in memory does for a while."""
        if self.catalog is not None and self.catalog.path is not None:
            self.catalog.close(clean=False)
            self.catalog = None
            self._reopen_ns = self._clock.monotonic_ns() + round(_REOPEN_S * 1e9)

    def walk_on(self, tree: Tree, own: Collection[str]) -> None:
        """Look at some folders; `own` are paths whose deletion is being told of already. Raises OSError."""
        catalog = self.need()
        begun_ns = self._clock.monotonic_ns()
        while folder := self._next(tree, catalog):
            found = self._look(tree, catalog, folder)
            missing = [one for one in found.missing if one.name.path not in own]
            if missing:
                self.tell_missing(missing)
            if found.added and not self._rebuild_since_ns:
                _log.info("segments_found", folder="/".join(folder), segments=found.added)
            if self._clock.monotonic_ns() - begun_ns > _URGENT_S * 1e9:
                return
        self._rebuilt(catalog)

    def tell_missing(self, missing: list[Entry]) -> None:
        """Say what is gone although nobody of us deleted it."""
        for start in range(0, len(missing), _MOST_TOLD):
            piece = missing[start : start + _MOST_TOLD]
            size = sum(one.bytes for one in piece)
            spans = ranges(self.need(), piece)
            _log.error("segments_missing", segments=len(piece), first=piece[0].name.path)
            self._voice.say(SegmentsMissing(segments=len(piece), bytes=size, channels=spans))

    def close(self) -> None:
        """Let go of the catalog."""
        if self.catalog is not None:
            self.catalog.close(clean=self._rebuild_since_ns is None and not self._walk.urgent)

    def _file(self, device: str) -> Catalog | None:
        """The catalog in its file; None where the disk of the state folder does not take it now."""
        if self._clock.monotonic_ns() < self._reopen_ns:
            return None
        self._reopen_ns = self._clock.monotonic_ns() + round(_REOPEN_S * 1e9)
        try:
            catalog = Catalog.open(self._path, device, damaged=self._damaged)
        except (CatalogUnavailable, CatalogDamaged) as error:
            _log.error("catalog_in_memory", error=str(error), next="the file is tried again every minute")
            return None
        self._damaged = False
        return catalog

    def _may_be_a_file_again(self) -> bool:
        in_memory = self.catalog is not None and self.catalog.path is None
        return in_memory and self._clock.monotonic_ns() >= self._reopen_ns

    def _look(self, tree: Tree, catalog: Catalog, folder: tuple[str, str]) -> walk.Found:
        """Look at one folder; one that cannot be read costs no other, a disk that fails raises OSError."""
        try:
            found = walk.look(tree, catalog, *folder)
        except OSError as error:
            self._walk.done()
            if error.errno in FAULTS:
                raise
            _log.warning("folder_not_read", folder="/".join(folder), error=error.strerror)
            return walk.Found()
        self._walk.done()
        return found

    def _next(self, tree: Tree, catalog: Catalog) -> tuple[str, str] | None:
        now_ns = self._clock.monotonic_ns()
        slow = now_ns - self._walked_ns >= SLOW_WALK_S * 1e9
        folder = self._walk.next(tree, catalog, slow=slow)
        if folder is not None:
            self._walked_ns = now_ns
        return folder

    def _rebuilt(self, catalog: Catalog) -> None:
        if self._rebuild_since_ns is None or self._walk.urgent:
            return
        took_s = (self._clock.monotonic_ns() - self._rebuild_since_ns) / 1e9
        self._rebuild_since_ns = None
        usage = catalog.usage().values()
        reason: Doubt = catalog.note(_DOUBT) or "missing"
        catalog.set_note(_DOUBT, None)
        segments, size = sum(one.segments for one in usage), sum(one.bytes for one in usage)
        _log.info("catalog_rebuilt", reason=reason, segments=segments, took_s=round(took_s, 1))
        self._voice.say(CatalogRebuilt(reason=reason, segments=segments, bytes=size, took_s=took_s))
