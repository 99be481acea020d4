"""What the bus asks of an MQTT connection; knows neither paho nor what the messages mean.

The contract that `PahoBroker` and `FakeBroker` keep, and that one test suite holds them to:

1. Callbacks may come from any thread, `done` even before `publish` has returned; they queue and return, nothing more.
2. A `publish` that was taken ends in exactly one `done`: accepted, refused by the broker with its reason, or lost
   with the connection. Nothing is sent again by the connection itself: whoever wants it delivered publishes it again.
3. A message that was not acked comes again after a reconnect; acks of an earlier connection are ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one published message; `reason` is the broker's own word."""

    status: Literal["accepted", "refused", "lost"]
    reason: str = ""


ACCEPTED = Outcome("accepted")
LOST = Outcome("lost", "connection lost")


@dataclass(frozen=True, slots=True)
class Message:
    """One received message; `delivery` and `session` say which ack it waits for."""

    topic: str
    payload: bytes
    retained: bool
    delivery: int
    session: int


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says, retained, when this connection ends without a goodbye."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """The connection came (with or without what the broker had kept for this client) or went."""

    connected: bool
    session_present: bool = False


class Broker(Protocol):
    """A connection to the broker that comes back by itself; QoS 1 throughout."""

    @property
    def connected(self) -> bool:
        """Whether `publish` can take a message now."""
        ...

    @property
    def session(self) -> int:
        """Number of the present or last connection, 0 before the first."""
        ...

    def subscribe(self, topic_filter: str, handler: Callable[[Message], None]) -> None:
        """Have messages handed to `handler`; before `start` only, so that no waiting message is missed."""
        ...

    def add_listener(self, listener: Callable[[Change], None]) -> None:
        """Be told whenever the connection comes or goes; before `start` only."""
        ...

    def set_will(self, make: Callable[[], Will]) -> None:
        """Ask `make` for the Will of each new connection; before `start` only."""
        ...

    def start(self) -> None:
        """Connect, and connect again whenever the connection is lost; a broker that is down is no error."""
        ...

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, done: Callable[[Outcome], None] | None = None
    ) -> bool:
        """Send one message; False when there is no connection (`done` is not called then)."""
        ...

    def ack(self, message: Message) -> None:
        """Tell the broker that this message is safe here."""
        ...

    def stop(self, timeout_s: float = 2.0) -> None:
        """Say goodbye (so that no Will is sent) and end within `timeout_s`."""
        ...


def matches(topic_filter: str, topic: str) -> bool:
    """Whether an MQTT topic filter with `+` and `#` covers this topic."""
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))
