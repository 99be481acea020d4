"""The recorder process: wires the channels of a configuration, looks at the clock, reloads, stops."""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from pydantic import JsonValue

from edge import process
from edge.bus.outbox import OutboxUnavailable
from edge.clock import rfc3339
from edge.config import ChannelConfig, Config, load
from edge.errors import ConfigError, StorageError
from edge.events.catalog import ClockJumped
from edge.process import Context
from edge.recorder.announcer import Announcer, Aside
from edge.recorder.channel import Channel, Shared
from edge.recorder.ledger import STATE_SCHEMA
from edge.recorder.reconnect import Accounts
from edge.recorder.recovery import recover_channel
from edge.recorder.threads import WriterThreads
from edge.recorder.wallclock import ClockStep, WallClock
from edge.recordings.mark import MarkedRoot
from edge.recordings.store import Store
from edge.rtsp.pacer import Pacer

WRITER_THREADS: Final = 2
PACE_S: Final = 0.18
"""Cameras are read so often. With half a second of fragment and the picture that waits, a kill costs 0.8 s."""
TICK_S: Final = 0.25
STAGGER_S: Final = 0.05
LANE_BYTES: Final = 128 << 20
LEAST_LANE_BYTES: Final = 4 << 20
STOP_THREADS_S: Final = 1.5

_log = structlog.get_logger()


def run(config_path: Path) -> int:
    """Record the site that a configuration describes until told to stop; returns the exit status."""
    config = load(config_path)
    return process.run("recorder", config, lambda context: _body(context, config_path), state_schema=STATE_SCHEMA)


def _body(context: Context[Config], config_path: Path) -> None:
    asyncio.run(Recorder(context, lambda: load(config_path)).run())


class Recorder:
    """All channels of a site."""

    def __init__(self, context: Context[Config], reload: Callable[[], Config]) -> None:
        self._context = context
        self._config = context.config
        self._reload = reload
        self._channels: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._threads = WriterThreads(WRITER_THREADS)
        self._wall = WallClock(context.clock)
        self._asides = WriterThreads(1)
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Record until told to stop; raises what broke a writer."""
        loop = asyncio.get_running_loop()
        stopped, reload = asyncio.Event(), asyncio.Event()
        self._context.on_stop(_setter(loop, stopped))
        self._context.on_reload(_setter(loop, reload))
        self._context.add_metric("channels", self._channel_metrics)
        self._threads.start()
        self._asides.start()
        shared = self._shared(stopped)
        self._recover_others(shared)
        self._start(shared, self._config.channels)
        gc.freeze()  # what lives from here on lives long: nothing to look through at every collection
        while not stopped.is_set():
            self._tick(shared)
            if reload.is_set():
                reload.clear()
                await self._apply_reload(shared)
            try:
                await asyncio.wait_for(stopped.wait(), TICK_S)
            except TimeoutError:
                continue
        await self._stop(list(self._channels), "shutdown")
        if not self._threads.stop(STOP_THREADS_S) or not self._asides.stop(STOP_THREADS_S):
            _log.warning("disk_does_not_answer", next="what was being written is recovered at the next start")
        if self._failure is not None:
            raise self._failure

    def _shared(self, stopped: asyncio.Event) -> Shared:
        config, context = self._config, self._context
        marked = MarkedRoot(config.storage.root, config.site, config.state_dir / "storage.json")

        def broken(error: BaseException) -> None:
            self._failure = self._failure or error
            stopped.set()

        return Shared(
            clock=context.clock,
            wall=self._wall,
            outbox=context.outbox,
            store=Store(marked),
            threads=self._threads,
            aside=Aside(self._asides.queue(""), context.outbox),
            pacer=Pacer(PACE_S),
            accounts=Accounts(),
            segment_s=config.storage.segment_s,
            durability_s=config.storage.durability_s,
            lane_bytes=max(LANE_BYTES // len(config.channels), LEAST_LANE_BYTES),
            broken=broken,
        )

    def _start(self, shared: Shared, channels: tuple[ChannelConfig, ...]) -> None:
        """Start channels one after the other, so that a site's cameras and switch are not all asked at once."""
        for place, config in enumerate(config for config in channels if config.enabled):
            channel = Channel(config, shared)
            task = asyncio.create_task(_run_later(channel, place * STAGGER_S), name=f"channel {config.id}")
            self._channels[config.id] = channel, task

    async def _stop(self, ids: list[str], reason: str) -> None:
        channels = [self._channels.pop(one) for one in ids]
        for channel, task in channels:
            channel.say_stopped("shutdown" if reason == "shutdown" else "config")
            task.cancel()
        await asyncio.gather(*(task for _, task in channels), return_exceptions=True)

    async def _apply_reload(self, shared: Shared) -> None:
        """Stop channels that are gone or differ, start those that are new; the others go on without a gap."""
        try:
            config = self._reload()
        except ConfigError as error:
            _log.error("configuration_not_reloaded", error=str(error), next="recording goes on as before")
            return
        wanted = {channel.id: channel for channel in config.channels if channel.enabled}
        gone = [name for name, (one, _) in self._channels.items() if not _records_alike(wanted.get(name), one.config)]
        await self._stop(gone, "config")
        new = tuple(channel for name, channel in wanted.items() if name not in self._channels)
        self._start(shared, new)
        if config.model_dump(exclude={"channels"}) != self._config.model_dump(exclude={"channels"}):
            _log.warning(
                "restart_needed", next="other settings than channels take effect when the recorder is restarted"
            )
        _log.info("configuration_reloaded", stopped=gone, started=[channel.id for channel in new])

    def _recover_others(self, shared: Shared) -> None:
        """Finish what was left behind by channels that are not recorded any more."""
        announcer = Announcer(shared.outbox)
        ours = {channel.id for channel in self._config.channels if channel.enabled}

        def recover() -> None:
            try:
                for folder in shared.store.channel_folders():
                    if folder.name not in ours:
                        recover_channel(folder.name, shared.store, shared.outbox, announcer)
            except (StorageError, OutboxUnavailable) as error:
                _log.warning("not_recovered", error=str(error))

        shared.threads.queue("").put(recover)

    def _tick(self, shared: Shared) -> None:
        step = self._wall.look()
        now_ns = self._context.clock.monotonic_ns()
        if step is not None:
            self._clock_stepped(shared, step)
        for channel, _ in self._channels.values():
            channel.tick(now_ns)

    def _clock_stepped(self, shared: Shared, step: ClockStep) -> None:
        _log.warning("clock_jumped", step_s=step.step_ns / 1e9)
        event = ClockJumped(
            step_s=step.step_ns / 1e9,
            wall_before=rfc3339(step.wall_before_ns),
            wall_after=rfc3339(step.wall_after_ns),
        )
        shared.aside.say(event, None)
        for channel, _ in self._channels.values():
            channel.clock_stepped()

    def _channel_metrics(self) -> JsonValue:
        return {
            name: {
                "state": channel.state,
                "backlog_bytes": channel.lane.backlog_bytes,
                "dropped_fragments": channel.lane.dropped_fragments,
            }
            for name, (channel, _) in list(self._channels.items())
        }


def _records_alike(one: ChannelConfig | None, other: ChannelConfig) -> bool:
    """Whether two settings of a channel give the same recording; how it is kept and judged is not the recorder's."""
    others = {"max_age_days", "max_bytes", "validator"}
    return one is not None and one.model_dump(exclude=others) == other.model_dump(exclude=others)


def _setter(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> Callable[[], None]:
    """Sets an event of the loop from a signal handler or another thread."""

    def set_event() -> None:
        loop.call_soon_threadsafe(event.set)

    return set_event


async def _run_later(channel: Channel, wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    await channel.run()
