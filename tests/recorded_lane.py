"""A channel's lane on a running loop, with a real writer thread and a clock that the test moves, and small real disks."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from recorded_channel import CHANNEL, FPS, SEGMENT_S, Picture, RecordedChannel

from edge.errors import StorageError  # noqa: TC001 - a type only here
from edge.events.catalog import RecordingStarted
from edge.recorder.lanes import Lane, LaneListener
from edge.recorder.segmenter import Segmenter
from edge.recorder.threads import WriterThreads
from edge.rtsp.units import AccessUnit

STARTED = RecordingStarted.model_validate(RecordingStarted.example)


class RecordedLane:
    """Takes pictures as the event loop does; keeps what the lane told."""

    def __init__(self, channel: RecordedChannel, sets: tuple[bytes, ...], *, most_bytes: int = 1 << 20) -> None:
        self.channel = channel
        self.clock = channel.clock
        self.sets = sets
        self.number = 0
        self.cuts = 0
        self.recorded = 0
        self.troubles: list[StorageError] = []
        self.broken: list[BaseException] = []
        self.threads = WriterThreads(1)
        self.threads.start()
        listener = LaneListener(
            self._cut, self._recorded, lambda error, _: self.troubles.append(error), self.broken.append
        )
        self.lane = Lane(
            channel.writer, self.threads.queue(CHANNEL), channel.clock, most_bytes=most_bytes, listener=listener
        )
        self.segmenter = Segmenter("h264", None, SEGMENT_S, channel.wall.offset_ns)
        self.lane.session(STARTED)
        self.lane.recover()

    def _cut(self) -> None:
        self.cuts += 1
        self.segmenter.cut("discontinuity")

    def _recorded(self) -> None:
        self.recorded += 1

    def offer(self, pictures: list[Picture]) -> None:
        """Hand over pictures without giving the loop a turn."""
        for data, key in pictures:
            unit = AccessUnit(
                self.number * 90_000 // FPS,
                self.clock.monotonic_ns(),
                [data],
                len(data),
                key,
                False,
                self.sets,
                False,
                0,
                False,
            )
            self.number += 1
            self.lane.offer(self.segmenter.add_video(unit))
            self.clock.advance(1 / FPS)
            self.lane.tick(self.clock.monotonic_ns())

    async def feed(self, pictures: list[Picture]) -> None:
        """Hand over pictures, and let the disk do its work after each."""
        for one in pictures:
            self.offer([one])
            await self.settle()

    async def settle(self) -> None:
        """Until the writer thread has done all that was offered, and the loop has heard of it."""
        async with asyncio.timeout(30):
            while (  # noqa: ASYNC110 - the thread tells nobody that it is done
                self.lane._offered_jobs != self.lane._taken_jobs
            ):
                await asyncio.sleep(0.0005)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert self.broken == []

    async def end(self) -> None:
        """The session ends and the thread with it."""
        self.lane.offer(self.segmenter.end("shutdown"))
        await self.settle()
        assert self.threads.stop(60)


def mount(*arguments: str) -> None:
    """Mount something, or skip the test where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")


def unmount(folder: Path) -> None:
    """Take a file system away from under those who use it."""
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A file system of its own at `folder`."""
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


def fill(disk: Path, left_bytes: int) -> Path:
    """Somebody else's file that leaves so much room; returns it."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    with ballast.open("ab") as file:
        file.write(b"\xff" * max(free - left_bytes, 0))
    return ballast
