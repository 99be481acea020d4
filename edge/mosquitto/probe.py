"""Asks brokers from outside: does ours still answer, and would the bridge's handshake with headquarters' succeed.

Mosquitto 2.0.11 never comes back from a TLS handshake of its bridge that fails: within seconds it turns round in a list
of its own for ever, and serves nobody (measured: HQ's certificate expired or signed by another authority, or a peer
that closes during the handshake, on a broker whose clients are quiet; a connection that is refused, or times out, does
no harm).
"""

import socket
import ssl
from contextlib import closing
from typing import Final

from edge.config import HqLinkConfig

ANSWER_S: Final = 10.0
# CONNECT of MQTT 3.1.1 without a name: a broker that lets nobody in says so, which is an answer.
_CONNECT: Final = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"


def answers(port: int, *, timeout_s: float = ANSWER_S) -> bool:
    """Whether the broker on this port of loopback answers at all; blocks for `timeout_s` at most a step."""
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout_s)) as connection:
            connection.sendall(_CONNECT)
            return bool(connection.recv(4))
    except OSError:
        return False


def handshake_fault(link: HqLinkConfig, *, timeout_s: float = ANSWER_S) -> str | None:
    """Why a TLS handshake with headquarters' broker fails, None where it succeeds or nobody is there."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(link.ca_file)
        context.load_cert_chain(link.cert_file, link.key_file)
    except OSError as error:  # ssl's errors are among them
        return f"the certificates of the section hq cannot be used ({error})"
    where = f"{link.host}:{link.port}"
    try:
        connection = socket.create_connection((link.host, link.port), timeout_s)
    except OSError:
        return None
    with closing(connection):
        try:
            context.wrap_socket(connection, server_hostname=link.host).close()
        except ssl.SSLCertVerificationError as error:
            return f"the certificate of {where} is not accepted: {error.verify_message}"
        except TimeoutError:
            return None
        except OSError as error:
            return f"{where} ends the handshake ({error.strerror or error})"
    return None
