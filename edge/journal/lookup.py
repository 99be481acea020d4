"""Reading stored events: statements only, on a connection of the journal. A filter is a list of kinds, None for all.

A site may make up as many kinds as there is room for. Of a page of events only so many kinds can have one as it is
long: those whose first event comes first. They are found by one step into the index for each kind, and only their
ranges are read, no further than the first event of the last of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select, union_all

from edge.journal.arrival import Entry
from edge.journal.tables import events, kinds, sources

LONGEST_SEGMENT_MS: Final = 2 * 3600 * 1000  # segment_s is at most an hour, and a cut waits for a keyframe
_KINDS_A_QUERY: Final = 100  # SQLite takes at most 500 SELECTs in one
_NUMBERS_A_QUERY: Final = 500


def entries(
    connection: Connection,
    wanted: Sequence[int] | None,
    *,
    after: int,
    before: int | None,
    limit: int | None,
    newest_first: bool,
) -> list[Entry]:
    """Events with `after` < position < `before`, those first that the order puts first."""
    bounds = [events.c.position > after]
    if before is not None:
        bounds.append(events.c.position < before)
    if wanted is None:
        return _whole(connection, _ordered(_rows().where(*bounds), newest_first=newest_first).limit(limit))
    if limit is not None and len(wanted) > limit:
        wanted, end = _nearest(connection, wanted, bounds, limit=limit, newest_first=newest_first)
        bounds.append(end)
    positions: list[int] = []
    for begin in range(0, len(wanted), _KINDS_A_QUERY):
        some = wanted[begin : begin + _KINDS_A_QUERY]
        positions += _positions(connection, some, bounds, limit=limit, newest_first=newest_first)
    chosen = sorted(positions, reverse=newest_first)[:limit]
    return sorted(at(connection, chosen), key=lambda entry: entry.position, reverse=newest_first)


def segments(
    connection: Connection, kind: Sequence[int], from_ms: int, to_ms: int, *, limit: int, after_ms: int | None
) -> list[Entry]:
    """Segments that reach into a time, by their start, without those announced twice; `after_ms`: start later."""
    found: list[Any] = []
    for number in kind:
        where = [
            events.c.kind == number,
            events.c.start_ms.is_not(None),
            events.c.start_ms > max(from_ms - LONGEST_SEGMENT_MS, -1 if after_ms is None else after_ms),
            events.c.start_ms < to_ms,
        ]
        newest = func.max(events.c.position)
        once = select(events.c.start_ms, newest, func.max(events.c.end_ms)).where(*where, events.c.end_ms > from_ms)
        found += connection.execute(once.group_by(events.c.start_ms).order_by(events.c.start_ms).limit(limit)).all()
    chosen = [position for _, position, _ in sorted(found)[:limit]]
    by_position = {entry.position: entry for entry in at(connection, chosen)}
    return [by_position[position] for position in chosen if position in by_position]


def starts(connection: Connection, kind: Sequence[int], from_ms: int, to_ms: int) -> list[tuple[int, int]]:
    """Start and position of segments that start in a time, by their start; read from the index alone."""
    columns = select(events.c.start_ms, events.c.position)
    within = (events.c.start_ms.is_not(None), events.c.start_ms >= from_ms, events.c.start_ms < to_ms)
    found = [row for number in kind for row in connection.execute(columns.where(events.c.kind == number, *within))]
    return sorted((start_ms, position) for start_ms, position in found)


def payloads(connection: Connection, after: int, limit: int) -> list[tuple[int, bytes]]:
    """Position and payload of understood events, in order."""
    understood = select(events.c.position, events.c.payload).where(events.c.position > after, events.c.understood)
    result = connection.execute(understood.order_by(events.c.position).limit(limit))
    return [(position, payload) for position, payload in result]


def site_payloads(connection: Connection, after: int, limit: int) -> list[tuple[int, str, bytes]]:
    """Position, site and payload of understood events, in order."""
    columns = select(events.c.position, sources.c.site, events.c.payload)
    understood = columns.join(sources, sources.c.id == events.c.source)
    chosen = understood.where(events.c.position > after, events.c.understood).order_by(events.c.position)
    return [(position, site, payload) for position, site, payload in connection.execute(chosen.limit(limit))]


def counts(connection: Connection, wanted: Sequence[int], after: int) -> list[tuple[int, int]]:
    """The kinds that have events after a position, and how many; read from the index alone."""
    found: list[tuple[int, int]] = []
    for begin in range(0, len(wanted), _NUMBERS_A_QUERY):
        ours = (events.c.kind.in_(wanted[begin : begin + _NUMBERS_A_QUERY]), events.c.position > after)
        each = select(events.c.kind, func.count()).where(*ours).group_by(events.c.kind)
        found += [(kind, count) for kind, count in connection.execute(each)]
    return found


def bunches(counted: Iterable[tuple[int, int]], most: int) -> Iterator[list[int]]:
    """Kinds so many together that they have at most so many events; one that has more stands alone."""
    held: list[int] = []
    room = most
    for kind, count in counted:
        if held and count > room:
            yield held
            held, room = [], most
        held.append(kind)
        room -= count
    if held:
        yield held


def kinds_payloads(
    some: Sequence[int], connection: Connection, after: int, limit: int
) -> list[tuple[int, bytes]]:
    """Position and payload of understood events of some kinds, in order."""
    ours = (events.c.kind.in_(some), events.c.position > after, events.c.understood)
    chosen = select(events.c.position, events.c.payload).where(*ours).order_by(events.c.position).limit(limit)
    return [(position, payload) for position, payload in connection.execute(chosen)]


def _nearest(
    connection: Connection,
    wanted: Sequence[int],
    bounds: Sequence[ColumnElement[bool]],
    *,
    limit: int,
    newest_first: bool,
) -> tuple[list[int], ColumnElement[bool]]:
    """The kinds that the first `limit` events can be of, and up to where those events lie."""
    within = select(events.c.position).where(events.c.kind == kinds.c.id, *bounds)
    first = _ordered(within, newest_first=newest_first).limit(1).scalar_subquery()
    found: list[tuple[int, int]] = []
    for begin in range(0, len(wanted), _NUMBERS_A_QUERY):
        some = select(first, kinds.c.id).where(kinds.c.id.in_(wanted[begin : begin + _NUMBERS_A_QUERY]))
        found += [(position, kind) for position, kind in connection.execute(some) if position is not None]
    chosen = sorted(found, reverse=newest_first)[:limit]
    last = chosen[-1][0] if chosen else 0
    end = events.c.position >= last if newest_first else events.c.position <= last
    return [kind for _, kind in chosen], end


def _positions(
    connection: Connection,
    wanted: Sequence[int],
    bounds: Sequence[ColumnElement[bool]],
    *,
    limit: int | None,
    newest_first: bool,
) -> list[int]:
    """The first positions of each kind: every one of them an index range that is read no further than `limit`."""
    each = [
        select(
            _ordered(select(events.c.position).where(events.c.kind == kind, *bounds), newest_first=newest_first)
            .limit(limit)
            .subquery()
        )
        for kind in wanted
    ]
    return list(connection.execute(union_all(*each)).scalars()) if each else []


def at(connection: Connection, positions: Sequence[int]) -> list[Entry]:
    """The events at these positions, in no order."""
    found: list[Entry] = []
    for begin in range(0, len(positions), _NUMBERS_A_QUERY):
        some = positions[begin : begin + _NUMBERS_A_QUERY]
        found += _whole(connection, _rows().where(events.c.position.in_(some)))
    return found


def _rows() -> Select[Any]:
    return (
        select(
            events.c.position,
            sources.c.site,
            sources.c.process,
            sources.c.epoch,
            events.c.sequence,
            kinds.c.event_type,
            events.c.event_version,
            kinds.c.channel,
            events.c.time_ms,
            events.c.received_ms,
            events.c.understood,
            events.c.payload,
        )
        .join(sources, sources.c.id == events.c.source)
        .join(kinds, kinds.c.id == events.c.kind)
    )


def _ordered(query: Select[Any], *, newest_first: bool) -> Select[Any]:
    return query.order_by(events.c.position.desc() if newest_first else events.c.position)


def _whole(connection: Connection, query: Select[Any]) -> list[Entry]:
    return [Entry(*row) for row in connection.execute(query)]
