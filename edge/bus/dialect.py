"""What differs between MQTT 5 and 3.1.1 on a paho client: making it, connecting it, subscribing. Keeps no state.

MQTT 5 is preferred: with it a broker says why it refuses a message. A broker that knows 3.1.1 alone (NATS) keeps a
durable session for as long as it likes, and calls a message accepted that nobody may publish.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.bus.address import BrokerAddress

KEEPALIVE_S: Final = 15


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to speak to one broker; `durable`: it keeps subscriptions and waiting messages after a disconnect."""

    address: BrokerAddress
    durable: bool
    session_expiry_s: int
    receive_maximum: int

    @property
    def _is_5(self) -> bool:
        return self.address.mqtt_version == "5"

    def client(self, client_id: str) -> mqtt.Client:
        """A client that is not connected and acks only what it is told to."""
        return mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self._is_5 else not self.durable,
            protocol=mqtt.MQTTv5 if self._is_5 else mqtt.MQTTv311,
            manual_ack=True,
        )

    def connect(self, client: mqtt.Client) -> None:
        """Have the client's loop connect once it is started."""
        host, port = self.address.host, self.address.port
        if not self._is_5:
            client.connect_async(host, port, KEEPALIVE_S)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho has no types here
        properties.SessionExpiryInterval = self.session_expiry_s if self.durable else 0
        properties.ReceiveMaximum = self.receive_maximum
        client.connect_async(host, port, KEEPALIVE_S, clean_start=not self.durable, properties=properties)

    def subscribe(self, client: mqtt.Client, topics: Iterable[str]) -> None:
        """Ask for topics with QoS 1; harmless when repeated."""
        if self._is_5:
            asked: list[tuple[str, SubscribeOptions]] = [(topic, SubscribeOptions(qos=1)) for topic in topics]
            if asked:
                client.subscribe(asked)
        elif of_old := [(topic, 1) for topic in topics]:
            client.subscribe(of_old)
