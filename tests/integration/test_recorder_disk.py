"""Disks that fill up, turn read-only, go away or fail once: what is lost, what is told, and that recording goes on."""

import asyncio
import errno
import os
from pathlib import Path

import pytest
from recorded_channel import FPS, RecordedChannel, encode
from recorded_lane import STARTED, RecordedLane, fill, mount, small_disk, unmount

from edge.errors import DiskFull, StorageMissing
from edge.recorder.lanes import RETRY_DISK_S
from edge.recordings.store import PartFile

MIB = 1 << 20
SECOND = FPS


@pytest.fixture(scope="session")
def clip():
    """Parameter sets and pictures of half a minute."""
    return encode(30 * FPS)


@pytest.fixture
def disk(tmp_path: Path):
    """A disk of 8 MiB."""
    with small_disk(tmp_path / "disk", 8 * MIB) as folder:
        yield folder


def run(scenario) -> None:
    asyncio.run(scenario)


@pytest.mark.parametrize("state_too", [False, True], ids=["its own disk", "one disk with the outbox"])
def test_disk_that_fills_up_ends_the_segment_and_recording_resumes(tmp_path: Path, disk: Path, clip, state_too: bool):
    """Whole fragments are told of, the lane is shut, tried again and opens as soon as there is room."""
    sets, pictures = clip
    channel = RecordedChannel(disk if state_too else tmp_path, root=disk / "segments")

    async def scenario() -> None:
        lane = RecordedLane(channel, sets)
        await lane.feed(pictures[: 2 * SECOND + 7])
        ballast = fill(disk, 6_000)
        await lane.feed(pictures[2 * SECOND + 7 : 5 * SECOND])
        assert {type(error) for error in lane.troubles} == {DiskFull}
        assert "is full" in str(lane.troubles[0])
        heard = len(lane.troubles)  # of the write, and of the segment that was to follow
        assert list(channel.root.rglob("*.part.mp4")) == []
        there = channel.files()
        await lane.feed(pictures[5 * SECOND : 9 * SECOND])
        assert len(lane.troubles) == heard + 1  # tried again after RETRY_DISK_S, and no more often
        assert there == channel.files()
        ballast.unlink()
        await lane.feed(pictures[9 * SECOND : 20 * SECOND])
        await lane.end()
        assert len(lane.troubles) == heard + 1
        assert (lane.recorded, lane.lane.dropped_fragments) == (2, 0)

    run(scenario())
    events = channel.events()
    resumed = next(place for place, event in enumerate(events) if event["gap_before_s"])
    assert RETRY_DISK_S < events[resumed]["gap_before_s"] < 2 * RETRY_DISK_S + 3
    assert events[resumed - 1]["reason"] == "discontinuity"
    assert len(channel.events("recording_started")) == 2
    kept = channel.assert_told_one_to_one()
    lost = round(FPS * events[resumed]["gap_before_s"])
    assert abs(20 * SECOND - lost - kept) <= 2
    channel.close()


def test_nearly_full_disk_begins_no_segment(tmp_path: Path, disk: Path, clip):
    """It would end at once, again and again."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path, root=disk / "segments")

    async def scenario() -> None:
        lane = RecordedLane(channel, sets)
        await lane.settle()
        fill(disk, 3 * MIB)
        await lane.feed(pictures[: 13 * SECOND])
        await lane.end()
        assert [type(error) for error in lane.troubles] == [DiskFull] * 3

    run(scenario())
    assert (channel.events(), channel.growing()) == ([], [])
    assert [path.name for path in disk.rglob("*.mp4")] == []
    channel.close()


def test_disk_that_turns_read_only_between_segments_is_missing_until_it_is_writable(tmp_path: Path, disk: Path, clip):
    """Named as it is; what was told of stays, and recording goes on by itself."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path, root=disk / "segments")

    async def scenario() -> None:
        lane = RecordedLane(channel, sets)
        await lane.feed(pictures[: 2 * SECOND])
        lane.lane.offer(lane.segmenter.end("disconnect"))
        await lane.settle()
        mount("-o", "remount,ro", str(disk))
        await lane.feed(pictures[2 * SECOND : 4 * SECOND])
        assert [type(error) for error in lane.troubles] == [StorageMissing]
        assert "Read-only file system" in str(lane.troubles[0])
        mount("-o", f"remount,rw,size={8 * MIB}", str(disk))
        await lane.feed(pictures[4 * SECOND : 12 * SECOND])
        await lane.end()
        assert len(lane.troubles) == 1

    run(scenario())
    assert channel.assert_told_one_to_one() >= 5 * SECOND
    channel.close()


@pytest.mark.parametrize("fragments", [0, 1, 2], ids=["the head alone", "one fragment", "two fragments"])
def test_disk_that_turns_read_only_in_a_segment_leaves_it_to_recovery(
    tmp_path: Path, clip, fragments: int, monkeypatch
):
    """As ext4 does after an error: nothing can be written, renamed or deleted any more, and nothing breaks."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path)
    state = {"read-only": False, "appended": 0}

    def guarded(really):
        def call(*arguments, **more):
            if state["read-only"] and "segments" in str(where(arguments[0])):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return really(*arguments, **more)

        return call

    append = PartFile.append

    def counted(part: PartFile, pieces) -> None:
        if state["appended"] == fragments + 1:
            state["read-only"] = True
        state["appended"] += 1
        append(part, pieces)

    monkeypatch.setattr(PartFile, "append", counted)
    for call in ("writev", "pwrite", "ftruncate", "rename", "unlink", "mkdir"):
        monkeypatch.setattr(os, call, guarded(getattr(os, call)))

    async def scenario() -> None:
        lane = RecordedLane(channel, sets)
        await lane.feed(pictures[: 8 * SECOND])
        assert {type(error) for error in lane.troubles} == {StorageMissing}
        assert channel.events() == []
        assert len(list(channel.root.rglob("*.part.mp4"))) == 1
        state["read-only"] = False
        await lane.feed(pictures[8 * SECOND : 16 * SECOND])
        await lane.end()

    run(scenario())
    assert channel.assert_told_one_to_one() >= 4 * SECOND
    assert [event["reason"] for event in channel.events()].count("recovered") == (fragments > 0)
    channel.close()


def names_below(folder: Path) -> list[str]:
    """Every file and folder below a folder."""
    return [path.name for path in folder.rglob("*")]


def where(target: object) -> str:
    """What a call of `os` is about."""
    return str(Path(f"/proc/self/fd/{target}").readlink()) if isinstance(target, int) else str(target)


def test_disk_that_is_unmounted_is_missing_and_comes_back(tmp_path: Path, disk: Path, clip):
    """Nothing is written to the folder below the mount; back again, what was left behind is recovered."""
    sets, pictures = clip
    root = tmp_path / "root"
    root.mkdir()
    mount("--bind", str(disk), str(root))
    mounted = True
    try:
        channel = RecordedChannel(tmp_path, root=root)

        async def scenario() -> None:
            nonlocal mounted
            lane = RecordedLane(channel, sets)
            await lane.feed(pictures[: 2 * SECOND + 7])
            unmount(root)
            mounted = False
            await lane.feed(pictures[2 * SECOND + 7 : 9 * SECOND])
            assert {type(error) for error in lane.troubles} == {StorageMissing}
            assert "lost its mark" in str(lane.troubles[-1])
            assert names_below(root) == []
            assert sum(name.endswith(".part.mp4") for name in names_below(disk)) == 1
            mount("--bind", str(disk), str(root))
            mounted = True
            await lane.feed(pictures[9 * SECOND : 18 * SECOND])
            await lane.end()

        run(scenario())
        assert channel.assert_told_one_to_one() >= 7 * SECOND
        reasons = [event["reason"] for event in channel.events()]
        assert reasons.count("recovered") == 1
        resumed = channel.events()[reasons.index("recovered") + 1]
        assert 2 * RETRY_DISK_S <= resumed["gap_before_s"] < 2 * RETRY_DISK_S + 2  # behind what was recovered
        channel.close()
    finally:
        if mounted:
            unmount(root)


def fails_once(really, chosen: int):
    """A call of the disk that fails the `chosen`th time with EIO."""
    calls = iter(range(1, 1_000_000))

    def call(*arguments, **more):
        if "mp4" in where(arguments[0]) and next(calls) == chosen:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(*arguments, **more)

    return call


@pytest.mark.parametrize("at_once", [False, True], ids=["the loop hears at once", "the loop hears late"])
@pytest.mark.parametrize(
    ("call", "chosen"),
    [("writev", 1), ("writev", 2), ("writev", 4), ("writev", 8), ("pwrite", 1), ("fdatasync", 1), ("fdatasync", 2)],
)
def test_disk_that_fails_once_costs_no_more_than_the_pause(tmp_path: Path, clip, monkeypatch, call, chosen, at_once):
    """Whichever call it is, also where newer segments have begun by the time that the loop hears of it."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path)
    monkeypatch.setattr(os, call, fails_once(getattr(os, call), chosen))

    async def scenario() -> None:
        lane = RecordedLane(channel, sets)
        await lane.settle()
        if at_once:
            lane.offer(pictures[: 4 * SECOND])
            await lane.settle()
            assert list(channel.root.rglob("*.part.mp4")) == []
        else:
            await lane.feed(pictures[: 4 * SECOND])
        assert [type(error) for error in lane.troubles] == [StorageMissing]
        await lane.feed(pictures[4 * SECOND : 14 * SECOND])
        await lane.end()
        assert len(lane.troubles) == 1

    run(scenario())
    assert channel.assert_told_one_to_one() >= (14 - RETRY_DISK_S - 1.5) * SECOND - 4 * SECOND * at_once
    assert 1 <= len(channel.events("recording_started")) <= 2
    channel.close()


def test_start_is_told_when_pictures_are_on_disk(tmp_path: Path, clip):
    """Not before, and before the first segment."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path)

    async def scenario() -> None:
        lane = RecordedLane(channel, sets)
        await lane.feed(pictures[:1])
        assert (lane.recorded, channel.events("recording_started")) == (0, [])
        await lane.feed(pictures[1:2])
        assert (lane.recorded, len(channel.events("recording_started"))) == (1, 1)
        await lane.end()

    run(scenario())
    assert channel.events("recording_started")[0]["url"] == STARTED.url
    channel.close()
