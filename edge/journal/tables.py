"""The tables of a journal, for SQLite and PostgreSQL alike.

The one writer gives the numbers of sources, kinds and events itself: so positions have no order but that of commits.

`kinds` makes one small index serve every look-up: an event row holds the number of its (site, process, type, channel),
and a filter is turned into the few kinds that it matches.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION: Final = 1
RECEIVED, LOST, ANNOUNCED = "received", "lost", "announced"

metadata: Final = MetaData()
_Big: Final = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY is SQLite's own row number


def _number(name: str = "id", *, given_by_us: bool = True) -> Column[int]:
    return Column(name, _Big, primary_key=True, autoincrement=not given_by_us)


about: Final = Table("about", metadata, Column("schema_version", Integer, nullable=False))

sources: Final = Table(
    "sources",
    metadata,
    _number(),
    Column("site", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("heard", _Big, nullable=False),  # the source has said that its numbers reach to here
    UniqueConstraint("site", "process", "epoch"),
)

# Which numbers of a source were received, are lost, are said to be missing: inclusive ranges. Those received stand here
# and not only in `events`, as they outlive the rows.
spans: Final = Table(
    "spans",
    metadata,
    Column("source", ForeignKey(sources.c.id), primary_key=True),
    Column("what", Text, primary_key=True),
    Column("first", _Big, primary_key=True, autoincrement=False),
    Column("last", _Big, nullable=False),
    sqlite_with_rowid=False,
)

kinds: Final = Table(
    "kinds",
    metadata,
    _number(),
    Column("site", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("channel", Text),  # null: about the whole site
)

events: Final = Table(
    "events",
    metadata,
    _number("position"),  # order of arrival
    Column("source", ForeignKey(sources.c.id), nullable=False),
    Column("sequence", _Big, nullable=False),
    Column("kind", ForeignKey(kinds.c.id), nullable=False),
    Column("event_version", Integer, nullable=False),
    Column("time_ms", _Big, nullable=False),  # by the envelope
    Column("received_ms", _Big, nullable=False),  # wall clock of this machine
    Column("start_ms", _Big),  # of a segment, else null
    Column("end_ms", _Big),
    Column("understood", Boolean, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # exactly the bytes that came
)
Index("events_by_number", events.c.source, events.c.sequence, unique=True)
Index("events_by_kind", events.c.kind, events.c.position)
_A_SEGMENT: Final = events.c.start_ms.is_not(None)
Index(
    "events_by_start", events.c.kind, events.c.start_ms, sqlite_where=_A_SEGMENT, postgresql_where=_A_SEGMENT
)

conflicts: Final = Table(
    "conflicts",
    metadata,
    _number(given_by_us=False),
    Column("source", ForeignKey(sources.c.id), nullable=False),
    Column("sequence", _Big, nullable=False),
    Column("kept_sha256", Text, nullable=False),
    Column("refused_sha256", Text, nullable=False),
    Column("received_ms", _Big, nullable=False),
    Column("said", Boolean, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # the one that does not count
    UniqueConstraint("source", "sequence", "refused_sha256"),
)

refused: Final = Table(
    "refused",
    metadata,
    _number(given_by_us=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_ms", _Big, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

snapshots: Final = Table(
    "snapshots",
    metadata,
    _number(given_by_us=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", _Big, nullable=False),  # every event up to this one is in it
    Column("sha256", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
