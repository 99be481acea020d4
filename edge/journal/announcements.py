"""What to say of missing events, and what was said. Pure: tracks in, facts out.

Nothing is said about the events of the process that says it, but that they are lost: else one missing announcement
would be the reason for the next.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from edge.events.catalog import EventsMissing, EventsRecovered
from edge.events.data import EventData
from edge.journal.positions import Process, Source, Track
from edge.journal.ranges import NONE, Range, Ranges

MOST_AT_A_TIME: Final = 100
MOST_OF_SITE: Final = 20  # else one that makes holes without end would be all that is spoken of
_SAID_TOGETHER: Final = 100  # holes with fewer numbers between them are said as one

How = Literal["hole", "heartbeat", "gone"]


@dataclass(slots=True)
class Announcements:
    """Facts to append to the outbox, and what is to be noted in the journal once they are."""

    facts: list[EventData] = field(default_factory=list)
    missing: dict[Source, Ranges] = field(default_factory=dict)
    settled: dict[Source, Ranges] = field(default_factory=dict)
    lost: dict[Source, Ranges] = field(default_factory=dict)
    _of_site: Counter[str] = field(default_factory=Counter)

    def has_room(self, source: Source) -> bool:
        """Whether more may be said of the site of a source now."""
        return len(self.facts) < MOST_AT_A_TIME and self._of_site[source.site] < MOST_OF_SITE

    def say(self, source: Source, fact: EventData) -> None:
        """Add a fact about a source."""
        self.facts.append(fact)
        self._of_site[source.site] += 1

    def __bool__(self) -> bool:
        return bool(self.facts or self.missing or self.settled or self.lost)


def announcements(
    tracks: Mapping[Source, Track],
    due: Mapping[Source, Ranges],
    gone: Mapping[Source, Ranges],
    *,
    own: Process,
    was_asked_for: Callable[[Source], bool],
) -> Announcements:
    """All there is to say now of the tracks that lack something; what is too much waits for the next time."""
    saying = Announcements()
    for source, numbers in gone.items():
        if saying.has_room(source):
            for span in numbers:
                saying.say(source, _missing(source, span, "gone"))
            saying.lost[source] = numbers
    for source, track in tracks.items():
        if source.speaker == own:
            saying.settled |= {source: track.announced} if track.announced else {}
            continue
        _say_missing(saying, source, track, due.get(source, NONE) - gone.get(source, NONE))
        _say_settled(saying, source, track, "replay" if was_asked_for(source) else "late")
    return saying


def _say_missing(saying: Announcements, source: Source, track: Track, due: Ranges) -> None:
    for span in _together(due - track.announced):
        if not saying.has_room(source):
            return
        how: How = "hole" if span[0] < track.received.last else "heartbeat"
        saying.say(source, _missing(source, span, how))
        saying.missing[source] = saying.missing.get(source, NONE) | Ranges((span,))


def _say_settled(saying: Announcements, source: Source, track: Track, how: Literal["replay", "late"]) -> None:
    """Ranges that were said to be missing are over when nothing in them is missing any longer."""
    for span in track.announced:
        whole = Ranges((span,))
        if whole & track.missing:
            continue
        if not saying.has_room(source):
            return
        for first, last in whole - track.lost:
            recovered = EventsRecovered(source=str(source), epoch=source.epoch, from_=first, to=last, how=how)
            saying.say(source, recovered)
        saying.settled[source] = saying.settled.get(source, NONE) | whole


def _missing(source: Source, span: Range, how: How) -> EventsMissing:
    return EventsMissing(source=str(source), epoch=source.epoch, from_=span[0], to=span[1], how=how)


def _together(holes: Ranges) -> Iterator[Range]:
    """Holes that lie close together as one range each."""
    held: Range | None = None
    for first, last in holes:
        if held is not None and first - held[1] <= _SAID_TOGETHER:
            held = held[0], last
            continue
        if held is not None:
            yield held
        held = first, last
    if held is not None:
        yield held
