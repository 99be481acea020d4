"""What was announced of segments: size and hash by name, from the journal and from what is still on its way to it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.journal.errors import JournalDamaged, JournalTooNew, JournalUnavailable
from edge.journal.positions import Source, Track
from edge.journal.store import Journal
from edge.recordings.segment import SegmentName
from edge.verify.outbox_file import OutboxFile

_RENAMED_MS: Final = 60_000
"""A segment may be named a little later than it starts, where its name was taken."""
_A_PIECE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Announced:
    """What the newest `segment_written` of a file says; `contradicted` if an earlier one said something else."""

    bytes: int
    sha256: str
    contradicted: bool = False

    def then(self, other: "Announced | None") -> "Announced":
        """This one, after an earlier one."""
        differs = other is not None and (other.contradicted or other.sha256 != self.sha256)
        return Announced(self.bytes, self.sha256, differs)


class Announcements:
    """Announcements of one site. The journal is asked first, then the recorder's outbox, which loses nothing to it."""

    def __init__(self, site: str, state_dir: Path) -> None:
        self.notes: list[str] = []
        self.journal: Journal | None = None
        self._site = site
        self._outbox = OutboxFile(state_dir / "recorder.outbox")
        self._waiting: dict[str, dict[SegmentName, Announced]] = {}
        self._track = Track()
        try:
            self.journal = Journal.open_to_read(state_dir / "journal.db")
        except (JournalUnavailable, JournalDamaged, JournalTooNew) as error:
            self.notes.append(f"without the journal only what the recorder's outbox still holds is known: {error}")
        else:
            self._read_tracks(self.journal)

    def close(self) -> None:
        """Let go of the journal."""
        if self.journal is not None:
            self.journal.close()

    def channels(self) -> list[str]:
        """The channels of which the journal holds announcements."""
        return self.journal.recorded_channels(self._site) if self.journal is not None else []

    def first_ms(self, channel: str) -> int | None:
        """Start of the oldest segment of a channel that the journal knows of."""
        found = self.journal.segments(self._site, channel, 0, 2**62, limit=1) if self.journal is not None else []
        return None if not found else _name_of(json.loads(found[0].payload)["data"], channel).start_ms

    def starts(self, channel: str, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """Start and position in the journal of announced segments that may be named in a time."""
        if self.journal is None:
            return []
        return self.journal.starts(self._site, channel, from_ms - _RENAMED_MS, to_ms)

    def at(self, channel: str, positions: Iterable[int]) -> dict[SegmentName, Announced]:
        """What stands at positions of the journal."""
        found: dict[SegmentName, Announced] = {}
        wanted = sorted(positions)
        for begin in range(0, len(wanted), _A_PIECE):
            assert self.journal is not None
            entries = self.journal.at(wanted[begin : begin + _A_PIECE])
            for entry in sorted(entries, key=lambda one: one.position):
                if entry.understood:
                    _take(found, channel, json.loads(entry.payload)["data"])
        return found

    def of(self, name: SegmentName) -> Announced | None:
        """What is known of one segment, wherever it stands."""
        positions = [position for _, position in self.starts(name.channel, name.start_ms, name.start_ms + 1)]
        return self.at(name.channel, positions).get(name) or self.waiting(name.channel).get(name)

    def waiting(self, channel: str, *, fresh: bool = False) -> Mapping[SegmentName, Announced]:
        """What stands in the recorder's outbox and not in the journal; read again if `fresh`."""
        if fresh or channel not in self._waiting:
            found: dict[SegmentName, Announced] = {}
            for said in self._outbox.events("segment_written", channel=channel, after=self._track.contiguous_to):
                if said.sequence not in self._track.received:
                    _take(found, channel, said.data)
            self._waiting[channel] = found
        return self._waiting[channel]

    def growing(self, name: SegmentName) -> bool:
        """Whether the recorder has begun this segment and not announced it: it may just be about to."""
        return name.path in self._outbox.column("SELECT path FROM growing")

    def troubles(self) -> list[str]:
        """What could not be read meanwhile."""
        return [self._outbox.trouble] if self._outbox.trouble else []

    def _read_tracks(self, journal: Journal) -> None:
        tracks = journal.tracks(self._site)
        epoch = self._outbox.epoch()
        if epoch is not None:
            self._track = tracks.get(Source(self._site, "recorder", epoch), Track())
        ours = {source: track for source, track in tracks.items() if source.process == "recorder"}
        absent = sum(track.missing.count + track.lost.count for track in ours.values())
        if absent:
            self.notes.append(f"{absent} events of the recorder are missing from the journal or lost for ever")


def _take(found: dict[SegmentName, Announced], channel: str, data: Mapping[str, Any]) -> None:
    name = _name_of(data, channel)
    found[name] = Announced(data["bytes"], data["sha256"]).then(found.get(name))


def _name_of(data: Mapping[str, Any], channel: str) -> SegmentName:
    """The name of an announced segment; one that nobody uses for a path that is none."""
    parsed = SegmentName.parse(data["path"])
    return parsed[0] if parsed is not None else SegmentName(channel, -1)
