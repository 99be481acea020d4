"""The mark on a storage root that says whose disk it is, so that nothing is written to a disk that is not meant.

`<root>/.saksi` holds site and device; `storage.json` in the state folder remembers the device that was accepted. A root
without its mark is a disk that is not mounted, and one with another mark is another disk.
"""

import json
import os
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.durable import write_durably
from edge.errors import StorageMissing
from edge.recordings.segment import MARK_FILE


@dataclass(frozen=True, slots=True)
class Mark:
    """What a mark says."""

    site: str
    device: str


class MarkedRoot:
    """A storage root and the memory of its mark.

    Only one process of a site `marks` a root and remembers it, the recorder: two would each mark it as theirs.
    """

    def __init__(self, root: Path, site: str, memory: Path, *, marks: bool = True) -> None:
        self.root = root
        self._site = site
        self._memory = memory
        self._marks = marks
        self._device: str | None = None
        self._mutex = threading.Lock()  # or the first check on two writer threads would mark the root twice

    @property
    def device(self) -> str | None:
        """The name of the disk by its mark; None before the first check that found it."""
        return self._device

    def check(self) -> None:
        """Make sure that the root is the disk that was marked; raises StorageMissing with the next step.

        The first time, where neither disk nor memory have a mark, the root is marked.
        """
        with self._mutex:
            self._check()

    def _check(self) -> None:
        if not os.path.isdir(self.root):  # noqa: PTH112 - Path.is_dir raises for a disk that answers with EIO
            raise StorageMissing(f"{self.root} is not there: mount the disk for recordings or make the folder")
        remembered = (self._marks and self._device) or self._remembered() or self._device
        mark = self._read_mark()
        if mark is None:
            if remembered is not None:
                raise StorageMissing(
                    f"{self.root} has lost its mark {MARK_FILE}: the disk that was recorded to is not mounted there"
                )
            if not self._marks:
                raise StorageMissing(f"{self.root} has no mark {MARK_FILE} yet: the recorder makes it when it starts")
            mark = self._write_mark()
        if mark.site != self._site:
            raise StorageMissing(f"{self.root} holds recordings of site {mark.site!r}, this site is {self._site!r}")
        if remembered is not None and mark.device != remembered:
            raise StorageMissing(
                f"{self.root} is another disk than the one recorded to before; if that is meant, remove {self._memory}"
            )
        if self._device is None and self._marks:
            self._remember(mark)
        self._device = mark.device

    def _read_mark(self) -> Mark | None:
        try:
            values = _read_json(self.root / MARK_FILE)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageMissing(f"{self.root / MARK_FILE} cannot be read: {error.strerror}") from error
        if not isinstance(values.get("site"), str) or not isinstance(values.get("device"), str):
            raise StorageMissing(f"{self.root / MARK_FILE} is damaged: put it back or remove it and {self._memory}")
        return Mark(values["site"], values["device"])

    def _write_mark(self) -> Mark:
        mark = Mark(self._site, uuid.uuid4().hex)
        try:
            write_durably(self.root / MARK_FILE, json.dumps({"site": mark.site, "device": mark.device}) + "\n")
        except OSError as error:
            raise StorageMissing(f"{self.root} cannot be written: {error.strerror}") from error
        return mark

    def _remembered(self) -> str | None:
        try:
            values = _read_json(self._memory)
        except OSError:
            return None
        device = values.get("device")
        return device if values.get("root") == str(self.root) and isinstance(device, str) else None

    def _remember(self, mark: Mark) -> None:
        try:
            write_durably(self._memory, json.dumps({"root": str(self.root), "device": mark.device}) + "\n")
        except OSError as error:
            raise StorageMissing(f"{self._memory} cannot be written: {error.strerror}") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
