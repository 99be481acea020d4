"""How the disk is judged: ok, low, full, missing or faulty, by one table with hysteresis. Pure."""

import errno
from dataclasses import dataclass
from typing import Final, Literal

from edge.events.catalog import Stuck
from edge.recordings.store import LEAST_FREE_BYTES

State = Literal["ok", "low", "full", "missing", "faulty"]
Fault = Literal["read_only", "io_error", "not_permitted"]

FAULTS: Final[dict[int, Fault]] = {errno.EROFS: "read_only", errno.EIO: "io_error"}
"""Errors that are the disk's and not one file's."""
LOW_AFTER_S: Final = 30.0
"""So long deletion may take to bring the disk below its limit before anybody is told."""
ROOM_AGAIN_BYTES: Final = 4 * LEAST_FREE_BYTES
"""A disk that was full has room again with so much free; full is when the recorder begins no segment."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at one moment. `over_limit_s` is how long less than `reserve_bytes` has been free."""

    missing: bool = False
    fault: Fault | None = None
    free_bytes: int = 0
    min_free_bytes: int = 0
    reserve_bytes: int = 0
    over_limit_s: float = 0.0
    stuck: Stuck | None = None


def judge(state: State, facts: Facts) -> State:
    """The state after these facts; the first row that holds."""
    rows: tuple[tuple[bool, State], ...] = (
        (facts.missing, "missing"),
        (_is_full(state, facts), "full"),
        (facts.fault is not None, "faulty"),
        (_is_low(state, facts), "low"),
    )
    return next((name for holds, name in rows if holds), "ok")


def _is_full(state: State, facts: Facts) -> bool:
    """No room to record; or soon none, as only protected footage is left to delete."""
    again_bytes = max(min(ROOM_AGAIN_BYTES, facts.reserve_bytes), LEAST_FREE_BYTES)
    least_bytes = again_bytes if state == "full" else LEAST_FREE_BYTES
    only_protected = facts.stuck == "protected" and facts.free_bytes < facts.min_free_bytes
    return facts.free_bytes < least_bytes or only_protected


def _is_low(state: State, facts: Facts) -> bool:
    if facts.free_bytes >= facts.reserve_bytes:
        return False
    return state in {"low", "full"} or facts.stuck is not None or facts.over_limit_s >= LOW_AFTER_S
