"""When a report is due: at an interval, and at once when the site became worse. Pure; times are monotonic."""

from dataclasses import dataclass
from typing import Final

from edge.state.worsening import Conditions, worsened

LEAST_S: Final = 5.0
"""Time between two reports, whatever happens: a camera that comes and goes must not make one a second."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What the newest report said of the site, and when it was made."""

    at_ns: int
    conditions: Conditions


def is_due(last: Reported | None, now_ns: int, conditions: Conditions, *, every_s: float) -> bool:
    """Whether to report now; `last` None is the first time."""
    if last is None:
        return True
    since_s = (now_ns - last.at_ns) / 1e9
    return since_s >= every_s or (since_s >= LEAST_S and worsened(last.conditions, conditions))
