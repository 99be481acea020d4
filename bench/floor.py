"""The floor: a C loop that receives from every camera and writes the same bytes; the dialogue is had here."""

import os
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

SOURCE = Path(__file__).with_name("floor.c")
RECEIVE_BUFFER_BYTES = 512 * 1024


def build(folder: Path) -> Path:
    """Compile the loop."""
    program = folder / "floor"
    subprocess.run(["cc", "-O2", "-Wall", "-o", str(program), str(SOURCE)], check=True)
    return program


def start(program: Path, urls: Sequence[str], folder: Path, *, pace_ms: int = 0) -> subprocess.Popen:
    """Open all cameras and hand the connections over."""
    folder.mkdir(parents=True, exist_ok=True)
    sockets = [_play(url) for url in urls]
    words = [word for k, one in enumerate(sockets) for word in (str(folder / f"{k}.raw"), str(one.fileno()))]
    process = subprocess.Popen(
        [str(program), str(pace_ms), *words], pass_fds=[one.fileno() for one in sockets], stderr=subprocess.DEVNULL
    )
    for one in sockets:
        one.close()
    return process


def written_bytes(folder: Path) -> int:
    """What all files hold."""
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def _play(url: str) -> socket.socket:
    """Ask a simulated camera for its video; the connection that it plays on."""
    parts = urlsplit(url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    connection.connect((parts.hostname, parts.port))
    _ask(connection, f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n")
    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    reply = _ask(connection, f"SETUP {url}/trackID=0 RTSP/1.0\r\nCSeq: 2\r\n{transport}\r\n\r\n")
    session = re.search(r"Session: *([^;\r]+)", reply).group(1)
    connection.sendall(f"PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n\r\n".encode())
    return connection


def _ask(connection: socket.socket, request: str) -> str:
    connection.sendall(request.encode())
    reply = b""
    while b"\r\n\r\n" not in reply:
        reply += connection.recv(65_536)
    head, _, body = reply.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: *(\d+)", head, re.IGNORECASE)
    missing = (int(length.group(1)) if length else 0) - len(body)
    while missing > 0:
        missing -= len(connection.recv(missing))
    if b" 200 " not in head:
        raise SystemExit(f"a simulated camera answers {head.splitlines()[0].decode()}")
    return head.decode()
