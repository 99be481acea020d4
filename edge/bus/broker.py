"""The connection to a real broker: MQTT by paho, whose errors and quirks do not leave this module. Knows no events.

What paho 2.2.0 does that shapes this code (measured):

- It keeps unacknowledged messages in memory and sends them again itself. That is taken from it at every disconnect:
  the outbox is the one place that remembers, so that nothing is sent out of order or twice over.
- It calls `on_publish` while holding the mutex that `publish` takes, so our lock is never held across a call of
  `publish`; the answer to a message may therefore come before we know its number, and waits in `_early` until we do.
- A message that arrives before `on_message` is set is acked and gone: all callbacks are set before connecting.
"""

import contextlib
import random
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.reasoncodes import ReasonCode

from edge.bus.address import BrokerAddress, new_context
from edge.bus.connection import ACCEPTED, LOST, Change, Message, Outcome, Will, matches
from edge.bus.dialect import Dialect
from edge.clock import Clock
from edge.errors import ConfigError

DAY_S: Final = 86_400
SUBSCRIBE_AGAIN_S: Final = 10.0
_CALLBACKS: Final = (
    *("on_pre_connect", "on_connect", "on_connect_fail", "on_disconnect"),
    *("on_publish", "on_message", "on_subscribe", "on_socket_open"),
)

__all__ = ["BrokerAddress", "PahoBroker"]

_log = structlog.get_logger()


class PahoBroker:
    """A `Broker` (see edge.bus.connection for its contract) over TCP, or TLS where the address has certificates."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        *,
        clock: Clock,
        durable: bool = True,
        session_expiry_s: int = DAY_S,
        receive_maximum: int = 1_000,
        reconnect_s: tuple[int, int] = (1, 30),
    ) -> None:
        """`durable`: the broker keeps subscriptions and waiting messages for `session_expiry_s` after a disconnect.

        Mosquitto 2.0 writes only sessions to disk whose every connect, the first included, had clean_start off.
        """
        self._address = address
        self._client_id = client_id
        self._clock = clock
        self._dialect = Dialect(address, durable, session_expiry_s, receive_maximum)
        self._mutex = threading.Lock()
        self._connected = False
        self._session = 0
        self._stopping = False
        self._publishing = 0
        self._pending: dict[int, Callable[[Outcome], None] | None] = {}
        self._early: dict[int, Outcome] = {}
        self._subscriptions: list[tuple[str, Callable[[Message], None]]] = []
        self._listeners: list[Callable[[Change], None]] = []
        self._make_will: Callable[[], Will] | None = None
        self._refused: dict[str, str] = {}
        self._away_since_ns: int | None = None
        self._away_because = ""
        self._tls: ssl.SSLContext | None = new_context() if address.tls else None
        self._client = self._make_client(reconnect_s)

    @property
    def connected(self) -> bool:
        """Whether `publish` can take a message now."""
        return self._connected

    @property
    def session(self) -> int:
        """Number of the present or last connection, 0 before the first."""
        return self._session

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
        """Connect, and connect again whenever the connection is lost; a broker that is down is no error."""
        self._dialect.connect(self._client)
        self._client.loop_start()

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, done: Callable[[Outcome], None] | None = None
    ) -> bool:
        """Send one message; False when there is no connection (`done` is not called then)."""
        with self._mutex:
            if not self._connected:
                return False
            session = self._session
            self._publishing += 1
        delivery = self._client.publish(topic, payload, qos=1, retain=retain).mid
        with self._mutex:
            self._publishing -= 1
            outcome = self._early.pop(delivery, None)
            if not self._publishing:
                self._early.clear()
            if outcome is None:
                if self._connected and session == self._session:
                    self._pending[delivery] = done
                    return True
                outcome = LOST
        if done is not None:
            done(outcome)
        return True

    def ack(self, message: Message) -> None:
        """Tell the broker that this message is safe here; ignored when the connection it came by is gone."""
        with self._mutex:
            # delivery 0: somebody published with QoS 0, and an ack of it would end the connection
            if message.delivery and self._connected and message.session == self._session:
                self._client.ack(message.delivery, 1)

    def stop(self, timeout_s: float = 2.0) -> None:
        """Say goodbye (so that no Will is sent) and end within `timeout_s`."""
        self._stopping = True
        self._client.disconnect()
        # loop_stop waits for ever where the broker hangs, so a thread of its own does the waiting.
        ending = threading.Thread(target=self._end_loop, name="broker-stop", daemon=True)
        ending.start()
        ending.join(timeout_s)

    def _end_loop(self) -> None:
        with contextlib.suppress(AttributeError):  # paho's thread forgets itself while loop_stop looks at it
            self._client.loop_stop()
        for name in _CALLBACKS:  # paho closes its last sockets when it is deleted, which must not wait for a collection
            setattr(self._client, name, None)

    def _make_client(self, reconnect_s: tuple[int, int]) -> mqtt.Client:
        client = self._dialect.client(self._client_id)
        client.max_inflight_messages = 0  # no limit: the relay keeps its own window
        least_s, most_s = reconnect_s
        # paho doubles the wait but does not spread it: each client gets a longest wait of its own
        client.reconnect_delay_set(least_s, random.randint(max(least_s, most_s * 2 // 3), most_s))  # noqa: S311 - no secret
        if self._tls is not None:
            client.tls_set_context(self._tls)
        for name in _CALLBACKS:
            setattr(client, name, getattr(self, f"_{name}"))
        return client

    def _on_pre_connect(self, client: mqtt.Client, _userdata: Any) -> None:
        client.drop_out_messages()
        self._read_certificates()
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._password())
        if self._make_will is not None:
            will = self._make_will()
            client.will_set(will.topic, will.payload, qos=1, retain=True)

    def _read_certificates(self) -> None:
        if self._tls is not None and self._address.tls is not None:
            try:
                self._address.tls.load_into(self._tls)
            except ConfigError as error:  # what was read before may still do
                self._note_away(str(error))

    def _password(self) -> str | None:
        try:
            return self._address.password()
        except ConfigError as error:  # the broker will refuse us, and we go on trying
            self._note_away(str(error))
            return None

    def _on_socket_open(self, _client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(
        self, _client: mqtt.Client, _userdata: Any, flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._note_away(str(reason))
            return
        self._subscribe()
        with self._mutex:
            self._session += 1
            self._connected = True
        self._note_back()
        self._tell(Change(connected=True, session_present=flags.session_present))

    def _on_connect_fail(self, _client: mqtt.Client, _userdata: Any) -> None:
        error = sys.exception()  # paho calls this while it handles what went wrong, and does not hand it over
        self._note_away(f"TLS: {error.reason}: {error}" if isinstance(error, ssl.SSLError) else "does not answer")

    def _on_disconnect(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        with self._mutex:
            was_connected, self._connected = self._connected, False
            lost = list(self._pending.values())
            self._pending.clear()
        client.drop_out_messages()
        for done in lost:
            if done is not None:
                done(LOST)
        if not self._stopping and (was_connected or self._away_since_ns is None):
            # never connected: with TLS 1.3 the broker's answer to our certificate comes after the handshake
            self._note_away(str(reason) if was_connected else f"ended the connection at once: {reason}")
        if was_connected:
            self._tell(Change(connected=False))

    def _on_publish(
        self, _client: mqtt.Client, _userdata: Any, delivery: int, reason: ReasonCode, _properties: Any
    ) -> None:
        outcome = Outcome("refused", str(reason)) if reason.is_failure else ACCEPTED
        with self._mutex:
            if delivery not in self._pending:
                if self._publishing:
                    self._early[delivery] = outcome
                return
            done = self._pending.pop(delivery)
        if done is not None:
            done(outcome)

    def _on_message(self, _client: mqtt.Client, _userdata: Any, received: mqtt.MQTTMessage) -> None:
        message = Message(received.topic, bytes(received.payload), received.retain, received.mid, self._session)
        for topic_filter, handler in self._subscriptions:
            if matches(topic_filter, message.topic):
                handler(message)
                return
        self.ack(message)  # of a subscription that an earlier version made in this session

    def _subscribe(self) -> None:
        self._dialect.subscribe(self._client, [topic_filter for topic_filter, _ in self._subscriptions])

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        refused = {
            topic_filter: str(reason)
            for (topic_filter, _), reason in zip(self._subscriptions, reasons, strict=False)
            if reason.is_failure
        }
        if refused and refused != self._refused:
            _log.error("subscription_refused", broker=repr(self._address), topics=refused, next="asked for again")
        self._refused = refused
        if refused:  # rights come later; NATS refuses a subscription that is new while one of its servers is away
            again = threading.Timer(SUBSCRIBE_AGAIN_S, self._subscribe_again, (self._session,))
            again.daemon = True
            again.start()

    def _subscribe_again(self, session: int) -> None:
        if self._connected and session == self._session and not self._stopping:
            self._subscribe()

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)

    def _note_away(self, because: str) -> None:
        """Log once when the broker goes, and again only when it is away for another reason."""
        if self._away_since_ns is None:
            self._away_since_ns = self._clock.monotonic_ns()
        if because != self._away_because:
            self._away_because = because
            _log.warning("broker_away", broker=repr(self._address), reason=because, next="events wait in the outbox")

    def _note_back(self) -> None:
        if self._away_since_ns is None:
            _log.info("broker_connected", broker=repr(self._address))
            return
        away_s = (self._clock.monotonic_ns() - self._away_since_ns) / 1e9
        self._away_since_ns, self._away_because = None, ""
        _log.info("broker_back", broker=repr(self._address), away_s=round(away_s, 3))
