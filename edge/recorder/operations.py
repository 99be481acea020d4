"""What the segmenter asks the writer to do, in order, and the facts that go along. Values only."""

from dataclasses import dataclass, field
from typing import Literal

from edge.codec.formats import AudioFormat, VideoFormat
from edge.mp4.fragment import TrackRun

CloseReason = Literal["rollover", "disconnect", "discontinuity", "shutdown", "recovered", "config"]


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """Begin a segment with the picture that arrived at `start_ns` (monotonic)."""

    start_ns: int
    video: VideoFormat
    audio: AudioFormat | None


@dataclass(frozen=True, slots=True)
class WriteFragment:
    """Append one fragment; counts cover its video."""

    runs: tuple[TrackRun, ...]
    pieces: list[bytes | bytearray]
    bytes: int
    arrival_ns: int
    """Monotonic arrival of its first picture."""
    end_ns: int
    """Monotonic arrival of its last picture."""
    sync: bool
    video_ticks: int
    audio_ticks: int
    lost_packets: int
    suspect_ticks: int


@dataclass(frozen=True, slots=True)
class CloseSegment:
    """Finish the segment; `end_ns` is where the footage ends (monotonic)."""

    reason: CloseReason
    end_ns: int


Operation = OpenSegment | WriteFragment | CloseSegment


@dataclass(slots=True)
class Totals:
    """Sums over the fragments that were really written to one segment."""

    frames: int = 0
    keyframes: int = 0
    lost_packets: int = 0
    suspect_ticks: int = 0
    video_ticks: int = 0
    audio_ticks: int = 0
    end_ns: int = 0
    dropped: int = field(default=0)

    def add(self, fragment: WriteFragment) -> None:
        """Count a fragment that is on disk."""
        for run in fragment.runs:
            if run.sync is not None:
                self.frames += len(run.sync)
                self.keyframes += sum(run.sync)
        self.lost_packets += fragment.lost_packets
        self.suspect_ticks += fragment.suspect_ticks
        self.video_ticks += fragment.video_ticks
        self.audio_ticks += fragment.audio_ticks
        self.end_ns = fragment.end_ns
