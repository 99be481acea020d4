"""The fold of one channel: what recorder, validator, retention and livestream have said of it."""

from collections.abc import Mapping
from typing import Any, Final

from edge.recordings.segment import SegmentName
from edge.state.fact import DAY_MS, Fact, to_ms
from edge.state.intervals import Intervals
from edge.state.marks import REJECTIONS, TRANSITIONS, VALIDITY, Marks
from edge.state.newest import Newest, drop_oldest
from edge.state.seamless import Seamless
from edge.state.segments import JOIN_MS, LONGEST_MS, Segments

RULES: Final = ("space", "age", "rejected", "quota")
MISSING: Final = "missing"
"""Stands beside the rules for what is gone without one."""
MOST_PRUNED: Final = 50_000
MOST_PROTECTIONS: Final = 5_000
"""Retention keeps a thousand at a time; those that are over are known too, as they may be told of late."""
RECEIPT_AHEAD_MS: Final = DAY_MS
"""A receipt speaks of the past: what it claims beyond this after its own time is not believed."""
GOES_ON: Final = frozenset({"rollover", "discontinuity"})
"""A segment that ends so is followed by another one."""


class ChannelState:
    """One channel, folded.

    `last` is the newest segment: path, start, end, bytes, duration, video, audio, reason. `transition` is the newest
    start (nothing) or stop (reason, detail), `session` what the newest start said of the camera: video, audio, URL,
    offset of its clock, server. `invalid` is reason and since while the picture is at fault. `pruned` is what receipts
    say, by rule; `taken` is the time of the segments that they took. `protections` are by name, over where nothing.
    """

    __slots__ = (
        "first_ms", "invalid", "last", "livestream", "protections", "pruned", "rejected", "segments", "session",
        "taken", "transition", "transitions", "validity",
    )  # fmt: skip

    def __init__(self, *, seamless: bool = False) -> None:
        self.first_ms: int | None = None
        self.segments: Segments | Seamless = Seamless() if seamless else Segments()
        self.last: Newest | None = None
        self.transition: Newest | None = None
        self.session: Newest | None = None
        self.invalid: Newest | None = None
        self.livestream: Newest | None = None
        self.transitions = Marks()
        self.validity = Marks()
        self.rejected = Marks()
        self.pruned: dict[str, Intervals] = {}
        self.taken = Intervals(JOIN_MS, MOST_PRUNED)
        self.protections: dict[str, Newest] = {}

    def segment_written(self, fact: Fact) -> None:
        """A segment is on disk."""
        data = fact.data
        start_text, path = data["start"], data["path"]
        start_ms, end_ms = to_ms(start_text), to_ms(data["end"])
        length_ms = min(max(end_ms - start_ms, 0), LONGEST_MS)
        if not path.endswith(_name_time(start_text)):  # where two would have had one name, the name is some ms later
            named = SegmentName.parse(path)
            start_ms = named[0].start_ms if named is not None else start_ms
        self._seen(start_ms)
        held = self.last
        if held is None or (fact.epoch, fact.sequence) > (held.epoch, held.sequence):
            video, audio = _video(data["video"]), _audio(data["audio"])
            if held is not None:  # thousands of channels may be held: what did not change is kept once
                video = held.value[5] if held.value[5] == video else video
                audio = held.value[6] if held.value[6] == audio else audio
            value = [path, start_ms, end_ms, data["bytes"], data["duration_s"], video, audio, data["reason"]]
            self.last = Newest(fact.epoch, fact.sequence, fact.time_ms, value)
        self._add_segment(start_ms, length_ms, fact)

    def _add_segment(self, start_ms: int, length_ms: int, fact: Fact) -> None:
        floor = self.segments.floor_day
        reached = self.segments.reaches(start_ms)
        if self.segments.floor_day != floor:
            self._clip()
        if not reached:
            return
        if isinstance(self.segments, Seamless):
            self._add_stretch(self.segments, start_ms, start_ms + length_ms)
        elif self._is_pruned(start_ms + length_ms // 2):
            self._take(start_ms, start_ms + length_ms)
        else:
            self.segments.add(start_ms, length_ms)
        data = fact.data
        lost, suspect, dropped = data["lost_packets"], data["suspect_s"], data.get("dropped_s", 0)
        if lost or suspect or dropped:
            self.segments.add_loss(start_ms, lost, _milliseconds(suspect), _milliseconds(dropped))

    def _add_stretch(self, held: Seamless, start_ms: int, end_ms: int) -> None:
        """Add what receipts have not taken: which of the two comes first must not matter."""
        if start_ms == end_ms:
            return
        whole = held.add(start_ms, end_ms - start_ms)
        for intervals in self.pruned.values():
            for piece in list(intervals.between(*whole)):
                for gone in held.drop(*piece):
                    self._take(*gone)

    def recording_started(self, fact: Fact) -> None:
        """Frames arrive and are written."""
        self._seen(fact.time_ms)
        self.transition = Newest.of(self.transition, fact, None)
        data = fact.data
        value = [
            _video(data["video"]), _audio(data["audio"]), data["url"], data["camera_clock_offset_s"], data.get("server")
        ]  # fmt: skip
        self.session = Newest.of(self.session, fact, value)
        self._mark(self.transitions, fact.time_ms, TRANSITIONS.code("started"))

    def recording_stopped(self, fact: Fact) -> None:
        """No frames, or nowhere to write them."""
        self._seen(fact.time_ms)
        reason = fact.data["reason"]
        self.transition = Newest.of(self.transition, fact, [reason, fact.data["detail"]])
        self._mark(self.transitions, fact.time_ms, TRANSITIONS.code(reason))

    def channel_invalid(self, fact: Fact) -> None:
        """The picture is at fault, since the time that the event says."""
        since_ms, reason = to_ms(fact.data["since"]), fact.data["reason"]
        self.invalid = Newest.of(self.invalid, fact, [reason, since_ms])
        self._mark(self.validity, since_ms, VALIDITY.code(reason))

    def channel_valid(self, fact: Fact) -> None:
        """The picture is good again."""
        self.invalid = Newest.of(self.invalid, fact, None)
        self._mark(self.validity, fact.time_ms, VALIDITY.code("valid"))

    def segment_rejected(self, fact: Fact) -> None:
        """A segment holds no picture worth keeping; it may be told of later than this."""
        named = SegmentName.parse(fact.data["path"])
        if named is not None:
            self._mark(self.rejected, named[0].start_ms, REJECTIONS.code(fact.data["reason"]))

    def pruned_range(self, rule: str, start_ms: int, end_ms: int, said_ms: int) -> None:
        """Segments were deleted by a rule, or are missing."""
        end_ms = min(end_ms, said_ms + RECEIPT_AHEAD_MS)
        if end_ms <= start_ms:
            return
        self._seen(start_ms)
        floor_ms = self.segments.floor_ms
        if floor_ms is not None and end_ms <= floor_ms:
            return
        start_ms = start_ms if floor_ms is None else max(start_ms, floor_ms)
        intervals = self.pruned.setdefault(rule, Intervals(JOIN_MS, MOST_PRUNED))
        whole_start, whole_end = intervals.add(start_ms, end_ms)
        for gone in self.segments.drop(max(whole_start, start_ms - JOIN_MS), min(whole_end, end_ms + JOIN_MS)):
            self._take(*gone)

    def footage_protected(self, fact: Fact) -> None:
        """Footage is kept from deletion."""
        data = fact.data
        value = [to_ms(data["from"]), to_ms(data["to"]), data["note"], data["by"]]
        self._protection(fact, value)

    def footage_unprotected(self, fact: Fact) -> None:
        """Footage may be deleted like any other."""
        self._protection(fact, None)

    def _protection(self, fact: Fact, value: list[Any] | None) -> None:
        name = fact.data["protection"]
        self.protections[name] = Newest.of(self.protections.get(name), fact, value)
        drop_oldest(self.protections, MOST_PROTECTIONS)

    def livestream_ready(self, fact: Fact) -> None:
        """It can be watched live."""
        data = fact.data
        value = [True, data["rtsp"], data["webrtc"], data["hls"], None, None]
        self.livestream = Newest.of(self.livestream, fact, value)

    def livestream_lost(self, fact: Fact) -> None:
        """It cannot be watched live."""
        value = [False, None, None, None, fact.data["reason"], fact.data["detail"]]
        self.livestream = Newest.of(self.livestream, fact, value)

    def _take(self, start_ms: int, end_ms: int) -> None:
        if start_ms < end_ms:
            floor_ms = self.segments.floor_ms
            self.taken.add(start_ms if floor_ms is None else max(start_ms, floor_ms), end_ms)

    def _is_pruned(self, time_ms: int) -> bool:
        return any(
            intervals.starts and time_ms < intervals.ends[-1] and intervals.holds(time_ms)
            for intervals in self.pruned.values()
        )

    def _seen(self, time_ms: int) -> None:
        if self.first_ms is None or time_ms < self.first_ms:
            self.first_ms = time_ms

    def _mark(self, marks: Marks, time_ms: int, code: int) -> None:
        floor_ms = self.segments.floor_ms
        if floor_ms is None or time_ms >= floor_ms:
            marks.add(time_ms, code)

    def _clip(self) -> None:
        floor_ms = self.segments.floor_ms
        if floor_ms is not None:
            for marks in (self.transitions, self.validity, self.rejected):
                marks.clip(floor_ms)
            for ranges in (self.taken, *self.pruned.values()):
                ranges.clip(floor_ms)


def _name_time(text: str) -> str:
    """How the name of a segment ends that starts at a timestamp."""
    return f"_{text[:4]}{text[5:7]}{text[8:10]}T{text[11:13]}{text[14:16]}{text[17:19]}{text[20:23]}Z.mp4"


def _video(data: Mapping[str, Any]) -> list[Any]:
    return [data["codec"], data["width"], data["height"], data["fps"], data["codec_string"]]


def _audio(data: Mapping[str, Any] | None) -> list[Any] | None:
    return None if data is None else [data["codec"], data["sample_rate"], data["channels"]]


def _milliseconds(seconds: float) -> int:
    return round(min(seconds, LONGEST_MS) * 1000)
