"""One round of retention: look at the disk, delete what has to go, walk on, judge, tell. Everything is passed in.

A round never ends in an error of the disk: that becomes a state of the disk, and the next round tries again.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.clock import Clock
from edge.config import Config
from edge.errors import StorageMissing
from edge.events.catalog import DiskMeasured, Stuck
from edge.recordings.catalog import CatalogDamaged, CatalogUnavailable
from edge.recordings.mark import MarkedRoot
from edge.recordings.tree import Space, Tree
from edge.retention import forecast
from edge.retention.decision import Room, Step, decide
from edge.retention.device import HealthWatch, Mount, mount_of
from edge.retention.index import Index
from edge.retention.policy import HOUR_MS, Policy, trusted_ms
from edge.retention.promise import Promise
from edge.retention.promise import Room as PromiseRoom
from edge.retention.protection import Protections
from edge.retention.pruner import Credit, Pruner
from edge.retention.receipts import Receipts, now_ms, wire
from edge.retention.reserve import Reserve
from edge.retention.states import FAULTS, Facts, Fault
from edge.retention.voice import Voice
from edge.retention.watch import DiskWatch, Look

MEASURE_S: Final = 10.0
_FORECAST_S: Final = 60.0
_PRUNE_S: Final = 2.0
_FIRST_MARK_S: Final = 30.0
"""So long after a first start the recorder may take to mark the disk before anybody is told that it is missing."""
_MOST_CHANNELS: Final = 512
"""A site has no more, but its disk may hold footage of many that it had; an event has an end."""
_PATIENCE: Final = 3
"""So many rounds in a row may fail at the catalog before one in memory stands in."""
_UNKNOWN: Final = Mount("/", "unknown")

_log = structlog.get_logger()


@dataclass(slots=True)
class Round:
    """What one round has found so far."""

    tree: Tree
    space: Space
    stuck: Stuck | None = None
    fault: Fault | None = None


class Keeper:
    """Retention of one site."""

    def __init__(
        self, outbox: Outbox, config: Config, clock: Clock, health: HealthWatch, changed: Callable[[], None]
    ) -> None:
        """`changed` is called when the disk's state is another one; raises OutboxUnavailable."""
        state_dir = config.state_dir
        self._config = config
        self._policy = Policy.of(config)
        self._clock = clock
        self._health = health
        self._memory = state_dir / "storage.json"
        self._marked = MarkedRoot(config.storage.root, config.site, self._memory, marks=False)
        self._reserve = Reserve(state_dir)
        self.voice = Voice(outbox, self._reserve.release)
        self.index = Index(state_dir / "catalog.db", self.voice, clock)
        self.protections = Protections(outbox, lambda: self.index.catalog, state_dir / "protected.json")
        self._receipts = Receipts(outbox, self.index.need, self.voice)
        self._pruner = Pruner(self.index.need, self._receipts, clock, self._is_channel)
        self._credit = Credit(clock)
        self._promise = Promise(outbox, self.voice, clock)
        self.watch = DiskWatch(outbox, self.voice, clock, changed)
        self.doubted = threading.Event()
        """Set when segments may have been written that we never heard of."""
        self.harmed = threading.Event()
        """Set when somebody else found the catalog damaged."""
        self._begun_ns = clock.monotonic_ns()
        self._clearing = False
        self._finished = False
        self._left = 0
        self._mount = _UNKNOWN
        self._due: dict[str, int] = {}
        self._age_ms: int | None = None
        self._age_ns = clock.monotonic_ns()

    def reload(self, config: Config) -> None:
        """Go on with other limits; the root and the state folder stay what they were."""
        self._config, self._policy = config, Policy.of(config)

    def look(self) -> None:
        """One round."""
        self.voice.retry()
        try:
            with Tree.held(self._marked) as tree:
                if self._is_due("mount", MEASURE_S):
                    self._mount = mount_of(self._marked.root)
                    self._health.watch(self._mount.device)
                self._work(tree)
        except StorageMissing as error:
            self._missing(str(error))
        except OSError as error:
            self._failed(error)
        except CatalogDamaged as error:
            _log.error("catalog_damaged", error=str(error), next="it is made anew from the disk")
            self.index.damaged()
            self._finished = False
        except (CatalogUnavailable, OutboxUnavailable) as error:
            _log.warning("round_left", error=str(error), next="tried again at the next look")
            self._reserve.release_if_full()
            self._left += 1
            if self._left >= _PATIENCE and isinstance(error, CatalogUnavailable):
                self.index.stand_in()
        else:
            self._left = 0

    @property
    def idle(self) -> bool:
        """Whether the next round may wait: nothing is being deleted and no folder is doubted."""
        return not self._clearing and not self.index.doubted_folders

    def close(self) -> None:
        """Let go of the catalog."""
        self.index.close()

    def _work(self, tree: Tree) -> None:
        if self.harmed.is_set():
            self.harmed.clear()
            raise CatalogDamaged("found while segments were taken in")
        now = Round(tree, tree.space())
        now.fault = "read_only" if now.space.read_only or self._mount.shut else None
        if self.index.open(tree, self._marked.device or "") or not self._finished:
            self.protections.recount()
            if now.fault is None:
                self._pruner.finish(tree)
                self._finished = True
        if self.doubted.is_set():
            self.doubted.clear()
            self.index.doubt_newest(tree)
        if now.fault is None:
            self._prune(now)
            self._pruner.settle(tree)
        self.index.walk_on(tree, set(self._receipts.told()))
        if self._is_due("forecast", _FORECAST_S):
            self.protections.recount()
            self._promise.look(
                self.index.need(), self._policy, self._config.retention.promise_days, self._promise_room(now.space)
            )
            self._reserve.refill()
        self._judge(now)

    def _prune(self, now: Round) -> None:
        """Steps with a measure before each, until nothing has to go or the round has taken its time."""
        begun_ns = step_ns = self._clock.monotonic_ns()
        bytes_s: float | None = None
        while step_ns - begun_ns < _PRUNE_S * 1e9:
            with self.protections.guard:
                step = self._decide(now.space)
                self._clearing, now.stuck = step.clearing, step.stuck
                if step.rule is None:
                    self._clearing = False
                    if step.stuck is not None and self._pruner.unwilling:
                        now.fault = "not_permitted"
                    return
                done = self._pruner.carry_out(now.tree, step)
            before, now.space = now.space, now.tree.space()
            deleted_bytes = sum(one.bytes for one in done.deleted)
            bytes_s = self._write_rate_bytes_s() if bytes_s is None else bytes_s
            step_ns, took_ns = self._clock.monotonic_ns(), self._clock.monotonic_ns() - step_ns
            written_bytes = round(bytes_s * took_ns / 1e9)
            self._credit.give(deleted_bytes, now.space.free_bytes - before.free_bytes + written_bytes)
            if done.missing:
                self.index.tell_missing(done.missing)
            _log.info("pruned", rule=step.rule, segments=len(done.deleted), bytes=deleted_bytes)
            if done.fault is not None:
                raise done.fault

    def _decide(self, space: Space) -> Step:
        if space.is_short_of_files:  # a hundredth of the disk goes, and again until files fit
            room = Room(space.total_bytes, self._policy.reserve_bytes(space.total_bytes) - 1)
        else:
            room = Room(space.total_bytes, space.free_bytes + self._credit.bytes)
        return decide(
            self.index.need(),
            room,
            self._policy,
            self.protections.kept,
            self._age_now_ms(),
            clearing=self._clearing,
            unwilling=self._pruner.unwilling,
        )

    def _age_now_ms(self) -> int:
        """The time that age is measured at."""
        now_ns = self._clock.monotonic_ns()
        if self._age_ms is None:
            self._age_ms = self.index.need().note("age_ms")
        self._age_ms = trusted_ms(self._age_ms, now_ms(self._clock), (now_ns - self._age_ns) // 1_000_000)
        self._age_ns = now_ns
        return self._age_ms

    def _facts(self, now: Round) -> Facts:
        """What is known; a disk that takes no more files counts as full, one that soon does not as over its limit."""
        space, short = now.space, now.space.is_short_of_files
        return Facts(
            fault=now.fault,
            free_bytes=0 if short and not space.free_files else space.free_bytes,
            min_free_bytes=self._policy.min_free_bytes,
            reserve_bytes=space.free_bytes + 1 if short else self._policy.reserve_bytes(space.total_bytes),
            stuck="files" if short and now.stuck else now.stuck,
        )

    def _judge(self, now: Round) -> None:
        measure_due = self._is_due("measured", MEASURE_S)
        bytes_s = self._write_rate_bytes_s() if measure_due or self.watch.state != "ok" else 0.0
        held = now.space.free_bytes < self._policy.low_mark_bytes(now.space.total_bytes) and now.stuck is None
        hours = forecast.hours_left(now.space.free_bytes, bytes_s, held=held)
        self.watch.see(Look(self._mount, now.space, self._facts(now), hours_left=hours))
        if measure_due:
            self.voice.mention(self._measured(now.space, bytes_s, hours))
            self.index.need().set_note("age_ms", self._age_ms)

    def _measured(self, space: Space, bytes_s: float, hours: float | None) -> DiskMeasured:
        catalog = self.index.need()
        usage = catalog.usage()
        oldest = {channel: found[0] for channel in usage if (found := catalog.extremes(channel)) is not None}
        return DiskMeasured(
            mount=self._mount.point,
            device=self._mount.device,
            total_bytes=space.total_bytes,
            used_bytes=space.used_bytes,
            free_bytes=space.free_bytes,
            recordings_bytes=sum(one.bytes for one in usage.values()),
            unknown_files=catalog.unknown_files(),
            write_rate_bytes_s=round(bytes_s, 1),
            hours_left=hours,
            oldest={channel: wire(start_ms) for channel, start_ms in sorted(oldest.items())[:_MOST_CHANNELS]},
            smart=self._health.health.smart,
            serial=self._health.health.serial,
            protected_bytes=sum(self.protections.kept.bytes.values()),
            forecast_days={channel: round(days, 2) for channel, days in sorted(self._promise.outlook.days.items())},
            state=self.watch.state,
        )

    def _write_rate_bytes_s(self) -> float:
        """Over the last hour, or over what there is of it."""
        catalog, now = self.index.need(), now_ms(self._clock)
        first = next(catalog.oldest(from_ms=now - HOUR_MS), None)
        if first is None:
            return 0.0
        size = sum(sums[0] for sums in catalog.bytes_since(first.start_ms).values())
        return size / max((now - first.start_ms) / 1000, 1.0)

    def _promise_room(self, space: Space) -> PromiseRoom:
        return PromiseRoom(
            recordings_bytes=sum(one.bytes for one in self.index.need().usage().values()),
            until_limit_bytes=space.free_bytes - self._policy.reserve_bytes(space.total_bytes),
            protected_bytes=sum(self.protections.kept.bytes.values()),
        )

    def _missing(self, why: str) -> None:
        never_there = self._marked.device is None and not self._memory.exists()
        if never_there and self._clock.monotonic_ns() - self._begun_ns < _FIRST_MARK_S * 1e9:
            return
        mount = mount_of(self._marked.root)
        self.watch.see(Look(mount, None, Facts(missing=True), missing_because=why))

    def _failed(self, error: OSError) -> None:
        """The disk as a whole failed in the middle of a round."""
        fault = FAULTS.get(error.errno or 0, "io_error")
        _log.error("disk_fails", error=str(error), fault=fault)
        space = Space(0, 0, 0, read_only=False)
        facts = Facts(fault=fault, free_bytes=2**62, reserve_bytes=0)
        self.watch.see(Look(self._mount, space, facts))

    def _is_due(self, what: str, every_s: float) -> bool:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._due.get(what, 0):
            return False
        self._due[what] = now_ns + round(every_s * 1e9)
        return True

    def _is_channel(self, channel: str) -> bool:
        return any(one.id == channel for one in self._config.channels)
