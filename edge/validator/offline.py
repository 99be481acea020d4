"""Judges recordings that lie in files, for people who want to trust it first: `edge validate`. Sends no event.

Segments of Saksi are put together by channel, in order of time; any other file that FFmpeg reads is judged by itself.
Here the files are those of whoever asks, so that they are decoded in this process.
"""

import json as json_text
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from edge.clock import rfc3339
from edge.recordings.segment import SegmentName
from edge.validator.footage import Footage, UnreadableError
from edge.validator.judge import ChannelJudge
from edge.validator.thresholds import Thresholds
from edge.validator.verdict import Change

GOOD: Final = 0
FAULTY: Final = 1
UNUSABLE: Final = 2

_SUFFIXES: Final = frozenset({".mp4", ".mkv", ".mov", ".avi", ".ts", ".m4v", ".webm"})
_SEGMENT: Final = re.compile(
    r"(?P<channel>[a-z0-9_-]{1,32})_(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T\d{9}Z(\.part)?\.mp4"
)
_WIDTH: Final = 100


@dataclass(slots=True)
class Stretch:
    """A fault from its first look to the first look that shows none; `to_ms` is None where it lasts to the end."""

    reason: str
    from_ms: int
    to_ms: int | None
    measured: float
    threshold: float


@dataclass(slots=True)
class Recording:
    """What was found in one file, or in the segments of one channel; times are UTC where the name tells them."""

    name: str
    files: int
    is_dated: bool
    looks: int = 0
    from_ms: int | None = None
    to_ms: int | None = None
    learned: bool = False
    faults: list[Stretch] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there was something to judge and nothing wrong with it."""
        return bool(self.looks) and not self.faults and not self.unreadable

    def document(self) -> dict[str, Any]:
        """The recording as JSON types; times in words where they are known."""
        values = asdict(self)
        del values["is_dated"]
        for found in (values, *values["faults"]):
            for side in ("from", "to"):
                found[side] = self.when(found.pop(f"{side}_ms"))
        return {"ok": self.ok, **values}

    def when(self, time_ms: int | None) -> str | None:
        """A time of this recording: UTC, or minutes and seconds from the beginning of the file."""
        if time_ms is None:
            return None
        if self.is_dated:
            return rfc3339(time_ms * 1_000_000)
        minutes, rest_ms = divmod(time_ms, 60_000)
        return f"{minutes}:{rest_ms / 1000:06.3f}"


def run(
    paths: Sequence[Path],
    *,
    json: bool,
    out: TextIO,
    every_s: float = 10.0,
    confirm: int = 3,
    thresholds: Thresholds | None = None,
) -> int:
    """Judge files and folders: 0 all good, 1 a fault or an unreadable file, 2 nothing to judge."""
    recordings = [judge(name, files, every_s, confirm, thresholds) for name, files in gather(paths)]
    if json:
        document = {"ok": all(one.ok for one in recordings), "recordings": [one.document() for one in recordings]}
        out.write(json_text.dumps(document, indent=2) + "\n")
    else:
        _print(recordings, out)
    if not recordings:
        return UNUSABLE
    return GOOD if all(one.ok for one in recordings) else FAULTY


def gather(paths: Iterable[Path]) -> list[tuple[str, list[Path]]]:
    """The recordings below some paths: segments by channel and in order of time, other files each by itself."""
    channels: dict[tuple[Path, str], list[Path]] = {}
    others: list[tuple[str, list[Path]]] = []
    for path in paths:
        for file in _files(path):
            match = _SEGMENT.fullmatch(file.name)
            if match is not None:
                channels.setdefault((path, match["channel"]), []).append(file)
            else:
                others.append((str(file), [file]))
    named = [(channel, sorted(files, key=lambda one: one.name)) for (_, channel), files in channels.items()]
    return named + others


def judge(name: str, files: Sequence[Path], every_s: float, confirm: int, limits: Thresholds | None) -> Recording:
    """Judge the files of one recording, one after the other."""
    judged = Recording(name, len(files), is_dated=_start_ms(files[0]) is not None)
    looking = ChannelJudge(limits, confirm=confirm)
    next_ms: int | None = None
    end_ms: int | None = None
    for file in files:
        start_ms = _start_ms(file) or 0
        if end_ms is not None and start_ms - end_ms > every_s * 1000:
            looking.resume()
        footage = Footage(file)
        try:
            for look in footage.looks(every_s, from_s=_wait_s(next_ms, start_ms)):
                at_ms = start_ms + look.at_ms
                next_ms = at_ms + round(every_s * 1000)
                _note(judged, looking.look(look.picture, at_ms, look.coded).change, at_ms)
            if footage.damaged and not footage.shown:
                judged.unreadable.append(f"{file}: none of its keyframes can be decoded")
        except UnreadableError as error:
            judged.unreadable.append(f"{file}: {error}")
        end_ms = start_ms + footage.length_ms
    judged.learned = looking.learned
    return judged


def _note(judged: Recording, change: Change | None, at_ms: int) -> None:
    judged.looks += 1
    judged.from_ms = at_ms if judged.from_ms is None else judged.from_ms
    judged.to_ms = at_ms
    if change is None:
        return
    if judged.faults and judged.faults[-1].to_ms is None:
        judged.faults[-1].to_ms = change.since_ms
    if change.now is not None:
        found = change.now.finding
        measured, threshold = round(float(found.measured), 3), round(float(found.threshold), 3)
        judged.faults.append(Stretch(found.reason, change.now.since_ms, None, measured, threshold))


def _wait_s(next_ms: int | None, start_ms: int) -> float:
    """How far into a file the next look lies."""
    return 0.0 if next_ms is None else max(0.0, (next_ms - start_ms) / 1000)


def _start_ms(file: Path) -> int | None:
    """When a segment begins by its name; None for other files."""
    match = _SEGMENT.fullmatch(file.name)
    if match is None:
        return None
    day = f"{match['year']}-{match['month']}-{match['day']}"
    parsed = SegmentName.parse(f"{match['channel']}/{day}/{file.name}")
    return parsed[0].start_ms if parsed is not None else None


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in _SUFFIXES and file.is_file():
            yield file


def _print(recordings: Sequence[Recording], out: TextIO) -> None:
    console = Console(file=out, width=None if out.isatty() else _WIDTH, highlight=False, markup=False, emoji=False)
    if not recordings:
        console.print("There is nothing to judge: name files or folders with recordings.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("recording", "looks", "verdict", "from", "to", "measured", "limit"):
        justify: Literal["left", "right"] = "right" if column in {"looks", "measured", "limit"} else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for one in recordings:
        for row in _rows(one):
            table.add_row(*row)
    console.print(table)
    for line in (line for one in recordings for line in one.unreadable):
        console.print(f"Cannot be read: {line}")
    new = [one.name for one in recordings if one.looks and not one.learned]
    if new:
        console.print(
            "Too short to know how it looks when it is well, so covered and blurred were not judged: " + ", ".join(new)
        )


def _rows(one: Recording) -> Iterator[tuple[str, ...]]:
    if not one.faults:
        words = "good" if one.looks else "not judged"
        yield (one.name, str(one.looks), words, _short(one, one.from_ms), _short(one, one.to_ms), "", "")
    for place, fault in enumerate(one.faults):
        first = (one.name, str(one.looks)) if not place else ("", "")
        times = (_short(one, fault.from_ms), _short(one, fault.to_ms) or "the end")
        yield (*first, fault.reason, *times, f"{fault.measured:g}", f"{fault.threshold:g}")


def _short(one: Recording, time_ms: int | None) -> str:
    """A time without its fraction, as people read it."""
    return (one.when(time_ms) or "").partition(".")[0].replace("T", " ")
