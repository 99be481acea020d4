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
from edge.validator.footage import FileLook, Footage, UnreadableError
from edge.validator.judge import ChannelJudge
from edge.validator.thresholds import Thresholds
from edge.validator.unseen import Seen, Unseen
from edge.validator.verdict import Change

GOOD: Final = 0
FAULTY: Final = 1
UNUSABLE: Final = 2

_SUFFIXES: Final = frozenset(
    {".mp4", ".mkv", ".mov", ".avi", ".ts", ".m4v", ".webm", ".h264", ".264", ".h265", ".265", ".hevc"}
)
_SEGMENT: Final = re.compile(
    r"(?P<channel>[a-z0-9_-]{1,32})_(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T\d{9}Z(\.part)?\.mp4"
)
_WIDTH: Final = 100
_COMPARED: Final = ("frozen", "no_signal")
"""What stands by comparing pictures ends by comparing them too."""
_UNSEEN: Final = {
    "no_keyframe": "no keyframe comes before what cannot be decoded without one. Watch it in a player, and set the"
    " camera's keyframe interval to 2 s.",
    "keyframes_damaged": "its keyframes lack parts. Watch it in a player, and look to the camera's network and to"
    " what recorded it.",
}


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
    predicted_looks: int = 0
    """Of these so many at pictures that are no keyframes, which cannot tell a frozen camera from a quiet view."""
    from_ms: int | None = None
    to_ms: int | None = None
    learned: bool = False
    faults: list[Stretch] = field(default_factory=list)
    unseen: list[Unseen] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    counted_fps: float | None = None
    """Pictures a second by which its times are counted; None where the file holds times."""

    @property
    def ok(self) -> bool:
        """Whether all of it was judged and nothing is wrong with it."""
        return bool(self.looks) and not self.faults and not self.unseen and not self.unreadable

    def document(self) -> dict[str, Any]:
        """The recording as JSON types; times in words where they are known."""
        values = asdict(self)
        del values["is_dated"]
        for found in (values, *values["faults"], *values["unseen"]):
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
    """Judge files and folders: 0 all good, 1 a fault or footage that cannot be judged, 2 nothing to judge."""
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
    seen = Seen(judged.unseen, every_s)
    for file in files:
        start_ms = _start_ms(file) or 0
        if end_ms is None or start_ms - end_ms > every_s * 1000:
            looking.resume()
            seen.begin(start_ms)
        footage = Footage(file)
        try:
            for look in footage.looks(every_s, from_s=_wait_s(next_ms, start_ms), is_last=file == files[-1]):
                at_ms = start_ms + look.at_ms
                next_ms = at_ms + round(every_s * 1000)
                seen.look(at_ms, footage)
                judged.predicted_looks += look.is_predicted
                _note(judged, _change(looking, look, at_ms), at_ms)
        except UnreadableError as error:
            judged.unreadable.append(f"{file}: {error}")
        end_ms = start_ms + footage.length_ms
        seen.end(end_ms, footage)
        judged.counted_fps = footage.counted_fps
    judged.learned = looking.learned
    return judged


def _change(looking: ChannelJudge, look: FileLook, at_ms: int) -> Change | None:
    """Judge a look; of a predicted picture what is the same as before tells nothing, so that nothing is found by it."""
    verdict = looking.verdict
    if look.is_predicted and (verdict is None or verdict.finding.reason not in _COMPARED):
        looking.resume()
    return looking.look(look.picture, at_ms, look.coded).change


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
    """How far into a file the next look lies; negative where it is overdue."""
    return 0.0 if next_ms is None else (next_ms - start_ms) / 1000


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
    for one in recordings:
        for line in _remarks(one):
            console.print(line)
    new = [one.name for one in recordings if one.looks and not one.learned]
    if new:
        console.print(
            "Too short to know how it looks when it is well, so covered and blurred were not judged: " + ", ".join(new)
        )


def _remarks(one: Recording) -> Iterator[str]:
    for line in one.unreadable:
        yield f"Cannot be read: {line}"
    for reason in sorted({stretch.reason for stretch in one.unseen}):
        yield f"Not judged of {one.name}: {_UNSEEN[reason]}"
    if one.predicted_looks:
        share = f"{one.looks - one.predicted_looks} of {one.looks}"
        yield f"Frozen was judged by {share} looks only: keyframes of {one.name} are rare or not whole by themselves."
    if one.counted_fps is not None:
        yield f"No times in {one.name}: they are counted, by {one.counted_fps:g} pictures a second."


def _rows(one: Recording) -> Iterator[tuple[str, ...]]:
    if not one.faults and not one.unseen:
        words = "good" if one.looks else "not judged"
        yield (one.name, str(one.looks), words, _short(one, one.from_ms), _short(one, one.to_ms), "", "")
    found: list[Stretch | Unseen] = [*one.faults, *one.unseen]
    found.sort(key=lambda stretch: stretch.from_ms)
    for place, stretch in enumerate(found):
        first = (one.name, str(one.looks)) if not place else ("", "")
        times = (_short(one, stretch.from_ms), _short(one, stretch.to_ms) or "the end")
        if isinstance(stretch, Unseen):
            yield (*first, "not judged", *times, "", "")
        else:
            yield (*first, stretch.reason, *times, f"{stretch.measured:g}", f"{stretch.threshold:g}")


def _short(one: Recording, time_ms: int | None) -> str:
    """A time without its fraction, as people read it."""
    return (one.when(time_ms) or "").partition(".")[0].replace("T", " ")
