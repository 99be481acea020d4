"""Carries out one step of deletion, with its receipt, and finishes what an earlier life began."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from edge.clock import Clock, utc
from edge.recordings.catalog import Catalog, CatalogUnavailable, Entry
from edge.recordings.segment import SegmentName
from edge.recordings.tree import Outcome, Tree
from edge.retention.decision import Step
from edge.retention.receipts import Receipts, now_ms

CREDIT_S: Final = 15.0
_KEPT_MS: Final = 86_400_000
_SETTLE_AFTER_S: Final = 30.0

Unwilling = dict[SegmentName, int]
"""Segments that the disk does not let go, and until when (monotonic) they are not tried again."""

_log = structlog.get_logger()


@dataclass(slots=True)
class Done:
    """What became of a step; `missing` were gone before, `fault` ended it early."""

    deleted: list[Entry] = field(default_factory=list)
    missing: list[Entry] = field(default_factory=list)
    refused: list[Entry] = field(default_factory=list)
    fault: OSError | None = None


class Pruner:
    """Deletes segments from the disk and the catalog."""

    def __init__(
        self, catalog: Callable[[], Catalog], receipts: Receipts, clock: Clock, is_channel: Callable[[str], bool]
    ) -> None:
        """`is_channel` says whether a channel is configured: its folder stays although it is empty."""
        self._catalog = catalog
        self._receipts = receipts
        self._clock = clock
        self._is_channel = is_channel
        self._settled_ns = clock.monotonic_ns()
        self._unremoved: list[Entry] = []
        self.unwilling: Unwilling = {}

    def finish(self, tree: Tree) -> int:
        """Finish what an earlier life began; returns how many segments. Raises OutboxUnavailable and OSError."""
        untold, told = self._receipts.unfinished()
        for _ in tree.delete([one.name for one in told]):
            pass
        self.forget(told)
        for rule, entries in untold.items():
            outcomes = dict(tree.delete([one.name for one in entries]))
            gone = [one for one in entries if outcomes[one.name] in {"deleted", "absent"}]
            self._sweep(tree, gone)
            self.forget(gone)
            self._receipts.tell(rule, gone)
            self._receipts.forget(one.name.path for one in entries if one not in gone)
        return sum(map(len, untold.values()))

    def carry_out(self, tree: Tree, step: Step) -> Done:
        """Delete the segments of a step and give the receipt."""
        assert step.rule is not None
        self._receipts.intend(step.rule, step.entries)
        done = Done()
        outcomes: dict[SegmentName, Outcome] = {}
        try:
            for name, outcome in tree.delete([one.name for one in step.entries]):
                outcomes[name] = outcome  # noqa: PERF403 - what came before an error counts
        except OSError as error:
            done.fault = error
        for entry in step.entries:
            if entry.name in outcomes:
                lists = {"deleted": done.deleted, "absent": done.missing}
                lists.get(outcomes[entry.name], done.refused).append(entry)
        self._sweep(tree, done.deleted)
        self.forget([*done.deleted, *done.missing])
        self._receipts.tell(step.rule, done.deleted)
        self._remember(step, done)
        return done

    def settle(self, tree: Tree) -> None:
        """Step 5 of a receipt, now and then; raises OutboxUnavailable and OSError."""
        if self._unremoved:
            self.forget([])
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._settled_ns < _SETTLE_AFTER_S * 1e9 or self._unremoved:
            return
        self._settled_ns = now_ns
        self.unwilling = {name: until for name, until in self.unwilling.items() if until > now_ns}
        told = self._receipts.told()
        if told:
            for folder in sorted({path.rpartition("/")[0] for path in told}):
                tree.sync_folder(folder)
            self._catalog().checkpoint()
            self._receipts.forget(told)

    def forget(self, entries: Iterable[Entry]) -> None:
        """Take what is gone out of the catalog; what a full disk does not take is left out of decisions meanwhile."""
        self._unremoved += entries
        try:
            self._catalog().remove(self._unremoved)
        except CatalogUnavailable as error:
            _log.warning("catalog_not_written", waiting=len(self._unremoved), error=str(error))
            self._withhold(self._unremoved)
        else:
            for entry in self._unremoved:
                self.unwilling.pop(entry.name, None)
            self._unremoved = []

    def _remember(self, step: Step, done: Done) -> None:
        """What was not deleted leaves `pruning`, and is not tried again for a while."""
        self._withhold(done.refused)
        gone = {*done.deleted}
        self._receipts.forget(one.name.path for one in step.entries if one not in gone)
        if done.refused:
            _log.warning(
                "segments_not_deleted",
                segments=len(done.refused),
                first=done.refused[0].name.path,
                next="they may not be deleted by this user, or are no files: see to them",
            )

    def _withhold(self, entries: Sequence[Entry]) -> None:
        until_ns = self._clock.monotonic_ns() + 600_000_000_000
        self.unwilling |= {one.name: until_ns for one in entries}

    def _sweep(self, tree: Tree, deleted: Iterable[Entry]) -> None:
        """Remove folders that became empty, but none that the recorder may be about to use."""
        young = f"{utc((now_ms(self._clock) - _KEPT_MS) * 1_000_000):%Y-%m-%d}"
        for folder in sorted({one.name.folder for one in deleted}):
            channel, day = folder.split("/")
            if day < young and tree.remove_folder(channel, day) and not self._is_channel(channel):
                tree.remove_folder(channel, None)


class Credit:
    """Space that was freed and is not seen yet: some file systems give it back later. Nobody deletes twice for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: deque[tuple[int, int]] = deque()

    def give(self, deleted_bytes: int, seen_bytes: int) -> None:
        """After a step: how much was deleted, and how much more is free, with what was recorded meanwhile."""
        missing = deleted_bytes - max(seen_bytes, 0)
        if missing > deleted_bytes // 2:
            self._given.append((self._clock.monotonic_ns() + round(CREDIT_S * 1e9), missing))

    @property
    def bytes(self) -> int:
        """What is still to come; what did not come in time is not waited for."""
        while self._given and self._given[0][0] <= self._clock.monotonic_ns():
            self._given.popleft()
        return sum(size for _, size in self._given)
