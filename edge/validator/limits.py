"""The limits that each channel is held to: the site's, with what the channel says otherwise."""

from edge.config import Config
from edge.validator.thresholds import Thresholds


def limits_of(config: Config) -> dict[str, Thresholds]:
    """The thresholds of every enabled channel."""
    site = config.validator.thresholds
    return {
        channel.id: site if channel.validator is None else _with(site, channel.validator)
        for channel in config.channels
        if channel.enabled
    }


def _with(site: Thresholds, own: Thresholds) -> Thresholds:
    """The site's limits, but those that the channel names."""
    return site.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
