"""Disk work of one channel, done on a writer thread: operations in, segments on disk and events out.

Order of effects for each segment: its name into the recorder's state -> data -> patches, fdatasync, rename, fsync of
the folder (`edge.recordings.store`) -> `segment_written` into the outbox, and the name out of the state, in one
transaction. An event that the outbox cannot take now is kept and said before anything newer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.clock import Clock, rfc3339
from edge.codec.formats import AudioFormat, VideoFormat
from edge.codec.ntp import ntp_from_unix_ns
from edge.errors import StorageError
from edge.events.catalog import RecordingStarted, SegmentWritten
from edge.mp4.finish import finish_patches
from edge.mp4.fragment import TIMESCALE_VIDEO, FragmentEntry, fragment_header
from edge.mp4.init import InitSegment, init_segment
from edge.recorder import ledger
from edge.recorder.announcer import Announcer, describe_audio, describe_video
from edge.recorder.operations import CloseReason, CloseSegment, OpenSegment, Operation, Totals, WriteFragment
from edge.recorder.recovery import recover_channel
from edge.recorder.wallclock import WallClock
from edge.recordings.segment import SegmentName
from edge.recordings.store import FinishedSegment, PartFile, Store

if TYPE_CHECKING:
    from edge.recorder.threads import Job

FRAGMENTS_A_SECOND: Final = 3
SYNC_MARGIN_NS: Final = 500_000_000
"""The next look is a quarter of a second later at most, and its turn at the disk takes some time besides."""

_log = structlog.get_logger()


@dataclass(slots=True)
class _Growing:
    """The segment that grows now."""

    part: PartFile
    init: InitSegment
    video: VideoFormat
    audio: AudioFormat | None
    start_wall_ns: int
    start_ns: int
    entries: list[FragmentEntry]
    totals: Totals
    unsynced_since_ns: int | None = None


class ChannelWriter:
    """Executes the operations of one channel; raises StorageError where the disk does not allow one."""

    def __init__(
        self,
        channel: str,
        store: Store,
        outbox: Outbox,
        wall: WallClock,
        clock: Clock,
        *,
        segment_s: int,
        durability_s: float,
    ) -> None:
        self.announcer = Announcer(outbox)
        self.channel = channel
        self._store = store
        self._outbox = outbox
        self._wall = wall
        self._clock = clock
        self._index_entries = segment_s * FRAGMENTS_A_SECOND
        self._sync_after_ns = max(round(durability_s * 1e9) - SYNC_MARGIN_NS, 0)
        self._growing: _Growing | None = None
        self._started: RecordingStarted | None = None
        self._dropped = (0, 0.0)
        self._last_end_ns: int | None = None
        self._left_behind = True
        self.on_recorded: Job = lambda: None
        """Called when the first pictures of a session are on disk."""

    def session(self, started: RecordingStarted) -> None:
        """A camera's stream begins; `started` is said with its first fragment on disk."""
        self._started = started

    def dropped(self, fragments: int, seconds: float) -> None:
        """So much was thrown away because the disk was too slow; the next segment tells."""
        self._dropped = (self._dropped[0] + fragments, self._dropped[1] + seconds)

    def execute(self, operation: Operation) -> None:
        """Do one operation; what a failed one leaves is a segment that ends before it."""
        self.announcer.retry()
        try:
            match operation:
                case OpenSegment():
                    self._open(operation)
                case WriteFragment():
                    self._write(operation)
                case CloseSegment():
                    self._close(operation.reason, operation.end_ns)
        except StorageError:
            self._give_up()
            raise

    def recover(self) -> None:
        """Finish and announce what an earlier run, or a disk that failed, left behind; raises StorageError."""
        if not self._left_behind or self._growing is not None:
            return
        if self.announcer.waiting:  # what was told, but is not in the outbox yet, would be told again
            return
        try:
            recover_channel(self.channel, self._store, self._outbox, self.announcer)
            self._left_behind = False
            self._last_end_ns = None
        except OutboxUnavailable as error:
            _log.error("not_recovered", channel=self.channel, error=str(error))

    def _open(self, operation: OpenSegment) -> None:
        if self._growing is not None:
            self._close("discontinuity", self._growing.totals.end_ns)
        self.recover()
        wall_ns = operation.start_ns + self._wall.offset_ns
        name = self._store.free_name(SegmentName(self.channel, wall_ns // 1_000_000))
        self._note(ledger.began(name))
        init = init_segment(operation.video, operation.audio, index_entries=self._index_entries)
        try:
            part = self._store.create(name, init.data)
        except StorageError:
            self._left_behind = True
            raise
        self._growing = _Growing(
            part,
            init,
            operation.video,
            operation.audio,
            wall_ns,
            operation.start_ns,
            [],
            Totals(end_ns=operation.start_ns),
        )

    def _write(self, fragment: WriteFragment) -> None:
        growing = self._growing
        if growing is None:
            return
        arrival_wall_ns = growing.start_wall_ns + fragment.arrival_ns - growing.start_ns
        wall_ntp = ntp_from_unix_ns(arrival_wall_ns)
        header = fragment_header(len(growing.entries) + 1, wall_ntp, fragment.runs)
        growing.part.append([header, *fragment.pieces])
        growing.entries.append(
            FragmentEntry.describe(
                growing.part.bytes - len(header) - fragment.bytes,
                len(header),
                wall_ntp,
                fragment.runs,
                audio_timescale=growing.init.audio_timescale,
            )
        )
        growing.totals.add(fragment)
        if self._started is not None:
            self.announcer.say(self._started, self.channel)
            self._started = None
            self.on_recorded()
        if growing.unsynced_since_ns is None:
            growing.unsynced_since_ns = fragment.arrival_ns
        if self.wants_sync(self._clock.monotonic_ns()):
            self.sync()

    def wants_sync(self, now_ns: int) -> bool:
        """Whether something unsynced would be older than a power cut may cost before the next chance; any thread."""
        growing = self._growing
        since_ns = growing.unsynced_since_ns if growing is not None else None
        return since_ns is not None and now_ns - since_ns >= self._sync_after_ns

    def sync(self) -> None:
        """Make what was written durable; raises StorageError."""
        growing = self._growing
        if growing is not None and growing.unsynced_since_ns is not None:
            growing.unsynced_since_ns = None
            try:
                growing.part.sync()
            except StorageError:
                self._give_up()
                raise

    def _close(self, reason: CloseReason, end_ns: int) -> None:
        growing, self._growing = self._growing, None
        if growing is None:
            return
        totals = growing.totals
        patches = finish_patches(
            growing.init, growing.entries, video_duration=totals.video_ticks, audio_duration=totals.audio_ticks
        )
        try:
            if not growing.entries:
                growing.part.abandon()
                self._note(ledger.forgotten(growing.part.name))
                return
            finished = growing.part.finish(patches)
        except StorageError:
            self._left_behind = True
            growing.part.close()
            raise
        self._announce(growing, finished, reason, max(end_ns, totals.end_ns))

    def _announce(self, growing: _Growing, finished: FinishedSegment, reason: CloseReason, end_ns: int) -> None:
        totals = growing.totals
        end_wall_ns = growing.start_wall_ns + end_ns - growing.start_ns
        fragments, seconds = self._dropped
        self._dropped = (0, 0.0)
        event = SegmentWritten(
            path=finished.name.path,
            start=rfc3339(growing.start_wall_ns),
            end=rfc3339(end_wall_ns),
            duration_s=totals.video_ticks / TIMESCALE_VIDEO,
            bytes=finished.bytes,
            sha256=finished.sha256,
            video=describe_video(growing.video),
            audio=describe_audio(growing.audio),
            packets=totals.frames,
            keyframes=totals.keyframes,
            lost_packets=totals.lost_packets,
            dropped_fragments=fragments,
            dropped_s=seconds,
            suspect_s=totals.suspect_ticks / TIMESCALE_VIDEO,
            gap_before_s=self._gap_before_s(growing),
            reason=reason,
        )
        self._last_end_ns = end_ns
        self.announcer.say(event, self.channel, ledger.announced(finished.name, end_wall_ns))
        _log.debug("segment_written", channel=self.channel, path=finished.name.path, reason=reason)

    def _gap_before_s(self, growing: _Growing) -> float | None:
        """Time without footage before this segment: monotonic within a run, by the wall clock over a restart."""
        if self._last_end_ns is not None:
            return max(growing.start_ns - self._last_end_ns, 0) / 1e9
        try:
            end_ms = self._outbox.read_state(ledger.end_of(self.channel))
        except OutboxUnavailable:
            return None
        return max(growing.start_wall_ns / 1e6 - end_ms, 0) / 1e3 if end_ms is not None else None

    def _give_up(self) -> None:
        """The disk failed: end the growing segment as it is, or leave its part to recovery."""
        growing = self._growing
        if growing is None:
            return
        try:
            self._close("discontinuity", growing.totals.end_ns)
        except StorageError as error:
            _log.warning(
                "segment_left_to_recovery", channel=self.channel, path=growing.part.name.path, error=str(error)
            )
        self._growing = None

    def _note(self, change: ledger.Change) -> None:
        """Change the recorder's state alone; where that fails, the walk at the next start finds the segment."""
        try:
            self._outbox.append_many([], state=change)
        except OutboxUnavailable as error:
            _log.warning("growing_segment_not_noted", channel=self.channel, error=str(error))
