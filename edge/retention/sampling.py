"""Did it really record? Now and then a segment is picked at random, read back, held against its hash and decoded.

A child process does it, at the lowest priority: what a camera sends never meets a decoder in this process, and a disk
that hangs holds up nothing here. The child is looked at once a round and never waited for.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from edge.clock import Clock
from edge.events.catalog import SegmentsVerified
from edge.events.catalog.retention import MOST_PATHS
from edge.events.errors import EventDataError
from edge.retention.voice import Voice

EVERY_S: Final = 3600.0
FIRST_S: Final = 600.0
"""After the start, when everything else has come to rest."""
SEGMENTS: Final = 1
_LATEST_S: Final = 1800.0
_MOST_ANSWER_BYTES: Final = 1 << 20
_KINDS: Final = ("changed", "unreadable", "undecodable")

_log = structlog.get_logger()


class Sampling:
    """Starts the child when it is time, and says what it found."""

    def __init__(self, command: Sequence[str], voice: Voice, clock: Clock, *, first_s: float = FIRST_S) -> None:
        self._command = command
        self._voice = voice
        self._clock = clock
        self._due_ns = clock.monotonic_ns() + round(first_s * 1e9)
        self._child: subprocess.Popen[bytes] | None = None
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - kept over rounds; a pipe would have to be read
        self._begun_ns = 0

    @classmethod
    def of(cls, config_path: Path, voice: Voice, clock: Clock) -> "Sampling":
        """Samples of the site of a configuration."""
        return cls((sys.executable, "-m", "edge.verify", str(config_path), str(SEGMENTS)), voice, clock)

    def look(self) -> None:
        """Take one step; never waits."""
        now_ns = self._clock.monotonic_ns()
        if self._child is None:
            if now_ns >= self._due_ns:
                self._due_ns = now_ns + round(EVERY_S * 1e9)
                self._begin(now_ns)
        elif self._child.poll() is not None:
            self._child = None
            self._say()
        elif now_ns - self._begun_ns > _LATEST_S * 1e9:
            self._child.kill()  # where it hangs in the disk it stays until that answers, and no other is begun

    def close(self) -> None:
        """Let go of the child, whatever it does."""
        if self._child is not None:
            self._child.kill()
        self._answer.close()

    def _begin(self, now_ns: int) -> None:
        self._begun_ns = now_ns
        try:
            self._answer.seek(0)
            self._answer.truncate()
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=self._answer,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            _log.warning("sample_not_taken", error=str(error), next="tried again in an hour")

    def _say(self) -> None:
        try:
            event = read_answer(self._read())
        except (ValueError, KeyError, TypeError, EventDataError, OSError) as error:
            _log.warning("sample_not_taken", error=str(error), next="tried again in an hour")
            return
        if event is None:
            return
        if event.changed or event.unreadable or event.undecodable:
            _log.error("segments_damaged", changed=event.changed, unreadable=event.unreadable, bad=event.undecodable)
        self._voice.say(event)

    def _read(self) -> Mapping[str, Any]:
        self._answer.seek(0)
        document = json.loads(self._answer.read(_MOST_ANSWER_BYTES))
        if "error" in document:
            raise ValueError(document["error"])
        return dict(document)


def read_answer(document: Mapping[str, Any]) -> SegmentsVerified | None:
    """The event for what a sample found, None where there was nothing to look at."""
    counts = document["segments"]
    if not counts["checked"]:
        return None
    found = document["findings"]
    paths = {kind: [one["path"] for one in found if one["kind"] == kind][:MOST_PATHS] for kind in _KINDS}
    figures = {name: counts[name] for name in ("checked", "held")}
    return SegmentsVerified.read({**figures, "bytes": document["bytes"], "pictures": document["pictures"], **paths})
