"""A journal as the pages of one site read it: the events of that site and of no other."""

from collections.abc import Sequence

from edge.journal.arrival import Entry
from edge.journal.positions import SourceCompleteness
from edge.journal.store import Journal


class SiteJournal:
    """The part of a journal that is of one site; every method raises JournalUnavailable."""

    def __init__(self, journal: Journal, site: str) -> None:
        self._journal = journal
        self._site = site

    def entries(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        newest_first: bool = False,
        event_types: Sequence[str] = (),
        channels: Sequence[str] = (),
    ) -> list[Entry]:
        """The site's events with `after` < position < `before` that a filter lets through; an empty one lets all."""
        return self._journal.entries(
            after=after,
            before=before,
            limit=limit,
            newest_first=newest_first,
            site=self._site,
            event_types=event_types,
            channels=channels,
        )

    def segments(
        self, channel: str, from_ms: int, to_ms: int, *, limit: int, after_ms: int | None = None
    ) -> list[Entry]:
        """The `segment_written` of a channel's segments that reach into a time, by their start."""
        return self._journal.segments(self._site, channel, from_ms, to_ms, limit=limit, after_ms=after_ms)

    def completeness(self) -> list[SourceCompleteness]:
        """How complete the events of each of the site's processes are."""
        return self._journal.completeness(self._site)

    def newest_position(self) -> int:
        """Position of the newest event in the journal, of whatever site; 0 for none."""
        return self._journal.newest_position()
