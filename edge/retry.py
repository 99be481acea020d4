"""How long to wait before trying again: one policy for cameras, broker and processes. Owns no clock, does not sleep."""

from collections.abc import Callable
from dataclasses import dataclass, replace

_MOST_DOUBLINGS = 64


def delay_s(
    attempt: int,
    *,
    first_s: float,
    most_s: float,
    factor: float = 2.0,
    jitter: float = 0.2,
    random: Callable[[], float],
) -> float:
    """Wait after failure number `attempt` (0 is the first), spread by +-`jitter` and never above `most_s`.

    `random` gives 0 <= x < 1, as `random.random` does; a test passes a constant.
    """
    plain_s = min(most_s, first_s * factor ** min(max(attempt, 0), _MOST_DOUBLINGS))
    return min(most_s, plain_s * (1 + jitter * (2 * random() - 1)))


@dataclass(frozen=True, slots=True)
class Backoff:
    """Restart delays of one supervised process: 0.5, 1, 2, .. seconds; a life of `stable_s` starts them anew."""

    first_s: float = 0.5
    most_s: float = 30.0
    stable_s: float = 30.0
    deaths: int = 0

    def died(self, lived_s: float) -> "Backoff":
        """Return the back-off after a death that came `lived_s` after the start."""
        return replace(self, deaths=1 if lived_s >= self.stable_s else self.deaths + 1)

    @property
    def delay_s(self) -> float:
        """Seconds to wait before the next start; 0 before the first death."""
        if self.deaths == 0:
            return 0.0
        return delay_s(self.deaths - 1, first_s=self.first_s, most_s=self.most_s, jitter=0.0, random=float)
