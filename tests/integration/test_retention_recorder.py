"""Recorder and retention together on a small ext4 that fills many times over: no gap, no byte too few, no file too many."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from demo_cameras import running_cameras
from retention_site import small_disk

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

REPOSITORY = Path(__file__).parents[2]
MIB = 1 << 20
CHANNELS = tuple(f"cam-{number}" for number in range(8))
LEAST_FREE_BYTES = 8 * MIB
RECORDED_BYTES = 40 * MIB
"""Three times what the disk has for recordings, and more."""
PROGRAM = "import sys; from pathlib import Path; from edge.{0}.main import run; sys.exit(run(Path(sys.argv[1])))"


def events(state_dir: Path, process: str) -> list[tuple[str, str | None, dict]]:
    """Type, channel and data of what a process has said."""
    with closing(sqlite3.connect(state_dir / f"{process}.outbox", timeout=5)) as db:
        messages = [json.loads(row[0]) for row in db.execute("SELECT payload FROM events ORDER BY sequence")]
    return [(one["type"].split(".")[1], one.get("subject"), one["data"]) for one in messages]


@pytest.mark.alone  # how long a disk may stay below its limit is bounded
def test_eight_channels_fill_a_small_disk_many_times_over(tmp_path: Path, mosquitto):
    """Never below the limit for more than a measure; receipts add up exactly to what is gone; recording has no gap."""
    clip = ClipSpec("retention", width=320, height=240, fps=15, seconds=4, bitrate=2_000_000)
    with small_disk(tmp_path, 24) as root, running_cameras([CameraSpec(name, clip) for name in CHANNELS]) as cameras:
        config = tmp_path / "edge.yaml"
        state_dir = tmp_path / "state"
        settings = {
            "site": "test-site",
            "state_dir": str(state_dir),
            "broker": {"host": "127.0.0.1", "port": mosquitto.port},
            "storage": {"root": str(root), "segment_s": 1},
            "retention": {"max_used_percent": 99, "min_free_bytes": LEAST_FREE_BYTES},
            "channels": [{"id": name, "url": cameras.urls[name]} for name in CHANNELS],
        }
        config.write_text(yaml.safe_dump(settings))
        least: list[int] = []
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(0.1):
                found = os.statvfs(root)
                least.append(found.f_bavail * found.f_frsize)

        with (tmp_path / "log").open("wb") as log:
            processes = [
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM.format(name), str(config)], cwd=REPOSITORY, stdout=log, stderr=log
                )
                for name in ("retention", "recorder")
            ]
        watching = threading.Thread(target=watch)
        watching.start()
        try:
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline:
                time.sleep(0.5)
                told = said(state_dir, "recorder")
                if sum(data["bytes"] for kind, _, data in told if kind == "segment_written") > RECORDED_BYTES:
                    break
            for process in reversed(processes):
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
                time.sleep(2)
        finally:
            stop.set()
            watching.join()
            for process in processes:
                process.kill()
        text = (tmp_path / "log").read_text()
        recorded = {data["path"]: data for kind, _, data in events(state_dir, "recorder") if kind == "segment_written"}
        stopped = [data for kind, _, data in events(state_dir, "recorder") if kind == "recording_stopped"]
        receipts = [data for kind, _, data in events(state_dir, "retention") if kind == "disk_pruned"]
        left = {str(path.relative_to(root)) for path in root.glob("*/*/*.mp4")}
        assert sum(data["bytes"] for data in recorded.values()) > RECORDED_BYTES, text[-3000:]
        assert {data["reason"] for data in stopped} == {"shutdown"}
        assert all(not data["gap_before_s"] for data in recorded.values())
        assert left <= set(recorded)
        gone = set(recorded) - left
        assert sum(data["segments"] for data in receipts) == len(gone)
        assert sum(data["bytes"] for data in receipts) == sum(recorded[path]["bytes"] for path in gone)
        below = [index for index, free in enumerate(least) if free < LEAST_FREE_BYTES]
        runs = [index for index in below if set(range(index, index + 50)) <= set(below)]
        assert not runs, f"below the limit for five seconds and more: {min(least)}"
        assert min(least) > LEAST_FREE_BYTES // 8
        kinds = {kind for kind, _, _ in events(state_dir, "retention")}
        assert not kinds & {"disk_low", "disk_full", "segments_missing", "disk_faulty", "disk_missing"}


def said(state_dir: Path, process: str) -> list[tuple[str, str | None, dict]]:
    try:
        return events(state_dir, process)
    except sqlite3.OperationalError:
        return []
