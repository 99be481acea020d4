"""From events to a statement: what is read of a ledger, and what is made of it. Pure, given the ledger.

Segments are most of what there ever was, so they are read a day at a time and only as far as the range needs them. A
gap is explained as a whole, also where it reaches out of the range, by the footage of every channel around it: so they
are read from the last segment before the range to the first one behind it, of the audited channel that needs most.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

from edge.audit.holes import Conflicted, Seen, SourceStatement, source_statement
from edge.audit.statement import Asked, ChannelStatement, Statement
from edge.audit.stretches import Stretch, attach, receipts_of, stretches
from edge.audit.tally import Announced, Tally
from edge.journal.positions import Source, Track
from edge.journal.ranges import Range
from edge.recordings.segment import SegmentName
from edge.state import SiteProjection, coverage
from edge.state.fact import DAY_MS, Fact
from edge.state.projection import RECORDER

RENAMED_MS: Final = 60_000
"""A segment may be named a little later than it starts, where its name was taken."""
LONGEST_MS: Final = DAY_MS
RECEIPTS: Final = ("disk_pruned", "segments_missing")
AROUND: Final = (
    "recording_started", "recording_stopped", "channel_invalid", "channel_valid", "segment_rejected",
    "process_started", "process_stopped", "clock_jumped", *RECEIPTS,
)  # fmt: skip
"""All that becomes part of coverage, but the segments."""

Teller = tuple[str, str]
"""Process and epoch."""
Done = Callable[[int, int], None]
"""Told of days read, and of how many there are."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Starts of segments of a channel: the first of all, the last before a range, the first behind it, the last."""

    first_ms: int | None
    before_ms: int | None
    behind_ms: int | None
    last_ms: int | None


class Ledger(Protocol):
    """What is asked of a journal: the events of one site, up to one moment."""

    def facts(self, event_types: Collection[str]) -> Iterable[Fact]:
        """All events of some types, in any order."""
        ...

    def recorded_channels(self) -> Collection[str]:
        """The channels of which segments were announced."""
        ...

    def bounds(self, channel: str, from_ms: int, to_ms: int) -> Bounds:
        """Where the segments of a channel begin and end, around a range."""
        ...

    def segments(self, channel: str, from_ms: int, to_ms: int) -> Iterable[Fact]:
        """The announcements of segments that start in a time, in any order."""
        ...

    def tracks(self) -> Mapping[Source, Track]:
        """What is known of the numbers of each source."""
        ...

    def conflicts(self) -> Mapping[Source, Collection[Conflicted]]:
        """Numbers that were given to two events."""
        ...

    def at_or_before(self, source: Source, sequence: int) -> Seen | None:
        """The stored event of a source with a number, or the nearest one before it."""
        ...

    def at_or_after(self, source: Source, sequence: int) -> Seen | None:
        """The stored event of a source with a number, or the nearest one behind it."""
        ...

    def newest(self, source: Source) -> Fact | None:
        """The newest event of a source."""
        ...

    @property
    def unread(self) -> int:
        """How many of the events that were asked for this release does not understand."""
        ...


def state_of(
    ledger: Ledger, asked: Asked, *, by: Literal["site", "hq"], now_ms: int, version: str, segment_s: int, done: Done,
) -> Statement:  # fmt: skip
    """The statement of what a ledger holds of a range."""
    tracks = ledger.tracks()
    state = SiteProjection()
    for fact in ledger.facts(AROUND):
        state.apply(fact)
    known_to_ms = _newest_ms(ledger, tracks, state)
    tallies, told = _read_segments(ledger, asked, state, done)
    _note(told, (fact for fact in ledger.facts((*RECEIPTS, "segment_rejected")) if _speaks_of(fact, asked)))
    until_ms = now_ms if known_to_ms is None else known_to_ms
    found: dict[str, list[Stretch]] = {}
    for channel in asked.channels:
        spans = coverage(state, channel, asked.from_ms, asked.to_ms, until_ms, segment_s=segment_s)
        found[channel] = stretches(spans, until_ms, now_ms)
    attach(receipts_of(ledger.facts(RECEIPTS)), dict(found))
    return Statement(
        asked=asked,
        ledger=by,
        version=version,
        made_ms=now_ms,
        known_from_ms=_oldest_ms(ledger, tracks),
        known_to_ms=known_to_ms,
        channels=[ChannelStatement(name, found[name], tallies[name]) for name in asked.channels],
        sources=sorted(_sources(ledger, tracks, asked, told), key=lambda one: (one.process, one.epoch)),
        unread=ledger.unread,
    )


def _newest_ms(ledger: Ledger, tracks: Mapping[Source, Track], state: SiteProjection) -> int | None:
    """When the recorder said its newest event, which is folded: what comes after that it has not told yet."""
    newest: tuple[str, int] | None = None
    for source in tracks:
        fact = ledger.newest(source) if source.process == RECORDER else None
        if fact is not None:
            state.apply(fact)
            newest = max(newest or (source.epoch, fact.time_ms), (source.epoch, fact.time_ms))
    return None if newest is None else newest[1]


def _oldest_ms(ledger: Ledger, tracks: Mapping[Source, Track]) -> int | None:
    oldest = (ledger.at_or_after(source, 1) for source in tracks)
    return min((seen.time_ms for seen in oldest if seen is not None), default=None)


def _read_segments(
    ledger: Ledger, asked: Asked, state: SiteProjection, done: Done
) -> tuple[dict[str, Tally], dict[Teller, Range]]:
    """Fold the segments that matter; returns what the range holds of them, and the numbers of their announcements."""
    told: dict[Teller, Range] = {}
    tallies = {channel: Tally() for channel in asked.channels}
    names = sorted({*ledger.recorded_channels(), *asked.channels})
    bounds = {name: ledger.bounds(name, asked.from_ms, asked.to_ms) for name in names}
    from_ms, to_ms = _reach(asked, bounds, state)
    windows = [(name, day_ms) for name in names for day_ms in _days(bounds[name], from_ms, to_ms)]
    for name in names:  # the oldest one tells since when there is anything to expect of a channel
        first_ms = bounds[name].first_ms
        for fact in ledger.segments(name, first_ms, first_ms + 1) if first_ms is not None else ():
            state.apply(fact)
    for place, (name, day_ms) in enumerate(windows):
        start_ms, end_ms = max(day_ms, asked.from_ms), min(day_ms + DAY_MS, asked.to_ms)
        announced: list[Announced] = []
        for fact in ledger.segments(name, day_ms - RENAMED_MS, day_ms + DAY_MS):
            state.apply(fact)
            one = Announced.of(fact) if name in tallies else None
            if one is not None and start_ms <= one.named_ms < end_ms:
                announced.append(one)
                _note(told, (fact,))
        if name in tallies:
            tallies[name].add_day(day_ms, announced)
        done(place + 1, len(windows))
    return tallies, told


def _note(told: dict[Teller, Range], facts: Iterable[Fact]) -> None:
    """Widen the numbers of those who said some facts."""
    for fact in facts:
        teller = fact.process, fact.epoch
        first, last = told.get(teller, (fact.sequence, fact.sequence))
        told[teller] = min(first, fact.sequence), max(last, fact.sequence)


def _speaks_of(fact: Fact, asked: Asked) -> bool:
    """Whether a receipt or a rejection is about footage of the range."""
    if fact.event_type in RECEIPTS:
        about = [(one.channel, one.from_ms, one.to_ms) for one in receipts_of((fact,))]
    else:
        named = SegmentName.parse(fact.data["path"])
        about = [] if named is None else [(named[0].channel, named[0].start_ms, named[0].start_ms + 1)]
    return any(one in asked.channels and start < asked.to_ms and end > asked.from_ms for one, start, end in about)


def _reach(asked: Asked, bounds: Mapping[str, Bounds], state: SiteProjection) -> tuple[int, int]:
    """From where to where segments matter: of one that has nothing behind the range, to the end of all."""
    from_ms, to_ms = asked.from_ms, asked.to_ms
    for name in asked.channels:
        held, folded = bounds[name], state.channels.get(name)
        if held.before_ms is not None:
            from_ms = min(from_ms, held.before_ms)
        elif folded is not None and folded.first_ms is not None:
            from_ms = min(from_ms, folded.first_ms)
        if held.behind_ms is not None:
            to_ms = max(to_ms, held.behind_ms)
        else:
            to_ms = max(to_ms, *(one.last_ms or 0 for one in bounds.values()))
    return from_ms - LONGEST_MS, to_ms + 1


def _days(held: Bounds, from_ms: int, to_ms: int) -> range:
    """The days of UTC of which a channel's segments are read."""
    if held.first_ms is None or held.last_ms is None:
        return range(0)
    first_ms, end_ms = max(from_ms, held.first_ms), min(to_ms, held.last_ms + RENAMED_MS + 1)
    return range(first_ms // DAY_MS * DAY_MS, end_ms, DAY_MS)


def _sources(
    ledger: Ledger, tracks: Mapping[Source, Track], asked: Asked, told: Mapping[Teller, Range]
) -> Iterator[SourceStatement]:
    conflicts = ledger.conflicts()
    for source, track in tracks.items():
        found = source_statement(
            source,
            track,
            conflicts.get(source, ()),
            partial(ledger.at_or_before, source),
            partial(ledger.at_or_after, source),
            (asked.from_ms, asked.to_ms),
            told.get((source.process, source.epoch)),
        )
        if found.touched:
            yield found
