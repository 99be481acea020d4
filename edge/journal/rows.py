"""Writing and retiring rows: statements only, inside a transaction that the journal owns."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from edge.journal.arrival import Arrival, Kind, Refusal
from edge.journal.aside import Aside
from edge.journal.batch import Conflict, Key
from edge.journal.positions import Source
from edge.journal.scope import site_in
from edge.journal.tables import conflicts, events, refused, snapshots, sources

KEPT_BYTES: Final = 4_096  # of each refused payload: who floods us gets no more of the disk
_AT_A_TIME: Final = 500  # values in one IN list


def insert_events(
    connection: Connection,
    arrivals: Iterable[Arrival],
    source_numbers: Mapping[Source, int],
    kind_numbers: Mapping[Kind, int],
    *,
    after: int,
) -> None:
    """Store new events at the positions after `after`, in order."""
    rows: list[dict[str, Any]] = [
        {
            "position": position,
            "source": source_numbers[arrival.source],
            "sequence": arrival.sequence,
            "kind": kind_numbers[arrival.kind],
            "event_version": arrival.event_version,
            "time_ms": arrival.time_ms,
            "received_ms": arrival.received_ms,
            "start_ms": arrival.span_ms[0] if arrival.span_ms else None,
            "end_ms": arrival.span_ms[1] if arrival.span_ms else None,
            "understood": arrival.understood,
            "payload": arrival.payload,
        }
        for position, arrival in enumerate(arrivals, after + 1)
    ]
    if rows:
        connection.execute(insert(events), rows)


def stored_payloads(
    connection: Connection, again: Sequence[Arrival], source_numbers: Mapping[Source, int]
) -> dict[Key, bytes]:
    """The payloads that are stored under the numbers of some arrivals; without those that are retired."""
    wanted: dict[Source, list[int]] = {}
    for arrival in again:
        wanted.setdefault(arrival.source, []).append(arrival.sequence)
    found: dict[Key, bytes] = {}
    for source, numbers in wanted.items():
        remaining = iter(numbers)
        while some := list(islice(remaining, _AT_A_TIME)):
            where = (events.c.source == source_numbers.get(source)) & events.c.sequence.in_(some)
            for sequence, payload in connection.execute(select(events.c.sequence, events.c.payload).where(where)):
                found[source, sequence] = payload
    return found


def kept_conflicts(connection: Connection) -> Aside:
    """Which conflicts are stored."""
    columns = select(sources.c.site, conflicts.c.id).join(sources, sources.c.id == conflicts.c.source)
    return Aside.of((site, number) for site, number in connection.execute(columns.order_by(conflicts.c.id)))


def kept_refusals(connection: Connection) -> Aside:
    """Which refused payloads are stored."""
    found = connection.execute(select(refused.c.topic, refused.c.id).order_by(refused.c.id))
    return Aside.of((site_in(topic), number) for topic, number in found)


def insert_conflicts(
    connection: Connection, found: Iterable[Conflict], source_numbers: Mapping[Source, int], aside: Aside
) -> tuple[list[Conflict], Aside]:
    """Keep the conflicts that are not kept yet, as the same bytes come again with every replay.

    Returns those, and which ones are stored then.
    """
    new: dict[int, Conflict] = {}
    for conflict in found:
        row = {
            "source": source_numbers[conflict.source],
            "sequence": conflict.sequence,
            "refused_sha256": conflict.refused_sha256,
        }
        same = [conflicts.c[name] == value for name, value in row.items()]
        if connection.execute(select(func.count()).where(*same)).scalar_one():
            continue
        row |= {
            "kept_sha256": conflict.kept_sha256,
            "received_ms": conflict.received_ms,
            "said": False,
            "payload": conflict.payload,
        }
        number = connection.execute(insert(conflicts).values(row).returning(conflicts.c.id)).scalar_one()
        new[number] = conflict
    added = [(conflict.source.site, number) for number, conflict in new.items()]
    return list(new.values()), _with_new(connection, conflicts, aside, added)


def unsaid_conflicts(connection: Connection) -> list[Conflict]:
    """The first conflict of each source that has some of which nothing was said yet."""
    first = select(func.min(conflicts.c.id)).where(~conflicts.c.said).group_by(conflicts.c.source)
    columns = [column for column in conflicts.c if column is not conflicts.c.payload]
    found = (
        select(*sources.c, *columns)
        .join(sources, sources.c.id == conflicts.c.source)
        .where(conflicts.c.id.in_(first))
        .order_by(conflicts.c.id)
    )
    return [
        Conflict(
            source=Source(row[sources.c.site], row[sources.c.process], row[sources.c.epoch]),
            sequence=row[conflicts.c.sequence],
            kept_sha256=row[conflicts.c.kept_sha256],
            refused_sha256=row[conflicts.c.refused_sha256],
            received_ms=row[conflicts.c.received_ms],
        )
        for row in connection.execute(found).mappings()
    ]


def mark_said(connection: Connection, source: int) -> None:
    """Note that the conflicts of a source were said."""
    connection.execute(update(conflicts).where(conflicts.c.source == source).values(said=True))


def insert_refusals(connection: Connection, refusals: Sequence[Refusal], aside: Aside) -> Aside:
    """Keep payloads that are no events, the beginning of each; returns which ones are stored then."""
    kept = [
        {
            "topic": _storable(refusal.topic),
            "reason": _storable(refusal.reason),
            "received_ms": refusal.received_ms,
            "payload": refusal.payload[:KEPT_BYTES],
        }
        for refusal in refusals
    ]
    if not kept:
        return aside
    added = connection.execute(insert(refused).returning(refused.c.id, refused.c.topic), kept).all()
    rows = [(site_in(topic), number) for number, topic in sorted((number, topic) for number, topic in added)]
    return _with_new(connection, refused, aside, rows)


def refusals(connection: Connection, topics_below: str, limit: int) -> list[Refusal]:
    """The newest refused payloads whose topic begins so, newest first."""
    columns = (refused.c.topic, refused.c.payload, refused.c.reason, refused.c.received_ms)
    found = select(*columns).where(refused.c.topic.startswith(topics_below, autoescape=True))
    return [Refusal(*row) for row in connection.execute(found.order_by(refused.c.id.desc()).limit(limit))]


def newest_position(connection: Connection) -> int:
    """The position of the newest event, 0 for none; the newest row is never retired, so none is given twice."""
    return connection.execute(select(func.max(events.c.position))).scalar() or 0


def retire(connection: Connection, before_ms: int, *, most: int) -> int:
    """Delete the oldest events, from the front only and none that a kept snapshot lacks; returns how many."""
    oldest: int | None = connection.execute(select(func.min(events.c.position))).scalar()
    in_snapshots: int | None = connection.execute(select(func.min(snapshots.c.position))).scalar()
    if oldest is None or in_snapshots is None:
        return 0
    end = min(oldest + most, in_snapshots + 1, newest_position(connection))
    young = select(events.c.position).where(events.c.position < end, events.c.received_ms >= before_ms)
    first_young = connection.execute(young.order_by(events.c.position).limit(1)).scalar()
    if first_young is not None:
        end = first_young
    return connection.execute(delete(events).where(events.c.position < end)).rowcount


def _storable(text: str) -> str:
    """Words that quote a payload, as every database takes them: PostgreSQL refuses NUL, all refuse half a pair."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _with_new(connection: Connection, table: Table, aside: Aside, added: Sequence[tuple[str, int]]) -> Aside:
    """Delete what has to go for rows that were added; returns which ones stay."""
    if not added:
        return aside
    kept, gone = aside.with_new(added)
    for begin in range(0, len(gone), _AT_A_TIME):
        connection.execute(delete(table).where(table.c.id.in_(gone[begin : begin + _AT_A_TIME])))
    return kept
