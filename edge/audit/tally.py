"""The announced segments of one channel in a range, counted and chained. Pure: days in order, segments in any order."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Self

from edge.audit.chain import START, link
from edge.recordings.segment import SegmentName
from edge.state.fact import Fact, to_ms
from edge.state.segments import JOIN_MS

MOST_NAMED: Final = 1_000
"""Of segments with something odd so many are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What a `segment_written` says, as far as a statement needs it; `named_ms` is the start by the file's name."""

    path: str
    sha256: str
    named_ms: int
    start_ms: int
    end_ms: int
    size_bytes: int
    lost_packets: int
    suspect_ms: int
    dropped_ms: int

    @classmethod
    def of(cls, fact: Fact) -> Self | None:
        """The announcement in a fact; None where its path is no segment of its channel."""
        data = fact.data
        parsed = SegmentName.parse(data["path"])
        if parsed is None or parsed[1] or parsed[0].channel != fact.channel:
            return None
        return cls(
            path=data["path"],
            sha256=data["sha256"],
            named_ms=parsed[0].start_ms,
            start_ms=to_ms(data["start"]),
            end_ms=to_ms(data["end"]),
            size_bytes=data["bytes"],
            lost_packets=data["lost_packets"],
            suspect_ms=_milliseconds(data["suspect_s"]),
            dropped_ms=_milliseconds(data.get("dropped_s", 0)),
        )

    @property
    def key(self) -> tuple[str, str]:
        """What is announced twice with the same path and hash is one announcement."""
        return self.path, self.sha256


@dataclass(frozen=True, slots=True)
class Overlap:
    """A segment that claims time which the footage before it claims too."""

    path: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class DayMark:
    """Where the chain stood behind a day of UTC: two audits differ first on the first day whose marks differ."""

    day_ms: int
    segments: int
    digest: bytes


@dataclass(slots=True)
class Tally:
    """What a range holds of announcements; `overlaps` and `contradicted` name the first thousand of their kind."""

    segments: int = 0
    size_bytes: int = 0
    lost_packets: int = 0
    suspect_ms: int = 0
    dropped_ms: int = 0
    harmed: int = 0
    overlap_ms: int = 0
    overlap_count: int = 0
    contradicted_count: int = 0
    digest: bytes = START
    overlaps: list[Overlap] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    days: list[DayMark] = field(default_factory=list)
    _reach_ms: int = 0

    def add_day(self, day_ms: int, announced: Iterable[Announced]) -> None:
        """Add all segments of a day, in any order and as often as they come; days come in their order."""
        count = self.segments
        before = ""
        for one in _once(announced):
            if one.path == before:
                self._contradict(one.path)
            else:
                self._reach(one)
            self._count(one)
            before = one.path
        if self.segments > count:
            self.days.append(DayMark(day_ms, self.segments - count, self.digest))

    def _count(self, one: Announced) -> None:
        self.digest = link(self.digest, one.path, bytes.fromhex(one.sha256))
        self.segments += 1
        self.size_bytes += one.size_bytes
        self.lost_packets += one.lost_packets
        self.suspect_ms += one.suspect_ms
        self.dropped_ms += one.dropped_ms
        self.harmed += bool(one.lost_packets or one.suspect_ms or one.dropped_ms)

    def _reach(self, one: Announced) -> None:
        """Less than a second is the clock being slewed."""
        end_ms = min(self._reach_ms, one.end_ms)
        if end_ms - one.start_ms >= JOIN_MS:
            self.overlap_ms += end_ms - one.start_ms
            self.overlap_count += 1
            if len(self.overlaps) < MOST_NAMED:
                self.overlaps.append(Overlap(one.path, one.start_ms, end_ms))
        self._reach_ms = max(self._reach_ms, one.end_ms)

    def _contradict(self, path: str) -> None:
        self.contradicted_count += 1
        if len(self.contradicted) < MOST_NAMED:
            self.contradicted.append(path)


def _once(announced: Iterable[Announced]) -> list[Announced]:
    """Every (path, hash) once, in order of both; of what differs otherwise the larger figures hold."""
    found: dict[tuple[str, str], Announced] = {}
    for one in announced:
        held = found.get(one.key)
        if held is None or _figures(one) > _figures(held):
            found[one.key] = one
    return [found[key] for key in sorted(found)]


def _figures(one: Announced) -> tuple[int, ...]:
    return one.lost_packets, one.suspect_ms, one.dropped_ms, one.end_ms, one.start_ms, one.size_bytes


def _milliseconds(seconds: Any) -> int:
    return round(float(seconds) * 1000)
