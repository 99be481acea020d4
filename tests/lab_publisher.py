"""One process of a site that makes events up, as a program: what `edge.process` runs is real, only the facts are not.

`python tests/lab_publisher.py edge.yaml recorder 5`: about five events a second. Lines on its standard input tell it
more: `append 1000` (at once), `rate 20`, `clock -3600` (its wall clock steps by so many seconds).
"""

import random
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count, cycle

import edge.process
from edge.bus.heartbeat import Heartbeat
from edge.bus.outbox import Fact, OutboxUnavailable
from edge.clock import SystemClock, utc
from edge.config import load
from edge.events.catalog import EVENTS, SegmentWritten
from edge.events.values import timestamp

CHANNELS = ("gate", "lobby", "till-1", "till-2")
BEAT_S = 2.0
_AT_ONCE = 1_000
_NOT_MADE_UP = ("process_started", "process_stopped", "outbox_truncated", "events_missing", "events_recovered")


class SteppedClock(SystemClock):
    """The machine's clocks, the wall clock moved by some seconds."""

    def __init__(self) -> None:
        self.moved_ns = 0

    def wall_ns(self) -> int:
        return time.time_ns() + self.moved_ns


def made_up(process: str, clock: SteppedClock) -> Iterator[Fact]:
    """Facts that this process could tell, without end: the recorder's segments, the examples of all others."""
    kinds = [kind for kind in EVENTS.values() if process in kind.publishers and kind.event_type not in _NOT_MADE_UP]
    channels = cycle(CHANNELS)
    for number, kind in zip(count(1), cycle(kinds or [SegmentWritten]), strict=False):
        channel = next(channels)
        if kind is SegmentWritten or (process == "recorder" and number % 10):
            yield Fact(_segment(number, channel, clock), channel)
        else:
            yield Fact(kind.read(kind.example), None if kind.subject == "site" else channel)


def _segment(number: int, channel: str, clock: SteppedClock) -> SegmentWritten:
    end = utc(clock.wall_ns())
    start = end - timedelta(seconds=5)
    name = f"{channel}/{start:%Y-%m-%d}/{channel}_{start:%Y%m%dT%H%M%S}{number % 1000:03d}Z.mp4"
    told = {
        "path": name,
        "start": timestamp(start),
        "end": timestamp(end),
        "duration_s": 5.0,
        "sha256": f"{random.getrandbits(256):064x}",
    }
    return SegmentWritten.read({**SegmentWritten.example, **told})


class Body:
    """What `edge.process.run` runs."""

    def __init__(self, rate: float, clock: SteppedClock) -> None:
        self.rate = rate
        self.clock = clock

    def __call__(self, context: edge.process.Context) -> None:
        self._facts = made_up(context.outbox.process, self.clock)
        self._appending = threading.Lock()
        threading.Thread(target=self._listen, args=(context,), daemon=True).start()
        while not context.stop.wait(random.expovariate(self.rate) if self.rate else 0.2):
            if self.rate:
                self._append(context, 1)

    def _listen(self, context: edge.process.Context) -> None:
        for line in sys.stdin:
            word, _, value = line.partition(" ")
            if word == "append":
                for done in range(0, int(value), _AT_ONCE):
                    self._append(context, min(_AT_ONCE, int(value) - done))
            elif word == "rate":
                self.rate = float(value)
            elif word == "clock":
                self.clock.moved_ns += round(float(value) * 1e9)

    def _append(self, context: edge.process.Context, number: int) -> None:
        try:
            with self._appending:
                context.outbox.append_many([next(self._facts) for _ in range(number)])
        except OutboxUnavailable:
            if not context.stop.is_set():
                raise


if __name__ == "__main__":
    _, path, name, rate = sys.argv
    edge.process.Heartbeat = partial(Heartbeat, every_s=BEAT_S)  # a test has not the time to wait for every 10 s
    moved = SteppedClock()
    sys.exit(edge.process.run(name, load(path), Body(float(rate), moved), clock=moved))
