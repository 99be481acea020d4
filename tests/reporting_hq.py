"""HQ's side of reports for tests: a real HTTP server on a socket that answers as its script says, well or badly."""

import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HANG = "hang"
RESET = "reset"
HUGE = "huge"
"""Takes the report, and answers with more than anybody wants to read."""
CUT = "cut"
"""Takes the report, stores it, and breaks the connection before it answers."""


@dataclass
class Request:
    """One request as it came."""

    at: float
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]


@dataclass
class ReportHq:
    """Takes each report once by its key; `script` says how the next requests are answered, then all are taken.

    An entry is a status, a status with headers, HANG, RESET or CUT. `always` holds for all that the script lacks.
    """

    script: deque = field(default_factory=deque)
    always: object = 202
    requests: list[Request] = field(default_factory=list)
    taken: dict[str, bytes] = field(default_factory=dict)
    hang_s: float = 60.0

    def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> "ReportHq":
        hq = self
        self._mutex = threading.Lock()
        self._over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                request = Request(time.monotonic(), {name.lower(): value for name, value in self.headers.items()}, body)
                with hq._mutex:
                    hq.requests.append(request)
                    answer = hq.script.popleft() if hq.script else hq.always
                hq.answer(self, request, answer)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._over.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, request: Request, answer: object) -> None:
        if answer == HANG:
            self._over.wait(self.hang_s)
            handler.close_connection = True
            return
        if answer == RESET:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        if answer == CUT:
            self.store(request)
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        huge = answer == HUGE
        status, headers = answer if isinstance(answer, tuple) else (202 if huge else answer, {})
        stored = self.store(request) if 200 <= status < 300 else "refused"
        body = b" " * 10_000_000 if huge else json.dumps({"status": stored}).encode()
        handler.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def store(self, request: Request) -> str:
        with self._mutex:
            known = self.taken.get(request.key)
            assert known is None or known == request.body
            self.taken[request.key] = request.body
            return "stored" if known is None else "already"

    def keys(self) -> list[str]:
        """The reports in the order in which they were first taken."""
        with self._mutex:
            return list(self.taken)

    def asked(self) -> int:
        with self._mutex:
            return len(self.requests)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody signed, and its key."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "hq.crt", folder / "hq.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths
