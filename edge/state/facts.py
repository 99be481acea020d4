"""What is known of a site that its events do not say: its settings, as the configuration or a report has them. Pure."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from edge.state.views import ChannelSetting


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long recordings are to be kept, and how full the disk may become; None where that is not known here."""

    promise_days: float | None
    max_used_percent: float | None = None
    min_free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """A site's settings; `channels` in the order of its configuration, `segment_s` the length of its segments."""

    site: str
    timezone: str
    channels: tuple[ChannelSetting, ...]
    segment_s: int
    expected_processes: tuple[str, ...]
    keeping: Keeping

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that people of the site read times in."""
        return ZoneInfo(self.timezone)

    @property
    def names(self) -> dict[str, str]:
        """The channels' names by their ids."""
        return {one.id: one.name for one in self.channels}
