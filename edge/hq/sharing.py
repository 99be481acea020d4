"""Keeps this process and the others of its headquarters informed of each other, in a thread of its own."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from edge.clock import Clock
from edge.hq.shared import SharedTables, Told
from edge.state.fleet import SiteSummary

EVERY_S: Final = 5.0
_NOTHING: Final = Told({}, ())

_log = structlog.get_logger()


class Sharing:
    """What the other processes told last, as far as the database could be read; any thread."""

    def __init__(self) -> None:
        self._told = _NOTHING

    def addresses(self) -> Mapping[int, str]:
        """Where the other processes are, by their number."""
        return self._told.addresses

    def sites(self) -> tuple[SiteSummary, ...]:
        """The sites of the other processes; the same object as long as nothing changed."""
        return self._told.sites

    def run(
        self, tables: SharedTables, own: Callable[[], Iterable[SiteSummary]], clock: Clock, stop: threading.Event
    ) -> None:
        """Exchange until told to stop; a database that is away is tried again."""
        away = False
        while not stop.is_set():
            try:
                told = tables.exchange(own(), clock.wall_ns() // 1_000_000)
            except (SQLAlchemyError, msgspec.MsgspecError) as error:
                if not away:
                    _log.warning("other_processes_unknown", error=str(error), next="their sites are shown as last told")
                away = True
            else:
                away = False
                self._told = self._told if told == self._told else told
            stop.wait(EVERY_S)
        tables.close()
