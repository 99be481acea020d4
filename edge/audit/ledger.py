"""A journal as a statement asks it: payloads become facts. The one place here that knows the journal's reader."""

from collections.abc import Collection, Iterator, Mapping

from edge.audit.gather import Bounds
from edge.audit.holes import Conflicted, Seen
from edge.journal.positions import Source, Track
from edge.journal.site_reader import SEGMENT, SiteReader
from edge.state.fact import Fact, read_fact


class JournalLedger:
    """The events of one site in a journal."""

    def __init__(self, reader: SiteReader) -> None:
        self._reader = reader

    @property
    def unread(self) -> int:
        """How many of the events that were asked for this release does not understand."""
        return self._reader.unread

    def facts(self, event_types: Collection[str]) -> Iterator[Fact]:
        """All events of some types."""
        return map(read_fact, self._reader.payloads(event_types))

    def recorded_channels(self) -> list[str]:
        """The channels of which segments were announced."""
        return self._reader.channels((SEGMENT,))

    def bounds(self, channel: str, from_ms: int, to_ms: int) -> Bounds:
        """Where the segments of a channel begin and end, around a range."""
        return Bounds(*self._reader.starts(channel, from_ms, to_ms))

    def segments(self, channel: str, from_ms: int, to_ms: int) -> Iterator[Fact]:
        """The announcements of segments that start in a time."""
        return map(read_fact, self._reader.segments(channel, from_ms, to_ms))

    def tracks(self) -> Mapping[Source, Track]:
        """What is known of the numbers of each source."""
        return self._reader.tracks()

    def conflicts(self) -> Mapping[Source, list[Conflicted]]:
        """Numbers that were given to two events."""
        return {source: [Conflicted(*one) for one in found] for source, found in self._reader.conflicts().items()}

    def at_or_before(self, source: Source, sequence: int) -> Seen | None:
        """The stored event of a source with a number, or the nearest one before it."""
        found = self._reader.at_or_before(source, sequence)
        return None if found is None else Seen(*found)

    def at_or_after(self, source: Source, sequence: int) -> Seen | None:
        """The stored event of a source with a number, or the nearest one behind it."""
        found = self._reader.at_or_after(source, sequence)
        return None if found is None else Seen(*found)

    def newest(self, source: Source) -> Fact | None:
        """The newest event of a source."""
        payload = self._reader.newest(source)
        return None if payload is None else read_fact(payload)
