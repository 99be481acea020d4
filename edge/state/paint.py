"""Layers of spans: each layer lies over those before it, and nothing of the range stays bare."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from edge.state.views import Span


def paint(base: Sequence[Span], over: Iterable[Span]) -> list[Span]:
    """Lay spans, by their start, over a base that is without holes; what is outside of the base is cut off."""
    if not base:
        return []
    painted: list[Span] = []
    at, end = base[0].start_ms, base[-1].end_ms
    place = 0
    for span in over:
        start_ms, end_ms = max(span.start_ms, at), min(span.end_ms, end)
        if start_ms >= end_ms:
            continue
        place = _copy(base, place, at, start_ms, painted)
        painted.append(_cut(span, start_ms, end_ms))
        at = end_ms
    _copy(base, place, at, end, painted)
    return painted


def with_invalid(spans: Iterable[Span], stretches: Sequence[tuple[int, int, str]]) -> Iterator[Span]:
    """Cut recorded spans at the stretches (sorted, apart) in which the picture was at fault, and mark them."""
    for span in spans:
        at = span.start_ms
        if span.kind == "recorded":
            for start_ms, end_ms, reason in stretches:
                start, end = max(start_ms, at), min(end_ms, span.end_ms)
                if start < end:
                    if at < start:
                        yield _cut(span, at, start)
                    yield replace(span, start_ms=start, end_ms=end, invalid=reason)
                    at = end
        if at < span.end_ms:
            yield _cut(span, at, span.end_ms)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Neighbours that say the same become one."""
    result: list[Span] = []
    for span in spans:
        if result and replace(span, start_ms=result[-1].start_ms, end_ms=result[-1].end_ms) == result[-1]:
            result[-1] = replace(result[-1], end_ms=span.end_ms)
        else:
            result.append(span)
    return result


def _copy(base: Sequence[Span], place: int, start_ms: int, end_ms: int, painted: list[Span]) -> int:
    """Append what the base has in a range; returns the place of the first span that may be needed after it."""
    while place < len(base) and base[place].end_ms <= start_ms:
        place += 1
    index = place
    while index < len(base) and base[index].start_ms < end_ms:
        span = base[index]
        start, end = max(span.start_ms, start_ms), min(span.end_ms, end_ms)
        if start < end:
            painted.append(_cut(span, start, end))
        index += 1
    return place


def _cut(span: Span, start_ms: int, end_ms: int) -> Span:
    if span.start_ms == start_ms and span.end_ms == end_ms:
        return span
    return replace(span, start_ms=start_ms, end_ms=end_ms)
