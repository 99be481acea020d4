"""Runs an audit: a configuration and what was asked in, a statement and an exit status out. Changes nothing."""

import json as json_text
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TextIO

from edge.audit.compare import differences
from edge.audit.document import document
from edge.audit.gather import AROUND, state_of
from edge.audit.ledger import JournalLedger
from edge.audit.markdown import markdown
from edge.audit.page import print_statement
from edge.audit.place import Place
from edge.audit.statement import Asked, Statement
from edge.check.printable import printable
from edge.check.terminal import progress_bar
from edge.clock import Clock, SystemClock
from edge.errors import ConfigError, StorageError
from edge.events.values import milliseconds
from edge.journal.errors import JournalDamaged, JournalUnavailable
from edge.retention.commands import read_time
from edge.verify.main import step_back, verify
from edge.verify.survey import Scope

FINE: Final = 0
OFF: Final = 1
_NICE: Final = 10
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line; times as a person writes them, in the site's zone.

    `out` is a file name: one with `.md` is written and one with `.json`. `compare` is the JSON of another audit.
    """

    from_: str
    to: str
    site: str | None = None
    channels: tuple[str, ...] = ()
    verify: bool = True
    out: Path | None = None
    compare: Path | None = None


def run(
    config_path: Path | None, wish: Wish, *, json: bool, out: TextIO, err: TextIO | None = None, clock: Clock = _CLOCK
) -> int:
    """Audit a range: 0 the statement is complete and all is as it should be, 1 something is off or cannot be said.

    `out` gets the statement, `err` (stderr) a progress bar on a terminal. Raises ConfigError. Runs at a low priority.
    """
    err = err or sys.stderr
    other = _other(wish.compare)
    step_back(_NICE)
    try:
        place = Place.find(config_path, wish.site)
        with closing(place.reader):
            statement = _audited(place, wish, clock, err)
    except (JournalUnavailable, JournalDamaged) as error:
        err.write(f"edge: the journal cannot be read: {printable(str(error))}\n")
        return OFF
    written = document(statement)
    apart = [] if other is None else differences(written, other)
    written |= {} if other is None else {"differences": apart}
    if wish.out is not None:
        _write(wish.out, {".md": markdown(statement), ".json": _json(written)})
    if json:
        out.write(_json(written))
    else:
        print_statement(statement, _compared(apart, other), out)
    return OFF if statement.problems or apart else FINE


def _audited(place: Place, wish: Wish, clock: Clock, err: TextIO) -> Statement:
    asked = _asked(place, wish)
    now_ms = clock.wall_ns() // 1_000_000
    with progress_bar(err, time_left=True) as progress:
        task = progress.add_task("reading days of channels", total=None)
        statement = state_of(
            JournalLedger(place.reader),
            asked,
            by=place.ledger,
            now_ms=now_ms,
            version=version("saksi"),
            segment_s=place.segment_s,
            done=lambda count, total: progress.update(task, completed=count, total=total),
        )
    if place.config is None or not wish.verify:
        return statement
    scope = Scope(frozenset(asked.channels), asked.from_ms, asked.to_ms)
    try:
        progress = progress_bar(err, time_left=True)
        return replace(statement, files=verify(place.config, scope, progress=progress, clock=clock))
    except (StorageError, OSError) as error:
        return replace(statement, not_verified=f"{place.config.storage.root}: {error}")


def _asked(place: Place, wish: Wish) -> Asked:
    from_ms, to_ms = (milliseconds(read_time(text, place.zone)) for text in (wish.from_, wish.to))
    if to_ms <= from_ms:
        raise ConfigError(f"--from {wish.from_} is not before --to {wish.to}")
    known = set(place.reader.channels((*AROUND, "segment_written")))
    if place.config is not None:
        known |= {channel.id for channel in place.config.channels if channel.enabled}
    unknown = sorted(set(wish.channels) - known)
    if unknown:
        raise ConfigError(f"--channel {unknown[0]} is no channel of {place.site}: {', '.join(sorted(known))}")
    channels = tuple(sorted(set(wish.channels) or known))
    return Asked(place.site, place.zone.key, from_ms, to_ms, channels)


def _other(path: Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    try:
        found = json_text.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--compare {path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"--compare {path} is not the JSON of an edge audit")
    return found


def _compared(apart: Sequence[str], other: Mapping[str, Any] | None) -> list[str]:
    if other is None:
        return []
    return list(apart) or [f"the audit of {other['made']} has the same digest"]


def _json(written: Mapping[str, Any]) -> str:
    return json_text.dumps(written, indent=2) + "\n"


def _write(path: Path, texts: Mapping[str, str]) -> None:
    """Write the files beside each other, each whole or not at all."""
    stem = path.stem if path.suffix in texts else path.name
    for suffix, text in texts.items():
        target = path.with_name(stem + suffix)
        growing = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            growing.write_text(text, encoding="utf-8")
            growing.replace(target)
        except OSError as error:
            growing.unlink(missing_ok=True)
            raise ConfigError(f"--out {path} cannot be written: {error.strerror or error}") from error
