"""Power cuts: a recorder writes to a small ext4 on a loop device, whose backing file is copied at random moments.

A copy is what a machine that lost its power would find: what the kernel had not written to the device yet is not in it.
It is mounted, a recorder recovers it, and what that announces is held against the files and against what the recorder
whose power was never cut had recorded by then. The outbox lies on the same disk.

Run as a program for more cuts than the tests make:
`PYTHONPATH=.:tests .venv/bin/python tests/power_cut.py --cuts 20 --folder /tmp/cuts`.
"""

import argparse
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av
from demo_cameras import running_cameras
from recording_site import Event, RecordingSite

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec
from edge.events.values import parse_timestamp

CHANNELS = tuple(f"cam{number}" for number in range(4))
CLIP = ClipSpec("cuts", width=160, height=96, fps=15, seconds=4, bitrate=200_000)
MEBIBYTES = 48
SEGMENT_S = 3
DURABILITY_S = 2.0
FRAGMENT_S = 1.0
"""The fragment in hand: 0.54 s of pictures, up to 0.18 s until the camera is read, and the picture that waits."""
LATE_S = 0.5
"""A busy machine: the copy takes a moment, and threads wait for their turn."""
TAKEN_S = 2.0
"""An event has its time before the outbox has taken it, which waits for the machine's own disk."""
EARLY_S, MOST_WAIT_S = 3.0, 6.0
CONSISTENT_TRIES = 200


@dataclass(frozen=True)
class Cut:
    """One power cut: when, the copy, and how often the copy was tried until nothing was written meanwhile."""

    moment_s: float
    image: Path
    tries: int


@dataclass(frozen=True)
class Outcome:
    """What one cut cost: for each channel, seconds that were recorded before it and are gone."""

    lost_s: dict[str, float]
    segments: int
    recovered: int


class NoDisk(Exception):  # noqa: N818 - named for the state
    """No loop device can be mounted here; says why."""


def mount(image: Path, folder: Path) -> None:
    """Mount an ext4 image, replaying its journal as after a power cut."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoDisk(done.stderr.strip())


def unmount(folder: Path) -> None:
    """Take it off again; waits for whoever still closes files."""
    for _ in range(50):
        if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def disk(folder: Path) -> Iterator[tuple[Path, Path]]:
    """A mounted ext4, and its backing file."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        raise NoDisk("a file system is mounted: wants root and e2fsprogs")
    image, mounted = folder / "disk.image", folder / "disk"
    with image.open("wb") as file:
        file.truncate(MEBIBYTES << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
    mount(image, mounted)
    try:
        yield mounted, image
    finally:
        unmount(mounted)


def cut(image: Path, copy: Path) -> Cut:
    """Copy the device as it is at one moment: twice the same bytes in a row, or it was written to meanwhile."""
    for tries in range(1, CONSISTENT_TRIES):
        moment_s = time.time()
        data = image.read_bytes()
        if hashlib.blake2b(data).digest() == hashlib.blake2b(image.read_bytes()).digest():
            with copy.open("wb") as file:
                for offset in range(0, len(data), 1 << 16):
                    if any(piece := data[offset : offset + (1 << 16)]):
                        file.seek(offset)
                        file.write(piece)
                file.truncate(len(data))
            return Cut(moment_s, copy, tries)
    raise AssertionError("the device is never quiet for as long as a copy takes")


def seconds(text: str) -> float:
    """A timestamp as seconds since 1970."""
    return parse_timestamp(text).timestamp()


def recover(cut: Cut, folder: Path) -> tuple[RecordingSite, Path]:
    """What a recorder makes of a copy when it starts again, with no camera to be had; stays mounted."""
    mounted = folder / "mounted"
    mount(cut.image, mounted)
    (mounted / "state" / "storage.json").unlink(missing_ok=True)  # it names the place where the disk was mounted
    site = Cutsite(folder / "site", mounted)
    site.configure(dict.fromkeys(CHANNELS, "rtsp://127.0.0.1:9/none"))
    site.start()
    deadline = time.monotonic() + 30
    stopped = {}
    while set(stopped) != set(CHANNELS) or any(site.parts(channel) for channel in CHANNELS):
        assert site.process is not None
        assert site.process.poll() is None, site.log()[-3000:]
        assert time.monotonic() < deadline, site.log()[-3000:]
        time.sleep(0.05)
        stopped = {one.channel: one for one in site.events("recording_stopped") if one.data["reason"] == "unreachable"}
    assert site.stop() == 0
    return site, mounted


class Cutsite(RecordingSite):
    """A site of which everything lies on one disk."""

    def __init__(self, folder: Path, mounted: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, SEGMENT_S, 1, {})
        self.mounted = mounted

    @property
    def root(self) -> Path:
        return self.mounted / "segments"

    @property
    def state_dir(self) -> Path:
        return self.mounted / "state"


def judge(cut: Cut, site: RecordingSite, original: list[Event]) -> Outcome:
    """Assert what must hold after a cut; what the uncut recorder said is the truth that it is held against."""
    told = site.events("segment_written")
    files = {str(path.relative_to(site.root)): path for channel in CHANNELS for path in site.segments(channel)}
    assert sorted(event.data["path"] for event in told) == sorted(files), "announced events and files differ"
    for event in told:
        data = files[event.data["path"]].read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (event.data["bytes"], event.data["sha256"])
        assert decoded(files[event.data["path"]]) == event.data["packets"], event.data["path"]
    kept = {event.payload for event in site.events()}
    for event in original:
        if seconds(event.time) < cut.moment_s - TAKEN_S:
            assert event.payload in kept, "an event that the outbox had taken is gone"
    with closing(sqlite3.connect(site.state_dir / "recorder.outbox")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    lost = {}
    for channel in CHANNELS:
        ends = [seconds(event.data["end"]) for event in told if event.channel == channel]
        there = min(cut.moment_s, *[latest_s(original, channel)])
        lost[channel] = max(there - max(ends, default=0.0), 0.0)
    return Outcome(lost, len(told), sum(event.data["reason"] == "recovered" for event in told))


def latest_s(original: list[Event], channel: str) -> float:
    """Where the uncut recording of a channel ends."""
    return max(seconds(one.data["end"]) for one in original if one.channel == channel and one.type == "segment_written")


def decoded(path: Path) -> int:
    """How many pictures a decoder makes of a file, without an error."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def run_cuts(folder: Path, count: int, seed: int) -> list[Outcome]:
    """Record, cut so many times, recover each, and judge; raises NoDisk where no disk can be mounted."""
    chance = random.Random(seed)
    cuts: list[Cut] = []
    with (
        disk(folder) as (mounted, image),
        running_cameras([CameraSpec(name, CLIP) for name in CHANNELS]) as cameras,
    ):
        site = Cutsite(folder / "site", mounted)
        site.configure(cameras.urls)
        site.start()
        try:
            for channel in CHANNELS:
                site.wait_for("recording_started", channel)
            time.sleep(EARLY_S)
            for number in range(count):
                time.sleep(chance.uniform(0, MOST_WAIT_S))
                cuts.append(cut(image, folder / f"cut-{number}.image"))
        finally:
            assert site.stop() == 0
        original = site.events()
        assert {one.type for one in original} <= {"process_started", "process_stopped", "recording_started", "recording_stopped", "segment_written", "clock_jumped"}
        assert not [one for one in original if one.data.get("dropped_fragments")], "this machine is too slow"
    outcomes = []
    for number, one in enumerate(cuts):
        place = folder / f"copy-{number}"
        place.mkdir()
        try:
            recovered, _ = recover(one, place)
            outcomes.append(judge(one, recovered, original))
        finally:
            with suppress(subprocess.CalledProcessError):
                unmount(place / "mounted")
        one.image.unlink()
        worst = max(outcomes[-1].lost_s.values())
        print(
            f"cut {number + 1}: copied at try {one.tries}, {outcomes[-1].segments} segments, "
            f"{outcomes[-1].recovered} recovered, lost at most {worst:.2f} s"
        )
        assert worst <= DURABILITY_S + FRAGMENT_S + LATE_S, f"seed {seed}: {outcomes[-1].lost_s}"
    return outcomes


def main() -> int:
    """As a program: more cuts, and a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--folder", type=Path, required=True, help="made, and left with what went wrong")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True)
    outcomes = run_cuts(wanted.folder, wanted.cuts, wanted.seed)
    lost = sorted(one for outcome in outcomes for one in outcome.lost_s.values())
    print(
        f"seed {wanted.seed}: {len(outcomes)} power cuts of {len(CHANNELS)} channels; lost of each "
        f"{lost[0]:.2f} to {lost[-1]:.2f} s, {sum(lost) / len(lost):.2f} s on average; "
        f"{sum(one.recovered for one in outcomes)} segments recovered; durability_s is {DURABILITY_S:g}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
