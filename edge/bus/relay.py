"""The relay: publishes the outbox in order and moves its *published* cursor when the broker says it accepted an event.

Knows no paho and no payloads. Its state belongs to its one thread; other threads leave answers in a queue and wake it.

- At most `WINDOW` events are unanswered at a time. The cursor stands below the oldest of them.
- After a reconnect it begins again behind the cursor: some events are published twice, none is left out.
- An event that the broker refuses (a missing permission) stays, is tried again with growing waits and is shown in the
  heartbeat; those behind it go on, until the window is full of refused ones.
"""

import random
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from pydantic import JsonValue

from edge.bus.connection import Broker, Change, Outcome
from edge.bus.outbox import Outbox, OutboxUnavailable, Row
from edge.clock import Clock
from edge.retry import delay_s

WINDOW: Final = 100
_SAVE_EVERY: Final = 100  # accepted events between two writes of the cursor while the relay is busy
_IDLE_S: Final = 30.0
_FIRST_RETRY_S: Final = 1.0
_MOST_RETRY_S: Final = 60.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _Sent:
    """An event between publishing and acceptance; `retry_ns` is set while it stands refused."""

    row: Row
    refusals: int = 0
    retry_ns: int | None = None


class Relay:
    """One thread between one outbox and one broker."""

    def __init__(self, outbox: Outbox, broker: Broker, clock: Clock) -> None:
        self._outbox = outbox
        self._broker = broker
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = False
        self._answers: deque[tuple[int, int, Outcome]] = deque()
        self._session = 0
        self._unanswered: dict[int, _Sent] = {}  # by sequence, in the order of sequences
        self._next = outbox.published + 1
        self._refused = 0
        self._refused_reason = ""
        self._storage_error: str | None = None
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        outbox.add_listener(self._wake.set)
        broker.add_listener(self._connection_changed)

    def start(self) -> None:
        """Begin to publish as soon as the broker is there."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Give what is in the outbox `timeout_s` to be accepted, then end; the rest is published by the next run."""
        deadline_ns = self._clock.monotonic_ns() + round(timeout_s * 1e9)
        while self._broker.connected and self._outbox.published < self._outbox.last_sequence:
            left_s = (deadline_ns - self._clock.monotonic_ns()) / 1e9
            if left_s <= 0 or not self._thread.is_alive():
                break
            self._thread.join(min(0.01, left_s))
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def metrics(self) -> dict[str, JsonValue]:
        """How the relay stands, for the heartbeat: events that wait, and what is in their way where something is."""
        shown: dict[str, JsonValue] = {"outbox_waiting": self._outbox.last_sequence - self._outbox.published}
        if self._refused:
            shown |= {"outbox_refused": self._refused, "outbox_refused_reason": self._refused_reason}
        if self._storage_error is not None:
            shown["outbox_error"] = self._storage_error
        return shown

    def _connection_changed(self, _change: Change) -> None:
        self._wake.set()

    def _answered(self, session: int, sequence: int, outcome: Outcome) -> None:
        self._answers.append((session, sequence, outcome))
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                wait_s = self._step()
                self._storage_error = None
            except OutboxUnavailable as error:
                if self._storage_error is None:
                    _log.error("relay_cannot_read_outbox", error=str(error))
                self._storage_error = str(error)
                wait_s = _FIRST_RETRY_S
            if not self._stopping:
                self._wake.wait(wait_s)

    def _step(self) -> float:
        """Take the answers that came, publish what there is room for; returns how long nothing needs doing."""
        self._take_answers()
        if self._session != self._broker.session or not self._broker.connected:
            self._begin_again()
        if not self._broker.connected:
            return _IDLE_S
        self._retry_refused()
        self._publish_new()
        if not self._answers and self._cursor > self._outbox.published:
            self._save_cursor()
        return self._until_retry_s()

    def _begin_again(self) -> None:
        self._session = self._broker.session
        self._save_cursor()
        self._unanswered.clear()
        self._refused, self._refused_reason = 0, ""
        self._next = self._outbox.published + 1

    @property
    def _cursor(self) -> int:
        return next(iter(self._unanswered), self._next) - 1

    def _save_cursor(self) -> None:
        if self._cursor > self._outbox.published:
            self._outbox.mark_published(self._cursor)

    def _take_answers(self) -> None:
        while self._answers:
            session, sequence, outcome = self._answers.popleft()
            sent = self._unanswered.get(sequence)
            if session != self._session or sent is None:
                continue
            if outcome.status == "accepted":
                del self._unanswered[sequence]
                self._refused -= sent.refusals > 0
                if self._cursor - self._outbox.published >= _SAVE_EVERY:
                    self._save_cursor()
            elif outcome.status == "refused":
                self._refuse(sent, outcome.reason)

    def _refuse(self, sent: _Sent, reason: str) -> None:
        wait_s = delay_s(sent.refusals, first_s=_FIRST_RETRY_S, most_s=_MOST_RETRY_S, random=random.random)
        self._refused += sent.refusals == 0
        sent.refusals += 1
        sent.retry_ns = self._clock.monotonic_ns() + round(wait_s * 1e9)
        if reason != self._refused_reason:
            self._refused_reason = reason
            _log.error(
                "event_refused",
                topic=sent.row.topic,
                sequence=sent.row.sequence,
                reason=reason,
                next="it stays in the outbox and is tried again: see to this process's rights on the broker",
            )

    def _retry_refused(self) -> None:
        now_ns = self._clock.monotonic_ns()
        for sent in self._unanswered.values():
            if sent.retry_ns is not None and sent.retry_ns <= now_ns:
                sent.retry_ns = None
                if not self._send(sent.row):
                    return

    def _publish_new(self) -> None:
        while room := WINDOW - len(self._unanswered):
            rows = self._outbox.rows(self._next - 1, limit=room)
            for row in rows:
                self._unanswered[row.sequence] = _Sent(row)
                self._next = row.sequence + 1
                if not self._send(row):
                    return
            if len(rows) < room:
                return

    def _send(self, row: Row) -> bool:
        done = partial(self._answered, self._session, row.sequence)
        return self._broker.publish(row.topic, row.payload, done=done)

    def _until_retry_s(self) -> float:
        retries = [sent.retry_ns for sent in self._unanswered.values() if sent.retry_ns is not None]
        if not retries:
            return _IDLE_S
        return max(0.0, (min(retries) - self._clock.monotonic_ns()) / 1e9)
