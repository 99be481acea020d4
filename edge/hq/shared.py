"""What the processes of one headquarters tell each other through their database: where each is, and how its sites are.

Every process writes rows of its own and reads those of the others, so none waits for another. Beside the journals, in a
schema of its own; losing it loses nothing, as all of it is told again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    insert,
    select,
)
from sqlalchemy.schema import CreateSchema

from edge.hq.unreachable import as_last_told
from edge.journal.scope import partition_of
from edge.state.fleet import SiteSummary

SCHEMA: Final = "saksi_shared"
TELL_MS: Final = 30_000
_SITES_AT_A_TIME: Final = 500

_metadata: Final = MetaData(schema=SCHEMA)
_processes: Final = Table(
    "processes",
    _metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("of_processes", Integer, nullable=False),
    Column("public_url", Text),
    Column("heard_ms", BigInteger, nullable=False),
)
_sites: Final = Table(
    "sites",
    _metadata,
    Column("site", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("told_ms", BigInteger, nullable=False),
    Column("summary", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the other processes told last: addresses by number, and their sites."""

    addresses: Mapping[int, str]
    sites: tuple[SiteSummary, ...]


class SharedTables:
    """The tables as one process uses them; blocking, one thread. What SQLAlchemy raises is for the caller."""

    def __init__(self, engine: Engine, number: int, of: int, public_url: str | None) -> None:
        self._engine = engine
        self._number = number
        self._of = of
        self._public_url = public_url
        self._made = False
        self._told: dict[str, tuple[object, int]] = {}
        self._read_to_ms: dict[int, int] = {}
        self._others: dict[str, tuple[int, SiteSummary]] = {}

    @classmethod
    def open(cls, url: str, number: int, of: int, public_url: str | None) -> "SharedTables":
        """For a PostgreSQL database; connects when it is used first."""
        arguments = {"connect_timeout": 5, "options": "-c statement_timeout=10000"}
        engine = create_engine(url, connect_args=arguments, hide_parameters=True, pool_pre_ping=True, pool_size=1)
        return cls(engine, number, of, public_url)

    def exchange(self, sites: Iterable[SiteSummary], now_ms: int) -> Told:
        """Tell what is new of our sites and read what is new of the others'."""
        if not self._made:
            self._make()
        news = [one for one in sites if self._is_news(one, now_ms)]
        self._tell({one.site: msgspec.json.encode(one) for one in news}, now_ms)
        self._told |= {one.site: (_gist(one), now_ms) for one in news}
        return self._read(now_ms)

    def _is_news(self, one: SiteSummary, now_ms: int) -> bool:
        """Whether a site is to be told of: something of it is different, or what was told is old."""
        told = self._told.get(one.site)
        return told is None or told[0] != _gist(one) or now_ms - told[1] >= TELL_MS

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _make(self) -> None:
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
            _metadata.create_all(connection)
        self._made = True

    def _tell(self, changed: Mapping[str, bytes], now_ms: int) -> None:
        own = {"number": self._number, "of_processes": self._of, "public_url": self._public_url, "heard_ms": now_ms}
        names = list(changed)
        with self._engine.begin() as connection:
            connection.execute(delete(_processes).where(_processes.c.number == self._number))
            connection.execute(insert(_processes).values(own))
            for begin in range(0, len(names), _SITES_AT_A_TIME):
                some = names[begin : begin + _SITES_AT_A_TIME]
                connection.execute(delete(_sites).where(_sites.c.site.in_(some)))
                rows = [
                    {"site": site, "number": self._number, "told_ms": now_ms, "summary": changed[site]} for site in some
                ]
                connection.execute(insert(_sites), rows)

    def _read(self, now_ms: int) -> Told:
        with self._engine.connect() as connection:
            others = connection.execute(
                select(_processes).where(_processes.c.number != self._number, _processes.c.of_processes == self._of)
            ).all()
            heard_ms = {one.number: one.heard_ms for one in others}
            for number in heard_ms:
                newer = select(_sites).where(
                    _sites.c.number == number, _sites.c.told_ms >= self._read_to_ms.get(number, 0)
                )
                for row in connection.execute(newer):
                    if partition_of(row.site, self._of) == number:  # else it is left over from another division
                        self._others[row.site] = number, msgspec.json.decode(row.summary, type=SiteSummary)
                    self._read_to_ms[number] = max(self._read_to_ms.get(number, 0), row.told_ms)
        return Told(
            {one.number: one.public_url.rstrip("/") for one in others if one.public_url},
            tuple(_seen(self._others.values(), heard_ms, now_ms)),
        )


def _gist(one: SiteSummary) -> object:
    """What is told at once when it changes; the rest follows in time."""
    return one.level, one.diagnosis, one.totals, one.disk.state, one.events.missing, one.events.lost, one.processes_well


def _seen(
    others: Iterable[tuple[int, SiteSummary]], heard_ms: Mapping[int, int], now_ms: int
) -> Sequence[SiteSummary]:
    return [as_last_told(one, heard_ms[number], now_ms) for number, one in others if number in heard_ms]
