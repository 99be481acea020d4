"""The scalar types that events are made of: checked once, where a value enters, and never again."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

MAX_INTEGER = 2**63 - 1  # SQLite's and PostgreSQL's largest
TIMESTAMP_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
LEVEL_PATTERN = r"^[a-z0-9_-]{1,64}$"
SITE_PATTERN = r"^[a-z0-9-]{1,32}$"
CHANNEL_PATTERN = r"^([a-z0-9-]|[a-z0-9_-]{2,64})$"  # `_` alone stands for "no channel" in topics
ULID_PATTERN = r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
EVENT_ID_PATTERN = r"^[0-7][0-9A-HJKMNP-TV-Z]{25}-[0-9]{20}$"
SOURCE_PATTERN = r"^/[a-z0-9-]{1,32}/[a-z0-9_-]{1,64}$"
PATH_PATTERN = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$"  # no part starts with a dot
MAX_TEXT = 500
MAX_NUMBER = 1e15  # 30 million years in seconds: whatever is made of it is still a number

_TIMESTAMP = re.compile(TIMESTAMP_PATTERN)
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_USER_INFO = re.compile(r"(://[^:/?#@]*):[^?#]*@")
_SECRET_PARAMETER = re.compile(r"((?:pass(?:word|wd|wort)?|pwd|token|secret|key)=)[^&;/?#\s]*", re.IGNORECASE)


def timestamp(time: datetime) -> str:
    """An aware datetime as RFC 3339 UTC, rounded down to milliseconds; raises ValueError for a naive one."""
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_timestamp(text: str) -> datetime:
    """The aware UTC datetime of a timestamp; raises ValueError for any other spelling of a time."""
    if not _TIMESTAMP.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a UTC time as 2026-11-23T02:22:00.123Z")
    return datetime.fromisoformat(text)


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of a timestamp; raises ValueError for any other spelling of a time."""
    return round(parse_timestamp(text).timestamp() * 1000)


def redact(url: str) -> str:
    """A URL with its password, and every parameter that is named like one, replaced by `***`."""
    return _SECRET_PARAMETER.sub(r"\1***", _USER_INFO.sub(r"\1:***@", url))


def _check_timestamp(text: str) -> str:
    parse_timestamp(text)
    return text


def _plain_text(value: Any) -> Any:
    """Words of cameras and operating systems made printable and short: an event is not lost over them."""
    if not isinstance(value, str):
        return value
    text = _SURROGATE.sub("\ufffd", _NOT_TEXT.sub(" ", value)).strip()
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _check_number(value: float) -> float:
    if abs(value) > MAX_NUMBER:
        raise ValueError(f"is beyond {MAX_NUMBER:g}")
    return value


def _to_microseconds(seconds: float) -> float:
    return round(_check_number(seconds), 6)


Timestamp = Annotated[
    str,
    Field(pattern=TIMESTAMP_PATTERN, json_schema_extra={"format": "date-time"}),
    AfterValidator(_check_timestamp),
]
Text = Annotated[str, BeforeValidator(_plain_text), Field(max_length=MAX_TEXT)]
RedactedUrl = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(redact)]
RelativePath = Annotated[str, Field(pattern=PATH_PATTERN, max_length=500)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ChannelId = Annotated[str, Field(pattern=CHANNEL_PATTERN)]
Ulid = Annotated[str, Field(pattern=ULID_PATTERN)]
EventId = Annotated[str, Field(pattern=EVENT_ID_PATTERN)]
Source = Annotated[str, Field(pattern=SOURCE_PATTERN)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER)]
Sequence = Annotated[int, Field(strict=True, ge=1, le=MAX_INTEGER)]
Bytes = Count
Seconds = Annotated[float, Field(strict=True, ge=0), AfterValidator(_to_microseconds)]
SignedSeconds = Annotated[float, Field(strict=True), AfterValidator(_to_microseconds)]
Number = Annotated[float, Field(strict=True), AfterValidator(_check_number)]
NotNegative = Annotated[float, Field(strict=True, ge=0), AfterValidator(_check_number)]
Percent = Annotated[float, Field(strict=True, ge=0, le=100)]
