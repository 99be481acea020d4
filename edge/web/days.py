"""A day of the site's time zone as a line: its ends, its hours, the days beside it. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from edge.words.times import Times

FIRST_DAY: Final = date(2000, 1, 1)
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Hour:
    """A mark on the line, `left` in percent; `rank` 0 is kept on the narrowest screens, 2 on the widest only."""

    left: float
    label: str
    rank: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day from its first to its last moment; 23 or 25 hours long where clocks change."""

    day: date
    start_ms: int
    end_ms: int
    hours: tuple[Hour, ...]
    previous: date | None
    following: date | None
    now: float | None
    """Where now is, in percent; None on another day."""


def day_of(wanted: date | None, times: Times) -> Day:
    """A day of the site; today for none, and for one that is yet to come."""
    today = times.local(times.now_ms).date()
    day = max(FIRST_DAY, min(wanted or today, today))
    start_ms, end_ms = _midnight_ms(day, times), _midnight_ms(day + timedelta(days=1), times)
    now = round((times.now_ms - start_ms) * 100 / (end_ms - start_ms), 3) if day == today else None
    return Day(
        day,
        start_ms,
        end_ms,
        _hours(start_ms, end_ms, times),
        day - timedelta(days=1) if day > FIRST_DAY else None,
        day + timedelta(days=1) if day < today else None,
        now,
    )


def _midnight_ms(day: date, times: Times) -> int:
    return int(datetime.combine(day, time.min, times.zone).timestamp() * 1000)


def _hours(start_ms: int, end_ms: int, times: Times) -> tuple[Hour, ...]:
    found = []
    for at_ms in range(start_ms, end_ms, HOUR_MS):
        local = times.local(at_ms)
        rank = 0 if local.hour % 6 == 0 else 1 if local.hour % 3 == 0 else 2
        left = round((at_ms - start_ms) * 100 / (end_ms - start_ms), 3)
        found.append(Hour(left, f"{local:%H:%M}" if local.minute else f"{local:%H}", rank))
    return tuple(found)
