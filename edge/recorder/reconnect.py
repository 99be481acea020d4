"""How long to wait before a camera is tried again. Pure, a table.

A camera that does not answer at all is looked for all the time, so that it is recorded within two seconds of its
return. One that answers, but not with a picture, is given growing room. One that refuses the password is left alone for
minutes: cameras lock accounts after about five tries, for half an hour (learncctv, Milestone).
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from edge.errors import AuthFailed, CameraError, Unreachable
from edge.retry import delay_s

MOST_WAIT_S: Final = 10.0
LOOK_S: Final = 1.0
AUTH_FIRST_S: Final = 120.0
AUTH_MOST_S: Final = 1800.0
REFUSALS: Final = 2
STEADY_S: Final = 10.0
"""A stream that lasted so long was a good one: the next failure is a first one again."""


def wait_s(error: CameraError, failures: int, random: Callable[[], float]) -> float:
    """Seconds until the next try, after `failures` (1 or more) in a row; `error` is the last, `random` gives [0, 1)."""
    if isinstance(error, AuthFailed):
        return delay_s(failures - 1, first_s=AUTH_FIRST_S, most_s=AUTH_MOST_S, random=random)
    if failures == 1 and not error.retry_after_s:
        return random() * 0.3  # at once, but not all channels of a site in the same moment
    if isinstance(error, Unreachable):
        return LOOK_S * (0.75 + random() / 2)
    asked_s = min(error.retry_after_s or 0.0, MOST_WAIT_S)
    return min(max(asked_s, delay_s(failures - 2, first_s=0.5, most_s=MOST_WAIT_S / 1.2, random=random)), MOST_WAIT_S)


Account = tuple[str, str, str]
"""Host and port (one address may stand for several cameras), user and password: with another it is tried at once."""


class Accounts:
    """Which accounts are refused, so that the channels of one recorder or encoder do not use up its patience together.

    One refused channel may lack a right, or its camera be in trouble. Two, while no channel streams with the account,
    mean that the account itself is refused: then all its channels wait.
    """

    def __init__(self) -> None:
        self._refused: dict[Account, dict[str, float]] = {}
        self._streaming: Counter[Account] = Counter()

    def refuse(self, account: Account, channel: str, until_s: float) -> None:
        """A channel was refused and will try again at `until_s` (monotonic)."""
        self._refused.setdefault(account, {})[channel] = until_s

    def begin(self, account: Account) -> None:
        """A channel streams: the account works."""
        self._refused.pop(account, None)
        self._streaming[account] += 1

    def end(self, account: Account) -> None:
        """A channel streams no more."""
        self._streaming[account] -= 1

    def wait_s(self, account: Account, now_s: float) -> float:
        """Seconds until any channel may try this account."""
        waits_s = [until_s - now_s for until_s in self._refused.get(account, {}).values() if until_s > now_s]
        return max(waits_s) if len(waits_s) >= REFUSALS and not self._streaming[account] else 0.0
