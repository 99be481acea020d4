"""Between the network and the disk: each channel has a bounded lane to one of a few writer threads.

The loop never waits for a disk. When a lane is full the segment is ended there, whole fragments are dropped and
counted, and a new segment begins at the next keyframe for which there is room. When the disk refuses, the lane stays
shut for some seconds and then tries again, as often as it takes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from edge.clock import Clock
from edge.errors import StorageError, StorageMissing
from edge.events.catalog import RecordingStarted
from edge.events.data import EventData
from edge.mp4.fragment import TIMESCALE_VIDEO
from edge.recorder.operations import CloseSegment, OpenSegment, Operation, WriteFragment
from edge.recorder.threads import Job, JobQueue
from edge.recorder.writer import ChannelWriter

RETRY_DISK_S: Final = 5.0
STUCK_S: Final = 10.0
"""A disk that has done nothing for so long, with work waiting, is reported as gone."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LaneListener:
    """Who is told, on the loop: to cut the segment, that pictures are on disk, that the disk failed, that we did."""

    cut: Callable[[], None]
    recorded: Callable[[], None]
    trouble: Callable[[StorageError, float], None]
    broken: Callable[[BaseException], None]


class Lane:
    """The way of one channel to the disk, as the event loop sees it."""

    def __init__(
        self,
        writer: ChannelWriter,
        queue: JobQueue,
        clock: Clock,
        *,
        most_bytes: int,
        listener: LaneListener,
    ) -> None:
        self._writer = writer
        self._queue = queue
        self._clock = clock
        self._most_bytes = most_bytes
        self._listener = listener
        writer.on_recorded = lambda: self._call(listener.recorded)
        self._loop = asyncio.get_running_loop()
        self._started: RecordingStarted | None = None
        self._unsaid_start = False
        self._open = False
        self._too_slow = False
        self._shut_until_ns = 0
        self._offered_bytes = 0  # counted on the loop
        self._taken_bytes = 0  # counted on the writer thread
        self._offered_jobs = 0
        self._taken_jobs = 0
        self._seen_jobs = 0
        self._progress_ns = clock.monotonic_ns()
        self.stuck = False
        self._dropped = [0, 0.0]
        self.dropped_fragments = 0

    @property
    def backlog_bytes(self) -> int:
        """What waits for the disk."""
        return self._offered_bytes - self._taken_bytes

    def session(self, started: RecordingStarted) -> None:
        """A camera's stream begins; `started` is said when its first fragment is on disk, and again after trouble."""
        self._started = started
        self._unsaid_start = True

    def recover(self) -> None:
        """Have what an earlier run left behind finished."""
        self._put(0, self._writer.recover)

    def say(self, event: EventData, channel: str) -> None:
        """Say an event behind those of the segments before it."""
        self._put(0, lambda: self._writer.announcer.say(event, channel))

    def offer(self, operations: list[Operation]) -> None:
        """Hand operations over as far as there is room; never waits."""
        for operation in operations:
            match operation:
                case OpenSegment():
                    self._offer_open(operation)
                case WriteFragment():
                    self._offer_fragment(operation)
                case CloseSegment():
                    if self._open:
                        self._execute(operation, 0)
                        self._open = False

    def tick(self, now_ns: int) -> None:
        """Look whether the disk still works, and have it sync what would otherwise get too old."""
        idle = self._taken_jobs == self._offered_jobs
        if self._taken_jobs != self._seen_jobs or idle:
            self._seen_jobs = self._taken_jobs
            self._progress_ns = now_ns
            if self.stuck:
                self.stuck = False
                self._listener.cut()
        elif not self.stuck and now_ns - self._progress_ns >= STUCK_S * 1e9:
            self.stuck = True
            self._unsaid_start = self._started is not None
            words = f"the disk has not answered for {STUCK_S:g} s: look at its cable, health and mount"
            self._listener.trouble(StorageMissing(words), RETRY_DISK_S)
        if idle and self._writer.wants_sync(now_ns):  # what waits for the disk would sync too
            self._put(0, self._writer.sync)

    def _offer_open(self, operation: OpenSegment) -> None:
        shut = self._clock.monotonic_ns() < self._shut_until_ns
        self._too_slow = not shut and self.backlog_bytes > self._most_bytes // 2
        self._open = not shut and not self._too_slow
        if not self._open:
            self._listener.cut()
            return
        if self._unsaid_start and self._started is not None:
            started, self._unsaid_start = self._started, False
            self._put(0, lambda: self._writer.session(started))
        if self._dropped[0]:
            fragments, seconds = int(self._dropped[0]), self._dropped[1]
            self._dropped = [0, 0.0]
            self._put(0, lambda: self._writer.dropped(fragments, seconds))
        self._execute(operation, 0)

    def _offer_fragment(self, fragment: WriteFragment) -> None:
        if self._open and self.backlog_bytes + fragment.bytes > self._most_bytes:
            _log.warning("disk_too_slow", channel=self._writer.channel, backlog_bytes=self.backlog_bytes)
            self._execute(CloseSegment("discontinuity", fragment.arrival_ns), 0)
            self._open = False
            self._too_slow = True
            self._listener.cut()
        if self._open:
            self._execute(fragment, fragment.bytes)
        elif self._too_slow:
            self._dropped[0] += 1
            self._dropped[1] += fragment.video_ticks / TIMESCALE_VIDEO
            self.dropped_fragments += 1

    def _execute(self, operation: Operation, size: int) -> None:
        self._put(size, lambda: self._writer.execute(operation))

    def _put(self, size: int, job: Job) -> None:
        self._offered_bytes += size
        self._offered_jobs += 1
        self._queue.put(lambda: self._run(size, job))

    def _run(self, size: int, job: Job) -> None:
        """On the writer thread: do it, and tell the loop what went wrong."""
        try:
            job()
        except StorageError as error:
            self._call(self._trouble, error)
        except BaseException as error:  # noqa: BLE001 - a writer thread that ends silently would record nothing for months
            self._call(self._listener.broken, error)
        finally:
            self._taken_bytes += size
            self._taken_jobs += 1

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _trouble(self, error: StorageError) -> None:
        if self._open:  # a newer segment may have begun since; where the one that failed was it, there is none to end
            self._execute(CloseSegment("discontinuity", 0), 0)
        self._open = self._too_slow = False
        self._unsaid_start = self._started is not None
        self._shut_until_ns = self._clock.monotonic_ns() + round(RETRY_DISK_S * 1e9)
        self._listener.cut()
        self._listener.trouble(error, RETRY_DISK_S)
