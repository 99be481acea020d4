"""Sends records to a syslog collector (RFC 5424) from its own thread: no collector can slow or stop the process."""

import errno
import logging
import os
import queue
import socket
import threading
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from edge.retry import delay_s

_FACILITY_DAEMON = 3
_QUEUE_RECORDS = 1000
_MOST_MESSAGE_BYTES = 8192  # what a datagram carries everywhere, and collectors take by default
_CONNECT_TIMEOUT_S = 5.0
_FLUSH_S = 1.0
_POLL_S = 0.2
_MOST_WAIT_S = 30.0
_SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

_log = logging.getLogger(__name__)


class SyslogHandler(logging.Handler):
    """Queues records for the collector at `udp://`, `tcp://` or `unix:///path`; a full queue drops the new ones."""

    def __init__(self, url: str, process: str) -> None:
        super().__init__()
        self.dropped = 0
        self._url = url
        self._app_name = f"edge-{process}"[:48]
        self._host_name = socket.gethostname()[:255] or "-"
        self._queue: queue.Queue[bytes] = queue.Queue(_QUEUE_RECORDS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="syslog", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record; never waits."""
        try:
            self._queue.put_nowait(self._message(record))
        except queue.Full:
            self.dropped += 1
        except Exception:  # noqa: BLE001 - a record that cannot be written must not stop its process
            self.handleError(record)

    def close(self) -> None:
        """Send what waits, for at most a second, and stop."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_FLUSH_S)
        super().close()

    def _message(self, record: logging.LogRecord) -> bytes:
        severity = next((number for level, number in _SEVERITIES if record.levelno >= level), 7)
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = f"<{_FACILITY_DAEMON * 8 + severity}>1 {when} {self._host_name} {self._app_name} {os.getpid()} - - "
        return (head + self.format(record)).encode(errors="replace")[:_MOST_MESSAGE_BYTES]

    def _run(self) -> None:
        link = _Link(self._url)
        while not (self._stop.is_set() and self._queue.empty()):
            try:
                message = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            while not link.sent(message, dropped=self.dropped):
                if self._stop.wait(link.wait_s):
                    break
        link.close()


class _Link:
    """The connection to the collector; says once when it goes and once when it is back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: socket.socket | None = None
        self._failures = 0
        self._away_since_s = 0.0

    @property
    def wait_s(self) -> float:
        return delay_s(self._failures - 1, first_s=0.5, most_s=_MOST_WAIT_S, jitter=0.0, random=float)

    def sent(self, message: bytes, *, dropped: int) -> bool:
        try:
            self._connection = self._connection or _connect(self._url)
            self._connection.sendall(_framed(message, self._connection))
        except OSError as error:
            self.close()
            if error.errno == errno.EMSGSIZE:  # no way leads there for a record of this size
                return True
            if self._failures == 0:
                self._away_since_s = time.monotonic()
                _log.warning("syslog collector %s is away (%s); records wait, then are dropped", self._url, error)
            self._failures += 1
            return False
        if self._failures:
            away_s = time.monotonic() - self._away_since_s
            _log.warning("syslog collector is back after %.1f s; %d records were dropped in all", away_s, dropped)
            self._failures = 0
        return True

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return _connect_unix(parts.path)
    if parts.scheme == "tcp":
        return socket.create_connection((parts.hostname or "", parts.port or 0), _CONNECT_TIMEOUT_S)
    family, kind, protocol, _, address = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)[0]
    return _connected(socket.socket(family, kind, protocol), address)


def _connect_unix(path: str) -> socket.socket:
    try:
        return _connected(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), path)
    except OSError as error:
        # Some collectors offer a stream under the same kind of path.
        if error.errno != errno.EPROTOTYPE:
            raise
    return _connected(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), path)


def _connected(connection: socket.socket, address: tuple[object, ...] | str) -> socket.socket:
    try:
        connection.settimeout(_CONNECT_TIMEOUT_S)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _framed(message: bytes, connection: socket.socket) -> bytes:
    """Frame a record for a stream: its length in front over TCP (RFC 6587), a line break behind on a local socket."""
    if connection.type == socket.SOCK_DGRAM:
        return message
    return message + b"\n" if connection.family == socket.AF_UNIX else f"{len(message)} ".encode() + message
