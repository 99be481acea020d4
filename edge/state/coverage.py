"""Every second of a channel accounted for: recorded, rejected, pruned with a receipt, a gap with a reason, or to come.

Segments that are less than a second apart (JOIN_MS) are one stretch: the clock may be slewed by that much between them.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from edge.state.channels import MISSING, RULES, ChannelState
from edge.state.footage import end_before, footage_runs, start_after
from edge.state.gaps import UNEXPLAINED, Explainer
from edge.state.marks import REJECTIONS, VALIDITY
from edge.state.paint import joined, paint, with_invalid
from edge.state.projection import SiteProjection
from edge.state.recording import Recording, recording_now
from edge.state.segments import JOIN_MS, LONGEST_MS
from edge.state.views import Span

_NOT_YET: Final = "not_yet"


def coverage(
    state: SiteProjection, channel: str, from_ms: int, to_ms: int, now_ms: int, *, segment_s: int = 60
) -> list[Span]:
    """The spans of a range, in order and without a hole between them; none where the range is empty.

    What the segment that is being written holds is `recorded` and `growing`, for as long as the channel is recording.
    """
    if from_ms >= to_ms:
        return []
    held = state.channels.get(channel)
    now = recording_now(state, held, now_ms, segment_s)
    spans = [Span("gap", from_ms, to_ms, _NOT_YET)]
    if held is None:
        return joined(paint(spans, _future(from_ms, to_ms, now_ms)))
    footage = footage_runs(held, from_ms, to_ms)
    spans = paint(spans, _gaps(state, held, footage, (from_ms, to_ms, now_ms), now.reason))
    spans = paint(spans, _receipts(held, spans))
    spans = paint(spans, _future(from_ms, to_ms, now_ms))
    spans = paint(spans, _growing(held, now))
    spans = paint(spans, _recorded(footage))
    spans = paint(spans, _deleted(held, from_ms, to_ms))
    spans = paint(spans, _recorded(held.segments.runs(from_ms, to_ms)))
    spans = paint(spans, _rejected(held, from_ms, to_ms, segment_s))
    return joined(with_invalid(spans, _invalid(held, from_ms, to_ms)))


def _future(from_ms: int, to_ms: int, now_ms: int) -> list[Span]:
    return [Span("future", max(now_ms, from_ms), to_ms)]


def _recorded(runs: Iterable[tuple[int, int]]) -> Iterator[Span]:
    return (Span("recorded", start_ms, end_ms) for start_ms, end_ms in runs)


def _gone(rule: str, start_ms: int, end_ms: int) -> Span:
    """What is not there any more: by a rule it is pruned, without one it is missing."""
    return Span("gap" if rule == MISSING else "pruned", start_ms, end_ms, rule)


def _receipts(channel: ChannelState, gaps: Iterable[Span]) -> Iterator[Span]:
    """A gap that nothing else explains, and that a receipt speaks of, held segments that we were not told of."""
    for gap in gaps:
        if gap.reason == UNEXPLAINED:
            yield from _by_receipt(channel, gap.start_ms, gap.end_ms)


def _deleted(channel: ChannelState, from_ms: int, to_ms: int) -> Iterator[Span]:
    """Where the segments were that receipts took; ends of segments may reach a little over those of their receipt."""
    for start_ms, end_ms in channel.taken.between(from_ms, to_ms):
        near = (rule for rule in channel.pruned if any(channel.pruned[rule].touching(start_ms, end_ms)))
        whole = _gone(min(near, default=RULES[0]), start_ms, end_ms)
        yield from paint([whole], _by_receipt(channel, start_ms, end_ms))


def _by_receipt(channel: ChannelState, start_ms: int, end_ms: int) -> list[Span]:
    found = [
        _gone(rule, *piece)
        for rule, ranges in channel.pruned.items()
        for piece in ranges.between(start_ms, end_ms)
    ]
    return sorted(found, key=lambda span: (span.start_ms, span.end_ms, span.reason))


def _gaps(
    state: SiteProjection,
    channel: ChannelState,
    runs: list[tuple[int, int]],
    times: tuple[int, int, int],
    present: str | None,
) -> Iterator[Span]:
    """What is between the runs, explained: each gap as a whole, also where it reaches out of the range."""
    from_ms, to_ms, now_ms = times
    if channel.first_ms is None:
        return
    first_ms, last_ms = channel.first_ms, max(to_ms, now_ms)
    ended_ms = end_before(channel, from_ms)
    next_ms = start_after(channel, to_ms)
    ends = [first_ms if ended_ms is None else ended_ms, *(end for _, end in runs)]
    starts = [*(start for start, _ in runs), last_ms if next_ms is None else next_ms]
    explainer = Explainer(state, channel, ends[0], max(ends[0], starts[-1]), present)
    for start_ms, end_ms in zip(ends, starts, strict=True):
        if start_ms < end_ms and start_ms < to_ms and end_ms > from_ms:
            lasts = end_ms == starts[-1] and (next_ms is None or next_ms > now_ms)
            for piece in explainer.pieces(start_ms, end_ms, lasts=lasts):
                yield Span("gap", piece.start_ms, piece.end_ms, piece.reason)


def _growing(channel: ChannelState, now: Recording) -> list[Span]:
    if now.growing is None:
        return []
    start_ms, end_ms = now.growing
    before_ms = end_before(channel, start_ms)
    if before_ms is not None and start_ms - before_ms < JOIN_MS:
        start_ms = before_ms
    return [Span("recorded", start_ms, end_ms, growing=True)]


def _rejected(channel: ChannelState, from_ms: int, to_ms: int, segment_s: int) -> Iterator[Span]:
    reasons = dict(channel.rejected.between(from_ms - LONGEST_MS, to_ms))
    for start_ms, code in reasons.items():
        extent = channel.segments.extent(start_ms, segment_s * 1000)
        if extent is not None:
            yield Span("rejected", *extent, REJECTIONS.word(code))


def _invalid(channel: ChannelState, from_ms: int, to_ms: int) -> list[tuple[int, int, str]]:
    """The stretches in which the picture was at fault."""
    held = channel.validity.before(from_ms)
    at, code = (from_ms, held[1]) if held is not None else (from_ms, 0)
    stretches: list[tuple[int, int, str]] = []
    for time_ms, next_code in [*channel.validity.between(from_ms, to_ms), (to_ms, 0)]:
        if code and at < time_ms:
            stretches.append((at, time_ms, VALIDITY.word(code)))
        at, code = time_ms, next_code
    return stretches
