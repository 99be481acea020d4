"""Pictures of looks for people: decoded again in a size that shows something, and kept as evidence or as reference."""

from functools import partial
from typing import Final

import structlog

from edge.clock import Clock
from edge.validator.evidence import Evidence
from edge.validator.looker import Look, Looker

REFERENCE_S: Final = 6 * 3600.0
"""How a channel looks when it is well is kept anew after that."""

_log = structlog.get_logger()


class Gallery:
    """The kept pictures of a site; a disk that takes none of them stops nothing."""

    def __init__(self, evidence: Evidence, looker: Looker, clock: Clock) -> None:
        self._evidence = evidence
        self._looker = looker
        self._clock = clock
        self._reference_due_ns: dict[str, int] = {}

    async def keep(self, channel: str, look: Look) -> str | None:
        """Keep what a look showed; returns its path in the folder of pictures, None where that cannot be."""
        jpeg = await self._looker.jpeg(look)
        if jpeg is None:
            return None
        try:
            return await self._looker.on_disk(partial(self._evidence.keep, channel, look.keyframe.taken_ms, jpeg))
        except (OSError, TimeoutError) as error:
            _log.warning("picture_not_kept", channel=channel, error=str(error))
            return None

    async def refresh_reference(self, channel: str, look: Look) -> None:
        """Keep how the channel looks when it is well, unless the picture that is kept is young enough."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._reference_due_ns.get(channel, 0):
            return
        self._reference_due_ns[channel] = now_ns + round(REFERENCE_S * 1e9)
        try:
            now_s = self._clock.wall_ns() / 1e9
            age_s = await self._looker.on_disk(partial(self._evidence.reference_age_s, channel, now_s))
            if age_s is None or abs(age_s) > REFERENCE_S:
                jpeg = await self._looker.jpeg(look)
                if jpeg is not None:
                    await self._looker.on_disk(partial(self._evidence.keep_reference, channel, jpeg))
        except (OSError, TimeoutError) as error:
            _log.warning("picture_not_kept", channel=channel, error=str(error))
