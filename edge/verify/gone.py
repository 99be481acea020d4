"""What is gone from the disk and was told of: receipts of retention, and what it found to be missing."""

import json
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

from edge.journal.store import Journal
from edge.recordings.segment import SegmentName
from edge.state.fact import to_ms
from edge.state.intervals import Intervals
from edge.verify.outbox_file import OutboxFile

Fate = Literal["pruned", "missing"]
_FATES: Final[dict[str, Fate]] = {"disk_pruned": "pruned", "segments_missing": "missing"}
_JOIN_MS: Final = 1000
"""Receipts of segments that follow one another are one range, though the clock was slewed a little between them."""
_A_PAGE: Final = 500


class Gone:
    """Ranges of footage that was told to be gone, by channel."""

    def __init__(self, site: str, state_dir: Path, journal: Journal | None) -> None:
        self._site = site
        self._journal = journal
        self._outbox = OutboxFile(state_dir / "retention.outbox")
        self._position = 0
        self._sequence = 0
        self._ranges: dict[tuple[Fate, str], Intervals] = {}
        self._pruning: set[str] = set()
        self.read_on()

    def read_on(self) -> None:
        """Take in what was told since."""
        for kind, data in chain(self._from_journal(), self._from_outbox()):
            for span in data["channels"]:
                from_ms = to_ms(span["from"])
                intervals = self._ranges.setdefault((_FATES[kind], span["channel"]), Intervals(_JOIN_MS, sys.maxsize))
                intervals.add(from_ms, max(to_ms(span["to"]), from_ms + 1))
        self._pruning = set(self._outbox.column("SELECT path FROM pruning"))

    def fate(self, name: SegmentName) -> Fate | None:
        """What was told of a segment; `pruned` also where it is just being deleted. None where nothing was.

        A run of deleted segments may have had one in it that was missing before: what was missing stays so.
        """
        for fate in ("missing", "pruned"):
            intervals = self._ranges.get((fate, name.channel))
            if intervals is not None and intervals.holds(name.start_ms):
                return fate
        return "pruned" if name.path in self._pruning else None

    def _from_journal(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        kinds = tuple(_FATES)
        while self._journal is not None:
            page = self._journal.entries(site=self._site, event_types=kinds, after=self._position, limit=_A_PAGE)
            for entry in page:
                self._position = entry.position
                if entry.understood:
                    yield entry.event_type, json.loads(entry.payload)["data"]
            if len(page) < _A_PAGE:
                return

    def _from_outbox(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What is in the journal too does no harm twice."""
        newest = self._sequence
        for kind in _FATES:
            for said in self._outbox.events(kind, after=self._sequence):
                newest = max(newest, said.sequence)
                yield kind, said.data
        self._sequence = newest
