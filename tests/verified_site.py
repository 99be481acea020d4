"""A site whose recordings are real segments, announced in real outboxes, of which a journal has taken in a part."""

import hashlib
from pathlib import Path

import yaml
from pictured_segments import H264, START_MS, SegmentFile

from edge.bus.outbox import Outbox
from edge.clock import SystemClock, rfc3339
from edge.config import Config, load
from edge.events.catalog import DiskPruned, PrunedRange, SegmentsMissing, SegmentWritten
from edge.journal.arrival import Arrival
from edge.journal.store import Journal
from edge.recorder import ledger
from edge.recordings.mark import MarkedRoot
from edge.recordings.segment import SegmentName
from edge.retention.main import STATE_SCHEMA

SITE = "test-site"
MINUTE_MS = 60_000


class VerifiedSite:
    """Segments are a second long and a minute apart."""

    def __init__(self, folder: Path, channels: tuple[str, ...] = ("lobby", "dock")) -> None:
        self.root, self.state_dir = folder / "root", folder / "state"
        for one in (self.root, self.state_dir):
            one.mkdir(parents=True)
        MarkedRoot(self.root, SITE, self.state_dir / "storage.json").check()
        self.config_path = folder / "edge.yaml"
        settings = {
            "site": SITE,
            "timezone": "Asia/Jakarta",
            "state_dir": str(self.state_dir),
            "broker": {"host": "127.0.0.1", "port": 1},
            "storage": {"root": str(self.root)},
            "channels": [{"id": name, "url": "rtsp://10.0.0.1/main"} for name in channels],
        }
        self.config_path.write_text(yaml.safe_dump(settings))
        clock = SystemClock()
        self.recorder = Outbox.open(
            self.state_dir / "recorder.outbox", site=SITE, process="recorder", clock=clock,
            state_schema=ledger.STATE_SCHEMA,
        )  # fmt: skip
        self.retention = Outbox.open(
            self.state_dir / "retention.outbox", site=SITE, process="retention", clock=clock, state_schema=STATE_SCHEMA
        )
        self._journaled = {"recorder": 0, "retention": 0}

    @property
    def config(self) -> Config:
        """As the command reads it."""
        return load(self.config_path)

    def close(self) -> None:
        self.recorder.close()
        self.retention.close()

    def record(
        self, minute: int, channel: str = "lobby", *, seconds: int = 1, announced: bool = True, lasts_s: int | None = None
    ) -> Path:
        """Put a segment on the disk, and say so, with another end where one is given; returns its path."""
        file = SegmentFile(self.root, channel, START_MS + minute * MINUTE_MS, H264).grow(seconds).finish()
        if announced:
            self.announce(file.name, file.path.read_bytes(), lasts_s or seconds)
        return file.path

    def announce(self, name: SegmentName, data: bytes, seconds: int = 1) -> None:
        """As the recorder does."""
        event = SegmentWritten.read(
            SegmentWritten.example
            | {
                "path": name.path,
                "start": rfc3339(name.start_ms * 1_000_000),
                "end": rfc3339((name.start_ms + seconds * 1000) * 1_000_000),
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
        self.recorder.append(event, channel=name.channel, state=ledger.announced(name, name.start_ms * 1_000_000))

    def journal_all(self) -> None:
        """What the outboxes hold goes into the journal, as over the broker."""
        journal = Journal.open(f"sqlite:///{self.state_dir / 'journal.db'}", clock=SystemClock())
        for outbox in (self.recorder, self.retention):
            rows = outbox.rows(self._journaled[outbox.process], limit=1_000_000)
            journal.append([Arrival.read(row.payload, 1) for row in rows])
            self._journaled[outbox.process] = outbox.last_sequence
        journal.close()

    def prune(self, *paths: Path, told: bool = True, lasts_s: int = 1) -> None:
        """Delete segments, with one receipt each."""
        for path in paths:
            if told:
                self.retention.append(DiskPruned(rule="age", segments=1, bytes=1, channels=(self._range(path, lasts_s),)))
            path.unlink()

    def told_missing(self, path: Path) -> None:
        """As retention's walk says."""
        self.retention.append(SegmentsMissing(segments=1, bytes=1, channels=(self._range(path),)))

    def _range(self, path: Path, lasts_s: int = 1) -> PrunedRange:
        name, _ = SegmentName.parse(str(path.relative_to(self.root)))
        start, end = (rfc3339((name.start_ms + more_ms) * 1_000_000) for more_ms in (0, 1000 * lasts_s))
        return PrunedRange(channel=name.channel, from_=start, to=end, segments=1, bytes=1, oldest_kept=None)
