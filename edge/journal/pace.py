"""How fast sites write, by the minutes that their events happened in. Pure; time is handed in.

What waited for days comes in a rush as well, but each of its minutes holds no more than any other: only who writes fast
has minutes that are full. A clock that leaps fills one at the most, so the rate is one that several minutes held.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from edge.journal.arrival import Entry

LEAST_EVENTS_S: Final = 20.0
TIMES_USUAL: Final = 10.0
HELD_MINUTES: Final = 3
MOST_MINUTES: Final = 16
"""Of one site: each of its processes may bring what waited, each of another time."""
REMEMBERED_MS: Final = 600_000
_MINUTE_S: Final = 60


class Paces:
    """The newest minutes of which events came, of every site; for one thread at a time."""

    def __init__(self) -> None:
        self._minutes: dict[str, dict[int, tuple[int, int]]] = {}  # site, minute: events, when the newest came
        self._full: set[str] = set()  # sites that had a full minute lately

    def add(self, entries: Iterable[Entry], now_ms: int) -> None:
        """Count new events."""
        new = Counter((entry.site, entry.time_ms // (_MINUTE_S * 1000)) for entry in entries)
        for (site, minute), count in new.items():
            minutes = self._minutes.setdefault(site, {})
            total = minutes.pop(minute, (0, 0))[0] + count
            minutes[minute] = total, now_ms
            if len(minutes) > MOST_MINUTES:
                del minutes[next(iter(minutes))]  # the one that nothing came of for longest
            if total >= LEAST_EVENTS_S * _MINUTE_S:
                self._full.add(site)

    def fast(self, now_ms: int) -> dict[str, float]:
        """The events a second that a site held for some of its newest minutes, where that is many."""
        found = {site: self._events_s(site, now_ms) for site in self._full}
        self._full -= {site for site, events_s in found.items() if events_s is None}
        return {site: events_s for site, events_s in found.items() if events_s is not None}

    def _events_s(self, site: str, now_ms: int) -> float | None:
        """None where no minute is full any longer, or too few are yet: then the next full one is waited for."""
        counts = [count for count, came_ms in self._minutes[site].values() if now_ms - came_ms < REMEMBERED_MS]
        held = sorted(counts, reverse=True)[HELD_MINUTES - 1 : HELD_MINUTES]
        return held[0] / _MINUTE_S if held and held[0] >= LEAST_EVENTS_S * _MINUTE_S else None


def is_flood(events_s: float, usual_s: float) -> bool:
    """Whether a site writes so much more than its channels make that it would fill the disk of whoever keeps it."""
    return events_s >= max(LEAST_EVENTS_S, TIMES_USUAL * usual_s)
