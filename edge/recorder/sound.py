"""Where sound lies among the pictures of a segment. Pure: units of audio in, one run for each fragment out.

Sound and pictures have clocks of their own, of which only arrival is common. So what matters is how late those units of
either are that nothing delayed. Sound keeps its own spacing as long as that holds it within 0.1 s of the pictures;
otherwise, and at the start of each segment, it is set right. It never overlaps, and none is left out: what comes to lie
too early follows at half its duration until it has caught up.
"""

from itertools import pairwise
from typing import Final

from edge.codec.formats import AudioFormat
from edge.mp4.fragment import AUDIO_TRACK_ID, TrackRun
from edge.recorder.timeline import SECOND_NS, VIDEO_RATE, AudioTimeline
from edge.rtsp.units import AudioUnit

MOST_WAITING: Final = 1000
"""Units that wait for a picture to be written with; the oldest go where none comes."""
MOST_STRAY_S: Final = 0.1
LONGEST_STEP_S: Final = 10
"""A unit lasts until the next one, over gaps up to this."""


class SoundTrack:
    """The audio of one session."""

    def __init__(self, audio: AudioFormat) -> None:
        self._rate = audio.clock_rate
        self._most_stray = round(audio.clock_rate * MOST_STRAY_S)
        self._timeline = AudioTimeline(audio.clock_rate)
        self._waiting: list[tuple[int, AudioUnit]] = []
        self._read_ns: int | None = None
        self._measured: int | None = None
        self._shift: int | None = None
        self._start = 0
        self._end = 0
        self._lost_packets = 0

    def add(self, unit: AudioUnit, video_lateness_ns: int | None) -> None:
        """Take the next unit; one of a new read comes when all pictures of earlier reads are placed."""
        if unit.arrival_ns != self._read_ns:
            self._read_ns = unit.arrival_ns
            self._measure(video_lateness_ns)
        position = self._timeline.place(unit.timestamp, unit.arrival_ns, unit.duration)
        self._lost_packets += unit.lost_packets
        self._waiting.append((position, unit))
        del self._waiting[:-MOST_WAITING]

    def begin(self, start_ticks: int, arrival_ns: int) -> None:
        """A segment begins with the picture decoded at `start_ticks` (90 kHz); what was read with it stays."""
        self._start = start_ticks * self._rate // VIDEO_RATE
        self._end = 0
        self._shift = self._measured
        self._waiting = [one for one in self._waiting if one[1].arrival_ns >= arrival_ns]

    def take_lost_packets(self) -> int:
        """Packets lost since the last call."""
        lost, self._lost_packets = self._lost_packets, 0
        return lost

    def wait_no_longer(self) -> None:
        """The segment ends: where nothing is known yet, the first unit begins with the first picture."""
        if self._shift is None and self._waiting:
            self._shift = self._start - self._waiting[0][0]

    def take_run(self, pieces: list[bytes | bytearray]) -> TrackRun | None:
        """The units that wait, for the next fragment; their bytes go to `pieces`.

        Until the first read is over nobody knows where they lie, so they wait.
        """
        if self._shift is None or not self._waiting:
            return None
        waiting, self._waiting = self._waiting, []
        shift = self._shift - self._start
        base = at = max(waiting[0][0] + shift, self._end)
        durations = []
        for (_, unit), (following, _) in pairwise(waiting):
            step = max(following + shift - at, unit.duration // 2, 1)
            durations.append(step if step <= LONGEST_STEP_S * self._rate else unit.duration)
            at += durations[-1]
        durations.append(waiting[-1][1].duration)
        self._end = at + durations[-1]
        units = [unit for _, unit in waiting]
        pieces += [unit.data for unit in units]
        return TrackRun(AUDIO_TRACK_ID, base, durations, [len(unit.data) for unit in units])

    def _measure(self, video_lateness_ns: int | None) -> None:
        """Where sound lies by what has come so far; followed when it strays from where it is put."""
        lateness_ns = self._timeline.lateness_ns
        if lateness_ns is None or video_lateness_ns is None:
            return
        self._measured = (lateness_ns - video_lateness_ns) * self._rate // SECOND_NS
        if self._shift is None or abs(self._measured - self._shift) > self._most_stray:
            self._shift = self._measured
