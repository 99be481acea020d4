"""The heartbeat: says, retained, that a process lives and how far its events go; the broker says when it lives no more.

A Will carries the number (`bdseq`) of the connection that it was made for. Numbers grow with every connection and live
in the outbox, so a Will that arrives late cannot bury a newer life.
"""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from pydantic import JsonValue

from edge.bus import connection
from edge.bus.connection import Broker, Change
from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.clock import Clock, rfc3339
from edge.events import messages
from edge.events.errors import EventTooLarge
from edge.events.topics import StateTopic

EVERY_S: Final = 10.0
_LEAST_S: Final = 1.0  # changes within a second are said together
_SECOND_S: Final = 2.0  # a process says most when it starts: who subscribes meanwhile learns soon what was missed

Metrics = Callable[[], Mapping[str, JsonValue]]
_log = structlog.get_logger()


class Heartbeat:
    """One thread that beats at an interval, on every new connection and when told that something changed."""

    def __init__(
        self, outbox: Outbox, broker: Broker, clock: Clock, *, version: str, metrics: Metrics, every_s: float = EVERY_S
    ) -> None:
        self._outbox = outbox
        self._broker = broker
        self._clock = clock
        self._version = version
        self._metrics = metrics
        self._every_s = every_s
        self._topic = str(StateTopic(outbox.process, outbox.topic_site))
        self._started = rfc3339(clock.wall_ns())
        self._bdseq = outbox.bdseq
        self._wait_s = every_s
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        broker.add_listener(self._connection_changed)
        broker.set_will(self._next_will)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def changed(self) -> None:
        """Beat soon: something that the heartbeat shows is different now."""
        self._wake.set()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End, having said that the process is gone, as a goodbye to the broker sends no Will."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        said = threading.Event()
        if self._broker.publish(self._topic, self._offline(), retain=True, done=lambda _: said.set()):
            said.wait(timeout_s)

    def payload(self) -> bytes:
        """The heartbeat of this moment; without the metrics when they are over what a payload may hold."""
        try:
            return self._heartbeat(dict(self._metrics()))
        except EventTooLarge as error:
            return self._heartbeat({"metrics_error": str(error)})

    def _heartbeat(self, metrics: dict[str, JsonValue]) -> bytes:
        return messages.Heartbeat(
            epoch=self._outbox.epoch,
            bdseq=self._bdseq,
            last_sequence=self._outbox.last_sequence,
            started=self._started,
            time=rfc3339(self._clock.wall_ns()),
            version=self._version,
            pid=os.getpid(),
            metrics=metrics,
        ).to_json()

    def _connection_changed(self, change: Change) -> None:
        if change.connected:
            self._wait_s = min(_SECOND_S, self._every_s)
            self._wake.set()

    def _next_will(self) -> connection.Will:
        try:
            self._bdseq = self._outbox.next_bdseq()
        except OutboxUnavailable as error:
            self._bdseq += 1  # a full disk: the number still grows while this process lives
            _log.warning("bdseq_not_saved", error=str(error))
        return connection.Will(self._topic, self._offline())

    def _offline(self) -> bytes:
        return messages.Will(epoch=self._outbox.epoch, bdseq=self._bdseq).to_json()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._wake.wait(self._wait_s):
                self._wait_s = self._every_s
            self._wake.clear()
            if self._stop.is_set():
                return
            if self._broker.connected:
                self._broker.publish(self._topic, self.payload(), retain=True)
            self._stop.wait(_LEAST_S)
