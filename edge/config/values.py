"""The kinds of single values that settings have, each refusing what it cannot be. Knows no setting by name."""

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, PlainSerializer, PlainValidator, StringConstraints, ValidationInfo, WithJsonSchema

from edge.config.camera_url import CameraUrl

_SIZE_UNITS = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})")
_SIZE_RULE = "must be a size such as 5GiB, 500MB or a whole number of bytes"
_MOST_BYTES = 2**60
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{64}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_SYSLOG_FORMS = "udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH"


def read_size(value: object) -> int:
    """Read `5GiB`, `500MB` or a plain number of bytes; raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (found := _SIZE.fullmatch(value)) and found[2] in _SIZE_UNITS:
        size = round(float(found[1]) * _SIZE_UNITS[found[2]])
    else:
        raise ValueError(_SIZE_RULE)
    if not 0 <= size <= _MOST_BYTES:
        raise ValueError(f"{_SIZE_RULE}, from 0 to 1024PiB")
    return size


def size_text(size: int) -> str:
    """Write bytes as the configuration does, e.g. `5GiB`; only exact multiples get a unit."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _SIZE_UNITS[unit] == 0:
            return f"{size // _SIZE_UNITS[unit]}{unit}"
    return str(size)


def _read_path(value: object, info: ValidationInfo) -> Path:
    value = str(value) if isinstance(value, Path) else value
    if not isinstance(value, str):
        raise ValueError("must be a path; put it in quotes if it looks like a number")  # noqa: TRY004 - pydantic collects ValueError
    if not value.strip() or _CONTROL.search(value):
        raise ValueError("must be a path without line breaks or control characters")
    if value.startswith("~"):
        raise ValueError("must be a path that does not begin with ~; write it out, e.g. /home/edge/saksi")
    folder = (info.context or {}).get("folder", Path.cwd())
    return Path(os.path.normpath(folder / value))


def _read_zone(value: object) -> str:
    rule = "must be a time zone of this machine, such as Asia/Jakarta or UTC (see timedatectl list-timezones)"
    if not isinstance(value, str):
        raise ValueError(rule)  # noqa: TRY004 - pydantic collects ValueError
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(rule) from error
    return value


def _read_camera_url(value: object) -> CameraUrl:
    if not isinstance(value, str):
        raise ValueError("must be an address: rtsp://user:password@host/path")  # noqa: TRY004 - pydantic collects ValueError
    return CameraUrl.parse(value)


def _check_channel_id(value: str) -> str:
    """In topics `_` stands for no channel."""
    if value == "_":
        raise ValueError("must be more than _, which stands for no channel")
    return value


def _check_host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be a host name or an IP address, without port or scheme")
    return value


def _check_http_url(value: str) -> str:
    parts = _split_url(value, "must be an address: https://HOST/PATH")
    if parts[0] not in {"http", "https"} or not parts[1]:
        raise ValueError("must be an address: https://HOST/PATH")
    if "@" in value.partition("?")[0]:
        raise ValueError("must hold no user name or password; use token_file")
    return value


def _check_syslog_url(value: str) -> str:
    rule = f"must be {_SYSLOG_FORMS}"
    scheme, host, port, path = _split_url(value, rule)
    network = scheme in {"udp", "tcp"} and host and port and path in {"", "/"}
    if not network and not (scheme == "unix" and not host and path.startswith("/")):
        raise ValueError(rule)
    return value


def _split_url(value: str, rule: str) -> tuple[str, str | None, int | None, str]:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(rule) from error
    if _CONTROL.search(value) or " " in value:
        raise ValueError(rule)
    return parts.scheme, parts.hostname, port, parts.path


def _check_fingerprint(value: str) -> str:
    plain = value.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(plain):
        raise ValueError("must be the SHA-256 of the camera's certificate: 64 hexadecimal digits, colons allowed")
    return plain


def _kind(allowed: str, **schema: Any) -> WithJsonSchema:
    """Describe a kind to editors (JSON Schema) and to people (`x-allowed`, used in the documentation and in errors)."""
    return WithJsonSchema({"type": "string", "x-allowed": allowed} | schema)


Size = Annotated[
    int,
    PlainValidator(read_size),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_SIZE.pattern}$"}],
            "x-allowed": "a size such as 5GiB, 500MB or a number of bytes",
        }
    ),
]
FilePath = Annotated[
    Path,
    PlainValidator(_read_path),
    PlainSerializer(str, return_type=str),
    _kind("a path; a relative one starts at the folder of this file", minLength=1),
]
TimeZone = Annotated[str, PlainValidator(_read_zone), _kind("a time zone such as Asia/Jakarta or UTC")]
Url = Annotated[
    CameraUrl,
    PlainValidator(_read_camera_url),
    PlainSerializer(lambda url: url.redacted, return_type=str),
    _kind("rtsp://user:password@host/path or rtsps://...", pattern="^[Rr][Tt][Ss][Pp][Ss]?://"),
]
Host = Annotated[str, AfterValidator(_check_host), _kind("a host name or an IP address")]
HttpUrl = Annotated[str, AfterValidator(_check_http_url), _kind("https://HOST/PATH", pattern="^https?://")]
SyslogUrl = Annotated[str, AfterValidator(_check_syslog_url), _kind(_SYSLOG_FORMS, pattern="^(udp|tcp|unix)://")]
Fingerprint = Annotated[str, AfterValidator(_check_fingerprint), _kind("64 hexadecimal digits, colons allowed")]
SiteId = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$"), _kind("[a-z0-9-]{1,32}", pattern="^[a-z0-9-]{1,32}$")
]
ChannelId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$"),
    AfterValidator(_check_channel_id),
    _kind("[a-z0-9_-]{1,32}", pattern="^[a-z0-9_-]{1,32}$"),
]
AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")]
TopicPrefix = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,3}$"),
    _kind("levels of A-Z a-z 0-9 _ - with / between them"),
]
DisplayName = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,100}$"), _kind("text of 1 to 100 characters")
]
