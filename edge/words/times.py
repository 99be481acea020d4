"""Moments in the words of people: the site's time zone, the absolute time with the relative beside it. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from edge.events.values import parse_timestamp, timestamp
from edge.words.catalog import Words

JUST_NOW_S: Final = 10
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(time_ms: int) -> datetime:
    """A time in milliseconds as an aware UTC datetime; what no calendar holds becomes its end."""
    try:
        return _EPOCH + timedelta(milliseconds=time_ms)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if time_ms > 0 else datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Times:
    """Times as one reader sees them: a language, a zone, and the moment that counts as now."""

    words: Words
    zone: ZoneInfo
    now_ms: int

    def local(self, time_ms: int) -> datetime:
        """A time in the zone of the site."""
        try:
            return moment_of(time_ms).astimezone(self.zone)
        except OverflowError:
            return moment_of(time_ms)

    def iso(self, time_ms: int) -> str:
        """A time for programs, RFC 3339 in UTC."""
        return timestamp(moment_of(time_ms))

    def clock(self, time_ms: int) -> str:
        """The time of day, as `14:02`."""
        return f"{self.local(time_ms):%H:%M}"

    def seconds(self, time_ms: int) -> str:
        """The time of day with its seconds, as `14:02:31`."""
        return f"{self.local(time_ms):%H:%M:%S}"

    def day(self, day: date) -> str:
        """A day as `Mon 23 Nov 2026`."""
        return f"{self.words('time.weekdays').split()[day.weekday()]} {self._date(day)}"

    def short_day(self, time_ms: int) -> str:
        """The day of a time as `24 Oct`, with the year where it is another one."""
        day = self.local(time_ms).date()
        return self._date(day, year=day.year != self.local(self.now_ms).year)

    def moment(self, time_ms: int) -> str:
        """A time as briefly as it can be told apart: `14:02`, `yesterday 14:02`, `22 Nov 14:02`."""
        return self._told("time.moment", time_ms)

    def at(self, time_ms: int) -> str:
        """The same behind what happened then: `at 14:02`, `yesterday at 14:02`, `on 22 Nov at 14:02`."""
        return self._told("time.at", time_ms)

    def at_both(self, time_ms: int) -> str:
        """That with the relative beside it: `at 14:02, 12 min ago`."""
        return f"{self.at(time_ms)}, {self.ago(time_ms)}"

    def oldest(self, time_ms: int) -> str:
        """How far back something reaches: a day, or the time where that is today."""
        local, today = self.local(time_ms), self.local(self.now_ms)
        return f"{local:%H:%M}" if local.date() == today.date() else self.short_day(time_ms)

    def span(self, since_ms: int) -> str:
        """How long something has lasted, in one unit."""
        return self.words.span((self.now_ms - since_ms) / 1000)

    def ago(self, time_ms: int) -> str:
        """How far a time is from now: `12 min ago`, `in 3 h`."""
        seconds = (self.now_ms - time_ms) / 1000
        if abs(seconds) < JUST_NOW_S:
            return self.words("time.now")
        span = self.words.span(abs(seconds))
        return self.words("time.ago" if seconds > 0 else "time.ahead", span=span)

    def _told(self, key: str, time_ms: int) -> str:
        local, today = self.local(time_ms), self.local(self.now_ms).date()
        clock = f"{local:%H:%M}"
        if local.date() == today:
            return self.words(f"{key}.today", clock=clock)
        if local.date() == today - timedelta(days=1):
            return self.words(f"{key}.yesterday", clock=clock)
        return self.words(f"{key}.day", day=self._date(local.date(), year=local.year != today.year), clock=clock)

    def both(self, time_ms: int) -> str:
        """The absolute time with the relative beside it: `14:02, 12 min ago`."""
        return f"{self.moment(time_ms)}, {self.ago(time_ms)}"

    def after_clock(self, time_ms: int) -> str:
        """What stands beside a time of day that is shown already: `2 min ago`, `yesterday, 17 h ago`."""
        local, today = self.local(time_ms).date(), self.local(self.now_ms).date()
        if local == today:
            return self.ago(time_ms)
        day = self.words("time.yesterday_day") if local == today - timedelta(days=1) else self.short_day(time_ms)
        return f"{day}, {self.ago(time_ms)}"

    def localized(self, text: str) -> str:
        """A text in which every UTC timestamp reads as a time of the site."""
        return localized(text, self.local(self.now_ms))

    def _date(self, day: date, *, year: bool = True) -> str:
        month = self.words("time.months").split()[day.month - 1]
        return f"{day.day} {month} {day.year}" if year else f"{day.day} {month}"


def localized(text: str, beside: datetime) -> str:
    """A text with its UTC timestamps in the zone of another time, without the date where that is the same."""
    return _TIMESTAMP.sub(lambda found: _local_words(found[0], beside), text)


def _local_words(text: str, beside: datetime) -> str:
    try:
        local = parse_timestamp(text).astimezone(beside.tzinfo)
    except (ValueError, OverflowError):
        return text
    return f"{local:%H:%M:%S}" if local.date() == beside.date() else f"{local:%Y-%m-%d %H:%M:%S}"
