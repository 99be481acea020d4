"""Sizes, rates and durations in the words of people. Pure."""

from typing import Final

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400

_SIZES: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size_words(size_bytes: float) -> str:
    """Bytes as `30.2 MB`."""
    for scale, unit in _SIZES:
        if size_bytes >= scale * 0.99995:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes:.0f} bytes"


def rate_words(bits_s: float) -> str:
    """Bits a second as `4.1 Mb/s`; more digits where it is little."""
    return f"{bits_s / 1e6:.1f} Mb/s" if bits_s >= 1e6 else f"{bits_s / 1e6:.2f} Mb/s"


def duration_words(seconds: float) -> str:
    """Seconds as `0.5 s`, `42 s`, `2 min`, `1 h 12 min` or `3 days 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE_S)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / HOUR_S), 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def days_words(days: float) -> str:
    """Days as `9.4 days`; years where they are many."""
    if days >= 730:
        return f"{days / 365.25:.0f} years"
    return f"{days:.0f} days" if days >= 100 else f"{round(days, 1):g} days"
