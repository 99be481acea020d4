"""The alarm when two different events come under one number: a copied outbox, or somebody who speaks for another."""

from collections.abc import Sequence
from typing import Final

import structlog

from edge.bus.outbox import OutboxUnavailable
from edge.clock import Clock
from edge.events.catalog import EventsConflicting
from edge.journal.batch import Conflict
from edge.journal.errors import JournalUnavailable
from edge.journal.positions import Source
from edge.journal.store import Journal
from edge.journal.voice import Voice

SAY_EVERY_NS: Final = 60_000_000_000  # a machine that was copied makes one with every event

_log = structlog.get_logger()


class ConflictAlarm:
    """Says one conflict of a source, at most one a minute; all of them stay in the journal.

    A conflict of the process that would say it is only logged: what it says would conflict too.
    """

    def __init__(self, journal: Journal, outbox: Voice, clock: Clock) -> None:
        self._journal = journal
        self._outbox = outbox
        self._clock = clock
        self._said_ns: dict[Source, int] = {}
        self._unsaid = True  # an earlier run may have left some

    def found(self, conflicts: Sequence[Conflict]) -> None:
        """There are new ones in the journal."""
        first = conflicts[0]
        _log.error(
            "events_conflicting",
            source=str(first.source),
            epoch=first.source.epoch,
            sequence=first.sequence,
            conflicts=len(conflicts),
            next="see whether two machines run with a copy of the same state_dir",
        )
        self._unsaid = True

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
        if not self._is_due(source):
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
        self._said_ns[source] = self._clock.monotonic_ns()
        self._journal.conflicts_said(source)

    def _is_due(self, source: Source) -> bool:
        said_ns = self._said_ns.get(source)
        return said_ns is None or self._clock.monotonic_ns() - said_ns >= SAY_EVERY_NS
