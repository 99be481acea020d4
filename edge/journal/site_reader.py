"""Reads the events of one site out of a journal that another process may be writing; knows nothing of what they mean.

What is read is what was there when the reader was made: later positions are left out, so that everything that is said
of it is of one moment.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, func, select

from edge.journal.database import Database
from edge.journal.positions import Source, Track
from edge.journal.ranges import Range, Ranges
from edge.journal.tables import ANNOUNCED, LOST, RECEIVED, conflicts, events, kinds, sources, spans

SEGMENT: Final = "segment_written"
_A_PIECE: Final = 2_000


class SiteReader:
    """The events of one site; every method may raise JournalUnavailable and JournalDamaged."""

    def __init__(self, database: Database, site: str) -> None:
        self._unread: set[int] = set()
        self._database = database
        with database.reading() as connection:
            self._numbers, self._tracks = _tracks(connection, site)
            self._kinds = [
                (number, event_type, channel)
                for number, event_type, channel in connection.execute(
                    select(kinds.c.id, kinds.c.event_type, kinds.c.channel).where(kinds.c.site == site)
                )
            ]
            # Last, as PostgreSQL shows each query what is committed by then: what came meanwhile counts as missing.
            self._upto = connection.execute(select(func.max(events.c.position))).scalar() or 0

    @property
    def unread(self) -> int:
        """How many of the events that were asked for so far are not understood."""
        return len(self._unread)

    def close(self) -> None:
        """Let go of the journal."""
        self._database.close()

    def channels(self, event_types: Collection[str]) -> list[str]:
        """The channels that events of some types were said of."""
        return sorted({channel for _, event_type, channel in self._kinds if channel and event_type in event_types})

    def tracks(self) -> Mapping[Source, Track]:
        """What is known of the numbers of each source."""
        return self._tracks

    def payloads(self, event_types: Collection[str]) -> Iterator[bytes]:
        """Understood events of some types, kind by kind in the order of their arrival."""
        for number, event_type, _ in self._kinds:
            if event_type in event_types:
                yield from self._of_kind(number)

    def starts(self, channel: str, from_ms: int, to_ms: int) -> tuple[int | None, int | None, int | None, int | None]:
        """Of the segments of a channel the first start, the last before a range, the first behind it, the last."""
        found: list[list[int]] = [[], [], [], []]
        start = events.c.start_ms
        with self._database.reading() as connection:
            for kind in self._segments_of(channel):
                ours = (events.c.kind == kind, start.is_not(None), events.c.position <= self._upto)
                asked = (
                    select(func.min(start)).where(*ours),
                    select(func.max(start)).where(*ours, start < from_ms),
                    select(func.min(start)).where(*ours, start >= to_ms),
                    select(func.max(start)).where(*ours),
                )
                for place, query in enumerate(asked):
                    value = connection.execute(query).scalar()
                    found[place] += [] if value is None else [value]
        first, before, behind, last = found
        return min(first, default=None), max(before, default=None), min(behind, default=None), max(last, default=None)

    def segments(self, channel: str, from_ms: int, to_ms: int) -> list[bytes]:
        """Understood `segment_written` of segments that start in a time."""
        start = events.c.start_ms
        found: list[bytes] = []
        with self._database.reading() as connection:
            for kind in self._segments_of(channel):
                where = (events.c.kind == kind, start.is_not(None), start >= from_ms, start < to_ms)
                found += self._understood(connection.execute(self._rows(*where)).all())
        return found

    def at_or_before(self, source: Source, sequence: int) -> tuple[int, int] | None:
        """Number and time of the stored event of a source with a number, or of the nearest one before it."""
        number = events.c.sequence
        return self._near(source, number <= sequence, number.desc())

    def at_or_after(self, source: Source, sequence: int) -> tuple[int, int] | None:
        """Number and time of the stored event of a source with a number, or of the nearest one behind it."""
        number = events.c.sequence
        return self._near(source, number >= sequence, number)

    def newest(self, source: Source) -> bytes | None:
        """The newest understood event of a source."""
        where = (events.c.source == self._numbers[source], events.c.understood, events.c.position <= self._upto)
        query = select(events.c.payload).where(*where).order_by(events.c.sequence.desc()).limit(1)
        with self._database.reading() as connection:
            return connection.execute(query).scalar()

    def newest_of(self, event_type: str) -> bytes | None:
        """The understood event of a type that arrived last."""
        ours = [number for number, one, _ in self._kinds if one == event_type]
        where = (events.c.kind.in_(ours), events.c.understood, events.c.position <= self._upto)
        query = select(events.c.payload).where(*where).order_by(events.c.position.desc()).limit(1)
        with self._database.reading() as connection:
            return connection.execute(query).scalar()

    def conflicts(self) -> Mapping[Source, list[tuple[int, str, str]]]:
        """Numbers that were given twice: the number, the hash of the event that counts and of the one that does not."""
        by_number = {number: source for source, number in self._numbers.items()}
        columns = select(conflicts.c.source, conflicts.c.sequence, conflicts.c.kept_sha256, conflicts.c.refused_sha256)
        found: dict[Source, list[tuple[int, str, str]]] = {}
        with self._database.reading() as connection:
            for number, *what in connection.execute(columns.order_by(conflicts.c.id)):
                if number in by_number:
                    found.setdefault(by_number[number], []).append((what[0], what[1], what[2]))
        return found

    def _segments_of(self, channel: str) -> list[int]:
        return [number for number, event_type, one in self._kinds if (event_type, one) == (SEGMENT, channel)]

    def _of_kind(self, kind: int) -> Iterator[bytes]:
        after = 0
        while True:
            where = (events.c.kind == kind, events.c.position > after)
            query = self._rows(*where).order_by(events.c.position).limit(_A_PIECE)
            with self._database.reading() as connection:
                piece = connection.execute(query).all()
            yield from self._understood(piece)
            if len(piece) < _A_PIECE:
                return
            after = piece[-1].position

    def _rows(self, *where: ColumnElement[bool]) -> Any:
        columns = select(events.c.position, events.c.understood, events.c.payload)
        return columns.where(*where, events.c.position <= self._upto)

    def _understood(self, rows: Collection[Row[Any]]) -> list[bytes]:
        self._unread.update(row.position for row in rows if not row.understood)
        return [row.payload for row in rows if row.understood]

    def _near(self, source: Source, where: ColumnElement[bool], order: Any) -> tuple[int, int] | None:
        ours = (events.c.source == self._numbers[source], where, events.c.position <= self._upto)
        query = select(events.c.sequence, events.c.time_ms).where(*ours).order_by(order).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row.sequence, row.time_ms)


def _tracks(connection: Connection, site: str) -> tuple[dict[Source, int], dict[Source, Track]]:
    ours = select(sources.c.id).where(sources.c.site == site)
    ranges: dict[tuple[int, str], list[Range]] = {}
    for number, what, first, last in connection.execute(select(spans).where(spans.c.source.in_(ours))):
        ranges.setdefault((number, what), []).append((first, last))
    numbers: dict[Source, int] = {}
    tracks: dict[Source, Track] = {}
    for number, _, process, epoch, heard in connection.execute(select(sources).where(sources.c.site == site)):
        source = Source(site, process, epoch)
        numbers[source] = number
        received, lost, announced = (Ranges.of(ranges.get((number, what), ())) for what in (RECEIVED, LOST, ANNOUNCED))
        tracks[source] = Track(received, lost, announced, heard)
    return numbers, tracks
