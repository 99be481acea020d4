"""A plain MQTT 5 client that keeps what the broker answers: for tests of what it refuses. Knows no event."""

import ssl
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import paho.mqtt.client as mqtt
from acceptance_support import until
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

ACCEPTED = "Success"
_TAKEN = {"No matching subscribers": ACCEPTED}


class Client:
    """One connection; `answer` is what the broker said to CONNECT, None while it said nothing."""

    def __init__(
        self,
        port: int,
        *,
        name: str = "",
        user: str | None = None,
        password: str | None = None,
        keys: Mapping[str, Path] | None = None,
        will: tuple[str, bytes] | None = None,
        durable: bool = False,
    ) -> None:
        """`keys`: ca_file and, to show a certificate, cert_file and key_file."""
        self.answer: str | None = None
        self.assigned: str | None = None
        self.received: list[tuple[str, bytes, bool]] = []
        self.lost = threading.Event()
        self._answers: dict[int, object] = {}
        self._durable = durable
        self._client = client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        client.on_connect, client.on_disconnect = self._on_connect, lambda *_: self.lost.set()
        client.on_message = lambda _c, _u, one: self.received.append((one.topic, one.payload, one.retain))
        client.on_publish = lambda _c, _u, mid, reason, _p: self._answers.update({mid: _TAKEN.get(str(reason), str(reason))})
        client.on_subscribe = lambda _c, _u, mid, reasons, _p: self._answers.update({mid: [str(one) for one in reasons]})
        client.reconnect_delay_set(3600, 3600)
        if user is not None:
            client.username_pw_set(user, password)
        if keys is not None:
            own = (str(keys["cert_file"]), str(keys["key_file"])) if "cert_file" in keys else (None, None)
            client.tls_set(str(keys["ca_file"]), *own, cert_reqs=ssl.CERT_REQUIRED)
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        self._port = port

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> Self:
        """Connect and wait for an answer or for the connection's end; raises OSError where there is no handshake."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600 if self._durable else 0
        self._client.connect("127.0.0.1", self._port, keepalive=30, clean_start=not self._durable, properties=properties)
        self._client.loop_start()
        until(lambda: self.answer is not None or self.lost.is_set(), 20)
        return self

    def subscribe(self, *filters: str) -> Sequence[str]:
        """Subscribe with QoS 1; returns the broker's reasons."""
        mid = self._client.subscribe([(one, mqtt.SubscribeOptions(qos=1)) for one in filters])[1]
        return until(lambda: self._answers.get(mid), 20)

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False, wait_s: float = 20) -> str:
        """Publish with QoS 1; returns the broker's reason, `lost` where it ended the connection."""
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        return until(lambda: self._answers.get(mid) or (self.lost.is_set() and "lost"), wait_s)

    def burst(self, topic: str, payload: bytes, count: int, *, retain: bool = False) -> None:
        """Publish many without waiting for an answer; `{}` in the topic becomes a number."""
        for number in range(count):
            self._client.publish(topic.replace("{}", str(number)), payload, qos=1, retain=retain)

    def answered(self) -> int:
        """How many answers came so far."""
        return len(self._answers)

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Let the connection break without a goodbye, so that the Will is published."""
        self._client.loop_stop()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _on_connect(self, _client: object, _userdata: object, _flags: object, reason: object, properties: Properties) -> None:
        self.assigned = getattr(properties, "AssignedClientIdentifier", None)
        self.answer = str(reason)
