"""Which stretches of recordings nobody could look at. Pure but for what `Footage` has counted."""

from dataclasses import dataclass
from typing import Final

from edge.validator.footage import MOST_GAP_LOOKS, Footage

_MOST_GAP_LOOKS: Final = {"no_keyframe": MOST_GAP_LOOKS + 1, "keyframes_damaged": 3}


@dataclass(slots=True)
class Unseen:
    """A stretch of which no picture could be judged; `reason` is `no_keyframe` or `keyframes_damaged`."""

    reason: str
    from_ms: int
    to_ms: int


class Seen:
    """Up to when a recording was looked at, and the stretches of many looks that were not."""

    def __init__(self, unseen: list[Unseen], every_s: float) -> None:
        self._unseen, self._every_s = unseen, every_s
        self._since_ms = 0
        self._damaged = self._paused_ms = 0
        self._reason = "no_keyframe"
        self._open: Unseen | None = None

    def begin(self, at_ms: int) -> None:
        """What is recorded begins here, at first or after a pause."""
        self._since_ms, self._reason, self._open = at_ms, "no_keyframe", None

    def look(self, at_ms: int, footage: Footage) -> None:
        """A picture was judged."""
        self._pass(at_ms, footage)
        self.begin(at_ms)

    def end(self, at_ms: int, footage: Footage) -> None:
        """A file is over; where a look was due in it and there was none, this is told however short it is."""
        self._pass(at_ms, footage)
        self._damaged = self._paused_ms = 0

    def _pass(self, at_ms: int, footage: Footage) -> None:
        if footage.damaged > self._damaged:
            self._reason = "keyframes_damaged"
        missing_ms = at_ms - self._since_ms - (footage.paused_ms - self._paused_ms)
        self._damaged, self._paused_ms = footage.damaged, footage.paused_ms
        if self._open is not None:
            self._open.reason, self._open.to_ms = self._reason, at_ms
        elif footage.missed or missing_ms > _MOST_GAP_LOOKS[self._reason] * self._every_s * 1000:
            self._open = Unseen(self._reason, self._since_ms, at_ms)
            self._unseen.append(self._open)
