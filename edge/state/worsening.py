"""When a site has become worse, so that a report must not wait. Pure."""

from collections.abc import Mapping
from typing import Final

from edge.state.views import SiteView

Conditions = Mapping[tuple[str, str], int]
"""How bad each part of a site is, 0 (not named) for well."""

_CHANNEL_RANKS: Final = {"picture_fault": 1, "offline": 2}
_PROCESS_RANKS: Final = {"late": 1, "offline": 2}
_DISK_RANKS: Final = {"low": 1, "faulty": 2, "full": 3, "missing": 4}
_HEALTH_RANKS: Final = {"degraded": 1, "down": 2}


def conditions(view: SiteView) -> Conditions:
    """How bad each channel, process, the disk, the events and the whole are."""
    ranks = {("site", ""): _HEALTH_RANKS.get(view.health, 0), ("disk", ""): _DISK_RANKS.get(view.disk.state, 0)}
    ranks |= {("channel", one.id): _CHANNEL_RANKS.get(one.status, 0) for one in view.channels}
    ranks |= {("process", one.name): _PROCESS_RANKS.get(one.status, 0) for one in view.processes if one.expected}
    for one in view.troubles:
        if one.about in {"disk", "events", "clock"}:
            ranks[one.about, f"{one.code} {one.subject}"] = 1
    return {part: rank for part, rank in ranks.items() if rank}


def worsened(before: Conditions, now: Conditions) -> bool:
    """Whether any part of a site is worse than before, whatever has become better meanwhile."""
    return any(rank > before.get(part, 0) for part, rank in now.items())
