"""What a request asks for, checked: times, ranges, channels. Raises problems that say what would be right. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from litestar.params import QueryParameter

from edge.web.live import LiveSite
from edge.web.problem import ProblemError

DAY_MS: Final = 86_400_000
MOST_RANGE_DAYS: Final = 62

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST_MS: Final = 946_684_800_000  # 2000
_NEWEST_MS: Final = 4_102_444_800_000  # 2100
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+ -]\d\d:\d\d)", re.ASCII)
_TIME_SCHEMA: Final = {"type": "string", "format": "date-time"}

FromTime = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="Begin of the range, RFC 3339 with any offset; a day before `to` where not given.",
        schema_extra=_TIME_SCHEMA,
    ),
]
ToTime = Annotated[
    str | None,
    QueryParameter(
        name="to", description="End of the range, RFC 3339 with any offset; now where not given.",
        schema_extra=_TIME_SCHEMA,
    ),
]  # fmt: skip


def time_ms(name: str, text: str) -> int:
    """Milliseconds of an RFC 3339 time; raises ProblemError. A `+` that was not escaped comes as a space."""
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError(text)  # noqa: TRY301 - answered like an impossible date
        asked = datetime.fromisoformat(text[:10] + "T" + text[11:].replace(" ", "+").upper())
    except ValueError:
        raise ProblemError(
            400, "bad_time", f"{name}: must be a time as 2026-11-23T02:22:00Z or 2026-11-23T09:22:00+07:00"
        ) from None
    since_ms = (asked - _EPOCH) // timedelta(milliseconds=1)
    if not _OLDEST_MS <= since_ms <= _NEWEST_MS:
        raise ProblemError(400, "bad_time", f"{name}: must be between the years 2000 and 2100")
    return since_ms


def range_ms(from_: str | None, to: str | None, now_ms: int) -> tuple[int, int]:
    """Begin and end of the range that is asked for; raises ProblemError."""
    to_ms = now_ms if to is None else time_ms("to", to)
    from_ms = to_ms - DAY_MS if from_ is None else time_ms("from", from_)
    if to_ms <= from_ms:
        raise ProblemError(400, "bad_range", "to: must be later than from")
    if to_ms - from_ms > MOST_RANGE_DAYS * DAY_MS:
        raise ProblemError(400, "bad_range", f"to: must be at most {MOST_RANGE_DAYS} days after from; ask in parts")
    return from_ms, to_ms


def known_channel(live: LiveSite, channel: str) -> str:
    """The channel, when the configuration has it; raises ProblemError."""
    if all(one.id != channel for one in live.settings):
        raise ProblemError(404, "no_such_channel", "there is no such channel; /api/channels lists those that there are")
    return channel
