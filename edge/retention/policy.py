"""What the configuration asks of retention, in milliseconds and bytes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from edge.config import Config

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_MARGIN_SHARE: Final = 100
_MOST_MARGIN_BYTES: Final = 8 << 30


@dataclass(frozen=True, slots=True)
class Policy:
    """When segments have to go. `channel_age_ms` and `channel_bytes` name only channels with limits of their own."""

    max_used_percent: float = 90
    min_free_bytes: int = 0
    quarantine_ms: int = 24 * HOUR_MS
    max_age_ms: int | None = None
    channel_age_ms: Mapping[str, int] = field(default_factory=dict)
    channel_bytes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config) -> Self:
        """The policy of a configuration."""
        retention = config.retention
        return cls(
            max_used_percent=retention.max_used_percent,
            min_free_bytes=retention.min_free_bytes,
            quarantine_ms=round(retention.quarantine_hours * HOUR_MS),
            max_age_ms=None if retention.max_age_days is None else round(retention.max_age_days * DAY_MS),
            channel_age_ms={
                channel.id: round(channel.max_age_days * DAY_MS)
                for channel in config.channels
                if channel.max_age_days is not None
            },
            channel_bytes={
                channel.id: channel.max_bytes for channel in config.channels if channel.max_bytes is not None
            },
        )

    def reserve_bytes(self, total_bytes: int) -> int:
        """What has to be free: deletion begins below it."""
        return max(self.min_free_bytes, round(total_bytes * (1 - self.max_used_percent / 100)))

    def low_mark_bytes(self, total_bytes: int) -> int:
        """What deletion makes free once it has begun: a little more, so that it does not begin again at once."""
        return self.reserve_bytes(total_bytes) + min(total_bytes // _MARGIN_SHARE, _MOST_MARGIN_BYTES)

    def age_ms(self, channel: str) -> int | None:
        """How old segments of a channel may get; None for as old as there is room."""
        return self.channel_age_ms.get(channel, self.max_age_ms)


def trusted_ms(before_ms: int | None, wall_ms: int, elapsed_ms: int) -> int:
    """The time that age is measured at: the wall clock, but after a leap ahead it catches up at 25 times its pace.

    A clock that leaps years ahead makes all footage look too old; this gives a day's warning for every hour.
    """
    return wall_ms if before_ms is None else min(wall_ms, before_ms + 25 * max(elapsed_ms, 0))
