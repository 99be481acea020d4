"""A real `edge recorder` and a real `edge validator` over simulated cameras and a Mosquitto, and what they said."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recording_site import REPOSITORY, RecordingSite, recording_site

PROGRAM = "import sys; from pathlib import Path; from edge.validator.main import run; sys.exit(run(Path(sys.argv[1])))"


@dataclass(frozen=True)
class Said:
    """One event of the validator."""

    type: str
    channel: str
    time: str
    data: dict[str, Any]


class ValidatorProcess:
    """`edge validator` on the configuration of a site; may be stopped, killed and started again."""

    def __init__(self, site: RecordingSite) -> None:
        self.site = site
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = site.folder / "validator.log"

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            command = [sys.executable, "-c", PROGRAM, str(self.site.config_path)]
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def said(self, kind: str | None = None, channel: str | None = None) -> list[Said]:
        """What it said about channels, in order."""
        path = self.site.state_dir / "validator.outbox"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=5)) as db:
            try:
                rows = db.execute("SELECT payload FROM events ORDER BY sequence").fetchall()
            except sqlite3.OperationalError:  # the process is just making its tables
                return []
        events = [json.loads(bytes(payload)) for (payload,) in rows]
        found = [Said(one["type"].split(".")[1], one["subject"], one["time"], one["data"]) for one in events if "subject" in one]
        return [one for one in found if kind in {None, one.type} and channel in {None, one.channel}]

    def changes(self, channel: str) -> list[str]:
        """What it said of a channel's picture: the reason of each fault, `valid` for its end."""
        told = [one for one in self.said(channel=channel) if one.type != "segment_rejected"]
        return [one.data["reason"] if one.type == "channel_invalid" else "valid" for one in told]

    def wait(self, condition: Callable[[], Any], timeout_s: float = 60.0) -> Any:
        """Wait until a condition holds; returns what it gave."""
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            assert self.process is not None
            assert self.process.poll() is None, self.log()[-4000:]
            if time.monotonic() > deadline:
                told = "\n".join(map(str, self.said()))
                raise AssertionError(f"not within {timeout_s} s; it said:\n{told}\nlog:\n{self.log()[-3000:]}")
            time.sleep(0.05)
        return found

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(number)
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@contextmanager
def validating_site(
    urls: Mapping[str, str],
    folder: Path,
    broker_port: int,
    *,
    every_s: float = 1,
    confirm: int = 3,
    segment_s: int = 2,
    **channel: Any,
) -> Iterator[ValidatorProcess]:
    """Record and judge these cameras inside the block."""
    extra = {"validator": {"every_s": every_s, "confirm": confirm}}
    with recording_site(urls, folder, segment_s=segment_s, broker_port=broker_port, extra=extra, **channel) as site:
        validator = ValidatorProcess(site)
        validator.start()
        try:
            yield validator
        finally:
            if validator.process is not None and validator.process.poll() is None:
                validator.stop()
