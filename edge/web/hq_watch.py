"""Watches at a site whether headquarters acknowledges its events; what is said of it, `/health` and pages show."""

from collections.abc import Callable, Sequence

from edge.events.messages import Ack
from edge.journal.arrival import Entry
from edge.state.hq_link import HqLink
from edge.web.live import LiveSite
from edge.web.site import Site


def follow(hq: HqLink, live: LiveSite) -> Callable[[str, Ack, int], None]:
    """Have `hq` told of every new event; returns what is to be told of acks."""

    def told(entries: Sequence[Entry]) -> None:
        for one in entries:
            hq.told(one.process, one.epoch, one.sequence, one.received_ms)

    live.add_listener(told)
    return lambda process, ack, at_ms: hq.acked(process, ack.epoch, ack.contiguous_to, at_ms)


def look(site: Site) -> None:
    """Say it on the site's pages while headquarters is silent; to be called once a second."""
    if site.hq is None or not site.live.ready:
        return
    link = site.hq.view(site.live.view().processes, site.live.now_ms())
    site.live.set_trouble("hq_silent", holds=link.status == "silent", since_ms=link.since_ms)
