"""Whether the MQTT broker answers at all: a TCP connection, no login. Knows no MQTT."""

import socket
from typing import Final

TIMEOUT_S: Final = 2.0


def broker_trouble(host: str, port: int, *, timeout_s: float = TIMEOUT_S) -> str | None:
    """Why the broker cannot be reached, None where it answers; blocks for at most `timeout_s` an address."""
    where = f"{host}:{port}"
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except TimeoutError:
        return f"the broker at {where} does not answer"
    except ConnectionRefusedError:
        return f"nothing listens at {where}, where the broker should be"
    except OSError as error:
        return f"the broker at {where} cannot be reached ({(error.strerror or str(error)).lower()})"
    return None
