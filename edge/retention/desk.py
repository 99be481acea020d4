"""Answers commands about protected footage: `command/retention/protect`, answered on `reply/retention/protect`.

A command may come twice, as every message may: what was made for a transaction is not made again.
"""

import os
import queue
import threading
from collections.abc import Callable
from typing import Final

import structlog

from edge.bus.connection import Broker, Message
from edge.bus.outbox import OutboxUnavailable
from edge.clock import Clock
from edge.config import Config
from edge.events.errors import EventError
from edge.events.messages import ProtectCommand, Protection, ProtectReply
from edge.events.topics import ProtectReplyTopic, ProtectTopic
from edge.events.ulid import ulid
from edge.events.values import milliseconds
from edge.recordings.catalog import Catalog
from edge.retention.protection import Protected, Protections
from edge.retention.receipts import now_ms, wire

PAGE: Final = 20
"""Protections in one reply: their notes may be long, and a payload has an end."""
MOST_PROTECTIONS: Final = 1000
_REMEMBERED: Final = 100

_log = structlog.get_logger()


class Desk:
    """One thread that carries out commands in their order."""

    def __init__(
        self,
        protections: Protections,
        catalog: Callable[[], Catalog | None],
        config: Config,
        clock: Clock,
        broker: Broker,
    ) -> None:
        self._protections = protections
        self._catalog = catalog
        self._clock = clock
        self._broker = broker
        self._reply_topic = str(ProtectReplyTopic("retention"))
        self._answered: dict[str, ProtectReply] = {}
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self.reload(config)
        broker.subscribe(str(ProtectTopic("retention")), self._waiting.put)

    def start(self) -> None:
        """Begin to answer; the broker is started by whoever made it."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish the command in hand."""
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def reload(self, config: Config) -> None:
        """Know other channels."""
        self._channels = {channel.id for channel in config.channels}

    def answer(self, command: ProtectCommand) -> ProtectReply:
        """Carry out one command, or say again what became of it."""
        before = self._answered.get(command.transaction)
        if before is not None:
            return before
        reply = self._carry_out(command)
        if reply.status == "done" and command.action != "list":
            self._answered[command.transaction] = reply
            if len(self._answered) > _REMEMBERED:
                del self._answered[next(iter(self._answered))]
        return reply

    def _carry_out(self, command: ProtectCommand) -> ProtectReply:
        try:
            if command.action == "protect":
                return self._protect(command)
            if command.action == "unprotect":
                return self._unprotect(command)
        except OutboxUnavailable as error:
            return _reply(command, "failed", f"it could not be written down ({error}); ask again")
        listed = [one for one in self._protections.all(command.channel) if one.id > (command.after or "")]
        return ProtectReply(
            transaction=command.transaction,
            status="done",
            protections=tuple(map(self._shown, listed[:PAGE])),
            more=len(listed) > PAGE,
        )

    def _protect(self, command: ProtectCommand) -> ProtectReply:
        assert command.channel is not None and command.from_ is not None and command.to is not None  # noqa: PT018 - the model saw to all
        catalog = self._catalog()
        if command.channel not in self._channels and (catalog is None or command.channel not in catalog.usage()):
            known = ", ".join(sorted(self._channels))
            return _reply(command, "refused", f"there is no channel {command.channel!r}; the site has {known}")
        with self._protections.guard:
            made = self._protections.by_transaction(command.transaction)
            if made is None:
                if len(self._protections.all()) >= MOST_PROTECTIONS:
                    words = f"there are {MOST_PROTECTIONS} protections already; end some with edge unprotect"
                    return _reply(command, "refused", words)
                made = Protected(
                    id=ulid(self._clock.wall_ns(), os.urandom(10)),
                    transaction_id=command.transaction,
                    channel=command.channel,
                    from_ms=milliseconds(command.from_),
                    to_ms=milliseconds(command.to),
                    note=command.note or "",
                    asked_by=command.by or "",
                    since_ms=now_ms(self._clock),
                )
                self._protections.add(made)
                _log.info("footage_protected", protection=made.id, channel=made.channel, by=made.asked_by)
        return ProtectReply(transaction=command.transaction, status="done", protections=(self._shown(made),))

    def _unprotect(self, command: ProtectCommand) -> ProtectReply:
        found = self._protections.get(command.protection or "")
        if found is None:
            words = f"there is no protection {command.protection}; edge protected lists them"
            return _reply(command, "refused", words)
        shown = self._shown(found)
        self._protections.end(found, command.by or "")
        _log.info("footage_unprotected", protection=found.id, channel=found.channel, by=command.by)
        return ProtectReply(transaction=command.transaction, status="done", protections=(shown,))

    def _shown(self, one: Protected) -> Protection:
        segments, size = self._protections.held(one.id)
        return Protection(
            protection=one.id,
            channel=one.channel,
            from_=wire(one.from_ms),
            to=wire(one.to_ms),
            note=one.note,
            by=one.asked_by,
            since=wire(one.since_ms),
            segments=segments,
            bytes=size,
        )

    def _run(self) -> None:
        while (message := self._waiting.get()) is not None:
            try:
                reply = self.answer(ProtectCommand.parse(message.payload))
            except EventError as error:
                _log.warning("protect_command_malformed", topic=message.topic, error=str(error))
            else:
                self._broker.publish(self._reply_topic, reply.to_json())
            self._broker.ack(message)


def _reply(command: ProtectCommand, status: str, detail: str) -> ProtectReply:
    return ProtectReply.read({"transaction": command.transaction, "status": status, "detail": detail})
