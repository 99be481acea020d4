"""JSON as it goes over MQTT: one object, one line, UTF-8, compact. Knows nothing of what the object means."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from edge.events.errors import EventTooLarge, PayloadError

MAX_PAYLOAD_BYTES = 65_536

# Terminals act on DEL, C1 and bidirectional controls, and some line readers split at U+2028: all of them travel
# escaped, so that a line of `mosquitto_sub` is one event and shows what it says.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def encode(document: Mapping[str, Any]) -> bytes:
    """One line of JSON, keys in the order of the document; raises PayloadError or EventTooLarge."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        payload = _UNSAFE.sub(_escape, text).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise PayloadError(f"cannot be written as JSON: {error}") from error
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise EventTooLarge(f"{len(payload)} bytes; a payload has at most {MAX_PAYLOAD_BYTES}: split it")
    return payload


def decode(payload: bytes) -> dict[str, Any]:
    """The JSON object in a payload; raises PayloadError, and nothing else, for any other bytes."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadError(f"{len(payload)} bytes; a payload has at most {MAX_PAYLOAD_BYTES}")
    try:
        text = payload.decode()
        document = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair parses, but is no text
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise PayloadError(f"not a JSON object but a {type(document).__name__}")
    return document


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is out of range")
    return number
