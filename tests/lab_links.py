"""The network between the hosts of a lab, carried by this process so that it can be cut, swallow, lose and delay.

Between namespaces: a TUN device in each, whose packets a thread carries from one to the other. (The kernel's `tc netem`
does the same and is not in every kernel; here the loss has a seed.) On the loopback address: a proxy for each connection
that crosses a link, which can cut, hold and delay but not lose.
"""

import fcntl
import heapq
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

from lab_hosts import Host, run_ip

_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_DEVICE = "wan"
_QUEUED = 1_000  # packets that a slow link holds in one direction; the rest is dropped, as a router does


@dataclass(frozen=True)
class Weather:
    """What a link does to what crosses it, each way."""

    swallows: bool = False
    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    bytes_a_second: float = 0.0
    """0: as many as there are."""


FINE = Weather()


@dataclass
class Link:
    """The way of one host to all others."""

    host: Host
    weather: Weather = FINE
    is_cut: bool = False
    free_s: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})
    proxies: list["_Proxy"] = field(default_factory=list)

    def cut(self) -> None:
        """Pull the cable: the host knows at once that it has no way out; connections hang, or break on the loopback."""
        self.is_cut = True
        self._move("down")
        for proxy in self.proxies:
            proxy.break_all()

    def blackhole(self) -> None:
        """Swallow everything in silence, both ways."""
        self.weather = Weather(swallows=True)

    def slow(self, weather: Weather) -> None:
        """Delay, lose and limit."""
        self.weather = weather

    def mend(self) -> None:
        """As if nothing had been."""
        self.weather = FINE
        if self.is_cut:
            self.is_cut = False
            self._move("up")

    def to(self, host: Host, port: int) -> tuple[str, int]:
        """The address and port by which this host reaches a port of another one over this link."""
        if host.namespace:
            return host.address, port
        proxy = next((one for one in self.proxies if one.target == port), None)
        if proxy is None:
            proxy = _Proxy(self, port)
            self.proxies.append(proxy)
        return "127.0.0.1", proxy.port

    def _move(self, state: str) -> None:
        if self.host.namespace:
            run_ip("-n", self.host.namespace, "link", "set", _DEVICE, state)


@contextmanager
def links(hosts: Mapping[str, Host], *, seed: int) -> Iterator[Mapping[str, Link]]:
    """Connect hosts with each other until the block is left."""
    made = {name: Link(host) for name, host in hosts.items()}
    wire = _Wire(made, random.Random(seed)) if all(host.namespace for host in hosts.values()) else None
    try:
        yield made
    finally:
        if wire is not None:
            wire.end()
        for link in made.values():
            for proxy in link.proxies:
                proxy.end()


class _Wire:
    """Carries IP packets between the TUN devices of the hosts, on one thread."""

    def __init__(self, made: Mapping[str, Link], chance: random.Random) -> None:
        self._chance = chance
        self._links = {_device(link.host): link for link in made.values()}
        self._by_address = {socket.inet_aton(link.host.address): fd for fd, link in self._links.items()}
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._order = count()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="wire", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()
        for fd in self._links:
            os.close(fd)

    def _carry(self) -> None:
        poll = select.epoll()
        for fd in self._links:
            poll.register(fd, select.EPOLLIN)
        while not self._stop.is_set():
            wait_s = max(0.0, min(0.2, self._waiting[0][0] - time.monotonic())) if self._waiting else 0.2
            for fd, _ in poll.poll(wait_s):
                with suppress(OSError):  # all was read, or the device is down
                    for _ in range(64):
                        self._take(fd, os.read(fd, 65_536))
            self._deliver()
        poll.close()

    def _take(self, came_by: int, packet: bytes) -> None:
        goes_to = self._by_address.get(packet[16:20])
        if goes_to is None or packet[0] >> 4 != 4:
            return
        due_s = now_s = time.monotonic()
        for fd, outward in ((came_by, True), (goes_to, False)):
            link = self._links[fd]
            weather = link.weather
            if weather is FINE:
                continue
            if weather.swallows or self._chance.random() < weather.loss:
                return
            if weather.bytes_a_second:
                begins_s = max(due_s, link.free_s[outward])
                if begins_s - now_s > _QUEUED * 1_500 / weather.bytes_a_second:
                    return
                due_s = link.free_s[outward] = begins_s + len(packet) / weather.bytes_a_second
            due_s += max(0.0, weather.delay_s + self._chance.uniform(-weather.jitter_s, weather.jitter_s))
        if due_s == now_s:
            _write(goes_to, packet)
        else:
            heapq.heappush(self._waiting, (due_s, next(self._order), goes_to, packet))

    def _deliver(self) -> None:
        now_s = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now_s:
            _, _, fd, packet = heapq.heappop(self._waiting)
            _write(fd, packet)


def _write(fd: int, packet: bytes) -> None:
    with suppress(OSError):  # the other side's device is down
        os.write(fd, packet)


def _device(host: Host) -> int:
    """A TUN device in a host, with its address; returns the end that is held here."""
    with host.inside():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", _DEVICE.encode(), _IFF_TUN_NO_PI))
    assert host.namespace is not None
    run_ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", _DEVICE)
    run_ip("-n", host.namespace, "link", "set", _DEVICE, "txqueuelen", "2000", "up")
    return fd


class _Proxy:
    """Forwards connections to a port of the loopback address, as the link's weather is.

    It resets what it cannot forward: a handshake of TLS that is merely closed lets the bridge of Mosquitto 2.0.11 loop.
    """

    def __init__(self, link: Link, target: int) -> None:
        self.target = target
        self._link = link
        self._ended = False
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def break_all(self) -> None:
        """End all connections."""
        for one in list(self._open):
            _reset(one)

    def end(self) -> None:
        """End for good."""
        self._ended = True
        self._server.close()
        self.break_all()

    def _accept(self) -> None:
        while not self._ended:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), name="proxied", daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            if self._link.is_cut:
                raise ConnectionRefusedError
            far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        self._open |= {near, far}
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        self._open -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                while self._link.weather.swallows and not self._ended:
                    time.sleep(0.02)
                weather = self._link.weather
                wait_s = len(data) / weather.bytes_a_second if weather.bytes_a_second else 0.0
                time.sleep(max(0.0, weather.delay_s + wait_s))
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)  # wakes who reads; closing alone does not
    connection.close()
