"""The disk's state from one look to the next: what is said when it changes, and how it is remembered over restarts."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from edge.bus.outbox import Outbox
from edge.clock import Clock
from edge.events.catalog import DiskFaulty, DiskFull, DiskLow, DiskMissing, DiskRecovered
from edge.events.data import EventData
from edge.recordings.tree import Space
from edge.retention.device import Mount
from edge.retention.receipts import now_ms
from edge.retention.states import Facts, Fault, State, judge
from edge.retention.voice import Change, Voice

STATE_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS disk_state (
    id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL, since_ms INTEGER NOT NULL, device TEXT
);
"""
_WORDS: Final[dict[Fault, str]] = {
    "read_only": "the disk is mounted read-only: look into the system log, check the file system, mount it again",
    "io_error": "the disk fails to read or write: look into the system log, save what is needed, replace the disk",
    "not_permitted": "segments may not be deleted by this user: run retention as the user who records",
}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the disk; `space` None where it could not be measured."""

    mount: Mount
    space: Space | None
    facts: Facts
    missing_because: str = ""
    hours_left: float | None = None


class DiskWatch:
    """Judges every look and says what changed."""

    def __init__(self, outbox: Outbox, voice: Voice, clock: Clock, changed: Callable[[], None]) -> None:
        """Goes on with the state that was said last; raises OutboxUnavailable."""
        self._voice = voice
        self._clock = clock
        self._changed = changed
        row = outbox.read_state(lambda db: db.execute("SELECT state, since_ms, device FROM disk_state").fetchone())
        self.state: State = row[0] if row else "ok"
        self._since_ms: int = row[1] if row else now_ms(clock)
        self._device: str | None = row[2] if row else None
        self._over_since_ns: int | None = None

    def see(self, look: Look) -> None:
        """Judge a look."""
        facts = replace(look.facts, over_limit_s=self._over_limit_s(look.facts))
        state = judge(self.state, facts)
        if state != "missing" and look.mount.device != self._device:
            self._device = look.mount.device
            self._voice.write(self._noted())
        if state != self.state:
            self._turn(state, look)

    def _over_limit_s(self, facts: Facts) -> float:
        now_ns = self._clock.monotonic_ns()
        if facts.missing or facts.free_bytes >= facts.reserve_bytes:
            self._over_since_ns = None
        elif self._over_since_ns is None:
            self._over_since_ns = now_ns
        return 0.0 if self._over_since_ns is None else (now_ns - self._over_since_ns) / 1e9

    def _turn(self, state: State, look: Look) -> None:
        was, since_ms = self.state, self._since_ms
        self.state, self._since_ms = state, now_ms(self._clock)
        event = self._event(state, was, since_ms, look)
        log = _log.info if state == "ok" else _log.error
        log(event.event_type, mount=look.mount.point, was=was, **_shown(look))
        self._voice.say(event, change=self._noted())
        self._changed()

    def _event(self, state: State, was: State, since_ms: int, look: Look) -> EventData:
        if state == "missing" or look.space is None:
            return DiskMissing(
                mount=look.mount.point,
                expected_device=self._device,
                found_device=look.mount.device,
                detail=look.missing_because,
            )
        if state == "faulty" and look.facts.fault is not None:
            fault = look.facts.fault
            return DiskFaulty(mount=look.mount.point, device=look.mount.device, fault=fault, detail=_WORDS[fault])
        mount, used = look.mount.point, used_percent(look.space)
        total_bytes, free_bytes, reason = look.space.total_bytes, look.space.free_bytes, look.facts.stuck
        if state == "full":
            return DiskFull(
                mount=mount, total_bytes=total_bytes, free_bytes=free_bytes, used_percent=used, reason=reason
            )
        if state == "low":
            return DiskLow(
                mount=mount,
                total_bytes=total_bytes,
                free_bytes=free_bytes,
                used_percent=used,
                hours_left=look.hours_left,
                reason=reason,
            )
        return DiskRecovered(
            was="missing" if was == "ok" else was,
            lasted_s=max(self._since_ms - since_ms, 0) / 1e3,
            mount=mount,
            total_bytes=total_bytes,
            free_bytes=free_bytes,
            used_percent=used,
        )

    def _noted(self) -> Change:
        row = (self.state, self._since_ms, self._device)

        def note(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO disk_state VALUES (1, ?, ?, ?)", row)

        return note


def used_percent(space: Space) -> float:
    """Used of what users may use, as `df` tells it."""
    usable_bytes = space.used_bytes + space.free_bytes
    return round(100 * space.used_bytes / usable_bytes, 2) if usable_bytes else 100.0


def _shown(look: Look) -> dict[str, object]:
    shown: dict[str, object] = {"error": look.missing_because} if look.missing_because else {}
    if look.space is not None:
        shown["free_bytes"] = look.space.free_bytes
    return shown
