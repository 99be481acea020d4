"""RTSP messages: bytes to values leniently, values to bytes strictly. Knows no session, socket or interleaved data."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.errors import RtspProtocolError

MOST_HEAD_BYTES: Final = 32_768
MOST_BODY_BYTES: Final = 131_072
USER_AGENT: Final = "Saksi/0.1"

_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(r"RTSP/\d\.\d[ \t]+(\d{3})(?:[ \t]+(.*))?")
_REQUEST_LINE = re.compile(r"([A-Z_]{3,20})[ \t]+(\S+)[ \t]+RTSP/\d\.\d")
_METHODS: Final = (
    "OPTIONS",
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PLAY_NOTIFY",
    "PAUSE",
    "RECORD",
    "REDIRECT",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
)
_BEGINNINGS: Final = (b"RTSP/", *(f"{method} ".encode() for method in _METHODS))
_LONGEST_BEGINNING: Final = max(map(len, _BEGINNINGS))
_BODY_END = re.compile(rb"\$[\x00-\x1f]|^RTSP/\d\.\d +\d{3}", re.MULTILINE)
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f]")


class Headers:
    """The header fields of one message in the order they came; names are compared without regard to case."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        self._fields = tuple(fields)

    def get(self, name: str) -> str | None:
        """The first value of a name, None where it is absent."""
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[str]:
        """Every value of a name."""
        wanted = name.lower()
        return [value for key, value in self._fields if key.lower() == wanted]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._fields)

    def __repr__(self) -> str:
        return f"Headers({list(self._fields)!r})"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the camera."""

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @property
    def cseq(self) -> int | None:
        """The request that the camera says it answers; None where it is absent or no number."""
        return _number(self.headers.get("CSeq"))


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the camera."""

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


def parse_message(buffer: bytearray | memoryview, start: int, end: int) -> tuple[Response | Request, int] | None:
    """Read the message that begins at buffer[start] and say where it ends; None while it is not whole.

    The result is the same however the bytes were split. RtspProtocolError if these bytes begin no message.
    """
    data = bytes(buffer[start : min(end, start + MOST_HEAD_BYTES + MOST_BODY_BYTES)])
    lead = len(data) - len(data.lstrip(b"\r\n"))
    _check_beginning(data[lead : lead + _LONGEST_BEGINNING])
    found = _HEAD_END.search(data, lead, lead + MOST_HEAD_BYTES)
    if found is None:
        if len(data) - lead >= MOST_HEAD_BYTES:
            raise RtspProtocolError(f"a message header does not end within {MOST_HEAD_BYTES} bytes")
        return None
    first_line, fields = _lines(data[lead : found.start()].decode("latin-1"))
    headers = Headers(fields)
    body_end = _body_end(data, found.end(), first_line, headers)
    if body_end is None:
        return None
    return _message(first_line, headers, data[found.end() : body_end]), start + body_end


def write_request(method: str, url: str, cseq: int, fields: Sequence[tuple[str, str]] = ()) -> bytes:
    """Bytes of a request without a body; ValueError if a value would break the line that it stands in."""
    return _write(f"{method} {url} RTSP/1.0", cseq, [("User-Agent", USER_AGENT), *fields])


def write_response(status: int, reason: str, cseq: str, fields: Sequence[tuple[str, str]] = ()) -> bytes:
    """Bytes of an answer without a body; `cseq` is the camera's own word."""
    return _write(f"RTSP/1.0 {status} {reason}", cseq, fields)


def _write(first_line: str, cseq: int | str, fields: Sequence[tuple[str, str]]) -> bytes:
    lines = [first_line, f"CSeq: {cseq}", *(f"{name}: {value}" for name, value in fields)]
    for line in lines:
        if _UNWRITABLE.search(line):
            raise ValueError("a header line must not hold control characters")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _check_beginning(beginning: bytes) -> None:
    """Refuse bytes that no continuation could make a message."""
    if not any(beginning.startswith(known[: len(beginning)]) for known in _BEGINNINGS):
        raise RtspProtocolError("the bytes begin no RTSP message")


def _lines(head: str) -> tuple[str, list[tuple[str, str]]]:
    """The first line, and the header fields with folded lines joined."""
    first_line, *rest = head.split("\n")
    fields: list[tuple[str, str]] = []
    for raw in rest:
        line = _UNWRITABLE.sub(" ", raw).strip()
        if not line:
            continue  # Luma x20 sends a line with one blank before the end of its PLAY answer
        if raw[0] in " \t" and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line}".strip())
            continue
        name, colon, value = line.partition(":")
        if colon and name.strip():
            fields.append((name.strip(), value.strip()))
    return first_line.strip(), fields


def _body_end(data: bytes, body_start: int, first_line: str, headers: Headers) -> int | None:
    """Where the message ends in `data`; None while its body is not whole."""
    length = _number(headers.get("Content-Length"))
    if length is not None:
        if length > MOST_BODY_BYTES:
            raise RtspProtocolError(f"a message body of {length} bytes; at most {MOST_BODY_BYTES} are read")
        return body_start + length if len(data) >= body_start + length else None
    if not _is_open_ended(first_line, headers):
        return body_start
    found = _BODY_END.search(data, body_start, body_start + MOST_BODY_BYTES)
    if found is None and len(data) >= body_start + MOST_BODY_BYTES:
        raise RtspProtocolError(f"a message body without length does not end within {MOST_BODY_BYTES} bytes")
    return found.start() if found else None


def _is_open_ended(first_line: str, headers: Headers) -> bool:
    """Whether the body has no stated length and ends where something else begins."""
    content_type = (headers.get("Content-Type") or "").lower()
    return first_line.startswith("RTSP/") and content_type.startswith("application/sdp")


def _message(first_line: str, headers: Headers, body: bytes) -> Response | Request:
    answer = _STATUS_LINE.fullmatch(first_line)
    if answer:
        return Response(int(answer[1]), (answer[2] or "").strip(), headers, body)
    request = _REQUEST_LINE.fullmatch(first_line)
    if request:
        return Request(request[1], request[2], headers, body)
    raise RtspProtocolError("the first line is neither a status line nor a request line")


def _number(text: str | None) -> int | None:
    """A header's number, blanks around it allowed; None where there is none that makes sense."""
    found = re.match(r"\s*([0-9]{1,10})\b", text or "")
    return int(found[1]) if found else None
