"""Which mount and device hold the recordings, and what the disk says of its own health. Alone uses psutil."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import psutil

SMART_EVERY_S: Final = 1800.0
_SMART_TIMEOUT_S: Final = 20.0
_NOT_SAID: Final = 0b111
"""smartctl's exit bits of a command line, a device or a command that failed: nothing was learnt."""

_SHUT: Final = frozenset({"emergency_ro", "shutdown"})
"""What ext4 shows among its options when it has found an error, or was told to stop."""

Smart = Literal["ok", "failing", "unknown"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: where and what."""

    point: str
    device: str
    shut: bool = False
    """It found an error and takes nothing any more; newer kernels tell so here and not where space is measured."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a disk tells of itself."""

    smart: Smart = "unknown"
    serial: str | None = None


def mount_of(path: Path) -> Mount:
    """The mount that really holds a path: the longest mount point above it, the newest where there are several."""
    real = Path(os.path.realpath(path))
    above = {str(one) for one in (real, *real.parents)}
    best = Mount("/", "unknown")
    for part in psutil.disk_partitions(all=True):
        if part.mountpoint in above and len(part.mountpoint) >= len(best.point):
            shut = not _SHUT.isdisjoint(part.opts.split(","))
            best = Mount(part.mountpoint, part.device or part.fstype, shut)
    return best


def ask_disk(device: str) -> Health:
    """Ask a disk for its health; `unknown` where smartctl is missing, not allowed or does not know the disk."""
    program = shutil.which("smartctl") or shutil.which("smartctl", path="/usr/sbin:/sbin")
    if program is None or not device.startswith("/dev/"):
        return Health()
    try:
        answer = subprocess.run(
            [program, "--json", "--info", "--health", "--nocheck=standby", device],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SMART_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Health()
    return read_answer(answer.stdout, answer.returncode)


def read_answer(output: bytes, status: int) -> Health:
    """What smartctl's JSON says; pure."""
    try:
        values: dict[str, Any] = json.loads(output)
        passed = values.get("smart_status", {}).get("passed")
        serial = values.get("serial_number")
    except (ValueError, AttributeError):
        return Health()
    said = isinstance(passed, bool) and not status & _NOT_SAID
    smart: Smart = ("ok" if passed else "failing") if said else "unknown"
    return Health(smart, serial if isinstance(serial, str) and serial else None)


class HealthWatch:
    """Asks the disk now and then on a thread of its own: a disk that is dying may not answer for long."""

    def __init__(self, stop: threading.Event, ask: Callable[[str], Health] = ask_disk) -> None:
        self.health = Health()
        self._ask = ask
        self._stop = stop
        self._device: str | None = None
        self._changed = threading.Event()
        threading.Thread(target=self._run, name="smart", daemon=True).start()

    def watch(self, device: str) -> None:
        """The disk that is meant from now on."""
        if device != self._device:
            self._device = device
            self._changed.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._changed.wait(SMART_EVERY_S)
            self._changed.clear()
            if self._device is not None and not self._stop.is_set():
                self.health = self._ask(self._device)
