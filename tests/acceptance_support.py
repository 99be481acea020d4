"""What tests of whole commands share: starting them, what they leave behind, and which frames of a clip were recorded."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import av
import psutil

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.subscriber import Subscriber
from edge.clock import SystemClock
from edge.demo.clips import ClipSpec, default_cache_dir, load_clip

REPOSITORY = Path(__file__).parents[1]
BROKER_CONFIGURATION = REPOSITORY / "mosquitto" / "mosquitto.conf"
EDGE = (sys.executable, "-m", "edge")
_PARAMETER_SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}


def until(condition: Callable[[], object], wait_s: float = 60, said: Callable[[], str] = str):
    """Wait for a condition and return what it gave; `said` is shown when it never came."""
    deadline = time.monotonic() + wait_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {wait_s} s\n{said()[-6000:]}"
        time.sleep(0.02)
    return found


class Command:
    """A command as a process of its own; what it says goes to a file."""

    def __init__(self, command: Sequence[object], folder: Path, **options) -> None:
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=file, stderr=file, **options
            )

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def tree(self) -> list[psutil.Process]:
        """The process and everything that it started."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def child(self, word: str) -> psutil.Process | None:
        """The process started by this one whose command line holds a word, if it runs."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if word in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    return process
        return None

    def stop(self, number: int = signal.SIGINT, wait_s: float = 30) -> int:
        """Send a signal; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(wait_s)

    def end(self) -> None:
        """End it and all that it started, however it stands."""
        if self.process.poll() is None:
            everything = self.tree()
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            kill(everything)
        self.process.wait()


def stop_mosquitto(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, again until it is heard: Mosquitto 2.0 forgets one that comes before its main loop begins."""
    for _ in range(15):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
            return
    process.kill()
    process.wait()
    raise AssertionError("mosquitto does not end")


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill -9 what still runs of these."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def running(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    alive = []
    for process in processes:
        with suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


def open_ports(processes: Iterable[psutil.Process]) -> set[int]:
    """Where these processes listen."""
    ports = set()
    for process in processes:
        with suppress(psutil.Error):
            connections = process.net_connections("inet")
            ports |= {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}
    return ports


# -- the broker's side -------------------------------------------------------------------------------------------------


class Consumer:
    """What a journal will be: a durable subscriber of all events that keeps every payload by (epoch, sequence)."""

    def __init__(self, port: int, topics: Sequence[str] = ("event/#", "reply/#")) -> None:
        self.first_seen: list[int] = []
        self.payloads: dict[int, set[bytes]] = {}
        self.replies: list[dict] = []
        self.deliveries = 0
        self.broker = PahoBroker(
            BrokerAddress("127.0.0.1", port), "test-journal", clock=SystemClock(), reconnect_s=(1, 1)
        )
        self.subscriber = Subscriber(self.broker, topics, self._commit)
        self._changed = threading.Lock()

    def __enter__(self):
        self.subscriber.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.subscriber.stop()

    def _commit(self, batch) -> None:
        with self._changed:
            for message in batch:
                value = json.loads(message.payload)
                if message.topic.startswith("reply/"):
                    self.replies.append(value)
                    continue
                sequence = int(value["sequence"])
                self.deliveries += 1
                if sequence not in self.payloads:
                    self.first_seen.append(sequence)
                self.payloads.setdefault(sequence, set()).add(message.payload)

    def seen(self) -> set[int]:
        """The sequences that came so far."""
        with self._changed:
            return set(self.payloads)

    def ask_again(self, epoch: str, first: int, last: int, transaction: str = "test-1") -> dict:
        """Ask for a replay and wait for its reply."""
        command = {"transaction": transaction, "epoch": epoch, "from": first, "to": last}
        until(lambda: self.broker.publish("command/recorder/replay", json.dumps(command).encode()))
        return until(lambda: next((one for one in self.replies if one["transaction"] == transaction), None))


# -- what was recorded -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """One sample of video: seconds from the segment's start, and what identifies its slices."""

    pts_s: float
    key: bool
    slices: bytes


def pictures(segment: Path) -> list[Picture]:
    """The video of a segment as another's demultiplexer reads it."""
    found = []
    with av.open(str(segment)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.size:
                slices = _slices(bytes(packet), stream.codec_context.name)
                found.append(Picture(float(packet.pts * packet.time_base), packet.is_keyframe, slices))
    return found


def _slices(sample: bytes, codec: str) -> bytes:
    """A hash of a sample's NAL units, parameter sets left out."""
    digest, place = hashlib.sha1(usedforsecurity=False), 0
    while place < len(sample):
        size = int.from_bytes(sample[place : place + 4], "big")
        nal = sample[place + 4 : place + 4 + size]
        digest.update(b"" if _kind(nal, codec) in _PARAMETER_SETS[codec] else nal)
        place += 4 + size
    return digest.digest()


def _kind(nal: bytes, codec: str) -> int:
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


class Reel:
    """The pictures of a camera's clip, by which one tells which of them a segment holds."""

    def __init__(self, spec: ClipSpec) -> None:
        codec = "h264" if spec.codec == "h264" else "hevc"
        self.fps = spec.fps
        self.places: dict[bytes, int] = {}
        for place, unit in enumerate(load_clip(spec, default_cache_dir()).units):
            digest = hashlib.sha1(usedforsecurity=False)
            for nal in unit.nals:
                digest.update(b"" if _kind(nal, codec) in _PARAMETER_SETS[codec] else nal)
            self.places[digest.digest()] = place
        self.length = spec.fps * spec.seconds
        assert len(self.places) == self.length, "two pictures of the clip are alike"

    def places_of(self, segments: Iterable[Path]) -> list[int]:
        """Which pictures of the loop these segments hold, in order."""
        return [self.places[picture.slices] for segment in segments for picture in pictures(segment)]

    def breaks(self, places: Sequence[int]) -> list[tuple[int, int]]:
        """Where a picture is not followed by the next one of the loop."""
        return [(before, after) for before, after in pairwise(places) if after != (before + 1) % self.length]


def unix(time_text: str) -> float:
    """Seconds since 1970 of an event's time."""
    return datetime.fromisoformat(time_text).timestamp()


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def decode_errors(segment: Path) -> str:
    """What FFmpeg says against a segment when it decodes all of it; empty where there is nothing."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", str(segment), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr + (f"exit status {done.returncode}" if done.returncode else "")


def assert_told_one_to_one(site, channels: Iterable[str]) -> int:
    """Files on disk and `segment_written` events are one to one, with size and hash; returns how many."""
    count = 0
    for channel in channels:
        told = site.events("segment_written", channel)
        assert sorted(str(site.root / event.data["path"]) for event in told) == [str(p) for p in site.segments(channel)]
        assert site.parts(channel) == []
        for event in told:
            path = site.root / event.data["path"]
            assert (event.data["bytes"], event.data["sha256"]) == (path.stat().st_size, sha256(path)), path
        count += len(told)
    sequences = [event.sequence for event in site.events()]
    assert sequences == list(range(1, len(sequences) + 1))
    return count


def printed_watch(command: Command) -> tuple[str, int]:
    """Folder of options and port of the `mosquitto_sub` that `edge up` and `edge demo` print."""
    pattern = re.compile(r"XDG_CONFIG_HOME=(\S+) mosquitto_sub -h \S+ -p (\d+)")
    options, port = until(lambda: pattern.search(command.said()), 60, command.said).groups()
    return options, int(port)


def environment(**more: str) -> dict[str, str]:
    """The test's own environment without what would lead a command astray."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EDGE_")} | more
