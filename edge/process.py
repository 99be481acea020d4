"""What every process of Saksi is made of: logs, signals, outbox, broker, heartbeat, and the one broad catch.

Knows no process in particular: `run` is given a body. The outbox is closed last, so that what happens before is on the
disk. A broker that is down changes nothing here; events wait. Exit status: 0 clean stop, 2 cannot be used as
configured, 1 anything else.
"""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import structlog
from pydantic import JsonValue

from edge import logs
from edge.bus.address import BrokerAddress, BrokerSettings
from edge.bus.broker import PahoBroker
from edge.bus.connection import Broker
from edge.bus.database import may_pass
from edge.bus.heartbeat import Heartbeat
from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.bus.relay import Relay
from edge.bus.replay import Replayer
from edge.clock import Clock, SystemClock
from edge.config.logging import LogConfig
from edge.errors import ConfigError, SaksiError
from edge.events.catalog import ProcessStarted, ProcessStopped
from edge.signals import Signals

CLEAN, FAILED, UNUSABLE = 0, 1, 2

_PART_STOP_S: Final = 0.5  # twice for the relay and the heartbeat: with a broker that hangs all stop within 4 s
_BROKER_STOP_S: Final = 1.5
_RETIRE_EVERY_S: Final = 10.0  # also how old the note of the newest number may be that outlives a deleted outbox
_RETRY_S: Final = 5.0
_CLOCK: Final = SystemClock()
_VERSION: Final = version("saksi")

_log = structlog.get_logger()


class ProcessConfig(Protocol):
    """What of a configuration, a site's or headquarters', every process needs."""

    @property
    def site(self) -> str:
        """The name that this process's events are said under."""
        ...

    @property
    def state_dir(self) -> Path:
        """Folder of the outbox."""
        ...

    @property
    def broker(self) -> BrokerSettings:
        """The broker that the events go to."""
        ...

    @property
    def log(self) -> LogConfig:
        """What to log."""
        ...


C = TypeVar("C", bound=ProcessConfig)


class Context(Generic[C]):
    """What a body works with. It returns soon after `stop` is set; what it raises is a crash."""

    def __init__(self, config: C, outbox: Outbox, clock: Clock, signals: Signals) -> None:
        self.config = config
        self.outbox = outbox
        self.clock = clock
        self.stop = signals.stop
        self._signals = signals
        self._metrics: dict[str, Callable[[], JsonValue]] = {}
        self._changed: Callable[[], None] = lambda: None

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when it is time to stop, at once if it already is.

        It runs on another thread: in asyncio give `loop.call_soon_threadsafe` the work.
        """
        self._signals.stop_callbacks.append(callback)
        if self.stop.is_set():
            callback()

    def on_reload(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on SIGHUP, on another thread too."""
        self._signals.reload_callbacks.append(callback)

    def add_metric(self, name: str, read: Callable[[], JsonValue]) -> None:
        """Show what `read` returns in every heartbeat; it is called on the heartbeat's thread."""
        self._metrics[name] = read

    def changed(self) -> None:
        """Have the heartbeat say soon what is different now."""
        self._changed()

    def metrics(self) -> Mapping[str, JsonValue]:
        """What the heartbeat shows of the body."""
        return {name: read() for name, read in list(self._metrics.items())}

    def wire(self, changed: Callable[[], None]) -> None:
        """Connect `changed` to the heartbeat."""
        self._changed = changed


def run(
    name: str,
    config: C,
    body: Callable[[Context[C]], None],
    *,
    clock: Clock = _CLOCK,
    state_schema: str = "",
    broker: Broker | None = None,
    at_hq: bool = False,
) -> int:
    """Run one process until it is told to stop; returns its exit status.

    `at_hq`: its broker is headquarters', where topics carry the site.
    """
    close_logs = logs.configure(config.log, name)
    signals = Signals()
    try:
        with signals.caught():
            outbox = _open_outbox(name, config, clock, state_schema, signals.stop, at_hq=at_hq)
            if outbox is None:
                return CLEAN
            try:
                context = Context(config, outbox, clock, signals)
                return _live(context, broker or _broker(name, config, clock), signals, body)
            finally:
                outbox.close()
    except ConfigError as error:
        _log.error("unusable", error=str(error))
        return UNUSABLE
    except SaksiError as error:
        _log.error("cannot_run", error=str(error))
        return FAILED
    except Exception as error:  # noqa: BLE001 - the one place that catches everything
        _log.critical("crashed", error=str(error), exc_info=error)
        return FAILED
    finally:
        close_logs()


def _open_outbox(
    name: str, config: ProcessConfig, clock: Clock, state_schema: str, stop: threading.Event, *, at_hq: bool
) -> Outbox | None:
    """The outbox of the process; waits for a full disk, None when told to stop meanwhile. Raises ConfigError."""
    folder: Path = config.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(_unwritable(folder, error.strerror)) from error
    said = False
    while not stop.is_set():
        try:
            path = folder / f"{name}.outbox"
            return Outbox.open(
                path, site=config.site, process=name, clock=clock, state_schema=state_schema, at_hq=at_hq
            )
        except OutboxUnavailable as error:
            if not may_pass(error):
                raise ConfigError(_unwritable(folder, str(error))) from error
            if not said:
                _log.error("outbox_unavailable", error=str(error), next="tried again until the disk has space")
                said = True
            stop.wait(_RETRY_S)
    return None


def _unwritable(folder: Path, problem: str | None) -> str:
    return f'state_dir "{folder}" cannot be written ({problem}); make it a folder that the user who runs edge may write'


def _broker(name: str, config: ProcessConfig, clock: Clock) -> Broker:
    return PahoBroker(BrokerAddress.of(config.broker, name), f"{config.site}-{name}", clock=clock)


def _live(context: Context[C], broker: Broker, signals: Signals, body: Callable[[Context[C]], None]) -> int:
    """Run the body between the first event and the last; returns the exit status."""
    outbox, clock = context.outbox, context.clock
    relay = Relay(outbox, broker, clock)
    replayer = Replayer(outbox, broker)
    heartbeat = Heartbeat(
        outbox, broker, clock, version=_VERSION, metrics=lambda: relay.metrics() | dict(context.metrics())
    )
    context.wire(heartbeat.changed)
    started_ns = clock.monotonic_ns()
    unsaid = _announced(outbox)
    keeper = threading.Thread(target=_keep, args=(outbox, signals.stop, unsaid), name="keeper", daemon=True)
    for start in (keeper.start, relay.start, replayer.start, heartbeat.start, broker.start):
        start()
    _log.info("started", version=_VERSION, epoch=outbox.epoch, last_sequence=outbox.last_sequence)
    try:
        failure = _outcome(body, context, signals)
        uptime_s = (clock.monotonic_ns() - started_ns) / 1e9
        detail = None if failure is None else f"{type(failure).__name__}: {failure}"
        with suppress(OutboxUnavailable):  # a full disk: that the process is gone is seen from its Will
            outbox.append(ProcessStopped(reason="failed" if failure else "clean", detail=detail, uptime_s=uptime_s))
        _log.info("stopped", reason="failed" if failure else "clean", uptime_s=round(uptime_s, 3))
    finally:
        signals.stop.set()
        keeper.join(1.0)
        for part in (relay, replayer, heartbeat):
            part.stop(_PART_STOP_S)
        broker.stop(_BROKER_STOP_S)
    return FAILED if failure else CLEAN


def _outcome(body: Callable[[Context[C]], None], context: Context[C], signals: Signals) -> BaseException | None:
    """Run the body; returns what ended it when that was not the wish to stop."""
    try:
        body(context)
    except Exception as error:  # noqa: BLE001 - said in `process_stopped` and in the exit status
        signals.failure = signals.failure or error
    if signals.failure is not None:
        _log.critical("crashed", error=str(signals.failure), exc_info=signals.failure)
    return signals.failure


def _announced(outbox: Outbox) -> ProcessStarted | None:
    """Say that the process is up, as its first event; returns what could not be said because the disk is full."""
    previous_epoch, previous_last = outbox.previous or (None, None)
    started = ProcessStarted(
        version=_VERSION,
        epoch=outbox.epoch,
        bdseq=outbox.bdseq + 1,
        previous_epoch=previous_epoch,
        previous_last_sequence=previous_last,
        pid=os.getpid(),
        host=socket.gethostname(),
    )
    try:
        outbox.append(started)
    except OutboxUnavailable as error:
        _log.error("outbox_unavailable", error=str(error))
        return started
    return None


def _keep(outbox: Outbox, stop: threading.Event, unsaid: ProcessStarted | None) -> None:
    """Let old events go at an interval, and say what could not be said at the start."""
    unavailable = unsaid is not None
    while not stop.wait(_RETRY_S if unavailable else _RETIRE_EVERY_S):
        try:
            if unsaid is not None:
                outbox.append(unsaid)
                unsaid = None
            outbox.retire()
            unavailable = False
        except OutboxUnavailable as error:
            if not unavailable:
                _log.error("outbox_unavailable", error=str(error))
            unavailable = True
