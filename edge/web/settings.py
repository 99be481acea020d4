"""What the configuration of a site says to those who fold its events: web and reporter. Knows no HTTP."""

from typing import Final

from edge.config import Config
from edge.state.facts import Keeping, SiteFacts
from edge.state.views import ChannelSetting

EXPECTED_PROCESSES: Final = ("recorder", "retention", "validator", "reporter", "web")


def site_facts(config: Config, expected_processes: tuple[str, ...] = EXPECTED_PROCESSES) -> SiteFacts:
    """What a configuration says of its site."""
    retention = config.retention
    return SiteFacts(
        site=config.site,
        timezone=config.timezone,
        channels=tuple(ChannelSetting(one.id, one.label, one.enabled) for one in config.channels),
        segment_s=config.storage.segment_s,
        expected_processes=expected_processes,
        keeping=Keeping(retention.promise_days, retention.max_used_percent, retention.min_free_bytes),
    )
