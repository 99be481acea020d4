"""A broker in memory that keeps the same contract as the real one, for tests and for trying things."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge.bus.connection import ACCEPTED, LOST, Change, Message, Outcome, Will, matches

_Done = Callable[[Outcome], None]


@dataclass(slots=True)
class _Session:
    """What the hub keeps for a client while it is away."""

    waiting: list[Message] = field(default_factory=list)


class FakeHub:
    """What Mosquitto is to real clients: retained messages, sessions, refusals, and going down when told to."""

    def __init__(self) -> None:
        self.up = True
        self.published: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}
        self.refused: dict[str, str] = {}  # topic filter -> reason
        self.silent = False  # takes messages, answers none
        self.mutex = threading.RLock()
        self.clients: list[FakeBroker] = []
        self.sessions: dict[str, _Session] = {}
        self._deliveries = 0

    def go_down(self) -> None:
        """Drop every connection, as a kill of the broker does; sessions stay, as on disk."""
        self.up = False
        for client in list(self.clients):
            client.drop()

    def come_up(self) -> None:
        """Take connections again; clients that were started come back at once."""
        self.up = True
        for client in list(self.clients):
            client.try_connect()

    def route(self, topic: str, payload: bytes, *, retain: bool) -> Outcome:
        """Hand a message to every session that subscribed."""
        for topic_filter, reason in self.refused.items():
            if matches(topic_filter, topic):
                return Outcome("refused", reason)
        with self.mutex:
            self.published.append((topic, payload))
            if retain and payload:
                self.retained[topic] = payload
            elif retain:
                self.retained.pop(topic, None)
        for client in list(self.clients):
            client.offer(topic, payload, retained=False)
        return ACCEPTED

    def next_delivery(self) -> int:
        """A number for one delivery."""
        with self.mutex:
            self._deliveries += 1
            return self._deliveries


class FakeBroker:
    """A `Broker` on a FakeHub; callbacks come on whichever thread caused them."""

    def __init__(self, hub: FakeHub, client_id: str, *, durable: bool = True) -> None:
        self._hub = hub
        self._client_id = client_id
        self._durable = durable
        self._connected = False
        self._started = False
        self._session_number = 0
        self._will: Will | None = None
        self._make_will: Callable[[], Will] | None = None
        self._pending: list[_Done] = []
        self._subscriptions: list[tuple[str, Callable[[Message], None]]] = []
        self._listeners: list[Callable[[Change], None]] = []

    @property
    def connected(self) -> bool:
        """Whether `publish` can take a message now."""
        return self._connected

    @property
    def session(self) -> int:
        """Number of the present or last connection, 0 before the first."""
        return self._session_number

    def subscribe(self, topic_filter: str, handler: Callable[[Message], None]) -> None:
        """Have messages handed to `handler`; before `start` only."""
        self._subscriptions.append((topic_filter, handler))

    def add_listener(self, listener: Callable[[Change], None]) -> None:
        """Be told whenever the connection comes or goes; before `start` only."""
        self._listeners.append(listener)

    def set_will(self, make: Callable[[], Will]) -> None:
        """Ask `make` for the Will of each new connection; before `start` only."""
        self._make_will = make

    def start(self) -> None:
        """Connect now, or when the hub comes up."""
        self._started = True
        self._hub.clients.append(self)
        self.try_connect()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, done: _Done | None = None) -> bool:
        """Send one message; False when there is no connection."""
        if not self._connected:
            return False
        outcome = self._hub.route(topic, payload, retain=retain)
        if done is not None:
            if self._hub.silent:
                self._pending.append(done)
            else:
                done(outcome)
        return True

    def ack(self, message: Message) -> None:
        """Take a message off the session."""
        session = self._hub.sessions.get(self._client_id)
        if session is not None and message.session == self._session_number and self._connected:
            with self._hub.mutex:
                session.waiting = [waiting for waiting in session.waiting if waiting.delivery != message.delivery]

    def stop(self, timeout_s: float = 2.0) -> None:  # noqa: ARG002 - the contract's: nothing here takes time
        """Say goodbye: no Will is sent."""
        self._started = False
        self._will = None
        self.drop()
        if self in self._hub.clients:
            self._hub.clients.remove(self)

    def try_connect(self) -> None:
        """Connect if the hub is up, and be handed what waited and what is retained."""
        if not self._started or not self._hub.up or self._connected:
            return
        self._will = self._make_will() if self._make_will else None
        present = self._durable and self._client_id in self._hub.sessions
        if not present:
            self._hub.sessions[self._client_id] = _Session()
        self._session_number += 1
        self._connected = True
        for listener in self._listeners:
            listener(Change(connected=True, session_present=present))
        with self._hub.mutex:
            session = self._hub.sessions[self._client_id]
            session.waiting = [replace(message, session=self._session_number) for message in session.waiting]
            waiting = list(session.waiting)
            retained = list(self._hub.retained.items())
        for message in waiting:
            self._hand_over(message)
        for topic, payload in retained:
            self.offer(topic, payload, retained=True)

    def drop(self) -> None:
        """Lose the connection; a Will that was not withdrawn is sent."""
        if not self._connected:
            return
        self._connected = False
        pending, self._pending = self._pending, []
        for done in pending:
            done(LOST)
        if self._will is not None and self._hub.up:
            self._hub.route(self._will.topic, self._will.payload, retain=True)
        for listener in self._listeners:
            listener(Change(connected=False))

    def offer(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Queue a message for this client's session and hand it over when it is connected."""
        session = self._hub.sessions.get(self._client_id)
        if session is None or not any(matches(topic_filter, topic) for topic_filter, _ in self._subscriptions):
            return
        if not self._connected and not self._durable:
            return
        message = Message(topic, payload, retained, self._hub.next_delivery(), self._session_number)
        with self._hub.mutex:
            session.waiting.append(message)
        if self._connected:
            self._hand_over(message)

    def _hand_over(self, message: Message) -> None:
        handlers = (handler for topic_filter, handler in self._subscriptions if matches(topic_filter, message.topic))
        handler = next(handlers, None)
        if handler is not None:
            handler(message)
