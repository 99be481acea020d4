"""Which picture goes into which fragment of which segment. Pure: access units in, operations for the writer out.

Rules:
1. A segment begins with a picture at which a decoder can start, and with one set of parameters.
2. It ends before the first such picture at or after the next wall-clock multiple of the segment's length, before one
   whose parameter sets differ, and before one that follows a discontinuity; never elsewhere, however long that takes.
3. A fragment begins with every such picture and lasts at most half a second by its own time, 0.6 s by arrival. The
   first picture of a session is one of its own, so that it is on disk at once.
4. No picture is left out between the first and the last.
"""

from typing import Final

from edge.codec.formats import AudioFormat, VideoCodec, VideoFormat
from edge.errors import CodecError
from edge.mp4.fragment import VIDEO_TRACK_ID, TrackRun
from edge.recorder.operations import CloseReason, CloseSegment, OpenSegment, Operation, WriteFragment
from edge.recorder.sound import SoundTrack
from edge.recorder.timeline import VIDEO_RATE, SampleTime, VideoTimeline
from edge.rtsp.units import AccessUnit, AudioUnit

FRAGMENT_TICKS: Final = VIDEO_RATE // 2
FRAGMENT_NS: Final = 600_000_000
"""By arrival, which comes in steps of a tick: more than a fragment, so that this only counts for broken timestamps."""
RECOVERY_WAIT_NS: Final = 60_000_000_000
"""A camera that refreshes bit by bit and sends no keyframe for so long is recorded from a recovery point on."""
DEFAULT_FRAME_TICKS: Final = 3600
LONGEST_LAST_FRAME_TICKS: Final = VIDEO_RATE
MOST_SAMPLE_BYTES: Final = 16 << 20
"""A picture whose slices never end is given up as one and goes on as the next."""


class Segmenter:
    """One session of one camera: from its first access unit to its end."""

    def __init__(self, codec: VideoCodec, audio: AudioFormat | None, segment_s: int, wall_offset_ns: int) -> None:
        self.wall_offset_ns = wall_offset_ns
        """Wall clock less monotonic clock; the owner sets it when the wall clock steps."""
        self.video: VideoFormat | None = None
        self.audio = audio
        self.waiting_since_ns: int | None = None
        self._codec = codec
        self._segment_ns = segment_s * 1_000_000_000
        self._sets: tuple[bytes, ...] | None = None
        self._timeline: VideoTimeline | None = None
        self._sound = SoundTrack(audio) if audio else None
        self._cut_for: CloseReason | None = None
        self._slot = -1
        self._pending: _Sample | None = None
        self._fragment = _Fragment()
        self._segment_start_ticks = 0
        self._last_ticks = DEFAULT_FRAME_TICKS
        self._suspect = False
        self._first = True

    def add_video(self, unit: AccessUnit) -> list[Operation]:
        """Take the next access unit."""
        pending = self._pending
        if unit.continues and pending is not None and pending.size + unit.size <= MOST_SAMPLE_BYTES:
            pending.extend(unit)
            return []
        starts = self._starts(unit)
        if self._timeline is None and not starts:
            return []
        out: list[Operation] = []
        reason = self._cut_reason(unit, changed=self._adopt(unit)) if starts else None
        timeline = self._timeline
        if timeline is None:
            return []
        time = timeline.place(unit.timestamp, unit.arrival_ns)
        if time.discontinuity:
            self._cut_for = "discontinuity"
            reason = "discontinuity" if starts else None
        if reason is not None and self._sound is not None:
            self._sound.wait_no_longer()
        self._close_pending(time.decode, unit.arrival_ns, out, whole=starts)
        if reason is not None and self._slot >= 0:
            self._close_segment(reason, unit.arrival_ns, out)
        if starts and self._slot < 0:
            self._open_segment(unit, time, out)
        self._suspect = (self._suspect or unit.after_loss) and not unit.random_access
        self._pending = _Sample(unit, time.decode, time.show, suspect=self._suspect)
        return out

    def add_audio(self, unit: AudioUnit) -> None:
        """Take the next unit of audio; it goes into the fragment that is written next."""
        if self._sound is not None:
            self._sound.add(unit, self._timeline.lateness_ns if self._timeline is not None else None)

    def tick(self, now_ns: int) -> list[Operation]:
        """Let go of a fragment that has been open for FRAGMENT_NS, although nothing new has come."""
        out: list[Operation] = []
        if self._fragment.samples and now_ns - self._fragment.arrival_ns >= FRAGMENT_NS:
            self._flush(out)
        return out

    def cut(self, reason: CloseReason) -> None:
        """Begin a new segment with the next picture that can begin one."""
        self._cut_for = reason

    def end(self, reason: CloseReason) -> list[Operation]:
        """The session is over: everything that is whole goes to the segment, and the segment ends."""
        out: list[Operation] = []
        if self._slot >= 0:
            ticks = min(self._last_ticks, LONGEST_LAST_FRAME_TICKS)
            last_ns = self._pending.arrival_ns if self._pending else self._fragment.end_ns
            if self._sound is not None:
                self._sound.wait_no_longer()
            if self._pending is not None:
                self._close_pending(self._pending.decode + ticks, last_ns, out, whole=True)
            self._close_segment(reason, last_ns + ticks * 100_000 // 9, out)
        return out

    def _starts(self, unit: AccessUnit) -> bool:
        """Whether a segment could begin with this picture."""
        if unit.random_access:
            self.waiting_since_ns = unit.arrival_ns
            return True
        if self.waiting_since_ns is None:
            self.waiting_since_ns = unit.arrival_ns
        return unit.recovery_point and unit.arrival_ns - self.waiting_since_ns >= RECOVERY_WAIT_NS

    def _cut_reason(self, unit: AccessUnit, *, changed: bool) -> CloseReason | None:
        if self._cut_for is not None:
            return self._cut_for
        if changed:
            return "discontinuity"
        return "rollover" if self._slot_of(unit.arrival_ns) != self._slot else None

    def _slot_of(self, arrival_ns: int) -> int:
        return (arrival_ns + self.wall_offset_ns) // self._segment_ns

    def _adopt(self, unit: AccessUnit) -> bool:
        """Take a picture's parameter sets and say whether the format differs; broken ones change nothing."""
        if unit.parameter_sets is self._sets:
            return False
        self._sets = unit.parameter_sets
        try:
            video = VideoFormat.parse(self._codec, unit.parameter_sets)
        except CodecError:
            return False
        if self._timeline is None:
            ticks = round(VIDEO_RATE / video.fps) if video.fps else DEFAULT_FRAME_TICKS
            self._timeline = VideoTimeline(video.reorder_frames, ticks)
        changed = video != self.video
        if changed:
            self._timeline.expect_reorder(video.reorder_frames)
        self.video = video
        return changed

    def _open_segment(self, unit: AccessUnit, time: SampleTime, out: list[Operation]) -> None:
        if self.video is None:
            return
        self._slot = self._slot_of(unit.arrival_ns)
        self._cut_for = None
        self._segment_start_ticks = time.decode
        if self._sound is not None:
            self._sound.begin(time.decode, unit.arrival_ns)
        out.append(OpenSegment(unit.arrival_ns, self.video, self.audio))

    def _close_segment(self, reason: CloseReason, end_ns: int, out: list[Operation]) -> None:
        self._flush(out)
        out.append(CloseSegment(reason, end_ns))
        self._slot = -1

    def _close_pending(self, next_decode: int, next_arrival_ns: int, out: list[Operation], *, whole: bool) -> None:
        """The last picture's duration is known now: put it into the fragment, and end the fragment where it is full."""
        sample, self._pending = self._pending, None
        if sample is None:
            return
        ticks = next_decode - sample.decode
        self._last_ticks = ticks
        fragment = self._fragment
        if fragment.samples and fragment.ticks + ticks > FRAGMENT_TICKS:
            self._flush(out)
        fragment = self._fragment
        fragment.add(sample, ticks)
        if (
            whole
            or self._first
            or fragment.ticks >= FRAGMENT_TICKS
            or next_arrival_ns - fragment.arrival_ns >= FRAGMENT_NS
        ):
            self._flush(out)

    def _flush(self, out: list[Operation]) -> None:
        fragment, self._fragment = self._fragment, _Fragment()
        self._first = False
        if not fragment.samples:
            return
        runs = [fragment.run(self._segment_start_ticks)]
        pieces = [piece for sample in fragment.samples for piece in sample.unit.parts]
        sound = self._sound.take_run(pieces) if self._sound is not None else None
        if sound is not None:
            runs.append(sound)
        lost = self._sound.take_lost_packets() if self._sound is not None else 0
        out.append(
            WriteFragment(
                runs=tuple(runs),
                pieces=pieces,
                bytes=sum(sum(run.sizes) for run in runs),
                arrival_ns=fragment.arrival_ns,
                end_ns=fragment.end_ns,
                sync=fragment.samples[0].sync,
                video_ticks=fragment.ticks,
                audio_ticks=sum(sound.durations) if sound else 0,
                lost_packets=lost + sum(sample.lost_packets for sample in fragment.samples),
                suspect_ticks=fragment.suspect_ticks,
            )
        )


class _Sample:
    """A picture that waits for the next one to know its duration."""

    __slots__ = ("arrival_ns", "decode", "lost_packets", "show", "size", "suspect", "sync", "unit")

    def __init__(self, unit: AccessUnit, decode: int, show: int, *, suspect: bool) -> None:
        self.unit = unit
        self.decode = decode
        self.show = show
        self.suspect = suspect
        self.sync = unit.random_access
        self.size = unit.size
        self.arrival_ns = unit.arrival_ns
        self.lost_packets = unit.lost_packets

    def extend(self, unit: AccessUnit) -> None:
        """Take more slices of the same picture."""
        self.unit.parts.extend(unit.parts)
        self.size += unit.size
        self.lost_packets += unit.lost_packets


class _Fragment:
    """Pictures that go to disk together."""

    __slots__ = ("arrival_ns", "durations", "end_ns", "samples", "suspect_ticks", "ticks")

    def __init__(self) -> None:
        self.samples: list[_Sample] = []
        self.durations: list[int] = []
        self.ticks = 0
        self.suspect_ticks = 0
        self.arrival_ns = 0
        self.end_ns = 0

    def add(self, sample: _Sample, ticks: int) -> None:
        if not self.samples:
            self.arrival_ns = sample.arrival_ns
        self.end_ns = sample.arrival_ns
        self.samples.append(sample)
        self.durations.append(ticks)
        self.ticks += ticks
        self.suspect_ticks += ticks if sample.suspect else 0

    def run(self, start_ticks: int) -> TrackRun:
        offsets = [sample.show - sample.decode for sample in self.samples]
        return TrackRun(
            VIDEO_TRACK_ID,
            self.samples[0].decode - start_ticks,
            self.durations,
            [sample.size for sample in self.samples],
            [sample.sync for sample in self.samples],
            offsets if any(offsets) else None,
        )
