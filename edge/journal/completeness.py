"""The tracks of all sources, in memory and in the tables `sources` and `spans`; only differences are written."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from edge.journal.positions import Source, Track
from edge.journal.ranges import Range, Ranges
from edge.journal.tables import ANNOUNCED, LOST, RECEIVED, sources, spans

_FIELDS = {RECEIVED: "received", LOST: "lost", ANNOUNCED: "announced"}
_NOTHING = Track()


@dataclass(frozen=True, slots=True)
class Changes:
    """Tracks as a transaction left them, to be kept once it is committed."""

    tracks: Mapping[Source, Track]
    numbers: Mapping[Source, int]


class Completeness:
    """What is known of each source; a reader may take `tracks` at any time, values in it do not change."""

    def __init__(self) -> None:
        self.tracks: dict[Source, Track] = {}
        self._stored: dict[Source, Track] = {}  # without what only heartbeats said
        self._numbers: dict[Source, int] = {}

    def load(self, connection: Connection) -> None:
        """Read what is stored."""
        ranges: dict[tuple[int, str], list[Range]] = {}
        for source, what, first, last in connection.execute(select(spans)):
            ranges.setdefault((source, what), []).append((first, last))
        for number, site, process, epoch, heard in connection.execute(select(sources)):
            found = {field: Ranges.of(ranges.get((number, what), ())) for what, field in _FIELDS.items()}
            self._numbers[Source(site, process, epoch)] = number
            self._stored[Source(site, process, epoch)] = Track(**found, heard=heard)
        self.tracks = dict(self._stored)

    def track(self, source: Source) -> Track:
        """What is known of a source; nothing, for one that was never met."""
        return self.tracks.get(source, _NOTHING)

    def number(self, source: Source) -> int:
        """The number of a stored source."""
        return self._numbers[source]

    def sources_of(self, site: str | None) -> list[Source]:
        """The known sources, of one site or of all."""
        return sorted(source for source in list(self.tracks) if site in {None, source.site})

    def hear(self, source: Source, newest: int) -> None:
        """Take a heartbeat's word, in memory: it is said again."""
        self.tracks[source] = self.track(source).with_heard(newest)

    def store(self, connection: Connection, tracks: Mapping[Source, Track]) -> Changes:
        """Write what is different; the caller calls `keep` once that is committed."""
        numbers = dict(self._numbers)
        for source, track in tracks.items():
            before = self._stored.get(source)
            if source not in numbers:
                numbers[source] = max(numbers.values(), default=0) + 1
                row = {"id": numbers[source], **source._asdict(), "heard": track.heard}
                connection.execute(insert(sources).values(row))
            elif before is not None and before.heard != track.heard:
                where = sources.c.id == numbers[source]
                connection.execute(update(sources).where(where).values(heard=track.heard))
            _store_spans(connection, numbers[source], before or _NOTHING, track)
        return Changes(tracks, numbers)

    def keep(self, changes: Changes) -> None:
        """Remember what was committed."""
        self._numbers = dict(changes.numbers)
        self._stored.update(changes.tracks)
        self.tracks.update(changes.tracks)


def _store_spans(connection: Connection, source: int, before: Track, after: Track) -> None:
    for what, field in _FIELDS.items():
        old, new = dict(getattr(before, field).spans), dict(getattr(after, field).spans)
        key = (spans.c.source == source) & (spans.c.what == what)
        gone = [first for first in old if first not in new]
        for begin in range(0, len(gone), 500):
            connection.execute(delete(spans).where(key, spans.c.first.in_(gone[begin : begin + 500])))
        for first, last in new.items():
            if first not in old:
                connection.execute(insert(spans).values(source=source, what=what, first=first, last=last))
            elif old[first] != last:
                connection.execute(update(spans).where(key, spans.c.first == first).values(last=last))
