"""What of a batch is new, what came before and what contradicts it. Pure: the stored payloads are handed in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from edge.journal.arrival import Arrival, Entry
from edge.journal.positions import Source, Track
from edge.journal.ranges import Ranges

Key = tuple[Source, int]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two payloads with one number; the first counts. `payload` is the other, and not read back where it is stored."""

    source: Source
    sequence: int
    kept_sha256: str
    refused_sha256: str
    received_ms: int
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch: the new events in their order, and how the others came to be none."""

    entries: list[Entry]
    duplicates: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    refused: int = 0


@dataclass(slots=True)
class Batch:
    """Arrivals sorted by what is known of their numbers."""

    new: dict[Key, Arrival]
    again: list[Arrival]

    @classmethod
    def sort(cls, arrivals: Sequence[Arrival], track: Callable[[Source], Track]) -> "Batch":
        """Split arrivals into those with a new number and those whose number came before, here or earlier."""
        batch = cls({}, [])
        for arrival in arrivals:
            key = (arrival.source, arrival.sequence)
            if key in batch.new or arrival.sequence in track(arrival.source).received:
                batch.again.append(arrival)
            else:
                batch.new[key] = arrival
        return batch

    def tracks(self, track: Callable[[Source], Track]) -> dict[Source, Track]:
        """The tracks of all sources that the batch changes, as they are when it is stored."""
        numbers: dict[Source, list[int]] = {}
        for source, sequence in self.new:
            numbers.setdefault(source, []).append(sequence)
        changed = {source: track(source).with_received(Ranges.of_numbers(came)) for source, came in numbers.items()}
        for arrival in self.new.values():
            if arrival.before is not None:
                source, last = arrival.before
                changed[source] = changed.get(source, track(source)).with_heard(last)
        return changed

    def conflicts(self, stored: Mapping[Key, bytes]) -> list[Conflict]:
        """Those that came again with other bytes; one whose first payload is retired cannot be told from a repeat."""
        found = []
        for arrival in self.again:
            key = (arrival.source, arrival.sequence)
            kept = self.new[key].payload if key in self.new else stored.get(key, arrival.payload)
            if kept != arrival.payload:
                found.append(_conflict(arrival, kept))
        return found


def _conflict(arrival: Arrival, kept: bytes) -> Conflict:
    return Conflict(
        source=arrival.source,
        sequence=arrival.sequence,
        kept_sha256=sha256(kept).hexdigest(),
        refused_sha256=sha256(arrival.payload).hexdigest(),
        received_ms=arrival.received_ms,
        payload=arrival.payload,
    )
