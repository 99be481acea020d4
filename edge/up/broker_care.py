"""What keeps a site's broker serving the site, whatever happened to its memory or lies beyond its bridge.

The site comes first: where the bridge would take the broker down with it, the broker runs without the bridge, and the
events wait in the outboxes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil
import structlog

from edge.clock import Clock
from edge.config import HqLinkConfig
from edge.errors import ConfigError
from edge.mosquitto.certificates import date_fault
from edge.mosquitto.memory import mend, move_aside
from edge.mosquitto.probe import answers, handshake_fault

FAILED_STARTS: Final = 3
"""A broker that ended so often at once is tried with an empty memory."""
AGAIN_S: Final = 60.0
"""Time between two tries of a handshake that failed."""
_BUSY: Final = 0.1
"""Share of a core from which on a broker is asked whether it still answers; one that is asked writes it to its log.

A site's broker needs a hundredth. One that spins gets what a loaded machine has left for it, which may be little.
"""

_log = structlog.get_logger()


class BrokerCare:
    """Looks after one broker before each of its lives and during them; called by one thread at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        port_is_free: Callable[[], bool],
        port: int,
        link: HqLinkConfig | None,
        set_bridge: Callable[[bool], None],
        clock: Clock,
    ) -> None:
        """`set_bridge` writes the configuration of the bridge, or takes it away."""
        self._folder = folder
        self._port = port
        self._port_is_free = port_is_free
        self._link = link
        self._set_bridge = set_bridge
        self._clock = clock
        self._fault: str | None = None
        self._tried_s = self._monotonic_s()
        self._seen: tuple[int, float, float] | None = None

    def before(self, short_lives: int) -> None:
        """Mend the memory, and leave the bridge out where its handshake would fail."""
        try:
            self._mend(short_lives)
            if self._link is not None:
                self._decide_bridge(self._link)
        except ConfigError as error:
            _log.error("broker_files_unusable", error=str(error), next="the broker is started as it is")

    def ailing(self, pid: int) -> str | None:
        """Why the broker must be ended and started again, None where it need not."""
        if self._busy(pid) and not answers(self._port):
            return "it is busy and does not answer"
        if self._link is not None and self._fault is not None and self._monotonic_s() - self._tried_s > AGAIN_S:
            self._tried_s = self._monotonic_s()
            if self._link_fault(self._link) is None:
                return "its bridge can be tried again"
        return None

    def _mend(self, short_lives: int) -> None:
        fault = mend(self._folder)
        if fault is not None:
            _log.error("broker_memory_damaged", fault=fault, next="set aside; what waited there is asked for again")
        elif short_lives >= FAILED_STARTS and self._port_is_free() and move_aside(self._folder):
            _log.error("broker_does_not_start", starts=short_lives, next="tried with an empty memory")

    def _decide_bridge(self, link: HqLinkConfig) -> None:
        self._tried_s = self._monotonic_s()
        fault = self._link_fault(link)
        if fault is not None and fault != self._fault:
            _log.error("hq_handshake_failed", fault=fault, next="the broker runs without its bridge; tried again")
        elif fault is None and self._fault is not None:
            _log.info("hq_handshake_works", next="the broker runs with its bridge again")
        self._fault = fault
        self._set_bridge(fault is None)

    def _link_fault(self, link: HqLinkConfig) -> str | None:
        return date_fault(link, self._clock.wall_ns()) or handshake_fault(link)

    def _monotonic_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    def _busy(self, pid: int) -> bool:
        """Whether it took most of a core since the last look."""
        now_s, before = self._monotonic_s(), self._seen
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            return False
        used_s = times.user + times.system
        self._seen = (pid, now_s, used_s)
        return before is not None and before[0] == pid and used_s - before[2] > _BUSY * (now_s - before[1]) > 0
