"""Sends one camera's tracks to one client at the pace of the clip; knows RTP and the clock, not RTSP requests."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random

from edge.clock import Clock
from edge.demo.faults import alter_frames, alter_timestamp
from edge.demo.packets import HEADER_BYTES, PacketUnit, TrackPackets, stamp
from edge.demo.rtcp import bye, sender_report

REPORT_EVERY_S = 2.0
# A client that leaves this much unread is too slow: cameras have little memory and close the connection.
WRITE_BUFFER_BYTES = 1 << 20
# Units that are due for longer than this (a machine that slept) are left out, not sent in a burst.
_MAX_LATE_S = 2.0
_TIMESTAMPS = 1 << 32

Faults = Mapping[str, float | str | None]


class TrackSender:
    """One track on its way to one client: what is due, under which number and timestamp."""

    def __init__(self, packets: TrackPackets, channel: int, random: Random) -> None:
        self.kind = packets.kind
        self.channel = channel
        self.ssrc = random.randrange(1, _TIMESTAMPS)
        self.sequence = random.randrange(1 << 16)
        self.first_timestamp = random.randrange(_TIMESTAMPS)
        self.clock_rate = packets.clock_rate
        self.packets_sent = 0
        self.octets_sent = 0
        self._packets = packets.on_channel(channel)
        self._random = random
        self._loop_start = 0  # ticks since PLAY at which this round of the clip began
        self._index = 0
        self._due = 0
        self._last = self.first_timestamp
        self._waits_for_keyframe = False

    @property
    def due_s(self) -> float:
        """When the next unit is due, in seconds since PLAY."""
        return self._due / self.clock_rate

    def timestamp_at(self, elapsed_s: float) -> int:
        """Return the RTP timestamp of a moment in seconds since PLAY."""
        return (self.first_timestamp + round(elapsed_s * self.clock_rate)) % _TIMESTAMPS

    def jump(self, seconds: float) -> None:
        """Shift all later timestamps."""
        self.first_timestamp += round(seconds * self.clock_rate)

    def start_before_wrap(self, seconds: float) -> None:
        """Let the timestamps wrap after so many seconds."""
        self.first_timestamp = self._last = _TIMESTAMPS - round(seconds * self.clock_rate)

    def switch(self, packets: TrackPackets) -> None:
        """Go on with the start of another clip."""
        self._loop_start = self._due
        self._packets = packets.on_channel(self.channel)
        self._index = 0

    def take_due(self, elapsed_s: float, faults: Faults, *, muted: bool) -> list[bytes | bytearray]:
        """Return the bytes of all units that are due; a track that was muted goes on with a keyframe."""
        sent: list[bytes | bytearray] = []
        while self.due_s <= elapsed_s:
            if muted or elapsed_s - self.due_s > _MAX_LATE_S:
                self._waits_for_keyframe = True
                self._advance()
                continue
            start = self._loop_start
            unit = self._advance()
            if self._waits_for_keyframe and not unit.keyframe:
                continue
            self._waits_for_keyframe = False
            sent += self._send(unit, self.first_timestamp + start + unit.timestamp, faults)
        return sent

    def _advance(self) -> PacketUnit:
        unit = self._packets.units[self._index]
        self._index += 1
        if self._index == len(self._packets.units):
            self._index = 0
            self._loop_start += self._packets.loop_ticks
        self._due = self._loop_start + self._packets.units[self._index].due
        return unit

    def _send(self, unit: PacketUnit, timestamp: int, faults: Faults) -> list[bytes | bytearray]:
        if faults:
            timestamp = alter_timestamp(timestamp, self._last, self._packets.units[1].due, faults)
        self._last = timestamp
        data = stamp(unit, self.sequence, timestamp % _TIMESTAMPS, self.ssrc)
        count = len(unit.starts)
        self.sequence += count
        self.packets_sent += count
        self.octets_sent += len(data) - HEADER_BYTES * count
        if not faults:
            return [data]
        ends = (*unit.starts[1:], len(data))
        frames = [bytes(data[start:end]) for start, end in zip(unit.starts, ends, strict=True)]
        return [*alter_frames(frames, faults, self._random)]


class Session:
    """The tracks that one client has set up, and the timer that sends them; pacing is absolute, so it never drifts."""

    def __init__(self, transport: asyncio.Transport, clock: Clock, faults: Faults, random: Random) -> None:
        self.id = f"{random.getrandbits(32):08X}"
        self.tracks: dict[int, TrackSender] = {}
        self.playing = False
        self._transport = transport
        self._clock = clock
        self._faults = faults
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._origin_s = 0.0
        self._silent = False
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def set_up(self, number: int, packets: TrackPackets, channel: int) -> TrackSender:
        """Add a track on an interleaved channel."""
        track = TrackSender(packets, channel, self._random)
        wrap = self._faults.get("wrap")
        if isinstance(wrap, float):
            track.start_before_wrap(wrap)
        self.tracks[number] = track
        return track

    def play(self) -> None:
        """Start sending, from a keyframe, after the caller's answer to PLAY."""
        self.playing = True
        self._silent = "silent" in self._faults
        self._origin_s = self._loop.time()
        self._again(self._loop.time(), self._send_due)
        self._again(self._loop.time(), self._send_reports)

    def stop(self) -> None:
        """Stop sending."""
        self.playing = False
        for timer in self._timers.values():
            timer.cancel()

    def say_bye(self) -> None:
        """Send RTCP BYE on every track and stop."""
        if self.playing:
            self._transport.write(b"".join(bye(track.channel + 1, track.ssrc) for track in self.tracks.values()))
            self.stop()

    def jump(self, seconds: float) -> None:
        """Shift the timestamps of all tracks."""
        for track in self.tracks.values():
            track.jump(seconds)

    def switch(self, packets: tuple[TrackPackets, ...]) -> None:
        """Go on with another clip."""
        for number, track in self.tracks.items():
            track.switch(packets[number])

    def _again(self, when_s: float, action: Callable[[], None]) -> None:
        self._timers[action] = self._loop.call_at(when_s, action)

    def _send_due(self) -> None:
        elapsed_s = self._loop.time() - self._origin_s
        faults = self._faults
        stalled = self._silent or "stall" in faults
        sent: list[bytes | bytearray] = []
        for track in self.tracks.values():
            muted = stalled or (("blind" if track.kind == "video" else "mute") in faults)
            sent += track.take_due(elapsed_s, faults, muted=muted)
        if sent:
            self._transport.write(sent[0] if len(sent) == 1 else b"".join(sent))
            if self._transport.get_write_buffer_size() > WRITE_BUFFER_BYTES:
                self._transport.abort()
                return
        next_s = min(track.due_s for track in self.tracks.values())
        slow = faults.get("slow")
        if isinstance(slow, float) and slow > 0:
            self._origin_s += max(next_s - elapsed_s, 0) * (1 / slow - 1)
        self._again(self._origin_s + next_s, self._send_due)

    def _send_reports(self) -> None:
        elapsed_s = self._loop.time() - self._origin_s
        ahead = self._faults.get("clock")
        wall_ns = self._clock.wall_ns() + (round(ahead * 1e9) if isinstance(ahead, float) else 0)
        reports = [
            sender_report(
                track.channel + 1,
                track.ssrc,
                wall_ns,
                track.timestamp_at(elapsed_s),
                packets=track.packets_sent,
                octets=track.octets_sent,
            )
            for track in self.tracks.values()
        ]
        if not self._silent and "stall" not in self._faults:
            self._transport.write(b"".join(reports))
        self._again(self._loop.time() + REPORT_EVERY_S, self._send_reports)
