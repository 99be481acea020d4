"""The alarm when two different events come under one number: a copied outbox, or somebody who speaks for another."""

from collections.abc import Sequence
from typing import Final

import structlog

from edge.bus.outbox import OutboxUnavailable
from edge.clock import Clock
from edge.events.catalog import EventsConflicting
from edge.journal.batch import Conflict
from edge.journal.errors import JournalUnavailable
from edge.journal.positions import Process
from edge.journal.store import Journal
from edge.journal.voice import Voice

SAY_EVERY_NS: Final = 60_000_000_000  # a machine that was copied makes one with every event

_log = structlog.get_logger()


class ConflictAlarm:
    """Says one conflict of a process, at most one a minute; the newest of a site stay in the journal.

    A conflict of the process that would say it is only logged: what it says would conflict too.
    """

    def __init__(self, journal: Journal, outbox: Voice, clock: Clock) -> None:
        self._journal = journal
        self._outbox = outbox
        self._clock = clock
        self._said_ns: dict[Process, int] = {}
        self._logged_ns: int | None = None
        self._unsaid = True  # an earlier run may have left some

    def found(self, conflicts: Sequence[Conflict]) -> None:
        """There are new ones in the journal; logged at once and then once a minute."""
        self._unsaid = True
        first, now_ns = conflicts[0], self._clock.monotonic_ns()
        if self._logged_ns is not None and now_ns - self._logged_ns < SAY_EVERY_NS:
            return
        self._logged_ns = now_ns
        _log.error(
            "events_conflicting",
            source=str(first.source),
            epoch=first.source.epoch,
            sequence=first.sequence,
            conflicts=len(conflicts),
            next="see whether two machines run with a copy of the same state_dir",
        )

    def tick(self) -> None:
        """Say what is due."""
        if not self._unsaid:
            return
        self._unsaid = False
        try:
            for conflict in self._journal.unsaid_conflicts():
                self._say(conflict)
        except (JournalUnavailable, OutboxUnavailable) as error:
            _log.warning("conflict_not_said", error=str(error))
            self._unsaid = True

    def _say(self, conflict: Conflict) -> None:
        source = conflict.source
        if not self._is_due(source.speaker):
            self._unsaid = True
            return
        if source.speaker != (self._outbox.site, self._outbox.process):
            said = EventsConflicting(
                source=str(source),
                epoch=source.epoch,
                sequence=conflict.sequence,
                kept_sha256=conflict.kept_sha256,
                refused_sha256=conflict.refused_sha256,
            )
            self._outbox.append(said)
        self._said_ns[source.speaker] = self._clock.monotonic_ns()
        self._journal.conflicts_said(source)

    def _is_due(self, process: Process) -> bool:
        said_ns = self._said_ns.get(process)
        return said_ns is None or self._clock.monotonic_ns() - said_ns >= SAY_EVERY_NS
