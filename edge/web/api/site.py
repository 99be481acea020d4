"""`/api/site` and its parts: processes, disk, livestreams, and how complete the journal is."""

from typing import Final

from litestar import get

from edge.web import documents as doc
from edge.web import history, keeping, written
from edge.web.api.given import READ_ONLY, REFUSALS, GivenJournal, GivenLive, GivenSite
from edge.web.receipts import receipts

RECEIPTS: Final = 20


@get("/site", opt=READ_ONLY, responses=REFUSALS, sync_to_thread=False, tags=["site"])
def site_now(site: GivenSite, live: GivenLive) -> doc.SiteDocument:
    """Everything about the site now: what is wrong, channels, processes, disk."""
    version, position = live.version, live.position  # before the view: who follows on from them misses nothing
    view = live.view()
    return written.site(site.facts.site, site.facts.timezone, view, version, position, site.hq_link(view))


@get("/processes", opt=READ_ONLY, responses=REFUSALS, sync_to_thread=False, tags=["site"])
def processes(live: GivenLive) -> doc.ProcessesDocument:
    """The processes that are expected or were heard of."""
    return doc.ProcessesDocument([written.process(one) for one in live.view().processes])


@get("/disk", opt=READ_ONLY, responses=REFUSALS, sync_to_thread=True, tags=["site"])
def disk(live: GivenLive, journal: GivenJournal) -> keeping.DiskNowDocument:
    """The disk of the recordings by its newest measure, and what was deleted lately and why."""
    return written.disk_now(live.view().disk, receipts(journal, RECEIPTS))


@get("/livestreams", opt=READ_ONLY, responses=REFUSALS, sync_to_thread=False, tags=["site"])
def livestreams(live: GivenLive) -> doc.LivestreamsDocument:
    """The channels that can, or could, be watched live."""
    channels = live.view().channels
    return doc.LivestreamsDocument([written.livestream(one.id, one.livestream) for one in channels if one.livestream])


@get("/completeness", opt=READ_ONLY, responses=REFUSALS, sync_to_thread=True, tags=["events"])
def completeness(journal: GivenJournal) -> history.CompletenessDocument:
    """For each process and epoch: which events the journal holds, which are missing and which are lost."""
    return history.CompletenessDocument(
        [
            history.SourceDocument(
                source=f"/{one.site}/{one.process}",
                epoch=one.epoch,
                first=one.first,
                contiguous_to=one.contiguous_to,
                newest=one.newest,
                count=one.count,
                missing=list(one.missing),
                lost=list(one.lost),
            )
            for one in journal.completeness()
        ]
    )


routes: Final = [site_now, processes, disk, livestreams, completeness]
