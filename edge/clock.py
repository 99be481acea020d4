"""Time, passed in: the wall clock that people read and the monotonic clock that durations are measured on."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What every part of Saksi knows of time."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC; may step."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since some start; never steps."""
        ...


class SystemClock:
    """The machine's clocks."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds since boot."""
        return time.monotonic_ns()


class ManualClock:
    """Clocks that move when they are told to, for tests."""

    def __init__(self, wall_ns: int = 1_795_392_000_000_000_000, monotonic_ns: int = 1_000_000_000_000) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return self._wall_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary start."""
        return self._monotonic_ns

    def advance(self, seconds: float) -> None:
        """Let both clocks run on."""
        step_ns = round(seconds * 1e9)
        self._wall_ns += step_ns
        self._monotonic_ns += step_ns

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as NTP or a person does."""
        self._wall_ns += round(seconds * 1e9)


def utc(wall_ns: int) -> datetime:
    """Wall-clock nanoseconds as an aware UTC datetime (microseconds, rounded down)."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1000)


def rfc3339(wall_ns: int) -> str:
    """Wall-clock nanoseconds as RFC 3339 UTC with milliseconds, e.g. `2026-11-23T02:22:00.123Z`."""
    return utc(wall_ns).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
