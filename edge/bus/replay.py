"""What HQ and the site's web ask of an outbox: to publish stored events again, and to let go of those that HQ holds.

The same bytes go out again, one command after the other, slowly enough for the relay to stay ahead. A connection that
is lost in the middle is waited for, and the replay goes on with the first event that was not accepted. Callbacks only
queue; one thread does the work.
"""

import threading
from collections import deque
from functools import partial
from typing import Final, Literal

import structlog

from edge.bus.connection import Broker, Change, Message, Outcome
from edge.bus.outbox import Outbox, OutboxUnavailable, Row
from edge.events.errors import EventError
from edge.events.messages import Ack, ReplayCommand, ReplayReply
from edge.events.payload import decode
from edge.events.topics import AckTopic, CommandTopic, ReplyTopic

EVENTS_A_SECOND: Final = 200
WAITING_COMMANDS: Final = 16
_BATCHES_A_SECOND: Final = 10
_IDLE_S: Final = 30.0
_ANSWER_S: Final = 30.0  # twice the keepalive: a connection that gives no answer by then is gone
_RETRY_S: Final = 1.0

Status = Literal["done", "partial", "gone"]
_log = structlog.get_logger()


class Replayer:
    """Serves `command/<process>/replay` and takes `ack/<process>`."""

    def __init__(self, outbox: Outbox, broker: Broker, *, events_a_second: float = EVENTS_A_SECOND) -> None:
        self._outbox = outbox
        self._broker = broker
        self._batch = max(1, round(events_a_second / _BATCHES_A_SECOND))
        self._pause_s = self._batch / events_a_second
        self._commands: deque[ReplayCommand] = deque()
        self._ack: Ack | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        speaker = outbox.process, outbox.topic_site
        self._reply_topic = str(ReplyTopic(*speaker))
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)
        broker.subscribe(str(CommandTopic(*speaker)), self._command_came)
        broker.subscribe(str(AckTopic(*speaker)), self._ack_came)
        broker.add_listener(self._connection_changed)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End; a replay that is under way is left, who asked for it will ask again."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _connection_changed(self, _change: Change) -> None:
        self._wake.set()

    def _command_came(self, message: Message) -> None:
        self._broker.ack(message)
        try:
            command = ReplayCommand.parse(message.payload)
        except EventError as error:
            _log.warning("replay_command_malformed", topic=message.topic, error=str(error))
            self._answer_malformed(message.payload)
            return
        if len(self._commands) >= WAITING_COMMANDS:
            _log.warning("replay_commands_too_many", transaction=command.transaction, waiting=WAITING_COMMANDS)
            self._broker.publish(self._reply_topic, self._reply(command.transaction, "partial", 1))
            return
        self._commands.append(command)
        self._wake.set()

    def _ack_came(self, message: Message) -> None:
        self._broker.ack(message)
        if not message.payload:  # somebody cleared the retained ack
            return
        try:
            self._ack = Ack.parse(message.payload)
        except EventError as error:
            _log.warning("ack_malformed", topic=message.topic, error=str(error))
        self._wake.set()

    def _answer_malformed(self, payload: bytes) -> None:
        """`partial` and nothing published: an answer that lets nobody take the events for lost."""
        try:
            reply = self._reply(decode(payload).get("transaction", ""), "partial", 1)
        except (EventError, ValueError):  # no transaction that could be answered
            return
        self._broker.publish(self._reply_topic, reply)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._take_ack()
                while self._commands and not self._stop.is_set():
                    self._serve(self._commands[0])
                    self._commands.popleft()
                wait_s = _IDLE_S
            except OutboxUnavailable as error:
                _log.warning("replay_waits_for_outbox", error=str(error))
                wait_s = _RETRY_S
            self._wake.wait(wait_s)

    def _take_ack(self) -> None:
        ack, self._ack = self._ack, None
        if ack is not None:
            self._outbox.acknowledge(ack.epoch, ack.contiguous_to)

    def _serve(self, command: ReplayCommand) -> None:
        available_from = self._outbox.available_from()
        if command.epoch != self._outbox.epoch:
            status: Status = "gone"
            available_from = command.to + 1
            first, last = 1, 0
        else:
            first, last = max(command.from_, available_from), min(command.to, self._outbox.last_sequence)
            status = _status(command, available_from, last)
        _log.info("replay", transaction=command.transaction, status=status, first=first, last=last)
        after = first - 1
        while after < last and not self._stop.is_set():
            self._take_ack()
            rows = self._outbox.rows(after, to=last, limit=self._batch)
            if not rows:
                break
            after = self._publish(rows)
            self._stop.wait(self._pause_s)
        if not self._stop.is_set():
            self._publish([Row(0, self._reply_topic, self._reply(command.transaction, status, available_from))])

    def _publish(self, rows: list[Row]) -> int:
        """Publish until the broker has answered for every row; returns the last sequence."""
        waiting = {row.sequence: row for row in rows}
        while waiting and not self._stop.is_set():
            for sequence in self._send(list(waiting.values())):
                del waiting[sequence]
            if waiting:
                self._stop.wait(_RETRY_S)
        return rows[-1].sequence

    def _send(self, rows: list[Row]) -> list[int]:
        """Publish once; returns the sequences that the broker answered for (a refusal is an answer too)."""
        answered: list[int] = []
        left = threading.Semaphore(0)

        def done(sequence: int, outcome: Outcome) -> None:
            if outcome.status != "lost":
                answered.append(sequence)
            left.release()

        sent = sum(self._broker.publish(row.topic, row.payload, done=partial(done, row.sequence)) for row in rows)
        for _ in range(sent):
            if not left.acquire(timeout=_ANSWER_S):
                break
        return list(answered)

    def _reply(self, transaction: str, status: Status, available_from: int) -> bytes:
        return ReplayReply(transaction=transaction, status=status, available_from=available_from).to_json()


def _status(command: ReplayCommand, available_from: int, last: int) -> Status:
    """`gone` only for what this outbox once held: numbers that were not given yet are no loss."""
    if command.to < available_from and command.to <= last:
        return "gone"
    if command.from_ < available_from or command.to > last:
        return "partial"
    return "done"
