"""A channel's range as stretches that leave nothing out, each with what became of it and, if deleted, with receipts."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from edge.state.channels import MISSING
from edge.state.fact import Fact, to_ms
from edge.state.views import Span

StretchKind = Literal["recorded", "rejected", "pruned", "gap", "unsaid", "future"]
KINDS: Final[tuple[StretchKind, ...]] = ("recorded", "rejected", "pruned", "gap", "unsaid", "future")


class Receipt(NamedTuple):
    """What one receipt says of one channel: when it was given, by which rule, what was deleted."""

    told_ms: int
    rule: str
    channel: str
    from_ms: int
    to_ms: int


@dataclass(slots=True)
class Receipts:
    """The receipts that speak of a stretch: how many, and when the first and the last were given."""

    count: int = 0
    first_ms: int | None = None
    last_ms: int | None = None

    def add(self, told_ms: int) -> None:
        """One more."""
        self.count += 1
        self.first_ms = told_ms if self.first_ms is None else min(self.first_ms, told_ms)
        self.last_ms = told_ms if self.last_ms is None else max(self.last_ms, told_ms)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a range. `reason` is as in `edge.state.Span`; `invalid` what was wrong with a recorded picture.

    `unsaid` is what the recorder has not told of yet: the segment that it writes, and all after its newest event.
    """

    kind: StretchKind
    from_ms: int
    to_ms: int
    reason: str | None = None
    invalid: str | None = None
    receipts: Receipts = field(default_factory=Receipts)

    @property
    def ms(self) -> int:
        """How long it is."""
        return self.to_ms - self.from_ms


def receipts_of(facts: Iterable[Fact]) -> Iterator[Receipt]:
    """The receipts in `disk_pruned` and `segments_missing` events."""
    for fact in facts:
        rule = fact.data.get("rule", MISSING)
        for gone in fact.data["channels"]:
            from_ms = to_ms(gone["from"])
            yield Receipt(fact.time_ms, rule, gone["channel"], from_ms, max(to_ms(gone["to"]), from_ms + 1))


def stretches(spans: Iterable[Span], known_to_ms: int, now_ms: int) -> list[Stretch]:
    """Coverage as a statement has it: what nobody has told of yet is neither recorded nor a gap, it is unsaid."""
    found: list[Stretch] = []
    for span in spans:
        if span.growing:
            _append(found, Stretch("unsaid", span.start_ms, span.end_ms))
        elif span.kind == "future":
            turn_ms = min(max(span.start_ms, known_to_ms, now_ms), span.end_ms)
            _append(found, Stretch("unsaid", span.start_ms, turn_ms))
            _append(found, Stretch("future", turn_ms, span.end_ms))
        else:
            _append(found, Stretch(span.kind, span.start_ms, span.end_ms, span.reason, span.invalid))
    return found


def attach(receipts: Iterable[Receipt], channels: dict[str, Sequence[Stretch]]) -> None:
    """Note with every deleted stretch the receipts of its rule that speak of it."""
    gone = {name: [one for one in held if _is_gone(one)] for name, held in channels.items()}
    starts = {name: [one.from_ms for one in held] for name, held in gone.items()}
    for receipt in receipts:
        held = gone.get(receipt.channel, [])
        place = max(bisect_right(starts.get(receipt.channel, []), receipt.from_ms) - 1, 0)
        while place < len(held) and held[place].from_ms < receipt.to_ms:
            if held[place].to_ms > receipt.from_ms and held[place].reason == receipt.rule:
                held[place].receipts.add(receipt.told_ms)
            place += 1


def _is_gone(one: Stretch) -> bool:
    return one.kind == "pruned" or one.reason == MISSING


def _append(found: list[Stretch], one: Stretch) -> None:
    """Add a stretch to those before it; it is their continuation where it says the same."""
    if one.from_ms >= one.to_ms:
        return
    last = found[-1] if found else None
    if last is not None and (last.kind, last.reason, last.invalid) == (one.kind, one.reason, one.invalid):
        found[-1] = Stretch(one.kind, last.from_ms, one.to_ms, one.reason, one.invalid)
    else:
        found.append(one)
