"""How far recordings will reach back, and when the disk is full. Pure; rates are those of the last hour and day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.retention.policy import DAY_MS, HOUR_MS

SHORT_SHARE: Final = 1.0
ENOUGH_SHARE: Final = 1.03
"""A promise is broken below the first and held again above the second, so that a quiet night does not flip it."""
MOST_DAYS: Final = 3650.0
_SETTLED_MS: Final = 6 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Recorded:
    """Bytes and milliseconds that a channel recorded in the last hour and in the last day."""

    hour_bytes: int = 0
    hour_ms: int = 0
    day_bytes: int = 0
    day_ms: int = 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """For each channel, the days that recordings will reach back when the disk is at its limit."""

    days: Mapping[str, float]
    bytes_a_day: float


def rate_bytes_ms(recorded: Recorded) -> float:
    """Bytes in a millisecond of recording: over the day once it tells of night and noon, else over the hour."""
    if recorded.day_ms >= _SETTLED_MS:
        return recorded.day_bytes / recorded.day_ms
    return recorded.hour_bytes / recorded.hour_ms if recorded.hour_ms else 0.0


def outlook(
    rates_bytes_ms: Mapping[str, float],
    room_bytes: int,
    shares_bytes: Mapping[str, int],
    ages_ms: Mapping[str, int | None],
) -> Outlook:
    """Days that `room_bytes` hold of channels that record at these rates.

    All channels reach equally far, except those that their own share or age limits: what they leave goes to the others.
    """
    a_day = {channel: rate * DAY_MS for channel, rate in rates_bytes_ms.items() if rate > 0}
    own_days = {channel: _own_days(channel, size, shares_bytes, ages_ms) for channel, size in a_day.items()}
    days: dict[str, float] = {}
    left_bytes, left = float(max(room_bytes, 0)), dict(a_day)
    for channel in sorted(left, key=lambda one: own_days[one]):
        if own_days[channel] > left_bytes / sum(left.values()):
            break
        days[channel] = own_days[channel]
        left_bytes -= own_days[channel] * left.pop(channel)
    for channel in left:
        days[channel] = left_bytes / sum(left.values())
    return Outlook({channel: min(reach, MOST_DAYS) for channel, reach in days.items()}, sum(a_day.values()))


def _own_days(
    channel: str, bytes_a_day: float, shares_bytes: Mapping[str, int], ages_ms: Mapping[str, int | None]
) -> float:
    """The days that the channel's own limits allow."""
    share, age_ms = shares_bytes.get(channel), ages_ms.get(channel)
    by_share = MOST_DAYS if share is None else share / bytes_a_day
    return min(by_share, MOST_DAYS if age_ms is None else age_ms / DAY_MS)


def is_short(was_short: bool, forecast_days: float, promise_days: float) -> bool:
    """Whether the promise will be broken."""
    return forecast_days < promise_days * (ENOUGH_SHARE if was_short else SHORT_SHARE)


def short_from_ms(
    now_ms: int, reach_days: float, forecast_days: float, promise_days: float, until_limit_ms: float
) -> int:
    """When recordings begin to reach back less than promised.

    `reach_days` is how far they reach now, `until_limit_ms` how long until the disk is at its limit. From then on the
    reach goes from what it is to what is forecast while the old footage is replaced, which takes about as long as that.
    """
    reach_then_days = reach_days + until_limit_ms / DAY_MS
    wait_ms = until_limit_ms
    if reach_then_days > promise_days and reach_then_days > forecast_days:
        wait_ms += (reach_then_days - promise_days) / (reach_then_days - forecast_days) * forecast_days * DAY_MS
    return now_ms + round(min(wait_ms, MOST_DAYS * DAY_MS))


def hours_left(free_bytes: int, bytes_s: float, *, held: bool) -> float | None:
    """Until the disk is full at this rate; None when nothing is written or retention holds it at its limit."""
    if held or bytes_s <= 0:
        return None
    return round(free_bytes / bytes_s / 3600, 2)
