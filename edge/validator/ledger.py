"""What the validator remembers over a restart: a row a channel in its outbox's database, written along with events."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog

from edge.bus.outbox import Outbox
from edge.validator.judge import ChannelJudge, StateUnreadableError
from edge.validator.thresholds import Thresholds
from edge.validator.watched import Pace, Watched

STATE_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS watched (
    channel TEXT PRIMARY KEY, judge BLOB NOT NULL, rest TEXT NOT NULL
) WITHOUT ROWID;
"""

_log = structlog.get_logger()


def recall(outbox: Outbox, limits: Mapping[str, Thresholds], pace: Pace) -> dict[str, Watched]:
    """The channels that `limits` names as they were last written, new ones where nothing is known."""
    rows = outbox.read_state(lambda db: db.execute("SELECT channel, judge, rest FROM watched").fetchall())
    kept = {channel: (judge, rest) for channel, judge, rest in rows}
    return {channel: _recalled(channel, kept.get(channel), thresholds, pace) for channel, thresholds in limits.items()}


def keep(channels: Iterable[tuple[str, Watched]]) -> Callable[[sqlite3.Connection], None]:
    """What writes these channels as they are now, inside a transaction of the outbox."""
    rows = [(channel, *watched.dump()) for channel, watched in channels]

    def write(db: sqlite3.Connection) -> None:
        db.executemany("INSERT OR REPLACE INTO watched (channel, judge, rest) VALUES (?, ?, ?)", rows)

    return write


def new(thresholds: Thresholds, pace: Pace) -> Watched:
    """A channel of which nothing is known."""
    return Watched(ChannelJudge(thresholds, confirm=pace.confirm), pace)


def _recalled(channel: str, row: tuple[bytes, str] | None, thresholds: Thresholds, pace: Pace) -> Watched:
    if row is not None:
        try:
            return Watched.load(*row, thresholds, pace)
        except StateUnreadableError as error:
            _log.warning("channel_forgotten", channel=channel, error=str(error), next="it is learned anew")
    return new(thresholds, pace)
