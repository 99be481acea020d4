"""The site whose detection of faults is measured: cameras that can be switched, the processes, and what is heard."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import outbox
import psutil
import rig

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.subscriber import Tail
from edge.clock import SystemClock
from edge.demo.clips import ClipSpec, default_cache_dir, load_clip
from edge.demo.control import send_command
from edge.events.envelope import Envelope
from edge.events.topics import EventTopic
from edge.events.values import parse_timestamp
from edge.recordings.picture import PICTURES, REFERENCE
from edge.validator.baseline import LOOKS_TO_KNOW

FAULTS = ("black", "no_signal", "frozen", "covered", "blurred")
GOPS_S = (1.0, 2.0)
CLIP_S = 23
"""Not a multiple of the time between two looks: those of a living camera must not show the same picture."""
FPS = 15
STEP_S = 0.7
"""Until a keyframe is on disk: a fragment of half a second, which the recorder reads up to 0.18 s late."""
SEGMENT_S = 60
CALM_LOOKS = 3
"""So many more than it takes to know a view, until the light counts as lasting."""
PATIENCE_S = 30.0
SETTLE_S = 2.0


@dataclass(frozen=True)
class Pace:
    """How the validator looks, and what is claimed of it."""

    every_s: float
    confirm: int

    @property
    def claim_s(self) -> float:
        """Within how many seconds a fault is known that begins with a keyframe; others wait for their next keyframe."""
        return self.confirm * self.every_s + STEP_S

    @property
    def patience_s(self) -> float:
        """How long a word is waited for."""
        return 2 * self.confirm * self.every_s + PATIENCE_S


@dataclass(frozen=True)
class Camera:
    """A channel and the simulated camera behind it."""

    channel: str
    name: str
    control_port: int
    gop_s: float

    def show(self, fault: str) -> float:
        """Switch to a fault; returns when: the next picture, at most 1/FPS later, is the first of it, a keyframe."""
        send_command(self.control_port, "fault", self.name, "clip", value=fault)
        return time.time()

    def show_view(self) -> float:
        """Switch back; returns when."""
        send_command(self.control_port, "clear", self.name)
        return time.time()


@dataclass(frozen=True)
class Heard:
    """An event of the validator and when it came."""

    at_s: float
    envelope: Envelope

    @property
    def is_about_pictures(self) -> bool:
        """Whether it says that a channel is valid or is not."""
        return self.envelope.event_type in {"channel_invalid", "channel_valid"}

    @property
    def word(self) -> str:
        """What it says of a channel: the reason of a fault, or `valid`."""
        return self.envelope.data.get("reason", "valid")

    @property
    def said_s(self) -> float:
        """When it was said."""
        return seconds(self.envelope.time)


class Listener:
    """All events of the validator as they come."""

    def __init__(self, tail: Tail) -> None:
        self.heard: list[Heard] = []
        self._tail = tail
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tail.end()
        self._thread.join()

    def wait(self, kind: str, channel: str, after_s: float, most_s: float) -> Heard | None:
        """The first event of a kind about a channel that came after a moment; None when none comes in time."""
        with self._news:
            self._news.wait_for(lambda: self._find(kind, channel, after_s), most_s)
            return self._find(kind, channel, after_s)

    def _find(self, kind: str, channel: str, after_s: float) -> Heard | None:
        about = (one for one in self.heard if (one.envelope.event_type, one.envelope.subject) == (kind, channel))
        return next((one for one in about if one.at_s >= after_s), None)

    def _run(self) -> None:
        for message in self._tail:
            heard = Heard(time.time(), Envelope.parse(message.payload))
            with self._news:
                self.heard.append(heard)
                self._news.notify_all()


@dataclass(frozen=True)
class Site:
    """What runs."""

    folder: Path
    cameras: list[Camera]
    source_pids: list[int]
    recorder: subprocess.Popen
    validator: subprocess.Popen
    listener: Listener

    @property
    def ended(self) -> list[str]:
        """Processes that should run and do not."""
        processes = {"recorder": self.recorder, "validator": self.validator}
        return [name for name, process in processes.items() if process.poll() is not None]


def seconds(timestamp: str) -> float:
    """A timestamp of the wire in seconds since 1970."""
    return parse_timestamp(timestamp).timestamp()


def make_clips() -> list[ClipSpec]:
    """The clip of each kind of camera, with all that it may show made beforehand."""
    specs = [ClipSpec(seconds=CLIP_S, fps=FPS, gop_s=gop_s) for gop_s in GOPS_S]
    for spec in specs:
        for look in ("normal", *FAULTS):
            load_clip(spec.variant(look), default_cache_dir())
    return specs


def prepare(load: rig.Load) -> None:
    """Have the cameras read what they may show, before anybody looks."""
    name = load.urls[0].rpartition("/")[2]
    for fault in FAULTS:
        send_command(load.control_port, "fault", name, "clip", value=fault)
    send_command(load.control_port, "clear", name)


@contextmanager
def validator(folder: Path) -> Iterator[subprocess.Popen]:
    """`edge validator` on the configuration in a folder."""
    command = [sys.executable, "-m", "edge", "validator", "--config", str(folder / "edge.yaml")]
    with (folder / "validator.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=rig.ROOT, stderr=log, stdout=log)
    try:
        yield process
    finally:
        rig.stop([process])


@contextmanager
def running(folder: Path, count: int, pace: Pace) -> Iterator[Site]:
    """A whole site."""
    specs, shares = make_clips(), [count - count // 2, count // 2]
    with ExitStack() as stack:
        loads = [stack.enter_context(rig.cameras(share, spec)) for spec, share in zip(specs, shares, strict=True)]
        for load in loads:
            prepare(load)
        # In turns, so that the last ones, which stay clean, are of both kinds.
        ports = {url: load for load in loads for url in load.urls}
        urls = sorted(ports, key=lambda url: url.rpartition("/")[2])
        cameras = [
            Camera(f"cam{number:03d}", url.rpartition("/")[2], ports[url].control_port, ports[url].clip.gop_s)
            for number, url in enumerate(urls, 1)
        ]
        (folder / "broker").mkdir()
        port = stack.enter_context(outbox.mosquitto(folder / "broker"))
        listener = stack.enter_context(listening(port))
        extra = {"validator": asdict(pace)}
        recorder = rig.recorder(folder / "site", urls, segment_s=SEGMENT_S, broker_port=port, extra=extra)
        recording = stack.enter_context(recorder)
        judging = stack.enter_context(validator(folder / "site"))
        yield Site(folder / "site", cameras, [load.pid for load in loads], recording, judging, listener)


@contextmanager
def listening(port: int) -> Iterator[Listener]:
    """A listener that is connected, so that it misses nothing."""
    broker = PahoBroker(BrokerAddress("127.0.0.1", port), "bench", clock=SystemClock(), durable=False)
    with Tail(broker, [EventTopic.filter("validator")]) as tail, Listener(tail) as listener:
        until(lambda: broker.connected, 30, "the broker does not answer")
        time.sleep(SETTLE_S)
        yield listener


def until(condition: Callable[[], object], most_s: float, otherwise: str) -> None:
    """Wait for a condition."""
    deadline_s = time.monotonic() + most_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise SystemExit(otherwise)
        time.sleep(0.1)


def learn(site: Site, pace: Pace) -> float:
    """Wait until the judge knows every view and its light; returns how long that took."""
    began_s = time.monotonic()
    references = [site.folder / "state" / PICTURES / camera.channel / REFERENCE for camera in site.cameras]
    most_s = 2 * LOOKS_TO_KNOW * pace.every_s + 60
    until(lambda: site.ended or all(one.exists() for one in references), most_s, "the judge does not learn the views")
    if site.ended:
        raise SystemExit(f"the {site.ended[0]} ended:\n{(site.folder / f'{site.ended[0]}.log').read_text()[-2000:]}")
    time.sleep(CALM_LOOKS * pace.every_s)
    return time.monotonic() - began_s


def used_s(pid: int) -> float:
    """Processor time of a process and its children, those that ended too; 0 for a process that is gone."""
    try:
        process = psutil.Process(pid)
        return rig.cpu_s([pid, *(child.pid for child in process.children(recursive=True))])
    except (psutil.NoSuchProcess, FileNotFoundError):
        return 0.0


class Usage:
    """Processor time of the site and of the whole machine, from here on."""

    def __init__(self, site: Site) -> None:
        self._pids = {"validator": [site.validator.pid], "recorder": [site.recorder.pid], "cameras": site.source_pids}
        self._before_s = time.monotonic()
        self._before = {name: sum(map(used_s, pids)) for name, pids in self._pids.items()}
        self._load = os.getloadavg()[0]
        psutil.cpu_percent()

    def cores(self) -> dict[str, float]:
        """Shares of one core up to now; of the machine, the share of all its cores and its load at both ends."""
        took_s = time.monotonic() - self._before_s
        used = {name: sum(map(used_s, pids)) - self._before[name] for name, pids in self._pids.items()}
        shares = {name: max(now_s, 0.0) / took_s for name, now_s in used.items()}
        busy = {"machine": psutil.cpu_percent() / 100, "load_before": self._load, "load_after": os.getloadavg()[0]}
        return {**shares, **busy, "measured_s": took_s}
