"""A broker that refuses a subscription, as NATS does while it lacks a server, is asked again."""

import socket
import threading
import time

from acceptance_support import until

from edge.bus import broker as bus
from edge.bus.broker import BrokerAddress, PahoBroker
from edge.clock import SystemClock

CONNACK = bytes([0x20, 2, 0, 0])
SUBSCRIBE, SUBACK, REFUSED, GRANTED = 0x82, 0x90, 0x80, 1


class Refusing:
    """A broker that takes one client and refuses its first two subscriptions."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        with self._server, connection, connection.makefile("rb") as packets:
            while kind := packets.read(1):
                body = packets.read(packets.read(1)[0])  # packets of this test are shorter than 128 bytes
                if kind[0] == SUBSCRIBE:
                    self.answers.append(GRANTED if len(self.answers) >= 2 else REFUSED)
                    connection.sendall(bytes([SUBACK, 3, *body[:2], self.answers[-1]]))
                elif kind[0] >> 4 == 1:
                    connection.sendall(CONNACK)


def test_a_refused_subscription_is_asked_for_again_until_it_is_granted(monkeypatch) -> None:
    """Once granted it is left alone."""
    monkeypatch.setattr(bus, "SUBSCRIBE_AGAIN_S", 0.05)
    refusing = Refusing()
    address = BrokerAddress("127.0.0.1", refusing.port, mqtt_version="3.1.1")
    client = PahoBroker(address, "test", clock=SystemClock(), reconnect_s=(1, 1))
    client.subscribe("event/#", lambda _: None)
    client.start()
    try:
        until(lambda: len(refusing.answers) >= 3)
        time.sleep(0.3)
        assert refusing.answers == [REFUSED, REFUSED, GRANTED]
    finally:
        client.stop()
