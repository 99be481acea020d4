"""Records many simulated cameras while they misbehave at random: `python bench/soak.py [--minutes 10] [--channels 32]`.

Every second or so a random camera gets a random fault for some seconds. In the end all faults are cleared and the
recorder is stopped. What has to hold: it never restarted, its memory did not rise after the first third, each file
has exactly one `segment_written` and the other way round, no part is left, hashes match, and FFmpeg decodes every file.
It may complain of a file whose event tells of lost packets or suspect pictures, and of channels where bits were
flipped; of no other.
"""

import argparse
import hashlib
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import footage
import outbox
import report
import rig

from edge.demo.control import send_command

SEGMENT_S = 10
SAMPLE_S = 10.0
FAULT_EVERY_S = 0.7
LONGEST_FAULT_S = 8.0
SETTLE_S = 12.0
MIB = 1 << 20
MOST_RISE_MIB_A_MINUTE = 0.4
"""SQLite fills its caches with the first 2000 events: 2 MiB in ten minutes. A session left behind by each fault: 3."""
FAULTS: tuple[tuple[str, tuple[float | str | None, ...]], ...] = (
    *((name, (None,)) for name in ("refuse", "401", "404", "453", "503", "hang", "no_sprop", "silent")),
    *(
        (name, (None,))
        for name in ("drop", "reset", "bye", "stall", "blind", "mute", "freeze", "backward", "no_marker")
    ),
    ("wrap", (1.0, 3.0)),
    ("jump", (0.5, 30.0, -30.0, 100_000.0, -100_000.0)),
    ("slow", (0.5, 0.8)),
    ("lossy", (0.001, 0.02, 0.2)),
    ("duplicate", (0.05,)),
    ("reorder", (0.05,)),
    ("corrupt", (0.001, 0.02)),
    ("garbage", (0.005, 0.05)),
    ("empty", (0.1,)),
    ("clock", (3600.0, -1e6)),
    ("clip", ("black", "frozen", "resolution", "normal")),
)
DAMAGING = frozenset({"corrupt", "garbage"})
"""Faults after which a picture that looks whole may hold wrong bits, as nothing in RTP tells."""


@dataclass
class Soak:
    """What was done and seen."""

    faults: Counter = field(default_factory=Counter)
    damaged_channels: set[str] = field(default_factory=set)
    memory: list[tuple[float, int, int]] = field(default_factory=list)
    cpu_s: float = 0.0


def torment(load: rig.Load, pid: int, seconds: float, seed: int) -> Soak:
    """Break cameras at random while memory is watched."""
    dice = random.Random(seed)
    names = [url.rpartition("/")[2] for url in load.urls]
    soak = Soak()
    began_s = time.monotonic()
    next_sample_s = began_s
    while (now_s := time.monotonic()) < began_s + seconds:
        if now_s >= next_sample_s:
            soak.memory.append((round(now_s - began_s, 1), rig.anonymous_bytes(pid), rig.pss_bytes([pid])))
            next_sample_s += SAMPLE_S
        camera = dice.choice(names)
        fault, values = dice.choice(FAULTS)
        lasts_s = round(dice.uniform(0.5, LONGEST_FAULT_S), 1)
        send_command(load.control_port, "fault", camera, fault, value=dice.choice(values), for_s=lasts_s)
        soak.faults[fault] += 1
        if fault in DAMAGING:
            soak.damaged_channels.add(f"cam{names.index(camera) + 1:03d}")
        time.sleep(dice.uniform(0.2, 2 * FAULT_EVERY_S - 0.2))
    send_command(load.control_port, "clear")
    time.sleep(SETTLE_S)
    soak.cpu_s = rig.cpu_s([pid])
    soak.memory.append((round(time.monotonic() - began_s, 1), rig.anonymous_bytes(pid), rig.pss_bytes([pid])))
    return soak


def examine(folder: Path, soak: Soak, decoded_channels: int) -> dict:
    """What the recorder left, against what it said."""
    storage = folder / "storage"
    written = {event["data"]["path"]: event["data"] for event in footage.events(_outbox(folder), "segment_written")}
    said = footage.events(_outbox(folder), "segment_written")
    files = {str(file.relative_to(storage)): file for file in sorted(storage.rglob("*.mp4"))}
    parts = [name for name in files if name.endswith(".part.mp4")]
    looked_at = {name: file for name, file in files.items() if int(name.partition("/")[0][3:]) <= decoded_channels}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = dict(zip(looked_at, pool.map(_decode, looked_at.values()), strict=True))
        counts = pool.map(lambda file: footage.probed_frames([file]), files.values())
        frames = dict(zip(files, counts, strict=True))
    errors = {name: text for name, text in texts.items() if text}
    known = [(name, data) for name, data in written.items() if name in files]
    clean = {name for name, data in known if not data["lost_packets"] and not data["suspect_s"]}
    clean = {name for name in clean if name.partition("/")[0] not in soak.damaged_channels}
    return {
        "files": len(files),
        "decoded": len(looked_at),
        "segment_written": len(said),
        "unannounced": sorted(set(files) - set(written)),
        "missing": sorted(set(written) - set(files)),
        "said_twice": len(said) - len(written),
        "parts": parts,
        "wrong_hash": [name for name, data in known if _hash(files[name]) != data["sha256"]],
        "wrong_count": [name for name, data in known if frames[name] != data["packets"]],
        "frames": sum(frames.values()),
        "lost_packets": sum(data["lost_packets"] for data in written.values()),
        "reasons": dict(Counter(data["reason"] for data in written.values())),
        "stopped": dict(Counter(e["data"]["reason"] for e in footage.events(_outbox(folder), "recording_stopped"))),
        "starts": _count(_outbox(folder), "process_started"),
        "sequence_is_whole": _is_contiguous(_outbox(folder)),
        "complaints_of_clean_files": {name: text for name, text in errors.items() if name in clean},
        "complaints_of_others": len([name for name in errors if name not in clean]),
        "log": dict(_logged(folder / "recorder.log")),
    }


def _outbox(folder: Path) -> Path:
    return folder / "state" / "recorder.outbox"


def _decode(file: Path) -> str:
    """What FFmpeg complains of when it decodes a file from first to last picture; empty when of nothing."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i", str(file), "-map", "0:v", "-f", "null", "-"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stderr.strip() or (f"status {result.returncode}" if result.returncode else ""))[:400]


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _count(path: Path, kind: str) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM events WHERE topic LIKE ?", (f"%/{kind}/%",)).fetchone()[0]


def _is_contiguous(path: Path) -> bool:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        count, first, last = db.execute("SELECT count(*), min(sequence), max(sequence) FROM events").fetchone()
    return first == 1 and last == count


def _logged(path: Path) -> Counter:
    """How often each line at warning or above was logged."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    bad = [line for line in lines if any(f'"level": "{level}"' in line for level in ("warning", "error", "critical"))]
    strange = [line for line in lines if "Traceback" in line]
    return Counter(line.partition('"event": "')[2].partition('"')[0] for line in bad) + Counter(strange)


def rise_mib_a_minute(memory: list[tuple[float, int, int]]) -> float:
    """The median slope between any two samples of what no file backs, the first third being the warm-up.

    A peak, as of pictures that wait for the disk, hardly moves the median; what stays behind does.
    """
    steady = memory[len(memory) // 3 :]
    slopes = [(later[1] - one[1]) / (later[0] - one[0]) for one, later in combinations(steady, 2)]
    return 60 * statistics.median(slopes) / MIB


def verdict(seen: dict, soak: Soak, status: int) -> list[str]:
    """What does not hold."""
    wrong = [f"{key}: {seen[key]}" for key in ("unannounced", "missing", "said_twice", "parts") if seen[key]]
    wrong += [f"{key}: {seen[key]}" for key in ("wrong_hash", "wrong_count", "complaints_of_clean_files") if seen[key]]
    if seen["starts"] != 1 or status != 0:
        wrong.append(f"the recorder started {seen['starts']} times and ended with status {status}")
    if not seen["sequence_is_whole"]:
        wrong.append("sequence numbers have holes")
    if (rise := rise_mib_a_minute(soak.memory)) > MOST_RISE_MIB_A_MINUTE:
        wrong.append(f"memory rose by {rise:.2f} MiB a minute, more than {MOST_RISE_MIB_A_MINUTE}")
    if crashes := {name: count for name, count in seen["log"].items() if "crash" in name or "Traceback" in name}:
        wrong.append(f"logged: {crashes}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--decode", type=int, default=0, help="decode the files of so many channels; 0: of all")
    parser.add_argument("--keep", action="store_true", help="leave the recordings where they are")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="saksi-soak-"))
    broker_folder = folder / "broker"
    broker_folder.mkdir()
    target = folder / "saksi"
    try:
        with (
            outbox.mosquitto(broker_folder) as port,
            rig.cameras(options.channels, rig.clip_1080p(audio="aac")) as load,
        ):
            with rig.recorder(target, load.urls, segment_s=SEGMENT_S, broker_port=port, audio=True) as process:
                time.sleep(options.channels * 0.05 + 5)
                soak = torment(load, process.pid, options.minutes * 60, options.seed)
                pid = process.pid
            status = process.returncode
        print(f"recorder {pid} stopped with status {status}; reading what it left ...", flush=True)
        seen = examine(target, soak, options.decode or options.channels)
    finally:
        if options.keep:
            print(f"kept in {folder}")
        else:
            shutil.rmtree(folder)
    _print(options, soak, seen, status)


def _print(options: argparse.Namespace, soak: Soak, seen: dict, status: int) -> None:
    rows = [(f"{at:.0f}", f"{anonymous / MIB:.1f}", f"{pss / MIB:.1f}") for at, anonymous, pss in soak.memory]
    print(report.table(("second", "anonymous MiB", "PSS MiB"), rows) + "\n")
    rows = [(key, value) for key, value in seen.items() if isinstance(value, int)]
    print(report.table(("seen", "count"), rows) + "\n")
    for key in ("reasons", "stopped", "log"):
        print(f"{key}: {seen[key]}")
    wrong = verdict(seen, soak, status)
    rise = rise_mib_a_minute(soak.memory)
    print(f"{sum(soak.faults.values())} faults; recorder: {soak.cpu_s:.1f} s of CPU, memory {rise:+.2f} MiB a minute")
    print("\n".join(f"!! {line}" for line in wrong) or "all of it holds")
    results = {
        **vars(options),
        "faults": dict(soak.faults),
        "memory": soak.memory,
        "rise_mib_a_minute": rise,
        "seen": seen,
        "wrong": wrong,
        "cpu_s": soak.cpu_s,
        "damaged_channels": sorted(soak.damaged_channels),
    }
    print(f"written to {report.write('soak', results)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
