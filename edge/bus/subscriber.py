"""Consumers: a durable one that acks what it has made safe, and a tail that only looks. Neither reads the messages.

A durable consumer is handed batches on one thread; what it returns from is committed, and only then acked. The broker
sends the rest again after a reconnect, so the consumer's own key (source, epoch, sequence) decides what is new.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Self

import structlog

from edge.bus.connection import Broker, Change, Message
from edge.errors import SaksiError
from edge.retry import delay_s

BATCH: Final = 500
_FIRST_RETRY_S: Final = 0.5
_MOST_RETRY_S: Final = 10.0

_log = structlog.get_logger()


class NotCommitted(SaksiError):  # noqa: N818 - named for the state
    """A consumer could not make a batch safe; it is handed the same batch again."""


class Subscriber:
    """A durable consumer of some topics on a `Broker` of its own that was made with `durable=True`.

    `commit` gets the messages in the order of arrival and returns when they are safe, or raises NotCommitted.
    `connected` is told of every connection; without `session_present` messages may be lost: look for holes.
    """

    def __init__(
        self,
        broker: Broker,
        topics: Sequence[str],
        commit: Callable[[Sequence[Message]], None],
        *,
        connected: Callable[[Change], None] = lambda _: None,
        batch: int = BATCH,
        gather_s: float = 0.0,
    ) -> None:
        """`gather_s`: how long the first message of a batch waits for others, where many senders make many batches."""
        self._broker = broker
        self._commit = commit
        self._batch = batch
        self._gather_s = gather_s
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()  # bounded by the receive maximum
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        for topic in topics:
            broker.subscribe(topic, self._waiting.put)
        broker.add_listener(connected)

    def start(self) -> None:
        """Connect and begin to consume."""
        self._thread.start()
        self._broker.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Finish the batch in hand, ack it and disconnect; the rest waits at the broker."""
        self._stop.set()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._broker.stop(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            batch = self._next_batch()
            if batch and self._committed(batch):
                for message in batch:
                    self._broker.ack(message)

    def _next_batch(self) -> list[Message]:
        first = self._waiting.get()
        batch = [] if first is None else [first]
        if self._waiting.qsize() < self._batch:
            self._stop.wait(self._gather_s)
        while len(batch) < self._batch:
            try:
                message = self._waiting.get_nowait()
            except queue.Empty:
                break
            if message is not None:
                batch.append(message)
        return batch

    def _committed(self, batch: Sequence[Message]) -> bool:
        attempt = 0
        while not self._stop.is_set():
            try:
                self._commit(batch)
            except NotCommitted as error:
                if attempt == 0:
                    _log.error("batch_not_committed", messages=len(batch), error=str(error))
                wait_s = delay_s(attempt, first_s=_FIRST_RETRY_S, most_s=_MOST_RETRY_S, jitter=0.0, random=float)
                self._stop.wait(wait_s)
                attempt += 1
            else:
                if attempt:
                    _log.info("batch_committed", messages=len(batch), attempts=attempt + 1)
                return True
        return False


class Tail:
    """Messages as they come, for people and tests: iterate in a `with` block, on a `Broker` with `durable=False`."""

    def __init__(self, broker: Broker, topics: Sequence[str]) -> None:
        self._broker = broker
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        for topic in topics:
            broker.subscribe(topic, self._came)

    def __enter__(self) -> Self:
        self._broker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._broker.stop()

    def __iter__(self) -> Iterator[Message]:
        while (message := self._waiting.get()) is not None:
            yield message

    def next(self, timeout_s: float) -> Message | None:
        """The next message, or None when none came in time."""
        try:
            return self._waiting.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def end(self) -> None:
        """End the iteration, from any thread or signal handler."""
        self._waiting.put(None)

    def _came(self, message: Message) -> None:
        self._waiting.put(message)
        self._broker.ack(message)
