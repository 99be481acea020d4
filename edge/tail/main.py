"""Listens to the broker of a site and writes a line for each event until Ctrl-C."""

import os
import secrets
import signal
import sys
import threading
from collections.abc import Collection
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

from edge import logs
from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.connection import Change, Message
from edge.bus.subscriber import Tail
from edge.check.broker import broker_trouble
from edge.check.printable import printable
from edge.clock import Clock, SystemClock, utc
from edge.config import DEBUG_USER, Config, load
from edge.errors import ConfigError
from edge.events.catalog import EVENTS
from edge.tail.lines import Reader, Wanted, json_line

ENDED: Final = 0
UNUSABLE: Final = 2
PATIENCE_S: Final = 2.0
"""A broker that has not answered for so long is worth a word."""

_CLOCK: Final = SystemClock()


def run(
    config_path: Path,
    *,
    json: bool,
    out: TextIO,
    types: Collection[str] = (),
    channels: Collection[str] = (),
    err: TextIO | None = None,
    stop: threading.Event | None = None,
    clock: Clock = _CLOCK,
) -> int:
    """Show events as they come until Ctrl-C or `stop`; 0 in the end, 2 where configuration or filters are wrong.

    `types` and `channels` leave out everything else. `err` (stderr) is told when the broker goes and when it is back.
    """
    err = err or sys.stderr
    try:
        config = load(config_path)
        config.broker.login(DEBUG_USER)[1]()
        _check_filters(config, types, channels)
    except ConfigError as error:
        err.write("".join(f"{printable(line)}\n" for line in str(error).split("\n")))
        return UNUSABLE
    quiet = config.log.model_copy(update={"level": "error", "format": "text", "syslog": None})
    close_logs = logs.configure(quiet, "events", stream=err)
    try:
        wanted = Wanted(frozenset(types), frozenset(channels))
        stop = stop or threading.Event()
        _stop_on_signals(stop)
        _follow(config, _Printer(config, wanted, clock, out, json=json), err, stop, clock)
    except KeyboardInterrupt:
        return ENDED
    except BrokenPipeError:
        _silence(out)
    finally:
        close_logs()
    return ENDED


def _stop_on_signals(stop: threading.Event) -> None:
    """Have Ctrl-C and SIGTERM end the loop; a second one ends whatever holds it up.

    A KeyboardInterrupt may come up inside a destructor or a callback of a library, and is swallowed there.
    """

    def asked(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        stop.set()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, asked)
        signal.signal(signal.SIGTERM, asked)


class _Printer:
    """Writes messages in the one way or the other."""

    def __init__(self, config: Config, wanted: Wanted, clock: Clock, out: TextIO, *, json: bool) -> None:
        self.topics = ("event/#",) if json or not wanted.everything else ("event/#", "state/+")
        self._reader = Reader(config.zone, wanted)
        self._wanted = wanted
        self._clock = clock
        self._out = out
        self._json = json

    def print(self, message: Message) -> None:
        if self._json:
            line = json_line(message, self._wanted)
            lines = [] if line is None else [line]
        else:
            lines = self._reader.lines(message, utc(self._clock.wall_ns()))
        for one in lines:
            self._out.write(one + "\n")
        self._out.flush()


def _follow(config: Config, printer: _Printer, err: TextIO, stop: threading.Event, clock: Clock) -> None:
    settings = config.broker
    address = BrokerAddress(settings.host, settings.port, *settings.login(DEBUG_USER))
    name = f"{config.site}-events-{secrets.token_hex(4)}"
    broker = PahoBroker(address, name, clock=clock, durable=False, reconnect_s=(1, 5))
    connection = _Connection(settings.host, settings.port, err, clock)
    broker.add_listener(connection.changed)
    with Tail(broker, printer.topics) as tail:
        while not stop.is_set():
            message = tail.next(0.5)
            connection.look()
            if message is not None:
                printer.print(message)


class _Connection:
    """Says once that the broker is away and why, and once that it is back."""

    def __init__(self, host: str, port: int, err: TextIO, clock: Clock) -> None:
        self._host = host
        self._port = port
        self._err = err
        self._clock = clock
        self._connected = False
        self._away_since_ns = clock.monotonic_ns()
        self._told = False

    def changed(self, change: Change) -> None:
        """Called on the connection's own thread."""
        if not change.connected:
            self._away_since_ns = self._clock.monotonic_ns()
        self._connected = change.connected

    def look(self) -> None:
        away_s = (self._clock.monotonic_ns() - self._away_since_ns) / 1e9
        if self._connected and self._told:
            self._told = False
            self._say(f"the broker at {self._host}:{self._port} is back")
        elif not self._connected and not self._told and away_s >= PATIENCE_S:
            self._told = True
            trouble = broker_trouble(self._host, self._port)
            refused = f"{self._host}:{self._port} answers, but does not let us in: look at the keys of broker"
            self._say(f"{trouble or refused}; waiting for it")

    def _say(self, words: str) -> None:
        self._err.write(printable(words) + "\n")
        self._err.flush()


def _check_filters(config: Config, types: Collection[str], channels: Collection[str]) -> None:
    """A misspelt filter would show nothing, for ever."""
    for name in types:
        if name not in EVENTS:
            raise ConfigError(f"there is no event {name!r}; use {', '.join(EVENTS)}")
    known = [channel.id for channel in config.channels]
    for name in channels:
        if name not in known:
            raise ConfigError(f"there is no channel {name!r}; the configuration has {', '.join(known)}")


def _silence(out: TextIO) -> None:
    """Whoever read us is gone (`edge events | head`): what Python would still flush goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, out.fileno())
    os.close(nowhere)
