"""A real `edge recorder` process on given cameras, in folders of its own, and what it left there: segments and events.

Use: `with recording_site({"lobby": url}, tmp_path) as site: site.wait_for("recording_started", "lobby")`.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
_POLL_S = 0.05


@dataclass(frozen=True)
class Event:
    """One row of the outbox: `data` is the event's own, `time` its RFC 3339 time."""

    sequence: int
    type: str
    channel: str | None
    time: str
    data: dict[str, Any]
    payload: bytes


@dataclass
class RecordingSite:
    """Folders and process of one recorder; may be stopped, killed and started again."""

    folder: Path
    segment_s: int = 60
    broker_port: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> Path:
        """Where the segments lie."""
        return self.folder / "segments"

    @property
    def state_dir(self) -> Path:
        """Where the outbox lies."""
        return self.folder / "state"

    @property
    def config_path(self) -> Path:
        """The configuration that the process reads."""
        return self.folder / "edge.yaml"

    @property
    def log_path(self) -> Path:
        """What the process says, over all its lives."""
        return self.folder / "recorder.log"

    def configure(self, urls: Mapping[str, str], **channel: Any) -> None:
        """Write the configuration; `channel` holds further keys of every channel."""
        self.root.mkdir(parents=True, exist_ok=True)
        settings = {
            "site": "test-site",
            "state_dir": str(self.state_dir),
            "broker": {"host": "127.0.0.1", "port": self.broker_port},
            "storage": {"root": str(self.root), "segment_s": self.segment_s},
            "channels": [{"id": name, "url": url, **channel} for name, url in urls.items()],
            **self.extra,
        }
        self.config_path.write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        """Start the process."""
        assert self.process is None
        command = [sys.executable, "-m", "edge", "recorder", "--config", str(self.config_path)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, env=dict(os.environ))

    def stop(self, timeout_s: float = 30) -> int:
        """Ask the process to stop as systemd does; returns its exit status."""
        return self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> int:
        """Kill -9; returns the exit status, -9."""
        return self._end(signal.SIGKILL, 10)

    def reload(self) -> None:
        """Have it read its configuration again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def _end(self, number: signal.Signals, timeout_s: float) -> int:
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(number)
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def log(self) -> str:
        """What the process said."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def events(self, kind: str | None = None, channel: str | None = None) -> list[Event]:
        """Events in the outbox, in their order, of one type and channel or all."""
        path = self.state_dir / "recorder.outbox"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=5)) as db:
            try:
                rows = db.execute("SELECT sequence, payload FROM events ORDER BY sequence").fetchall()
            except sqlite3.OperationalError:  # the process is just making its tables
                return []
        found = [_event(sequence, bytes(payload)) for sequence, payload in rows]
        return [one for one in found if kind in {None, one.type} and channel in {None, one.channel}]

    def wait_for(
        self,
        kind: str,
        channel: str | None = None,
        *,
        count: int = 1,
        timeout_s: float = 60,
        such: Callable[[Event], bool] = lambda _: True,
    ) -> Event:
        """Wait until there are `count` such events; returns the last of these."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = [event for event in self.events(kind, channel) if such(event)]
            if len(found) >= count:
                return found[count - 1]
            running = self.process is not None and self.process.poll() is None
            assert running, f"the recorder ended:\n{self.log()[-4000:]}"
            if time.monotonic() > deadline:
                said = "\n".join(f"{event.type} {event.channel} {event.data}" for event in self.events())
                raise AssertionError(f"no {kind} within {timeout_s} s; events:\n{said}\nlog:\n{self.log()[-4000:]}")
            time.sleep(_POLL_S)

    def segments(self, channel: str) -> list[Path]:
        """The finished segments of a channel, in order of time."""
        return sorted(path for path in self.root.glob(f"{channel}/*/*.mp4") if not path.name.endswith(".part.mp4"))

    def parts(self, channel: str) -> list[Path]:
        """The segments that grow, or were left behind."""
        return sorted(self.root.glob(f"{channel}/*/*.part.mp4"))

    def announced(self, channel: str) -> list[Path]:
        """The files that `segment_written` told of, in order of telling."""
        return [self.root / event.data["path"] for event in self.events("segment_written", channel)]


def _event(sequence: int, payload: bytes) -> Event:
    message = json.loads(payload)
    kind = message["type"].split(".")[1]
    return Event(sequence, kind, message.get("subject"), message["time"], message["data"], payload)


@contextmanager
def recording_site(
    urls: Mapping[str, str],
    folder: Path,
    *,
    segment_s: int = 60,
    broker_port: int = 1,
    started: bool = True,
    extra: Mapping[str, Any] | None = None,
    **channel: Any,
) -> Iterator[RecordingSite]:
    """Record these cameras (channel -> URL) inside the block; the process is stopped at its end, if it still runs.

    Port 1 has no broker: events stay in the outbox. `extra` are further sections of the configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    site = RecordingSite(folder, segment_s, broker_port, extra or {})
    site.configure(urls, **channel)
    if started:
        site.start()
    try:
        yield site
    finally:
        if site.process is not None:
            if site.process.poll() is None:
                site.stop()
            else:
                site.process = None
