"""Headquarters on the web for tests: the real application over HTTP on a free port, with a real journal and no broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import httpx
from web_site import EPOCH, PASSWORD_HASH, TOKEN

from edge.clock import SystemClock, rfc3339, utc
from edge.config import parse_hq
from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.messages import Heartbeat
from edge.hq.app import HqApp
from edge.hq.loading import load
from edge.hq.main import new_app
from edge.journal.arrival import Arrival
from edge.journal.store import Journal
from edge.web.server import WebServer, listen

ACCOUNTS = f"users: {{budi: {{password_hash: '{PASSWORD_HASH}', role: admin}}}}, tokens: {{scraper: {{token_file: token, role: viewer}}}}"


@dataclass
class RunningHq:
    """What a test has of it."""

    app: HqApp
    url: str
    journal: Journal
    sequences: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def fleet(self):
        return self.app.hq.fleet

    def now_ms(self) -> int:
        return self.app.hq.condition.now_ms()

    def say(self, site: str, *events: tuple[EventData, str | None], process: str = "recorder") -> list[int]:
        """Have a process of a site say something, as far as journal and state; returns the positions."""
        arrivals = []
        for event, channel in events:
            sequence = self.sequences[site, process] = self.sequences.get((site, process), 0) + 1
            envelope = Envelope.build(
                event, site=site, process=process, epoch=EPOCH, sequence=sequence,
                time=utc(self.now_ms() * 1_000_000), subject=channel,
            )  # fmt: skip
            arrivals.append(Arrival.read(envelope.to_json(), self.now_ms()))
        entries = self.journal.append(arrivals).entries
        self.fleet.fold([entry for entry in entries if entry.understood])
        return [entry.position for entry in entries]

    def beat(self, site: str, *processes: str) -> None:
        """Have processes be heard."""
        for process in processes:
            now = rfc3339(self.now_ms() * 1_000_000)
            beat = Heartbeat(
                epoch=EPOCH, bdseq=1, last_sequence=self.sequences.get((site, process), 0), started=now, time=now,
                version="0", pid=1, metrics={},
            )  # fmt: skip
            self.fleet.hear(site, process, beat, self.now_ms())

    def refresh(self) -> None:
        """Bring the fleet's lines up to date."""
        self.app.summaries.refresh()

    def client(self, **options) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=10, **options)


@contextmanager
def running_hq(folder: Path, *, web: str = "auth: 'off'", clock=None, more: str = "") -> Iterator[RunningHq]:
    """Headquarters that answers until the end of the block; what its journal in the folder holds is loaded."""
    (folder / "token").write_text(TOKEN)
    (folder / "state").mkdir(exist_ok=True)
    text = f"timezone: Asia/Jakarta\nstate_dir: state\nweb: {{{web}}}\n{more}"
    config = parse_hq(text, file="hq.yaml", folder=folder, environ={})
    clock = clock or SystemClock()
    app = new_app(config, clock)
    journal = Journal.open(config.database_url(), clock=clock)
    app.hq.fleet.opened(journal)
    load(app.hq.fleet, journal, Event())
    app.hq.condition.set("starting", holds=False)
    server = WebServer(app.asgi, listen("127.0.0.1", 0), before_stop=app.close)
    server.start()
    try:
        yield RunningHq(app, f"http://127.0.0.1:{server.port}", journal)
    finally:
        server.stop()
        journal.close()
