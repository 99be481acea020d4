"""A ledger of events that were told in a test, in whatever order and as often as they came: each is kept once."""

from collections import defaultdict

from edge.audit.gather import Bounds, state_of
from edge.audit.holes import Seen
from edge.audit.statement import Asked
from edge.events.values import parse_timestamp
from edge.journal.positions import Source, Track
from edge.journal.ranges import Ranges

SITE = "jkt-001"


class HeardLedger:
    """What a journal would answer that has stored these facts."""

    def __init__(self, facts, lost=(), conflicts=None, heard=None):
        kept = {}
        for fact in facts:
            kept.setdefault((fact.process, fact.epoch, fact.sequence), fact)
        self.told = list(kept.values())
        self.unread = 0
        self._lost = dict(lost)
        self._conflicts = conflicts or {}
        self._heard = heard or {}

    def facts(self, event_types):
        return [fact for fact in self.told if fact.event_type in event_types]

    def recorded_channels(self):
        return {fact.channel for fact in self.facts(("segment_written",))}

    def bounds(self, channel, from_ms, to_ms):
        starts = [start for start, _ in self._starts(channel)]
        before = [start for start in starts if start < from_ms]
        behind = [start for start in starts if start >= to_ms]
        return Bounds(
            min(starts, default=None), max(before, default=None), min(behind, default=None), max(starts, default=None)
        )

    def segments(self, channel, from_ms, to_ms):
        return [fact for start, fact in self._starts(channel) if from_ms <= start < to_ms]

    def tracks(self):
        numbers = defaultdict(set)
        for fact in self.told:
            numbers[self._source(fact)].add(fact.sequence)
        return {
            source: Track(Ranges.of_numbers(found), heard=self._heard.get(source.process, 0)).with_lost(
                self._lost.get(source.process, Ranges())
            )
            for source, found in sorted(numbers.items())
        }

    def conflicts(self):
        return self._conflicts

    def at_or_before(self, source, sequence):
        return max((seen for seen in self._seen(source) if seen.sequence <= sequence), default=None)

    def at_or_after(self, source, sequence):
        return min((seen for seen in self._seen(source) if seen.sequence >= sequence), default=None)

    def newest(self, source):
        return max((fact for fact in self.told if self._source(fact) == source), key=lambda fact: fact.sequence)

    def _seen(self, source):
        return [Seen(fact.sequence, fact.time_ms) for fact in self.told if self._source(fact) == source]

    def _source(self, fact):
        return Source(SITE, fact.process, fact.epoch)

    def _starts(self, channel):
        return [
            (round(parse_timestamp(fact.data["start"]).timestamp() * 1000), fact)
            for fact in self.facts(("segment_written",))
            if fact.channel == channel
        ]


def audit(ledger, from_ms, to_ms, channels=("lobby",), now_ms=2**41, segment_s=60):
    """The statement of a ledger."""
    asked = Asked(SITE, "UTC", from_ms, to_ms, tuple(channels))
    return state_of(
        ledger, asked, by="site", now_ms=now_ms, version="0", segment_s=segment_s, done=lambda count, total: None
    )
