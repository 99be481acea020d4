"""What is wrong with headquarters' own process: that its broker is away, or that its journal takes nothing."""

import threading
from typing import Literal

from edge.clock import Clock

Code = Literal["starting", "broker_away", "journal_unavailable"]


class Condition:
    """The troubles of this process and since when they hold; any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._since_ms: dict[Code, int] = {"starting": self.now_ms()}

    def now_ms(self) -> int:
        """The wall clock in milliseconds."""
        return self._clock.wall_ns() // 1_000_000

    def set(self, code: Code, *, holds: bool) -> None:
        """Say that a trouble holds from now on, or not any more."""
        with self._mutex:
            if holds:
                self._since_ms.setdefault(code, self.now_ms())
            else:
                self._since_ms.pop(code, None)

    def since_ms(self, code: Code) -> int | None:
        """Since when a trouble holds, None where it does not."""
        return self._since_ms.get(code)

    def all(self) -> dict[Code, int]:
        """The troubles, and since when."""
        with self._mutex:
            return dict(self._since_ms)
