"""The tracks of all sources, in memory and in the tables `sources` and `spans`; only differences are written.

What a batch or a second costs depends on the sources that it is about, not on how many there are: who lacks something
and who changed are kept as sets.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from edge.journal.positions import Source, Track
from edge.journal.ranges import Range, Ranges
from edge.journal.tables import ANNOUNCED, LOST, RECEIVED, sources, spans

_FIELDS = {RECEIVED: "received", LOST: "lost", ANNOUNCED: "announced"}
_NOTHING = Track()
MOST_SOURCES = 1_000  # of one site: five processes, and an epoch for every outbox that was ever lost
MOST_PROCESSES = 100  # of one site: each may show 64 KiB of what it likes in its heartbeats
MOST_SPANS = 20_000  # received ranges of one site; every replay makes them fewer
_OF_SOURCE = (spans.c.source == bindparam("of")) & (spans.c.what == bindparam("about"))
_SPAN = _OF_SOURCE & (spans.c.first == bindparam("begin"))
_DELETE_SPAN = delete(spans).where(_SPAN)
_UPDATE_SPAN = update(spans).where(_SPAN).values(last=bindparam("end"))
_UPDATE_HEARD = update(sources).where(sources.c.id == bindparam("of")).values(heard=bindparam("newest"))


@dataclass(frozen=True, slots=True)
class Changes:
    """Tracks as a transaction left them, to be kept once it is committed."""

    tracks: Mapping[Source, Track]
    numbers: Mapping[Source, int]  # of all sources
    new: Mapping[Source, int]


class Completeness:
    """What is known of each source; a reader may ask at any time, values do not change."""

    def __init__(self) -> None:
        self._tracks: dict[Source, Track] = {}
        self._stored: dict[Source, Track] = {}  # without what only heartbeats said
        self._numbers: dict[Source, int] = {}
        self._last_number = 0
        self._by_site: dict[str, tuple[Source, ...]] = {}
        self._quiet: dict[str, set[Source]] = {}  # heard, with no event yet
        self._spans: dict[str, int] = {}
        self._troubled: set[Source] = set()
        self._changed: set[Source] = set()
        self._missing = self._lost = 0

    def load(self, connection: Connection) -> None:
        """Read what is stored; what heartbeats said stays."""
        self._numbers, self._stored, self._last_number = {}, {}, 0
        ranges: dict[tuple[int, str], list[Range]] = {}
        for source, what, first, last in connection.execute(select(spans)):
            ranges.setdefault((source, what), []).append((first, last))
        for number, site, process, epoch, heard in connection.execute(select(sources)):
            found = {field: Ranges.of(ranges.get((number, what), ())) for what, field in _FIELDS.items()}
            source = Source(site, process, epoch)
            self._numbers[source] = number
            self._last_number = max(self._last_number, number)
            self._stored[source] = Track(**found, heard=heard)
        for source in {*self._tracks, *self._stored}:
            self._set(source, self._stored.get(source, _NOTHING).with_heard(self.track(source).heard))
        self._changed.update(self._stored)

    @property
    def missing(self) -> int:
        """How many numbers are missing, of all sources."""
        return self._missing

    @property
    def lost(self) -> int:
        """How many numbers are lost, of all sources."""
        return self._lost

    def track(self, source: Source) -> Track:
        """What is known of a source; nothing, for one that was never met."""
        return self._tracks.get(source, _NOTHING)

    def number(self, source: Source) -> int:
        """The number of a stored source."""
        return self._numbers[source]

    def has_room(self, source: Source, sequence: int | None = None) -> bool:
        """Whether a source, or an event of it, can be remembered: who makes up names or holes fills no memory.

        A site with too many holes has room for what closes one or comes next.
        """
        if sequence is not None and self._spans.get(source.site, 0) >= MOST_SPANS and sequence > 1:
            return sequence - 1 in self.track(source).received
        if source in self._tracks:
            return True
        known = {*self._by_site.get(source.site, ()), *self._quiet.get(source.site, ())}
        if source in known:
            return True
        names = {one.process for one in known}
        return len(known) < MOST_SOURCES and (source.process in names or len(names) < MOST_PROCESSES)

    def sources_of(self, site: str | None) -> tuple[Source, ...]:
        """The known sources in their order, of one site or of all."""
        return tuple(sorted(self._tracks)) if site is None else self._by_site.get(site, ())

    def troubled(self) -> dict[Source, Track]:
        """The tracks of which something is missing, or was said to be and is not settled."""
        return {source: self._tracks[source] for source in sorted(self._troubled)}

    def take_changed(self) -> set[Source]:
        """The sources that are held further, or settled further, since this was asked before."""
        changed, self._changed = self._changed, set()
        return changed

    def hear(self, source: Source, newest: int) -> None:
        """Take a heartbeat's word, in memory: it is said again."""
        before = self.track(source)
        if newest > before.heard:
            self._set(source, before.with_heard(newest))
        elif source not in self._tracks:
            self._quiet.setdefault(source.site, set()).add(source)

    def store(self, connection: Connection, tracks: Mapping[Source, Track]) -> Changes:
        """Write what is different; the caller calls `keep` once that is committed."""
        unknown = [source for source in tracks if source not in self._numbers]
        new = {source: self._last_number + place for place, source in enumerate(unknown, 1)}
        numbers = ChainMap(new, self._numbers)
        rows = [{"id": number, **source._asdict(), "heard": tracks[source].heard} for source, number in new.items()]
        _execute(connection, insert(sources), rows)
        heard = [
            {"of": numbers[source], "newest": track.heard}
            for source, track in tracks.items()
            if source in self._stored and self._stored[source].heard != track.heard
        ]
        _execute(connection, _UPDATE_HEARD, heard)
        self._store_spans(connection, tracks, numbers)
        return Changes(tracks, numbers, new)

    def keep(self, changes: Changes) -> None:
        """Remember what was committed."""
        self._numbers.update(changes.new)
        self._last_number += len(changes.new)
        self._stored.update(changes.tracks)
        self._changed.update(changes.tracks)
        for source, track in changes.tracks.items():
            self._set(source, track)

    def _set(self, source: Source, track: Track) -> None:
        before = self._tracks.get(source)
        if before is None:
            self._by_site[source.site] = tuple(sorted((*self._by_site.get(source.site, ()), source)))
            self._quiet.get(source.site, set()).discard(source)
            before = _NOTHING
        more = len(track.received.spans) - len(before.received.spans)
        self._spans[source.site] = self._spans.get(source.site, 0) + more
        self._tracks[source] = track
        self._missing += track.missing.count - before.missing.count
        self._lost += track.lost.count - before.lost.count
        if track.missing or track.announced:
            self._troubled.add(source)
        else:
            self._troubled.discard(source)

    def _store_spans(
        self, connection: Connection, tracks: Mapping[Source, Track], numbers: Mapping[Source, int]
    ) -> None:
        gone: list[dict[str, Any]] = []
        grown: list[dict[str, Any]] = []
        new: list[dict[str, Any]] = []
        for source, track in tracks.items():
            before, number = self._stored.get(source, _NOTHING), numbers[source]
            for what, field in _FIELDS.items():
                then, now = getattr(before, field), getattr(track, field)
                if then is now:
                    continue
                old, fresh = dict(then.spans), dict(now.spans)
                gone += [{"of": number, "about": what, "begin": first} for first in old if first not in fresh]
                for first, last in fresh.items():
                    if first not in old:
                        new.append({"source": number, "what": what, "first": first, "last": last})
                    elif old[first] != last:
                        grown.append({"of": number, "about": what, "begin": first, "end": last})
        _execute(connection, _DELETE_SPAN, gone)
        _execute(connection, _UPDATE_SPAN, grown)
        _execute(connection, insert(spans), new)


def _execute(connection: Connection, statement: Any, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    if rows:
        connection.execute(statement, rows)
