"""Holds what headquarters keeps against what the sites told, byte for byte. Reads files only, of processes that may run."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError


class Key(NamedTuple):
    """Whose event, and which."""

    site: str
    process: str
    epoch: str
    sequence: int


Epoch = tuple[str, str, str]
Told = dict[Key, bytes]
Numbers = dict[Epoch, set[int]]


@dataclass(frozen=True)
class Held:
    """A journal: its events in the order of arrival, what it gave up, what it took for two, what it refused."""

    events: Told
    rows: int
    lost: Numbers
    known: dict[Epoch, int]
    """How far the numbers of each epoch are known to reach."""
    unsettled: int
    """Ranges that were said to be missing, and of which nothing was said since."""
    conflicts: int
    refused: list[tuple[str, str]]
    received_ms: dict[Key, int] = field(repr=False, default_factory=dict)

    def said(self, event_type: str, process: str) -> list[dict]:
        """The data of all events of a type from a process."""
        values = (json.loads(payload) for key, payload in self.events.items() if key.process == process)
        return [value["data"] for value in values if value["type"].split(".")[1] == event_type]


def outbox(path: Path) -> Told:
    """Every event of an outbox; empty when it is not there (yet)."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path, timeout=10)) as db:
        try:
            (meta,) = db.execute("SELECT site, process, epoch FROM meta").fetchall()
            rows = db.execute("SELECT sequence, payload FROM events").fetchall()
        except (sqlite3.OperationalError, ValueError):  # the process is just making its tables
            return {}
    return {Key(*meta, sequence): bytes(payload) for sequence, payload in rows}


def outbox_end(path: Path) -> tuple[Epoch, int]:
    """The epoch of an outbox and how far its numbers reach; 0 while it is just made."""
    with closing(sqlite3.connect(path, timeout=10)) as db:
        try:
            (meta,) = db.execute("SELECT site, process, epoch FROM meta").fetchall()
            (last,) = db.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()
        except (sqlite3.OperationalError, ValueError):
            return ("", "", ""), 0
    return tuple(meta), last


def cursor(path: Path) -> tuple[int, int]:
    """How far its broker has accepted an outbox, and how far headquarters has acked it, as its process knows."""
    with closing(sqlite3.connect(path, timeout=10)) as db:
        published, acked = db.execute("SELECT published, acked FROM cursor").fetchone()
    return published, acked


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection to a journal by its SQLAlchemy URL; of a PostgreSQL its first partition."""
    arguments = {"timeout": 10} if url.startswith("sqlite") else {"options": "-csearch_path=saksi_p1"}
    engine = create_engine(url, connect_args=arguments, poolclass=NullPool)
    with engine.connect() as db:
        yield db


def settled(url: str) -> dict[Epoch, tuple[int, int]]:
    """Of each epoch: how many numbers are held or lost, and how far they are known to reach. Empty while there is none."""
    query = "SELECT site, process, epoch, heard, coalesce(max(last), 0), coalesce(sum(last - first + 1), 0)"
    query += " FROM sources LEFT JOIN spans ON spans.source = sources.id AND what IN ('received', 'lost')"
    query += " GROUP BY site, process, epoch, heard"
    try:
        with reading(url) as db:
            return {tuple(row[:3]): (int(row[5]), max(row[3], row[4])) for row in db.execute(text(query))}
    except DBAPIError:
        return {}


def contiguous_to(url: str, epoch: Epoch) -> int:
    """Up to which number a journal holds every event of an epoch, 0 for none."""
    query = "SELECT last FROM spans JOIN sources ON spans.source = sources.id WHERE what = 'received' AND first = 1"
    query += " AND site = :site AND process = :process AND epoch = :epoch"
    with reading(url) as db:
        found = db.execute(text(query), dict(zip(("site", "process", "epoch"), epoch, strict=True))).fetchone()
    return found[0] if found else 0


def journal(url: str) -> Held | None:
    """What a journal holds; None while there is none."""
    try:
        with reading(url) as db:
            sources = db.execute(text("SELECT id, site, process, epoch, heard FROM sources")).all()
            rows = db.execute(text("SELECT source, sequence, payload, received_ms FROM events ORDER BY position")).all()
            spans = db.execute(text("SELECT source, first, last FROM spans WHERE what = 'lost'")).all()
            unsettled = db.execute(text("SELECT count(*) FROM spans WHERE what = 'announced'")).scalar_one()
            conflicts = db.execute(text("SELECT count(*) FROM conflicts")).scalar_one()
            refused = [tuple(row) for row in db.execute(text("SELECT topic, reason FROM refused"))]
    except DBAPIError:
        return None
    named = {number: (site, process, epoch) for number, site, process, epoch, _ in sources}
    known = {named[number]: heard for number, *_, heard in sources}
    lost: Numbers = defaultdict(set)
    for source, first, last in spans:
        lost[named[source]].update(range(first, last + 1))
        known[named[source]] = max(known[named[source]], last)
    for source, sequence, *_ in rows:
        known[named[source]] = max(known[named[source]], sequence)
    return Held(
        events={Key(*named[source], sequence): bytes(payload) for source, sequence, payload, _ in rows},
        rows=len(rows),
        lost=dict(lost),
        known=known,
        unsettled=unsettled,
        conflicts=conflicts,
        refused=refused,
        received_ms={Key(*named[source], sequence): received for source, sequence, _, received in rows},
    )


def differences(told: Mapping[Key, bytes], held: Held, *, given_up: Iterable[Epoch] = ()) -> list[str]:
    """What keeps the ledger from being proven, in sentences; `given_up`: epochs whose outbox was deleted on purpose.

    Of those, what headquarters does not hold must be named as lost, as far as any trace of it was left behind.
    """
    found: dict[str, list[Key]] = defaultdict(list)
    epochs = set(given_up)
    for key, payload in told.items():
        if key in held.events:
            if held.events[key] != payload:
                found["differ in their bytes"].append(key)
        elif key[:3] not in epochs:
            found["are missing at headquarters"].append(key)
        elif key.sequence not in held.lost.get(key[:3], ()) and key.sequence <= held.known.get(key[:3], 0):
            found["were deleted with their outbox and are not named as lost"].append(key)
    found["were told by nobody"] = [key for key in held.events if key not in told]
    said = [f"{len(keys)} events {what}: {_some(keys)}" for what, keys in found.items() if keys]
    if held.rows != len(held.events):
        said.append(f"{held.rows - len(held.events)} events are held twice")
    said += [
        f"{len(numbers)} numbers of {name} are called lost" for name, numbers in held.lost.items() if name not in epochs
    ]
    if held.unsettled:
        said.append(f"{held.unsettled} ranges were said to be missing, and nothing since")
    if held.conflicts:
        said.append(f"{held.conflicts} events are called conflicting")
    if held.refused:
        said.append(f"{len(held.refused)} messages were refused: {held.refused[:3]}")
    return said


def unnamed(told: Mapping[Key, bytes], held: Held) -> int:
    """Events whose only trace was the outbox that was deleted: told to nobody, so that nobody can name them."""
    return sum(key not in held.events and key.sequence not in held.lost.get(key[:3], ()) for key in told)


def _some(keys: list[Key]) -> str:
    return ", ".join(f"/{key.site}/{key.process} {key.epoch[-6:]} {key.sequence}" for key in sorted(keys)[:3])
