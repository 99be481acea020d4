"""A site on the web for tests: the real application over HTTP on a free port, with a real journal, without a broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from edge.clock import SystemClock, rfc3339, utc
from edge.config.load import parse
from edge.events.catalog import (
    ProcessStarted,
    RecordingStarted,
    RecordingStopped,
    SegmentWritten,
)
from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.messages import Heartbeat
from edge.journal.arrival import Arrival
from edge.journal.store import Journal
from edge.state import SiteProjection
from edge.web.app import WebApp, create_app
from edge.web.main import EXPECTED_PROCESSES, new_site
from edge.web.server import WebServer, listen

EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
PASSWORD = "correct horse battery"
TOKEN = "token-of-a-program"
NAME = "Lobby <script>alert(1)</script> & 'co'"
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
VIDEO = RecordingStarted.example["video"]


@dataclass
class RunningSite:
    """What a test has of it."""

    app: WebApp
    url: str
    server: WebServer
    sequences: dict[str, int] = field(default_factory=dict)

    @property
    def live(self):
        return self.app.site.live

    def now_ms(self) -> int:
        return self.app.site.clock.wall_ns() // 1_000_000

    def ready(self, state_dir: Path) -> None:
        """Open the journal and begin."""
        clock = self.app.site.clock
        self.app.site.journal = Journal.open(f"sqlite:///{state_dir / 'journal.db'}", clock=clock)
        self.live.load(SiteProjection(), 0)
        self.live.show()

    def say(self, *events: tuple[EventData, str | None], process: str = "recorder", at_ms: int | None = None) -> list[int]:
        """Have a process say something, as far as journal and state; returns the positions."""
        payloads = []
        for event, channel in events:
            sequence = self.sequences[process] = self.sequences.get(process, 0) + 1
            time = utc((self.now_ms() if at_ms is None else at_ms) * 1_000_000)
            envelope = Envelope.build(
                event, site="jkt-001", process=process, epoch=EPOCH, sequence=sequence, time=time, subject=channel
            )
            payloads.append(envelope.to_json())
        return self.store(payloads)

    def store(self, payloads: list[bytes]) -> list[int]:
        journal = self.app.site.journal
        assert journal is not None
        entries = journal.append([Arrival.read(payload, self.now_ms()) for payload in payloads]).entries
        self.live.fold([entry for entry in entries if entry.understood])
        return [entry.position for entry in entries]

    def beat_all(self) -> None:
        """Every process that is expected lives."""
        for process in EXPECTED_PROCESSES:
            self.beat(process)

    def beat(self, process: str = "recorder", metrics: dict[str, Any] | None = None) -> None:
        now = rfc3339(self.app.site.clock.wall_ns())
        beat = Heartbeat(
            epoch=EPOCH, bdseq=1, last_sequence=self.sequences.get(process, 0), started=now, time=now,
            version="0", pid=1, metrics=metrics or {},
        )  # fmt: skip
        self.live.hear(process, beat, self.now_ms())

    def client(self, **options) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, **options)


@contextmanager
def running_site(folder: Path, *, clock=None, ready: bool = True, channels: int = 4, web: str = "auth: 'off'") -> Iterator[RunningSite]:
    """A site that answers until the end of the block."""
    state_dir = folder / "state"
    state_dir.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text(TOKEN)
    listed = "\n".join(
        f"  - {{id: cam{number}, name: {NAME if number == 0 else f'Camera {number}'!r}, url: 'rtsp://h/{number}'}}"
        if number
        else f'  - {{id: cam0, name: "{NAME}", url: "rtsp://h/0"}}'
        for number in range(channels)
    )
    text = f"site: jkt-001\ntimezone: Asia/Jakarta\nstate_dir: state\nstorage: {{root: recordings}}\nweb: {{{web}}}\nchannels:\n{listed}\n"
    config = parse(text, file="edge.yaml", folder=folder, environ={})
    app = create_app(new_site(config, clock or SystemClock()), config)
    server = WebServer(app.asgi, listen("127.0.0.1", 0), before_stop=app.feed.close)
    server.start()
    site = RunningSite(app, f"http://127.0.0.1:{server.port}", server)
    try:
        if ready:
            site.ready(state_dir)
        yield site
    finally:
        server.stop()
        if app.site.journal is not None:
            app.site.journal.close()


def accounts() -> str:
    """The `web` section of a site where people log in."""
    return f"users: {{budi: {{password_hash: '{PASSWORD_HASH}', role: admin}}}}, tokens: {{scraper: {{token_file: token, role: viewer}}}}"


def started(sequence: int = 0) -> ProcessStarted:
    """The recorder is up."""
    return ProcessStarted(
        version="0", epoch=EPOCH, bdseq=1, previous_epoch=None, previous_last_sequence=None, pid=1, host="box"
    )


def recording(channel: str) -> tuple[EventData, str]:
    """A channel begins to record."""
    return RecordingStarted.model_validate(dict(RecordingStarted.example)), channel


def stopped(channel: str, reason: str = "unreachable") -> tuple[EventData, str]:
    """A channel ceases to record."""
    return RecordingStopped.model_validate(dict(RecordingStopped.example) | {"reason": reason}), channel


def segment(channel: str, start_ms: int, *, seconds: int = 60) -> tuple[EventData, str]:
    """A segment is finished."""
    stamp = utc(start_ms * 1_000_000).strftime("%Y%m%dT%H%M%S") + f"{start_ms % 1000:03d}Z"
    day = utc(start_ms * 1_000_000).strftime("%Y-%m-%d")
    fields = dict(SegmentWritten.example) | {
        "path": f"{channel}/{day}/{channel}_{stamp}.mp4",
        "start": rfc3339(start_ms * 1_000_000),
        "end": rfc3339((start_ms + seconds * 1000) * 1_000_000),
        "duration_s": float(seconds),
    }
    return SegmentWritten.model_validate(fields), channel
