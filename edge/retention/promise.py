"""The promise of `promise_days` against what the disk will keep at today's bitrate; says once when that changes."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.bus.outbox import Outbox
from edge.clock import Clock
from edge.events.catalog import RetentionRestored, RetentionShort
from edge.recordings.catalog import Catalog
from edge.retention.forecast import Outlook, Recorded, is_short, outlook, rate_bytes_ms, short_from_ms
from edge.retention.policy import DAY_MS, HOUR_MS, Policy
from edge.retention.receipts import now_ms, wire
from edge.retention.voice import Change, Voice

CONFIRM: Final = 3
"""Forecasts in a row that must agree before it is said that a promise breaks or holds."""
STATE_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS short (channel TEXT PRIMARY KEY) WITHOUT ROWID;"


@dataclass(frozen=True, slots=True)
class Room:
    """What recordings have: used by them and free down to the limit, without what is protected."""

    recordings_bytes: int
    until_limit_bytes: int
    protected_bytes: int

    @property
    def in_all_bytes(self) -> int:
        """What deletion can make use of."""
        return max(self.recordings_bytes + self.until_limit_bytes - self.protected_bytes, 0)


class Promise:
    """Forecasts, and who was told to be short."""

    def __init__(self, outbox: Outbox, voice: Voice, clock: Clock) -> None:
        """Goes on with what was said last; raises OutboxUnavailable."""
        self.outlook = Outlook({}, 0.0)
        self._voice = voice
        self._clock = clock
        self._short = set(outbox.read_state(lambda db: [row[0] for row in db.execute("SELECT channel FROM short")]))
        self._in_a_row: dict[str, int] = {}

    def look(self, catalog: Catalog, policy: Policy, promise_days: float, room: Room) -> None:
        """Make a new forecast."""
        lately = recorded_lately(catalog, now_ms(self._clock))
        rates = {name: rate_bytes_ms(recorded) for name, recorded in lately.items()}
        ages_ms = {channel: policy.age_ms(channel) for channel in rates}
        self.outlook = outlook(rates, room.in_all_bytes, policy.channel_bytes, ages_ms)
        for channel, days in self.outlook.days.items():
            age_ms = ages_ms[channel]
            promised = promise_days if age_ms is None else min(promise_days, age_ms / DAY_MS)
            self._judge(catalog, channel, days, promised, room)

    def _judge(self, catalog: Catalog, channel: str, days: float, promised: float, room: Room) -> None:
        was_short = channel in self._short
        if is_short(was_short, days, promised) == was_short:
            self._in_a_row.pop(channel, None)
            return
        self._in_a_row[channel] = self._in_a_row.get(channel, 0) + 1
        if self._in_a_row[channel] < CONFIRM:
            return
        del self._in_a_row[channel]
        promise, forecast = round(promised, 2), round(days, 2)
        if was_short:
            self._short.discard(channel)
            restored = RetentionRestored(channel=channel, promise_days=promise, forecast_days=forecast)
            self._voice.say(restored, channel, _noted(channel, short=False))
            return
        self._short.add(channel)
        since_ms = self._short_from_ms(catalog, channel, days, promised, room)
        short = RetentionShort(
            channel=channel, promise_days=promise, forecast_days=forecast, short_from=wire(since_ms)
        )
        self._voice.say(short, channel, _noted(channel, short=True))

    def _short_from_ms(self, catalog: Catalog, channel: str, days: float, promised: float, room: Room) -> int:
        extremes = catalog.extremes(channel)
        now = now_ms(self._clock)
        reach_days = 0.0 if extremes is None else max(now - extremes[0], 0) / DAY_MS
        until_limit_ms = max(room.until_limit_bytes, 0) / self.outlook.bytes_a_day * DAY_MS
        return short_from_ms(now, reach_days, days, promised, until_limit_ms)


def recorded_lately(catalog: Catalog, now: int) -> Mapping[str, Recorded]:
    """What every channel recorded in the last hour and in the last day."""
    hour, day = catalog.bytes_since(now - HOUR_MS), catalog.bytes_since(now - DAY_MS)
    return {name: Recorded(*hour.get(name, (0, 0)), *sums) for name, sums in day.items()}


def _noted(channel: str, *, short: bool) -> Change:
    def note(db: sqlite3.Connection) -> None:
        query = "INSERT OR IGNORE INTO short VALUES (?)" if short else "DELETE FROM short WHERE channel = ?"
        db.execute(query, (channel,))

    return note
