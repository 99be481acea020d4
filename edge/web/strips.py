"""Spans of coverage as bars of a strip: where each begins, how wide, how it looks, what it says. Pure.

Positions are percent of the strip, so that one drawing fits every width and patterns keep their shape.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge.state.views import Span
from edge.words.site import gap_words
from edge.words.times import Times

Look = Literal["recorded", "fault", "rejected", "pruned", "gap", "before", "kept"]

LEAST_PERCENT: Final = 0.35
"""A gap narrower than this is drawn so wide: a pixel or so that can be seen."""
MOST_BARS: Final = 240
"""A strip with more than this is drawn as columns, each as high as it is recorded."""
COLUMNS: Final = 144
_LOOKS: Final[dict[str, Look]] = {"recorded": "recorded", "rejected": "rejected", "pruned": "pruned", "gap": "gap"}
_BEFORE: Final = "not_yet"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a strip; all figures in percent, `top` and `height` of its height; no title where there is no news."""

    left: float
    width: float
    look: Look
    title: str
    top: float = 0
    height: float = 100


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of spans that look the same and have the same reason; what lists and bars are made from."""

    start_ms: int
    end_ms: int
    look: Look
    reason: str | None

    @property
    def lasts_s(self) -> float:
        """How long it is."""
        return (self.end_ms - self.start_ms) / 1000


def stretches(spans: Iterable[Span]) -> list[Stretch]:
    """Spans run together where nothing changes for who looks; what is to come is left out."""
    found: list[Stretch] = []
    for span in spans:
        if span.kind == "future" or span.end_ms <= span.start_ms:
            continue
        look, reason = _look(span)
        last = found[-1] if found else None
        if last and (last.look, last.reason, last.end_ms) == (look, reason, span.start_ms):
            found[-1] = Stretch(last.start_ms, span.end_ms, look, reason)
        else:
            found.append(Stretch(span.start_ms, span.end_ms, look, reason))
    return found


def bars(found: Sequence[Stretch], from_ms: int, to_ms: int, times: Times) -> list[Bar]:
    """The bars of a range, gaps last, so that a short one lies over what was recorded around it."""
    if len(found) > MOST_BARS:
        return _columns(found, from_ms, to_ms, times)
    scale = 100 / (to_ms - from_ms)
    drawn = []
    for one in sorted(found, key=lambda one: one.look == "gap"):
        left, width = (one.start_ms - from_ms) * scale, (one.end_ms - one.start_ms) * scale
        if one.look == "gap" and width < LEAST_PERCENT:
            left, width = min(left, 100 - LEAST_PERCENT), LEAST_PERCENT
        says = "" if one.look == "recorded" else title(one, times)
        drawn.append(Bar(round(left, 2), round(width, 2), one.look, says))
    return drawn


def title(one: Stretch, times: Times) -> str:
    """What a stretch says when it is pointed at: from, to, how long, what and why."""
    words = times.words
    span = words(
        "page.stretch",
        start=times.moment(one.start_ms),
        end=times.moment(one.end_ms),
        lasts=words.duration(one.lasts_s),
    )
    return f"{span}: {told(one, times)}"


def told(one: Stretch, times: Times) -> str:
    """What a stretch is and why, as `gap, the camera does not answer`."""
    words = times.words
    match one.look:
        case "before":
            return words("gap.not_yet")
        case "gap":
            return words("page.because", what=words("span.gap"), why=gap_words(one.reason, words))
        case "fault":
            return words("page.because", what=words("span.fault"), why=words.of_code("picture", one.reason or ""))
        case "rejected":
            return words("page.because", what=words("span.rejected"), why=words.of_code("picture", one.reason or ""))
        case "pruned":
            return words("page.because", what=words("span.pruned"), why=words.of_code("pruned", one.reason or "space"))
    return words("span.recorded")


def _look(span: Span) -> tuple[Look, str | None]:
    if span.kind == "recorded" and span.invalid:
        return "fault", span.invalid
    if span.kind == "gap" and span.reason == _BEFORE:
        return "before", span.reason
    return _LOOKS[span.kind], None if span.kind == "recorded" else span.reason


def _columns(found: Sequence[Stretch], from_ms: int, to_ms: int, times: Times) -> list[Bar]:
    """A strip of very many stretches: equal columns, as high as they are recorded, so that no gap hides the rest."""
    length = (to_ms - from_ms) / COLUMNS
    recorded, gap, known = [0.0] * COLUMNS, [0.0] * COLUMNS, [0.0] * COLUMNS
    for one in found:
        at = max(0, int((one.start_ms - from_ms) / length))
        while at < COLUMNS and from_ms + at * length < one.end_ms:
            share = min(one.end_ms, from_ms + (at + 1) * length) - max(one.start_ms, from_ms + at * length)
            known[at] += share
            if one.look in {"recorded", "fault", "rejected"}:
                recorded[at] += share
            elif one.look == "gap":
                gap[at] += share
            at += 1
    return [
        _column(at, length, from_ms, recorded[at], known[at], times)
        for at in range(COLUMNS)
        if recorded[at] or gap[at]
    ]


def _column(at: int, length: float, from_ms: int, recorded: float, known: float, times: Times) -> Bar:
    words, start_ms = times.words, int(from_ms + at * length)
    end_ms = int(from_ms + (at + 1) * length)
    height = round(100 * recorded / known) if known else 0
    words_of = words("page.column", start=times.moment(start_ms), end=times.moment(end_ms), percent=height)
    width = 100 / COLUMNS
    return Bar(round(at * width, 3), round(width, 3), "recorded", words_of, 100 - height, height)
