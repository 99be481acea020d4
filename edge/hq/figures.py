"""From the journal's tracks and refusals to the figures that the fleet shows. Pure; knows no page."""

from collections import Counter
from collections.abc import Mapping, Sequence

from edge.journal.arrival import Refusal
from edge.journal.positions import Source, Track
from edge.journal.scope import site_in
from edge.state.fleet import EventFigures, Refusals, RefusedMessage


def event_figures(tracks: Mapping[Source, Track]) -> EventFigures:
    """How complete the events of one site are."""
    lost: Counter[str] = Counter()
    for source, track in tracks.items():
        if track.lost:
            lost[source.process] += track.lost.count
    return EventFigures(
        held=sum(track.received.count for track in tracks.values()),
        missing=sum(track.missing.count for track in tracks.values()),
        lost=sum(lost.values()),
        lost_of=tuple(sorted(lost.items())),
    )


def refusals(by_site: Mapping[str, int], newest: Sequence[Refusal]) -> Refusals:
    """What was refused: how many messages of each site, most first, and the newest few, newest first."""
    counted = sorted(by_site.items(), key=lambda one: (-one[1], one[0]))
    found = (RefusedMessage(one.received_ms, site_in(one.topic), one.reason) for one in newest)
    return Refusals(tuple(counted), tuple(found))
