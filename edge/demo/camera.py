"""One simulated camera: what it shows, whom it lets in, what is wrong with it just now; knows no socket."""

import asyncio
import secrets
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Protocol

from edge.demo.authentication import Account
from edge.demo.clips import ClipSpec, load_clip
from edge.demo.faults import fault_kind, fault_value
from edge.demo.packets import StreamPackets, packetise
from edge.demo.session import Session

PacketSource = Callable[[ClipSpec], StreamPackets]


class Client(Protocol):
    """A connection to the camera."""

    session: Session | None

    def close(self) -> None:
        """End the connection in good order."""
        ...

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        ...


def packet_source(cache_dir: Path) -> PacketSource:
    """Return a function that gives the packets of a clip, each clip made once a process."""
    return cache(lambda spec: packetise(load_clip(spec, cache_dir)))


class Camera:
    """A camera at `path` of a server; faults are set and cleared in the server's event loop while clients look on."""

    def __init__(
        self,
        path: str,
        spec: ClipSpec,
        source: PacketSource,
        *,
        account: Account | None = None,
        session_timeout_s: float = 60,
        seed: int = 0,
    ) -> None:
        self.path = path
        self.account = account
        self.session_timeout_s = session_timeout_s
        self.faults: dict[str, float | str | None] = {}
        self.clients: set[Client] = set()
        self.nonce = secrets.token_hex(16)
        self.random = Random(f"{path} {seed}")  # noqa: S311 - faults that repeat, no secret
        self._spec = spec
        self._source = source
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def packets(self) -> StreamPackets:
        """What the camera sends at present."""
        variant = self.faults.get("clip")
        return self._source(self._spec.variant(variant) if isinstance(variant, str) else self._spec)

    def prepare(self, variant: str = "normal") -> None:
        """Make the clip of a variant beforehand; slow, so call it outside the event loop."""
        self._source(self._spec.variant(variant))

    def fault(self, name: str, value: float | str | None = None, *, for_s: float | None = None) -> None:
        """Let something go wrong, until `clear` or for a time; ConfigError if `FAULTS` has no such name or value."""
        value = fault_value(name, value)
        if fault_kind(name).once:
            self._happen(name, value)
            return
        self._cancel_timer(name)
        if for_s is not None:
            self._timers[name] = asyncio.get_running_loop().call_later(for_s, self.clear, name)
        before = self.packets
        self.faults[name] = value
        if name == "clip":
            self._switch(before)
        elif name == "refuse":
            self._happen("reset", None)

    def clear(self, name: str | None = None) -> None:
        """Let one fault or all of them be over; ConfigError if there is no fault of this name."""
        if name:
            fault_kind(name)
        before = self.packets
        for gone in [name] if name else list(self.faults):
            self._cancel_timer(gone)
            self.faults.pop(gone, None)
        self._switch(before)

    def _cancel_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer:
            timer.cancel()

    def _happen(self, name: str, value: float | str | None) -> None:
        if name == "stale":
            self.nonce = secrets.token_hex(16)
        for client in tuple(self.clients):
            if name == "drop":
                client.close()
            elif name == "reset":
                client.reset()
            elif client.session and name == "bye":
                client.session.say_bye()
            elif client.session and name == "jump" and isinstance(value, float):
                client.session.jump(value)

    def _switch(self, before: StreamPackets) -> None:
        """Give clients the new clip; a camera that changes its codec starts anew and so closes the connections."""
        now = self.packets
        if now is before:
            return
        for client in tuple(self.clients):
            if now.clip.spec.codec != before.clip.spec.codec:
                client.close()
            elif client.session:
                client.session.switch(now.tracks)
