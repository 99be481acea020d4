"""What the handlers work with: one site, whose parts come one after the other while the process starts."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.bus.asking import Asking
from edge.clock import Clock
from edge.journal.ingest import Ingest
from edge.journal.store import Journal
from edge.state.facts import SiteFacts
from edge.state.fleet import SiteSummary
from edge.state.hq_link import HqLink, HqLinkView
from edge.state.views import SiteView
from edge.web.frame import Frame
from edge.web.kept_pictures import KeptPictures
from edge.web.live import LiveSite, NotReady
from edge.web.pictures import Pictures


@dataclass(slots=True)
class Site:
    """A site on the web. `facts` are replaced when they change; what may be None is so until it is open.

    `pictures` and `kept` are None where the site's disk is not at hand: at headquarters, where nothing can be kept from
    deletion either. `hq` is None where no headquarters is configured, and at headquarters itself,
    where `line` says what is known of the way to the site.
    """

    facts: SiteFacts
    frame: Frame
    live: LiveSite
    clock: Clock
    pictures: Pictures | None = None
    kept: KeptPictures | None = None
    journal: Journal | None = None
    ingest: Ingest | None = None
    asking: Asking | None = None
    hq: HqLink | None = None
    line: Callable[[], SiteSummary | None] = lambda: None

    def hq_link(self, view: SiteView) -> HqLinkView | None:
        """The way to headquarters, None where there is none."""
        return None if self.hq is None else self.hq.view(view.processes, view.now_ms)

    def opened_journal(self) -> Journal:
        """The journal; raises NotReady until it is open."""
        if self.journal is None:
            raise NotReady("the journal of this site is still being opened; try again in a few seconds")
        return self.journal
