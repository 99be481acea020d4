"""A site's disk for tests of retention: a marked root with made-up segments, a keeper on a clock that tests move.

Segments are files of any bytes under the names that the store gives: retention never opens them.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge.bus.outbox import Outbox
from edge.clock import ManualClock
from edge.config import ChannelConfig, Config, RetentionConfig, StorageConfig
from edge.recordings.mark import MarkedRoot
from edge.recordings.segment import SegmentName
from edge.retention.device import Health, HealthWatch
from edge.retention.keeper import Keeper
from edge.retention.main import STATE_SCHEMA

NOW_MS = ManualClock().wall_ns() // 1_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass
class RetentionSite:
    """Folders, outbox and keeper; `open` may be called again after `kill` or `close`."""

    folder: Path
    root: Path
    channels: tuple[str, ...] = ("lobby", "dock")
    retention: dict[str, Any] = field(default_factory=dict)
    channel_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)
    smart: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        self.state_dir = self.folder / "state"
        self.state_dir.mkdir(exist_ok=True, parents=True)
        self.root.mkdir(exist_ok=True)
        self.outbox: Outbox | None = None
        self.keeper: Keeper | None = None
        self.mark()

    def mark(self) -> None:
        """As the recorder does."""
        MarkedRoot(self.root, "test-site", self.state_dir / "storage.json").check()

    @property
    def config(self) -> Config:
        settings = {"max_used_percent": 99, "min_free_bytes": 0} | self.retention
        return Config(
            site="test-site",
            state_dir=self.state_dir,
            storage=StorageConfig(root=self.root),
            retention=RetentionConfig(**settings),
            channels=tuple(
                ChannelConfig(id=name, url="rtsp://10.0.0.1/main", **self.channel_settings.get(name, {}))
                for name in self.channels
            ),
        )

    def open(self) -> Keeper:
        """Begin a life of the process."""
        self.outbox = Outbox.open(
            self.state_dir / "retention.outbox",
            site="test-site",
            process="retention",
            clock=self.clock,
            state_schema=STATE_SCHEMA,
        )
        stop = threading.Event()
        stop.set()
        health = HealthWatch(stop, lambda _: self.smart)
        health.health = self.smart
        self.keeper = Keeper(self.outbox, self.config, self.clock, health, lambda: None)
        return self.keeper

    def kill(self) -> None:
        """End it as a kill does: nothing is written any more."""
        assert self.outbox is not None
        assert self.keeper is not None
        if self.keeper.index.catalog is not None:
            self.keeper.index.catalog._connection.close()
        self.outbox.close()

    def close(self) -> None:
        """End it in order."""
        assert self.outbox is not None
        assert self.keeper is not None
        self.keeper.close()
        self.outbox.close()

    def look(self, rounds: int = 1, seconds: float = 1.0) -> None:
        """Some rounds, a second apart."""
        assert self.keeper is not None
        for _ in range(rounds):
            self.keeper.look()
            self.clock.advance(seconds)

    def settle(self) -> None:
        """Rounds until nothing is being deleted or doubted."""
        self.look()
        for _ in range(200):
            if self.keeper.idle:
                return
            self.look()
        raise AssertionError("retention does not come to rest")

    def record(self, channel: str, start_ms: int, size: int = 1000, length_ms: int = MINUTE_MS) -> SegmentName:
        """Put a segment on the disk, last written at its end."""
        name = SegmentName(channel, start_ms)
        path = self.root / name.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.truncate(size) if size < 100_000 else os.posix_fallocate(file.fileno(), 0, size)
        end_ns = (start_ms + length_ms) * 1_000_000
        os.utime(path, ns=(end_ns, end_ns))
        return name

    def names(self, channel: str | None = None) -> list[SegmentName]:
        """The finished segments on the disk, oldest first."""
        found = []
        for path in self.root.glob(f"{channel or '*'}/*/*.mp4"):
            parsed = SegmentName.parse(str(path.relative_to(self.root)))
            if parsed is not None and not parsed[1]:
                found.append(parsed[0])
        return sorted(found, key=lambda one: (one.start_ms, one.channel))

    def said(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Data of the events in the outbox, of one type or with their type as `type`."""
        rows = self.outbox.rows(0, limit=1_000_000)
        events = [json.loads(row.payload) for row in rows]
        found = [(event["type"].split(".")[1], event["data"] | {"subject": event.get("subject")}) for event in events]
        return [data | ({} if kind else {"type": name}) for name, data in found if kind in {None, name}]


@contextmanager
def small_disk(folder: Path, mebibytes: int, *options: str) -> Iterator[Path]:
    """A mounted ext4 of that size; skips the test where that is not allowed here."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("a file system is mounted: wants root and e2fsprogs")
    image, root = folder / "disk.image", folder / "disk"
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-N", "8192", str(image)], check=True)
    mounted = subprocess.run(
        ["mount", "-o", ",".join(("loop", *options)), str(image), str(root)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this machine mounts no loop device: {mounted.stderr.strip()}")
    try:
        yield root
    finally:
        subprocess.run(["umount", "-l", str(root)], check=False, capture_output=True)
