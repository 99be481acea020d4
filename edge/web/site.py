"""What the handlers work with: one site, whose parts come one after the other while the process starts."""

from dataclasses import dataclass

from edge.bus.asking import Asking
from edge.clock import Clock
from edge.config import Config
from edge.journal.ingest import Ingest
from edge.journal.store import Journal
from edge.state.views import ChannelSetting
from edge.web.live import LiveSite, NotReady
from edge.web.pictures import Pictures


@dataclass(slots=True)
class Site:
    """A site on the web. `config` is replaced by a reload; what may be None is so until it is open."""

    config: Config
    live: LiveSite
    pictures: Pictures
    clock: Clock
    journal: Journal | None = None
    ingest: Ingest | None = None
    asking: Asking | None = None

    def opened_journal(self) -> Journal:
        """The journal; raises NotReady until it is open."""
        if self.journal is None:
            raise NotReady("the journal of this site is still being opened; try again in a few seconds")
        return self.journal


def channel_settings(config: Config) -> list[ChannelSetting]:
    """The channels of a configuration as the views want them."""
    return [ChannelSetting(one.id, one.label, one.enabled) for one in config.channels]
