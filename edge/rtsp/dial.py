"""Opens the TCP or TLS connection to a camera, and puts what goes wrong into words."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from edge.errors import CameraError, CameraTimeout, StreamError, Unreachable
from edge.rtsp.tls import Tls
from edge.rtsp.url import RtspUrl

CONNECT_TIMEOUT_S: Final = 3.0
RECEIVE_BUFFER_BYTES: Final = 512 * 1024
"""Some cameras lose their place in the stream when the TCP window fills up."""
MOST_ADDRESSES: Final = 2

ProtocolT = TypeVar("ProtocolT", bound=asyncio.BaseProtocol)

_USER_TIMEOUT_MS: Final = 10_000
_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS),
)


async def dial(url: RtspUrl, protocol: Callable[[], ProtocolT], tls: Tls) -> tuple[asyncio.Transport, ProtocolT]:
    """Connect to the host of a URL; raises Unreachable, CameraTimeout or StreamError with a next step."""
    where = f"[{url.host}]:{url.port}" if ":" in url.host else f"{url.host}:{url.port}"
    context = tls.context() if url.scheme == "rtsps" else None
    connected = await _connect(url, where)
    try:
        if context is None:
            return await asyncio.get_running_loop().create_connection(protocol, sock=connected)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            transport, made = await asyncio.get_running_loop().create_connection(
                protocol, sock=connected, ssl=context, server_hostname=url.host
            )
    except ssl.SSLError as error:
        raise _tls_failure(error, where) from error
    except TimeoutError as error:
        raise CameraTimeout(f"{where} does not finish the TLS handshake: restart the camera") from error
    except OSError as error:
        raise Unreachable(f"{where} closed the connection at once ({_words(error)})") from error
    except BaseException:
        connected.close()
        raise
    try:
        tls.check(transport.get_extra_info("ssl_object").getpeercert(binary_form=True) or b"")
    except StreamError:
        transport.abort()
        raise
    return transport, made


async def _connect(url: RtspUrl, where: str) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise Unreachable(
            f"the name server does not answer for {url.host!r}: check the network, or use the address"
        ) from error
    except (socket.gaierror, UnicodeError) as error:
        raise Unreachable(f"the host {url.host!r} is not known: check the name, or use the camera's address") from error
    failure: CameraError = Unreachable(f"the host {url.host!r} has no address")
    for family, _, _, _, address in found[:MOST_ADDRESSES]:
        endpoint = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            _configure(endpoint)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.sock_connect(endpoint, address)
        except OSError as error:
            endpoint.close()
            failure = _connect_failure(error, where)
        except BaseException:
            endpoint.close()
            raise
        else:
            return endpoint
    raise failure


def _configure(endpoint: socket.socket) -> None:
    """Options that have to stand before the connection does, since it tells the camera the size of the window."""
    for level, option, value in _OPTIONS:
        endpoint.setsockopt(level, option, value)
    if _most_receive_buffer_bytes() >= RECEIVE_BUFFER_BYTES:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


@cache
def _most_receive_buffer_bytes() -> int:
    """What the kernel gives who asks; where that is little (Debian: 208 KiB) its own tuning gives more than asking."""
    try:
        return int(Path("/proc/sys/net/core/rmem_max").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _connect_failure(error: OSError, where: str) -> CameraError:
    if isinstance(error, TimeoutError):
        return Unreachable(f"{where} does not answer: check that the camera has power and network, and its address")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            f"{where} refuses the connection: check the port, and that RTSP is switched on in the camera"
        )
    return Unreachable(f"{where} cannot be reached ({_words(error)}): check the network between here and the camera")


def _tls_failure(error: ssl.SSLError, where: str) -> CameraError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return StreamError(
            f"the certificate of {where} is not trusted ({error.verify_message}): put its SHA-256 into tls.fingerprint"
        )
    reason = (error.reason or "").replace("_", " ").lower()
    if reason in {"wrong version number", "record layer failure"}:
        return StreamError(f"{where} does not speak TLS: use rtsp:// or the camera's port for rtsps")
    return StreamError(f"no TLS with {where} ({reason or 'handshake failed'}): an old camera may need tls.legacy")


def _words(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
