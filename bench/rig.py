"""What the benchmarks of the recorder run, simulated cameras and a recorder, and what processes use.

CPU is user and system time of the processes, so that others on the machine disturb it little; memory is PSS, which
counts what processes share once.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge.demo.clips import ClipSpec

ROOT = Path(__file__).parents[1]
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
STOP_S = 15.0


@dataclass(frozen=True)
class Load:
    """Cameras of one kind; each plays this clip in a loop."""

    clip: ClipSpec
    count: int
    rtsp_port: int
    control_port: int
    urls: tuple[str, ...]
    pid: int


def clip_1080p(*, audio: str = "none") -> ClipSpec:
    """The clip of `python -m edge.demo --size 1920x1080 --bitrate 4M`."""
    return ClipSpec(width=1920, height=1080, fps=25, seconds=6, bitrate=4_000_000, audio=audio)


@contextmanager
def cameras(count: int, clip: ClipSpec) -> Iterator[Load]:
    """Simulated cameras in a process of their own."""
    command = [sys.executable, "-m", "edge.demo", "--count", str(count)]
    command += ["--size", f"{clip.width}x{clip.height}", "--bitrate", str(clip.bitrate), "--fps", str(clip.fps)]
    command += ["--clip-seconds", str(clip.seconds), "--audio", clip.audio, "--codec", clip.codec]
    command += ["--gop", str(clip.gop_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the simulated cameras did not start")
        said = json.loads(line)
        yield Load(clip, count, said["port"], said["control_port"], tuple(said["urls"]), process.pid)
    finally:
        stop([process])


def stop(processes: Sequence[subprocess.Popen], signal_number: int = signal.SIGTERM) -> None:
    """End processes that were started here, and wait for them."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal_number)
    for process in processes:
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def recorder(
    folder: Path,
    urls: Iterable[str],
    *,
    segment_s: int,
    broker_port: int,
    audio: bool = False,
    extra: Mapping[str, object] | None = None,
) -> Iterator[subprocess.Popen]:
    """`edge recorder` of these cameras, with everything it writes in `folder`.

    `extra` are further sections of the configuration, `edge.yaml` there.
    """
    root, state = folder / "storage", folder / "state"
    root.mkdir(parents=True)
    state.mkdir()
    channels = [
        {"id": f"cam{number:03d}", "name": f"Camera {number}", "url": url, "audio": audio}
        for number, url in enumerate(urls, 1)
    ]
    settings = {
        "site": "bench",
        "state_dir": str(state),
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "storage": {"root": str(root), "segment_s": segment_s},
        "channels": channels,
        **(extra or {}),
    }
    configuration = folder / "edge.yaml"
    configuration.write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "edge", "recorder", "--config", str(configuration)]
    with (folder / "recorder.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stderr=log, stdout=log)
    try:
        yield process
    finally:
        stop([process])


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds of CPU that processes and their dead children have used."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICKS_A_SECOND


def switches(pids: Iterable[int]) -> int:
    """How often the threads of processes went to sleep and woke up again."""
    total = 0
    for pid in pids:
        for status in Path(f"/proc/{pid}/task").glob("*/status"):
            with suppress(OSError):
                text = status.read_text()
                total += int(text.rpartition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return total


def pss_bytes(pids: Iterable[int]) -> int:
    """Memory of processes; what they share counts once."""
    return 1024 * sum(_memory_kb(pid, "Pss:") for pid in pids)


def anonymous_bytes(pid: int) -> int:
    """Memory of a process that no file backs; other processes that come and go do not change it, as they do PSS."""
    return 1024 * _memory_kb(pid, "Anonymous:")


def _memory_kb(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0


@dataclass(frozen=True)
class Usage:
    """What a contestant used: CPU seconds of its start, share of a core afterwards, memory at the end."""

    start_cpu_s: float
    core: float
    pss_bytes: int
    switches_a_second: float
    source_core: float
    measured_s: float


def measure(pids: Sequence[int], source_pid: int, began_s: float, *, warm_up_s: float, seconds: float) -> Usage:
    """Watch processes that began at `began_s` (monotonic) through their start and then for `seconds`."""
    time.sleep(max(began_s + 10 - time.monotonic(), 0))
    start_cpu_s = cpu_s(pids)
    time.sleep(max(began_s + warm_up_s - time.monotonic(), 0))
    before_s, before, source, woken = time.monotonic(), cpu_s(pids), cpu_s([source_pid]), switches(pids)
    time.sleep(seconds)
    lasted_s = time.monotonic() - before_s
    return Usage(
        start_cpu_s,
        (cpu_s(pids) - before) / lasted_s,
        pss_bytes(pids),
        (switches(pids) - woken) / lasted_s,
        (cpu_s([source_pid]) - source) / lasted_s,
        lasted_s,
    )
