"""Goes through the recordings, a folder at a time, and through what was announced and is not there.

The recorder writes, retention deletes and events travel meanwhile. So a folder is listed before its announcements are
read, and what seems to be missing is asked for again at the end, when receipts that were on their way have come.
"""

import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from edge.recordings.mark import MarkedRoot
from edge.recordings.segment import SegmentName
from edge.recordings.tree import Layout, Tree
from edge.retention.policy import DAY_MS
from edge.retention.walk import day_of, day_start_ms
from edge.verify.announced import Announced, Announcements
from edge.verify.examine import Decode, examine
from edge.verify.findings import Finding, Report
from edge.verify.gone import Gone

_TRIES_A_SAMPLE: Final = 20

Folder = tuple[str, str]
"""Channel and day."""
Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to be looked at: of some channels (none: of all), segments that start in a time (UTC milliseconds)."""

    channels: frozenset[str] = frozenset()
    from_ms: int = 0
    to_ms: int = 2**62

    def has(self, channel: str) -> bool:
        """Whether a channel is to be looked at."""
        return not self.channels or channel in self.channels

    def days(self, day: str) -> tuple[int, int]:
        """The part of a day's folder that counts; empty where the day lies outside."""
        start_ms = day_start_ms(day)
        return max(self.from_ms, start_ms), min(self.to_ms, start_ms + DAY_MS)


EVERYTHING: Final = Scope()


@dataclass(slots=True)
class Survey:
    """One verification; `report` grows."""

    marked: MarkedRoot
    announcements: Announcements
    gone: Gone
    scope: Scope
    report: Report
    now_ms: int
    absent: dict[SegmentName, Announced] = field(default_factory=dict)

    def folders(self) -> list[tuple[Folder, int]]:
        """Folders to look at, and how many segments each holds; raises StorageError and OSError."""
        found: list[tuple[Folder, int]] = []
        with Tree.held(self.marked) as tree:
            layout = tree.layout()
            folders = sorted({*self._on_disk(layout), *self._announced(layout)})
            found += [(folder, len(self._names(tree, folder, quiet=True))) for folder in folders]
            if not self.scope.channels:
                self.report.foreign += sum(layout.unknown_files.values())
        return found

    def look(self, folder: Folder, done: Done) -> None:
        """Hold a folder against its announcements; `done` is told of each segment read. Raises StorageError."""
        channel, day = folder
        from_ms, to_ms = self.scope.days(day)
        with Tree.held(self.marked) as tree:
            names = self._names(tree, folder)
            announced = self._announced_in(channel, from_ms, to_ms, names)
            for name in sorted(names):
                self._look_at(tree, name, announced.get(name))
                done(1)
        for name in sorted(announced.keys() - names):
            self.absent[name] = announced[name]

    def sample(self, count: int, chance: random.Random, decode: Decode, done: Done) -> None:
        """Look at some segments, from folders and of these at random, decoding them too. Raises StorageError."""
        seen: set[SegmentName] = set()
        with Tree.held(self.marked) as tree:
            folders = sorted(self._on_disk(tree.layout()))
        for _ in range(count * _TRIES_A_SAMPLE if folders else 0):
            with Tree.held(self.marked) as tree:
                names = sorted(self._names(tree, chance.choice(folders), quiet=True) - seen)
                if not names:
                    continue
                name = chance.choice(names)
                seen.add(name)
                self._look_at(tree, name, self.announcements.of(name), decode)
            done(1)
            if len(seen) == count:
                return

    def settle(self) -> None:
        """Judge what was announced and was not there."""
        self.gone.read_on()
        for name, announced in sorted(self.absent.items()):
            fate = self.gone.fate(name)
            if fate == "pruned":
                self.report.pruned += 1
                continue
            with Tree.held(self.marked) as tree:
                try:
                    there = tree.status(name) is not None
                except OSError as error:
                    self.report.add(Finding("unreadable", name.path, error.strerror or str(error)))
                    continue
                if there:  # it came after its folder was listed
                    self._look_at(tree, name, announced)
                    continue
            words = "it is gone, as retention told" if fate == "missing" else "it is gone, without a receipt"
            self.report.add(Finding("missing", name.path, words))
        self.absent.clear()

    def _look_at(
        self, tree: Tree, name: SegmentName, announced: Announced | None, decode: Decode | None = None
    ) -> None:
        waits = name in self.announcements.waiting(name.channel)
        if announced is None:  # announced since the folder was listed, or just about to be
            growing = self.announcements.growing(name)  # asked first: a segment is announced as it ceases to grow
            announced = self.announcements.waiting(name.channel, fresh=True).get(name)
            waits = announced is not None
            if announced is None and growing:
                self.report.waiting += 1
                return
        try:
            examined = examine(tree, name, announced, decode)
        except FileNotFoundError:
            if announced is not None:
                self.absent[name] = announced
            return
        report = self.report
        report.checked += 1
        report.held += announced is not None
        report.waiting += waits
        report.bytes += examined.bytes
        report.pictures += examined.pictures
        if examined.finding is None:
            report.ok += 1
        else:
            report.add(examined.finding)

    def _names(self, tree: Tree, folder: Folder, *, quiet: bool = False) -> set[SegmentName]:
        """The segments of a folder that count; one that cannot be read is a finding."""
        from_ms, to_ms = self.scope.days(folder[1])
        try:
            listing = tree.listing(*folder)
        except OSError as error:
            if not quiet:
                self.report.add(Finding("unreadable", "/".join(folder), error.strerror or str(error)))
            return set()
        if not quiet:
            self.report.foreign += listing.unknown_files
        return {name for name in listing.segments if from_ms <= name.start_ms < to_ms}

    def _announced_in(
        self, channel: str, from_ms: int, to_ms: int, names: Collection[SegmentName]
    ) -> dict[SegmentName, Announced]:
        """Announcements of a time without those of what is pruned, which is most that there ever was: only counted."""
        wanted: list[int] = []
        pruned: set[int] = set()
        for start_ms, position in self.announcements.starts(channel, from_ms, to_ms):
            name = SegmentName(channel, start_ms)
            if name not in names and start_ms >= from_ms and self.gone.fate(name) == "pruned":
                pruned.add(start_ms)
            else:
                wanted.append(position)
        self.report.pruned += len(pruned)
        found = self.announcements.at(channel, wanted)
        for name, announced in self.announcements.waiting(channel).items():
            found.setdefault(name, announced)
        return {name: announced for name, announced in found.items() if from_ms <= name.start_ms < to_ms}

    def _on_disk(self, layout: Layout) -> Iterator[Folder]:
        return (one for one in layout.folders if self._counts(*one))

    def _announced(self, layout: Layout) -> Iterator[Folder]:
        """Every day from a channel's first announcement to today, or to the last folder that there is."""
        last = max((day for _, day in layout.folders), default="")
        end_ms = min(max(self.now_ms, day_start_ms(last)) + 1, self.scope.to_ms)
        for channel in self.announcements.channels():
            first_ms = self.announcements.first_ms(channel)
            if first_ms is None or not self.scope.has(channel):
                continue
            for time_ms in range(max(first_ms, self.scope.from_ms) // DAY_MS * DAY_MS, end_ms, DAY_MS):
                yield channel, day_of(time_ms)

    def _counts(self, channel: str, day: str) -> bool:
        from_ms, to_ms = self.scope.days(day)
        return self.scope.has(channel) and from_ms < to_ms
