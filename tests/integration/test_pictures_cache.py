"""The latest picture of each channel: made seldom, shared by all who ask, and never stuck on what is broken."""

import asyncio
import threading
from contextlib import asynccontextmanager

import psutil
import pytest
import structlog
from pictured_segments import H264, H265, START_MS, SegmentFile, looks_like, pixels, until

from edge.clock import ManualClock
from edge.decoding.process import COMMAND, PictureProcess, WorkerDied, WorkerLate
from edge.recordings.newest import NewestKeyframes
from edge.web import pictures as pictures_module
from edge.web.pictures import FRESH_S, LEAST_WIDTH, MOST_WIDTH, WIDTHS, Pictures


class Counted(PictureProcess):
    """The real child, with a list of what it was asked and keyframes that make it fail."""

    def __init__(self) -> None:
        super().__init__(COMMAND)
        self.asked: list[int] = []
        self.pids: list[int | None] = []
        self.failing: list[Exception] = []

    async def picture(self, codec, width, keyframe):
        self.asked.append(width)
        if self.failing:
            raise self.failing.pop(0)
        jpeg = await super().picture(codec, width, keyframe)
        self.pids.append(self.pid)
        return jpeg


@asynccontextmanager
async def opened(root, **options):
    clock, process = ManualClock(START_MS * 1_000_000), Counted()
    pictures = Pictures(root, clock, process=process, **options)
    try:
        yield pictures, clock, process
    finally:
        await pictures.close()


def run(test) -> list[dict]:
    """Run a test to its end; returns what was logged."""
    with structlog.testing.capture_logs() as logs:
        asyncio.run(test())
    return logs


@pytest.mark.parametrize("spec", [H264, H265], ids=["h264", "h265"])
def test_picture_follows_a_growing_segment_and_is_made_once_in_five_seconds(tmp_path, spec):
    """While it is fresh nothing is read or decoded; then the newest keyframe is shown, with its time and a new name."""

    async def test():
        segment = SegmentFile(tmp_path, spec=spec).grow(1)
        async with opened(tmp_path) as (pictures, clock, process):
            first = await pictures.newest("lobby", 320)
            assert looks_like(first.jpeg, spec)
            assert first.taken_ms == segment.taken_ms(0)
            segment.grow(2)
            clock.advance(FRESH_S - 0.1)
            assert await pictures.newest("lobby", 320) is first
            clock.advance(0.2)
            second = await pictures.newest("lobby", 320)
            assert second.taken_ms == segment.taken_ms(2)
            assert second.etag != first.etag
            assert looks_like(second.jpeg, spec, 2 * spec.fps)
            clock.advance(FRESH_S + 1)
            segment.finish()
            assert await pictures.newest("lobby", 320) is second
            assert len(process.asked) == 2

    assert run(test) == []


def test_fifty_who_ask_at_once_share_one_decoding_even_when_the_first_leaves(tmp_path):
    """One look at the disk and one decoding serve all; cancelling one request cancels nobody else's."""

    async def test():
        SegmentFile(tmp_path).grow(1)
        async with opened(tmp_path) as (pictures, _, process):
            leaving = asyncio.create_task(pictures.newest("lobby", 320))
            staying = [asyncio.create_task(pictures.newest("lobby", 320)) for _ in range(49)]
            await asyncio.sleep(0)
            leaving.cancel()
            found = await asyncio.gather(*staying)
            assert len({id(picture) for picture in found}) == 1
            assert looks_like(found[0].jpeg, H264)
            assert process.asked == [320]

    run(test)


def test_any_width_is_served_by_one_of_few(tmp_path):
    """Whoever asks for every width there is makes five pictures; each is as wide as asked, where the camera's is."""

    async def test():
        SegmentFile(tmp_path).grow(1)
        async with opened(tmp_path) as (pictures, _, process):
            for width in range(LEAST_WIDTH, MOST_WIDTH + 1):
                picture = await pictures.newest("lobby", width)
                assert pixels(picture.jpeg).shape[1] >= min(width, H264.width)
            assert sorted(process.asked) == sorted(WIDTHS)

    run(test)


def test_channel_without_recordings_has_no_picture_until_there_is_one(tmp_path):
    """Nothing, then a head without a picture, then fragments without a keyframe, then one."""

    async def test():
        async with opened(tmp_path) as (pictures, clock, process):
            assert await pictures.newest("lobby", 640) is None
            segment = SegmentFile(tmp_path)
            for _ in range(3):
                clock.advance(1.1)
                assert await pictures.newest("lobby", 640) is None
                segment.grow(1, keyframes=False)
            assert process.asked == []
            segment.fragments = 0
            segment.grow(1)
            clock.advance(1.1)
            assert (await pictures.newest("lobby", 640)).taken_ms == segment.taken_ms(0)

    assert run(test) == []


def test_damaged_keyframe_is_passed_over_for_the_one_before_and_said_once(tmp_path):
    """Noise where a keyframe was: the newest good one is shown; the log says when it begins and when it is over."""

    async def test():
        segment = SegmentFile(tmp_path).grow(3)
        segment.spoil(2)
        async with opened(tmp_path) as (pictures, clock, process):
            for _ in range(3):
                picture = await pictures.newest("lobby", 320)
                assert picture.taken_ms == segment.taken_ms(1)
                assert looks_like(picture.jpeg, H264, H264.fps)
                clock.advance(FRESH_S + 1)
            assert len(process.asked) == 2  # what cannot be decoded is not tried again
            segment.grow(1)
            assert (await pictures.newest("lobby", 320)).taken_ms == segment.taken_ms(3)

    logs = run(test)
    assert [(line["event"], line["channel"]) for line in logs] == [
        ("picture_unreadable", "lobby"),
        ("picture_readable", "lobby"),
    ]
    assert logs[1]["after_s"] == 18.0


def test_last_picture_stays_while_all_keyframes_are_damaged_and_goes_with_the_files(tmp_path):
    """An old picture is better than none, but not one whose recording is gone."""

    async def test():
        segment = SegmentFile(tmp_path).grow(1)
        async with opened(tmp_path) as (pictures, clock, _):
            picture = await pictures.newest("lobby", 320)
            segment.grow(3)
            for second in (1, 2, 3):
                segment.spoil(second)
            clock.advance(FRESH_S + 1)
            assert await pictures.newest("lobby", 320) is picture
            segment.path.unlink()
            clock.advance(FRESH_S + 1)
            assert await pictures.newest("lobby", 320) is None
            SegmentFile(tmp_path, start_ms=START_MS + 5000).grow(1)
            clock.advance(FRESH_S + 1)
            assert looks_like((await pictures.newest("lobby", 320)).jpeg, H264)

    run(test)


def test_file_that_is_deleted_while_it_is_read_costs_nothing(tmp_path, monkeypatch):
    """Retention takes the file between the look and the read: the one before is shown."""

    async def test():
        older = SegmentFile(tmp_path).grow(1).finish()
        newer = SegmentFile(tmp_path, start_ms=START_MS + 60_000).grow(1).finish()
        read = NewestKeyframes.read

        def read_late(self, keyframe):
            newer.path.unlink(missing_ok=True)
            return read(self, keyframe)

        monkeypatch.setattr(NewestKeyframes, "read", read_late)
        async with opened(tmp_path) as (pictures, clock, _):
            clock.advance(61)
            assert (await pictures.newest("lobby", 320)).taken_ms == older.taken_ms(0)

    run(test)


def test_channel_that_hangs_the_decoder_is_left_alone_and_others_are_served(tmp_path):
    """After a time-out a channel shows what it last showed for a minute, then it is tried again."""

    async def test():
        segment = SegmentFile(tmp_path).grow(1)
        other = SegmentFile(tmp_path, channel="gate").grow(1)
        async with opened(tmp_path) as (pictures, clock, process):
            picture = await pictures.newest("lobby", 320)
            segment.grow(1)
            clock.advance(FRESH_S + 1)
            process.failing = [WorkerLate("late")]
            assert await pictures.newest("lobby", 320) is picture
            asked = len(process.asked)
            for _ in range(5):
                clock.advance(FRESH_S + 1)
                assert await pictures.newest("lobby", 320) is picture
            assert len(process.asked) == asked
            assert (await pictures.newest("gate", 320)).taken_ms == other.taken_ms(0)
            clock.advance(60)
            assert (await pictures.newest("lobby", 320)).taken_ms == segment.taken_ms(1)

    assert [line["event"] for line in run(test)] == ["picture_unreadable", "picture_readable"]


def test_death_of_the_child_costs_no_keyframe_for_good(tmp_path):
    """A child that dies over every keyframe may have been killed by anybody: after a minute they are tried again."""

    async def test():
        segment = SegmentFile(tmp_path).grow(3).finish()
        async with opened(tmp_path) as (pictures, clock, process):
            clock.advance(10)
            process.failing = [WorkerDied("died")]
            assert (await pictures.newest("lobby", 320)).taken_ms == segment.taken_ms(1)
            process.failing = [WorkerDied("died")] * 3
            assert await pictures.newest("lobby", 640) is None
            clock.advance(30)
            assert await pictures.newest("lobby", 640) is None
            assert len(process.asked) == 5
            clock.advance(31)
            assert (await pictures.newest("lobby", 640)).taken_ms == segment.taken_ms(2)

    run(test)


def test_child_and_pictures_are_let_go_when_nobody_looks(tmp_path):
    """After a quiet while the decoder's memory is free again; who comes back gets a picture all the same."""

    async def test():
        SegmentFile(tmp_path).grow(1)
        async with opened(tmp_path, idle_s=0.2) as (pictures, _, process):
            first = await pictures.newest("lobby", 320)
            await until(lambda: process.pid is None and not pictures._shown)
            assert not psutil.pid_exists(process.pids[0])
            again = await pictures.newest("lobby", 320)
            assert (again.jpeg, again.etag) == (first.jpeg, first.etag)
            assert len(set(process.pids)) == 2

    run(test)


def test_disk_that_does_not_answer_holds_up_nobody_for_long(tmp_path, monkeypatch):
    """The last picture is shown while the disk hangs, and a new one when it is back."""
    back = threading.Event()

    async def test():
        segment = SegmentFile(tmp_path).grow(1)
        async with opened(tmp_path) as (pictures, clock, _):
            picture = await pictures.newest("lobby", 320)
            find = NewestKeyframes.find
            monkeypatch.setattr(NewestKeyframes, "find", lambda *args: back.wait(60) and find(*args))
            monkeypatch.setattr(pictures_module, "_DISK_S", 0.2)
            segment.grow(1)
            for _ in range(2):
                clock.advance(FRESH_S + 1)
                async with asyncio.timeout(60):
                    assert await pictures.newest("lobby", 320) is picture
                    assert await pictures.newest("gate", 320) is None
            monkeypatch.setattr(pictures_module, "_DISK_S", 20.0)
            back.set()
            clock.advance(FRESH_S + 1)
            assert (await pictures.newest("lobby", 320)).taken_ms == segment.taken_ms(1)

    run(test)


def test_disk_that_fails_shows_the_last_picture(tmp_path, monkeypatch):
    """EIO is no crash and no 500."""

    async def test():
        SegmentFile(tmp_path).grow(1)
        async with opened(tmp_path) as (pictures, clock, _):
            picture = await pictures.newest("lobby", 320)

            def fails(*_):
                raise OSError(5, "Input/output error")

            monkeypatch.setattr(NewestKeyframes, "find", fails)
            clock.advance(FRESH_S + 1)
            assert await pictures.newest("lobby", 320) is picture
            assert await pictures.newest("gate", 320) is None

    run(test)


def test_closing_while_pictures_are_made_leaves_no_child(tmp_path):
    """The web process stops at any moment without waiting for a decoder."""

    async def test():
        for number in range(8):
            SegmentFile(tmp_path, channel=f"cam{number}").grow(1)
        async with opened(tmp_path) as (pictures, _, process):
            await pictures.newest("cam0", 320)
            child = psutil.Process(process.pid)
            child.suspend()
            waiting = [asyncio.create_task(pictures.newest(f"cam{number}", 320)) for number in range(1, 8)]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(12):
                await pictures.close()
            assert not child.is_running()
            await asyncio.gather(*waiting, return_exceptions=True)

    run(test)
