"""Sites of another process of headquarters that is itself not heard: what it told of them last is old. Pure."""

from dataclasses import replace
from typing import Final

from edge.state.fleet import USUAL_LEVELS, Diagnosis, SiteSummary

QUIET_MS: Final = 60_000


def as_last_told(one: SiteSummary, heard_ms: int, now_ms: int) -> SiteSummary:
    """A site as its process told it; unseen since that was heard last, where that is long ago."""
    if now_ms - heard_ms < QUIET_MS:
        return one
    return replace(one, level=USUAL_LEVELS["unseen"], diagnosis=Diagnosis("unseen", heard_ms))
