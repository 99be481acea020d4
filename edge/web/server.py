"""The HTTP server in a thread of its own, so that the process keeps its signals. Knows no site."""

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn
from litestar.types import ASGIApp

from edge.errors import ConfigError

_STUCK_MS: Final = 30_000
_BACKLOG: Final = 256
_MOST_CONNECTIONS: Final = 1_000


class WebServer:
    """Serves an application on a socket that is already open."""

    def __init__(self, app: ASGIApp, listening: socket.socket, *, before_stop: Callable[[], None]) -> None:
        """`before_stop` ends the answers that have no end of their own."""
        # what it says besides is of its own start, and a line for every port scanner
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            loop="asyncio",
            ws="none",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._listening = listening
        self._before_stop = before_stop
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._listening.getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Finish what is being answered, and end."""
        self._before_stop()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        """What is raised here ends the process: one that does not answer is started again."""
        try:
            asyncio.run(self._server.serve(sockets=[self._listening]))
        except SystemExit as error:  # uvicorn's way to say that the application did not start
            raise RuntimeError("the web application did not start") from error
        if not self._server.should_exit:
            raise RuntimeError("the HTTP server ended by itself")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ConfigError naming `web.bind` or `web.port`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it: one whose other side takes nothing for so long is given up by the kernel.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STUCK_MS)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(_refused(host, port, error)) from error
    return listening


def _refused(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"web.port {port}: another program listens there already; stop it, or give web.port another number"
    if error.errno == errno.EACCES:
        return f"web.port {port}: ports below 1024 are for root; choose one above, such as 8080"
    return f"web.bind {host}: cannot listen there ({error.strerror}); give an address of this machine, or 127.0.0.1"
