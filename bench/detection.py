"""Measures how soon a fault of a picture is known, end to end: `python bench/detection.py [--every-s 10]`.

A real site: Mosquitto, `edge recorder`, `edge validator` and simulated cameras at real pace, half of them with a
keyframe a second, half with one every two. Once the judge knows every view, each camera is switched at random moments
to each fault in turn and back; the last ones never are. Measured are, from the moment of the switch: when
`channel_invalid` came over MQTT, and which beginning it names (`since`); from the moment of the return: when
`channel_valid` came.

Fails when a fault or its end was not found, when a channel alarmed that showed no fault, and when events of the
validator came twice or out of order. What came later than claimed, and other reasons than the fault, are only printed.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import outbox
import psutil
import report
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
CLEAN = 2
PATIENCE_S = 30.0
SETTLE_S = 2.0


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


@dataclass
class Try:
    """One switch to a fault and back; seconds are from the switch, of the end from the return."""

    channel: str
    fault: str
    gop_s: float
    began_s: float
    ended_s: float = 0.0
    reason: str | None = None
    heard_s: float | None = None
    since_s: float | None = None
    said_s: float | None = None
    back_heard_s: float | None = None
    back_said_s: float | None = None
    until_s: float = 0.0
    """When the camera was left in peace again, in seconds since 1970."""

    def hear_fault(self, heard: Heard) -> None:
        """`channel_invalid` came."""
        self.reason = heard.word
        self.heard_s, self.said_s = heard.at_s - self.began_s, heard.said_s - self.began_s
        self.since_s = seconds(heard.envelope.data["since"]) - self.began_s

    def hear_end(self, heard: Heard) -> None:
        """`channel_valid` came."""
        self.back_heard_s, self.back_said_s = heard.at_s - self.ended_s, heard.said_s - self.ended_s


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


def break_in_turns(camera: Camera, site: Site, pace: Pace, rounds: int, seed: int) -> list[Try]:
    """Show each fault, in an order and at moments of chance."""
    dice = random.Random(f"{seed} {camera.channel}")
    tries = []
    for fault in [one for _ in range(rounds) for one in dice.sample(FAULTS, len(FAULTS))]:
        time.sleep(dice.uniform(0, pace.every_s))
        if site.ended:
            break
        tries.append(show(camera, fault, site.listener, pace, dice))
    return tries


def show(camera: Camera, fault: str, listener: Listener, pace: Pace, dice: random.Random) -> Try:
    """Show one fault until it is known, and then the view until that is."""
    one = Try(camera.channel, fault, camera.gop_s, camera.show(fault))
    invalid = listener.wait("channel_invalid", camera.channel, one.began_s, pace.patience_s)
    if invalid is not None:
        one.hear_fault(invalid)
        time.sleep(dice.uniform(0, pace.every_s))
    one.ended_s = camera.show_view()
    valid = listener.wait("channel_valid", camera.channel, one.ended_s, pace.patience_s)
    if valid is not None:
        one.hear_end(valid)
    one.until_s = time.time()
    return one


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


def measure(count: int, clean: int, pace: Pace, rounds: int, seed: int, *, keep: bool) -> dict:
    """Run the site and break its cameras; what was tried, heard and used."""
    folder = Path(tempfile.mkdtemp(prefix="saksi-detection-"))
    try:
        with running(folder, count, pace) as site:
            print(f"{count} cameras; the judge learns their views ...", flush=True)
            learned_s = learn(site, pace)
            print(f"learned in {learned_s:.0f} s; breaking {count - clean} of them ...", flush=True)
            usage = Usage(site)
            with ThreadPoolExecutor(count) as pool:
                turns = [
                    pool.submit(break_in_turns, camera, site, pace, rounds, seed) for camera in site.cameras[:-clean]
                ]
                tries = [one for turn in turns for one in turn.result()]
            time.sleep(pace.every_s + SETTLE_S)
            cores = usage.cores()
            ended, heard = site.ended, list(site.listener.heard)
    finally:
        print(f"kept in {folder}") if keep else shutil.rmtree(folder)
    return {"learned_s": learned_s, "tries": tries, "heard": heard, "cores": cores, "ended": ended}


def false_alarms(heard: Sequence[Heard], tries: Sequence[Try]) -> list[str]:
    """Alarms of channels that showed no fault then, such as those that never did."""
    shown = [(one.channel, one.began_s, one.until_s) for one in tries]
    return [
        f"{alarm.envelope.subject}: {alarm.envelope.data}"
        for alarm in heard
        if alarm.envelope.event_type == "channel_invalid"
        and not any(alarm.envelope.subject == who and since <= alarm.at_s <= until for who, since, until in shown)
    ]


def disorder(heard: Sequence[Heard]) -> list[str]:
    """Events that came twice or out of order, and words that say what was said already."""
    found = []
    for before, one in pairwise(heard):
        if one.envelope.sequence != before.envelope.sequence + 1:
            found.append(f"event {one.envelope.sequence} came behind {before.envelope.sequence}")
    stands: dict[str | None, str] = {}
    for one in heard:
        if one.is_about_pictures:
            channel = one.envelope.subject
            if one.word == stands.get(channel, "valid"):
                found.append(f"{channel} is {one.word}, it was said at {one.envelope.time} again")
            stands[channel] = one.word
    return found


def wrong_reasons(heard: Sequence[Heard], one: Try) -> list[str]:
    """What was said of a fault from its beginning to its end that it was not."""
    said = (h for h in heard if h.envelope.event_type == "channel_invalid" and h.envelope.subject == one.channel)
    return [h.word for h in said if one.began_s <= h.at_s <= one.until_s and h.word != one.fault]


def spread(values: Sequence[float | None]) -> list[str]:
    """Median, 95th percentile and most of what was measured."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return ["-"] * 3
    return [f"{one:.1f}" for one in (statistics.median(known), known[-(-len(known) * 19 // 20) - 1], known[-1])]


def row(name: str, tries: Sequence[Try], heard: Sequence[Heard], pace: Pace) -> list[object]:
    """One line of the table."""
    found = [one for one in tries if one.heard_s is not None]
    late = [one for one in found if one.heard_s > pace.claim_s]
    wrong = [reason for one in tries for reason in wrong_reasons(heard, one)]
    columns = ([one.heard_s for one in tries], [one.since_s for one in tries], [one.back_heard_s for one in tries])
    spreads = [cell for values in columns for cell in spread(values)]
    return [name, len(tries), len(found), len(wrong), len(late), *spreads]


def table(tries: Sequence[Try], heard: Sequence[Heard], pace: Pace) -> str:
    """A line for each fault, and one for all."""
    columns = ["fault", "tries", "found", "wrong", "late"]
    columns += [f"{what} {how}" for what in ("known", "since", "back") for how in ("p50", "p95", "max")]
    kinds = [(fault, [one for one in tries if one.fault == fault]) for fault in FAULTS]
    return report.table(columns, [row(name, some, heard, pace) for name, some in (*kinds, ("all", tries))])


def told_late(one: Try, pace: Pace) -> str | None:
    """Where the time went in a try that took longer than claimed."""
    if one.heard_s is None or one.heard_s <= pace.claim_s:
        return None
    said_s, under_way_s = one.said_s - one.since_s, one.heard_s - one.said_s
    return (
        f"{one.channel} {one.fault}: known after {one.heard_s:.1f} s, claimed are {pace.claim_s:.1f}; first bad look "
        f"{one.since_s:.1f} s, said {said_s:.1f} s after it, {under_way_s:.2f} s under way"
    )


def failures(found: dict, pace: Pace) -> list[str]:
    """What must not be."""
    tries = found["tries"]
    wrong = [f"{one.channel} {one.fault}: not found in {pace.patience_s:g} s" for one in tries if one.heard_s is None]
    wrong += [f"{one.channel} {one.fault}: its end was not found" for one in tries if one.back_heard_s is None]
    wrong += [f"false alarm of {alarm}" for alarm in false_alarms(found["heard"], tries)]
    return wrong + disorder(found["heard"]) + [f"the {name} ended" for name in found["ended"]]


def remarks(found: dict, pace: Pace) -> list[str]:
    """What is worth a look."""
    late = [text for one in found["tries"] if (text := told_late(one, pace)) is not None]
    named = Counter((one.fault, one.reason) for one in found["tries"] if one.reason not in {None, one.fault})
    return late + [f"{fault} was said to be {reason} {times} times" for (fault, reason), times in sorted(named.items())]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--clean", type=int, default=CLEAN, help="so many of them show no fault (%(default)s)")
    parser.add_argument("--every-s", type=float, default=10.0, help="seconds between two looks (%(default)s)")
    parser.add_argument("--confirm", type=int, default=3, help="looks that must agree (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="how often each fault is shown (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave recordings and logs where they are")
    options = parser.parse_args()
    if not 1 <= options.clean < options.cameras:
        parser.error("at least one camera must stay clean, and one must not")
    return options


def main() -> None:
    """Measure and print."""
    options = arguments()
    pace = Pace(options.every_s, options.confirm)
    found = measure(options.cameras, options.clean, pace, options.rounds, options.seed, keep=options.keep)
    tries, heard, cores = found["tries"], found["heard"], found["cores"]
    wrong, noted = failures(found, pace), remarks(found, pace)
    print("\n" + table(tries, heard, pace) + "\n")
    print(f"claimed: {pace.claim_s:.1f} s, and the time to the next keyframe where a fault begins between two")
    under_way = [one.heard_s - one.said_s for one in tries if one.heard_s is not None]
    print(f"under way over MQTT: at most {max(under_way, default=0):.2f} s")
    print(f"false alarms: {len(false_alarms(heard, tries))}, events twice or out of order: {len(disorder(heard))}")
    shares = (f"{name} {cores[name]:.3f}" for name in ("validator", "recorder", "cameras"))
    print(f"shares of a core: {', '.join(shares)}")
    print(f"machine busy {cores['machine']:.0%}, load {cores['load_before']:.1f} to {cores['load_after']:.1f}")
    print("\n".join([f"-- {line}" for line in noted] + [f"!! {line}" for line in wrong]))
    results = {
        **vars(options),
        "claim_s": pace.claim_s,
        "learned_s": found["learned_s"],
        "tries": [asdict(one) for one in tries],
        "cores": cores,
        "remarks": noted,
        "wrong": wrong,
    }
    print(f"written to {report.write('detection', results)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
