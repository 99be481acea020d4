"""What a recording of simulated cameras holds.

Each picture of their clip is known by its last bytes, so that none can be lost or doubled unseen.
"""

import json
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from edge.demo.clips import ClipSpec, default_cache_dir, load_clip

TAIL_BYTES = 48


@dataclass
class Footage:
    """Pictures of all channels; `lost` and `doubled` between the first and the last of each channel."""

    channels: int = 0
    files: int = 0
    frames: int = 0
    lost: int = 0
    doubled: int = 0
    strange: int = 0
    least_frames: int = 0


def tails(clip: ClipSpec) -> dict[bytes, int]:
    """The place of each picture in the clip, by its last bytes."""
    units = load_clip(clip, default_cache_dir()).units
    places = {unit.nals[-1][-TAIL_BYTES:]: place for place, unit in enumerate(units)}
    if len(places) != clip.fps * clip.seconds:
        raise SystemExit("two pictures of the clip end alike")
    return places


def look(channels: Iterable[Sequence[Path]], clip: ClipSpec) -> Footage:
    """Read all pictures of each channel's files, in order, and follow the clip's loop through them."""
    places = tails(clip)
    footage = Footage()
    counts = []
    for files in channels:
        footage.channels += 1
        footage.files += len(files)
        last = None
        count = 0
        for tail in (tail for file in files for tail in _tails_of(file)):
            count += 1
            place = places.get(tail)
            if place is None:
                footage.strange += 1
                continue
            step = (place - last) % len(places) if last is not None else 1
            if step == 0:
                footage.doubled += 1
            elif step > len(places) // 2:
                footage.strange += 1
            else:
                footage.lost += step - 1
            last = place
        counts.append(count)
    footage.frames = sum(counts)
    footage.least_frames = min(counts, default=0)
    return footage


def _tails_of(file: Path) -> Iterable[bytes]:
    with av.open(str(file)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                yield bytes(packet)[-TAIL_BYTES:]


def probed_frames(files: Sequence[Path]) -> int:
    """How many pictures ffprobe counts in files."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets"]
    command += ["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]
    counted = (subprocess.run([*command, str(file)], capture_output=True, text=True, check=True) for file in files)
    return sum(int(result.stdout.split()[0].rstrip(",")) for result in counted)


def events(outbox: Path, kind: str) -> list[dict]:
    """All events of a kind that a stopped process has said, oldest first."""
    with sqlite3.connect(f"file:{outbox}?mode=ro", uri=True) as db:
        query = "SELECT payload FROM events WHERE topic LIKE ? ORDER BY sequence"
        rows = db.execute(query, (f"%/{kind}/%",)).fetchall()
    return [json.loads(row[0]) for row in rows]
