"""Asks retention about protected footage and waits for its reply; how the answer is told is left to who asks.

A command is said again until it is answered: retention may just be starting, and does nothing twice for one
transaction. Many may ask over one connection at a time.
"""

import queue
import threading
from contextlib import suppress
from typing import Final

from edge.bus.connection import Broker, Message
from edge.errors import NoAnswer
from edge.events.errors import EventError
from edge.events.messages import ProtectCommand, ProtectReply
from edge.events.topics import ProtectReplyTopic, ProtectTopic

ASKED: Final = "retention"
AGAIN_S: Final = 2.0


class Asking:
    """Sends commands over a connection that others may use too, from any thread."""

    def __init__(self, broker: Broker) -> None:
        """Subscribes to the replies, so it is made before the broker is started."""
        self._broker = broker
        self._topic = str(ProtectTopic(ASKED))
        self._mutex = threading.Lock()
        self._waiting: dict[str, queue.SimpleQueue[ProtectReply | None]] = {}
        self._closed = False
        broker.subscribe(str(ProtectReplyTopic(ASKED)), self._came)

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached now."""
        return self._broker.connected

    @property
    def waiting(self) -> int:
        """How many wait for a reply."""
        return len(self._waiting)

    def ask(self, command: ProtectCommand, *, answer_s: float) -> ProtectReply:
        """The reply to a command; raises NoAnswer, after which the command may be carried out all the same."""
        replies: queue.SimpleQueue[ProtectReply | None] = queue.SimpleQueue()
        with self._mutex:
            if self._closed:
                raise NoAnswer("this process is about to end")
            self._waiting[command.transaction] = replies
        try:
            for _ in range(max(round(answer_s / AGAIN_S), 1)):
                self._broker.publish(self._topic, command.to_json())
                with suppress(queue.Empty):
                    reply = replies.get(timeout=min(AGAIN_S, answer_s))
                    if reply is None:
                        raise NoAnswer("this process is about to end")
                    return reply
        finally:
            with self._mutex:
                del self._waiting[command.transaction]
        raise NoAnswer("retention does not answer: is it running?")

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._mutex:
            self._closed = True
            for replies in self._waiting.values():
                replies.put(None)

    def _came(self, message: Message) -> None:
        self._broker.ack(message)
        try:
            reply = ProtectReply.parse(message.payload)
        except EventError:  # only who understands a reply can have asked for it
            return
        with self._mutex:
            replies = self._waiting.get(reply.transaction)
        if replies is not None:
            replies.put(reply)
