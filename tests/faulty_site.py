"""Recorder and retention as real processes on a small real disk, whose system calls fail on command.

`tests/disk_faults.c` is compiled when first asked for and preloaded into both. What fails is told to it by a file.
"""

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import av
import pytest
import yaml
from demo_cameras import running_cameras
from recording_site import Event, _event

from edge.config import load
from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec
from edge.verify.main import verify

REPOSITORY = Path(__file__).parents[1]
PROGRAM = "import sys; from pathlib import Path; from edge.{0}.main import run; sys.exit(run(Path(sys.argv[1])))"
CLIP = ClipSpec("faults", width=160, height=96, fps=15, seconds=4, bitrate=300_000)
CHANNELS = ("create", "write", "fdatasync", "rename", "fsync", "read")
"""Each is named after the call that fails for it, so that all calls fail at the same time."""
SHARE_BYTES = 300_000
"""Of a channel: so that retention always has something to delete."""
RESUMES_S = 60.0
"""With what a machine takes longer for that runs other tests beside; the recorder tries again every 5 s."""


def compiled(folder: Path) -> Path:
    """The library that makes system calls fail; skips the test where there is no compiler."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler: wants cc")
    library = folder / "disk_faults.so"
    source = Path(__file__).with_name("disk_faults.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


class FaultySite:
    """Both processes, what they said, and the rules of what fails."""

    def __init__(self, folder: Path, root: Path, broker_port: int, urls: dict[str, str], library: Path) -> None:
        self.root, self.state_dir, self.log = root, folder / "state", folder / "log"
        self.config_path = folder / "edge.yaml"
        self.rules = folder / "rules"
        self._environment = os.environ | {"LD_PRELOAD": str(library), "DISK_FAULTS": str(self.rules)}
        settings = {
            "site": "test-site",
            "state_dir": str(self.state_dir),
            "broker": {"host": "127.0.0.1", "port": broker_port},
            "storage": {"root": str(root), "segment_s": 2},
            "retention": {"max_used_percent": 99, "min_free_bytes": 0},
            "channels": [{"id": name, "url": url, "max_bytes": SHARE_BYTES} for name, url in urls.items()],
        }
        self.config_path.write_text(yaml.safe_dump(settings))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name in ("recorder", "retention"):
            with self.log.open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-c", PROGRAM.format(name), str(self.config_path)],
                    cwd=REPOSITORY, stdout=log, stderr=log, env=self._environment,
                )  # fmt: skip

    def stop(self) -> None:
        """In order; both must have lived until now."""
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} has ended: {self.log.read_text()[-3000:]}"
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            time.sleep(1.5)

    def fail(self, *calls: str, number: int = errno.EIO, delay_ms: int = 0, part: str | None = None) -> None:
        """From now on these calls fail for their channels, or where a path holds a part."""
        self._rule(f"{call} {number} {delay_ms} {part or f'/{call}'}\n" for call in calls)

    def fail_each(self, errors: Mapping[str, int]) -> None:
        """From now on each of these calls fails for its channel with its error."""
        self._rule(f"{call} {number} 0 /{call}\n" for call, number in errors.items())

    def _rule(self, lines: Iterable[str]) -> None:
        text = "".join(lines)
        new = self.rules.with_suffix(".new")
        new.write_text(text)
        new.replace(self.rules)

    def mend(self) -> None:
        """All is well again."""
        self.rules.unlink(missing_ok=True)

    def mark(self) -> dict[str, int]:
        """How much was said so far."""
        return {name: len(self.said(name)) for name in self.processes}

    def said(self, process: str) -> list[Event]:
        """All that a process has said."""
        return events_of(self.state_dir / f"{process}.outbox")

    def since(self, mark: dict[str, int], process: str, kind: str) -> list[Event]:
        """What a process has said of a kind since."""
        return [one for one in self.said(process)[mark[process] :] if one.type == kind]

    def wait(self, mark: dict[str, int], process: str, kind: str, channels: tuple[str, ...] = ()) -> list[Event]:
        """Wait until a process has said something, of all of these channels."""
        deadline = time.monotonic() + RESUMES_S
        while True:
            found = self.since(mark, process, kind)
            if found and {one.channel for one in found} >= set(channels):
                return found
            said = [(one.type, one.channel) for one in self.said(process)[mark[process] :]][-30:]
            assert time.monotonic() < deadline, f"no {kind} of {process}: {said}\n{self.log.read_text()[-3000:]}"
            time.sleep(0.1)

    def wait_for_recording(self) -> None:
        """Until each channel has finished another segment."""
        self.wait(self.mark(), "recorder", "segment_written", CHANNELS)

    def assert_files_and_events_agree(self) -> int:
        """By `edge verify`, and decoded; returns how many segments are left."""
        report = verify(load(self.config_path))
        assert report.is_ok, report.findings
        paths = sorted(self.root.glob("*/*/*.mp4"))
        assert not [path for path in paths if path.name.endswith(".part.mp4")]
        assert report.ok == len(paths)
        for path in paths:
            with av.open(str(path)) as container:
                assert sum(1 for _ in container.decode(video=0)) > 0
        return len(paths)


def events_of(outbox: Path) -> list[Event]:
    """All that a process has said."""
    if not outbox.exists():
        return []
    with closing(sqlite3.connect(outbox, timeout=5)) as db:
        try:
            rows = db.execute("SELECT sequence, payload FROM events ORDER BY sequence").fetchall()
        except sqlite3.OperationalError:  # the process is just making its tables
            return []
    return [_event(sequence, bytes(payload)) for sequence, payload in rows]


@contextmanager
def faulty_site(folder: Path, root: Path, broker_port: int) -> Iterator[FaultySite]:
    """A site that records two cameras inside the block."""
    library = compiled(folder)
    with running_cameras([CameraSpec(name, CLIP) for name in CHANNELS]) as cameras:
        site = FaultySite(folder, root, broker_port, cameras.urls, library)
        site.start()
        try:
            site.wait(dict.fromkeys(site.processes, 0), "recorder", "recording_started", CHANNELS)
            yield site
        finally:
            for process in site.processes.values():
                process.kill()
                process.wait()
