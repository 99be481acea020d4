"""Ports of the loopback address for servers of tests: no two tests get the same, also where they run side by side.

A port that the kernel chose and that was given back may go to anybody before the test listens there, or while a server that
the test killed is away. These lie below the range from which Linux chooses, and each worker of pytest-xdist has its own part.
"""

import os
import secrets
import socket
from collections.abc import Iterator

_FIRST = 20_000
_PART = 1_500
_PARTS = 8  # the last ends below 32768, where Linux begins to choose


def _turns() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PARTS
    place = secrets.randbelow(_PART)  # another run on this machine is elsewhere, most likely
    while True:
        place = (place + 1) % _PART
        yield _FIRST + worker * _PART + place


_numbers = _turns()


def free_port() -> int:
    """One on which nobody listens, and which no other test of this run is given."""
    while True:
        port = next(_numbers)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
