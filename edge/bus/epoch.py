"""Epochs: the name of one unbroken series of numbers, and the note beside an outbox that outlives its database.

A number is only ever given once within an epoch. Whoever cannot be sure to go on counting where it stopped begins a new
epoch and says which one came before. The note keeps that answer when the database itself is gone; it is written after
the numbers it names are safe, so it may be behind but is never ahead.
"""

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from edge.events.ulid import ulid
from edge.events.values import ULID_PATTERN

_ULID: Final = re.compile(ULID_PATTERN)
_TIME_DIGITS: Final = 10
_CROCKFORD_TO_32: Final = str.maketrans("ABCDEFGHJKMNPQRSTVWXYZ", "ABCDEFGHIJKLMNOPQRSTUV")


@dataclass(frozen=True, slots=True)
class EpochNote:
    """The newest number known to have been given in an epoch."""

    site: str
    process: str
    epoch: str
    last_sequence: int


def new_epoch(wall_ns: int, previous: str | None = None) -> str:
    """A name for an epoch that begins now; it sorts after `previous` also where the clock went back meanwhile."""
    fresh = ulid(wall_ns, os.urandom(10))
    if previous is None or fresh > previous or not _ULID.fullmatch(previous):
        return fresh
    previous_ms = int(previous[:_TIME_DIGITS].translate(_CROCKFORD_TO_32), 32)
    return ulid((previous_ms + 1) * 1_000_000, os.urandom(10))


def read_note(path: Path) -> EpochNote | None:
    """The note at `path`, or None when there is none that can be read."""
    try:
        fields = json.loads(path.read_bytes())
        return EpochNote(
            site=str(fields["site"]),
            process=str(fields["process"]),
            epoch=str(fields["epoch"]),
            last_sequence=int(fields["last_sequence"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_note(path: Path, note: EpochNote) -> None:
    """Replace the note at `path` in one step; raises OSError when the disk does not take it."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(asdict(note), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
