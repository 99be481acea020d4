"""Snapshots of state: bytes whose meaning only their owner knows, each true for every event up to its position."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import structlog
from sqlalchemy import Connection, delete, insert, select

from edge.journal.tables import snapshots

KEPT: Final = 2

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What state was after the event at `position`."""

    position: int
    data: bytes


def save(connection: Connection, name: str, version: int, position: int, data: bytes) -> None:
    """Store a snapshot; only the newest two of a name stay, whatever their version."""
    row = {
        "name": name,
        "version": version,
        "position": position,
        "sha256": sha256(data).hexdigest(),
        "data": data,
    }
    connection.execute(insert(snapshots).values(row))
    kept = select(snapshots.c.id).where(snapshots.c.name == name).order_by(snapshots.c.id.desc()).limit(KEPT)
    kept_ids = connection.execute(kept).scalars().all()
    connection.execute(delete(snapshots).where(snapshots.c.name == name, snapshots.c.id < kept_ids[-1]))


def newest(connection: Connection, name: str, version: int) -> Snapshot | None:
    """The newest whole snapshot of this version, None when there is none."""
    mine = select(snapshots.c.id).where(snapshots.c.name == name, snapshots.c.version == version)
    for number in connection.execute(mine.order_by(snapshots.c.id.desc())).scalars().all():
        row = connection.execute(select(snapshots).where(snapshots.c.id == number)).mappings().one()
        if sha256(row["data"]).hexdigest() == row["sha256"]:
            return Snapshot(row["position"], row["data"])
        _log.error("snapshot_damaged", name=name, position=row["position"], next="an older one or all events are used")
    return None
