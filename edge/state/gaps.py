"""Why there is no footage: gives every stretch of a gap its reason, by what was said around it.

A gap begins at the last frame, a little before anybody says why: that stretch takes the reason that is said first. From
there on holds what was said last. A start of the recorder after a life that did not end explains what is before it back
to the last sign of that life.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple

from edge.state.channels import ChannelState
from edge.state.footage import end_before, start_before
from edge.state.marks import TRANSITIONS
from edge.state.projection import SiteProjection
from edge.state.segments import JOIN_MS

UNEXPLAINED: Final = "unexplained"
_ENDS: Final = {"stopped": "shutdown", "failed": "crash", "started": "shutdown"}


class Piece(NamedTuple):
    """A stretch with one reason."""

    start_ms: int
    end_ms: int
    reason: str


class _Mark(NamedTuple):
    time_ms: int
    what: str
    """`reason`, or how the recorder's life turned."""
    reason: str


class Explainer:
    """Explains the gaps of a channel in a time; `present` is the reason for a gap that lasts until now, if known."""

    def __init__(
        self, state: SiteProjection, channel: ChannelState, start_ms: int, end_ms: int, present: str | None
    ) -> None:
        self._state = state
        self._channel = channel
        self._present = present
        marks = [
            _Mark(time_ms, "reason", TRANSITIONS.word(code))
            for time_ms, code in channel.transitions.between(start_ms, end_ms)
        ]
        marks += [_Mark(time_ms, turn, "") for time_ms, turn in state.runs.turns(start_ms, end_ms)]
        marks.sort(key=lambda mark: mark.time_ms)
        self._marks = marks
        self._times = [mark.time_ms for mark in marks]

    def pieces(self, start_ms: int, end_ms: int, *, lasts: bool) -> list[Piece]:
        """The reasons of a whole gap, in order; `lasts` when nothing was recorded after it."""
        reason, said_ms = self._before(start_ms)
        at, found = start_ms, list[Piece]()
        for mark in self._marks[bisect_left(self._times, start_ms) : bisect_left(self._times, end_ms)]:
            before = _reason_before(mark, reason)
            if mark.what == "restarted" and reason is not None:
                alive_ms = max(self._last_alive_ms(mark.time_ms), at)
                if alive_ms > said_ms:
                    found.append(Piece(at, alive_ms, reason))
                    at, before, reason = alive_ms, "recorder_down", None
            found.append(Piece(at, mark.time_ms, before))
            at, said_ms = mark.time_ms, mark.time_ms
            reason = _reason_after(mark, reason)
        last = reason or (self._present if lasts else None) or self._unsaid(end_ms)
        found.append(Piece(at, end_ms, last))
        return _without_short(self._with_clock(found))

    def _before(self, start_ms: int) -> tuple[str | None, int]:
        """What was said last before a gap, where that was after its last segment began."""
        place = bisect_left(self._times, start_ms) - 1
        held = self._channel.transitions.before(start_ms) if place < 0 else None
        mark = self._marks[place] if place >= 0 else None
        if held is not None:
            mark = _Mark(held[0], "reason", TRANSITIONS.word(held[1]))
        segment_ms = start_before(self._channel, start_ms)
        if mark is None or (segment_ms is not None and mark.time_ms < segment_ms):
            return None, start_ms
        return _reason_after(mark, None), mark.time_ms

    def _last_alive_ms(self, time_ms: int) -> int:
        """The last sign of the recorder's life before a time: the footage and the words of all channels."""
        signs = [0]
        for channel in self._state.channels.values():
            said = channel.transitions.before(time_ms)
            signs += [said[0]] if said is not None else []
            end_ms = end_before(channel, time_ms)
            signs += [end_ms] if end_ms is not None else []
        return max(signs)

    def _unsaid(self, end_ms: int) -> str:
        dropped = any(dropped_ms for *_, dropped_ms in self._channel.segments.losses(end_ms, end_ms + 1))
        return "dropped" if dropped else UNEXPLAINED

    def _with_clock(self, pieces: Iterable[Piece]) -> Iterable[Piece]:
        """Where nothing else is known, time that the clock left out explains itself, with what is around it.

        After a step the segment goes on by the old clock up to the next keyframe, so the gap is somewhat later.
        """
        for piece in pieces:
            skipped = self._state.clock.skipped.between(piece.start_ms, piece.end_ms)
            clock = sum(end - start for start, end in skipped) * 2 >= piece.end_ms - piece.start_ms
            yield piece._replace(reason="clock") if clock and piece.reason == UNEXPLAINED else piece


def _reason_before(mark: _Mark, reason: str | None) -> str:
    if reason is not None:
        return reason
    if mark.what == "reason":
        return mark.reason if mark.reason != "started" else UNEXPLAINED
    return "recorder_down" if mark.what == "restarted" else _ENDS.get(mark.what, UNEXPLAINED)


def _reason_after(mark: _Mark, reason: str | None) -> str | None:
    match mark.what:
        case "reason":
            return None if mark.reason == "started" else mark.reason
        case "restarted":
            return reason or "recorder_down"
        case "started":
            return reason or "shutdown"
        case "stopped" | "failed":
            return _ENDS[mark.what]
    return reason


def _without_short(pieces: Iterable[Piece]) -> list[Piece]:
    """Reasons that held for less than a second go to what follows, or to what is before where nothing does."""
    kept: list[Piece] = []
    waiting: Piece | None = None
    for piece in pieces:
        if piece.end_ms <= piece.start_ms:
            continue
        grown = Piece(waiting.start_ms if waiting is not None else piece.start_ms, piece.end_ms, piece.reason)
        waiting = grown if grown.end_ms - grown.start_ms < JOIN_MS else None
        if waiting is None:
            kept.append(grown)
    if waiting is not None:
        kept.append(kept.pop()._replace(end_ms=waiting.end_ms) if kept else waiting)
    return kept
