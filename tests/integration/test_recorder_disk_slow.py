"""A disk that hangs or is too slow: the lane fills to its bound, whole fragments go and are counted, the loop never waits."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
from recorded_channel import FPS, RecordedChannel, encode
from recorded_lane import RecordedLane

from edge.errors import StorageMissing
from edge.recorder.lanes import STUCK_S
from edge.recordings.store import PartFile

LANE_BYTES = 100_000
SECOND = FPS
MOST_WAIT_S = 20.0  # a hung disk would keep it for ever; the machine may be busy


@pytest.fixture(scope="session")
def clip():
    """Parameter sets and pictures of half a minute."""
    return encode(30 * FPS)


@pytest.fixture
def gate(monkeypatch):
    """Each append to a file takes one ticket; without tickets the disk hangs."""
    tickets = threading.Semaphore(1_000_000)
    append = PartFile.append

    def hanging(part: PartFile, pieces) -> None:
        tickets.acquire()
        append(part, pieces)

    monkeypatch.setattr(PartFile, "append", hanging)
    yield tickets
    tickets.release(1_000_000)


def hang(gate: threading.Semaphore) -> None:
    while gate.acquire(blocking=False):
        pass


def offer_quickly(lane: RecordedLane, pictures) -> None:
    """Hand over pictures one by one; none may keep the loop waiting."""
    for one in pictures:
        started = time.perf_counter()
        lane.offer([one])
        assert time.perf_counter() - started < MOST_WAIT_S
        assert lane.lane.backlog_bytes <= LANE_BYTES


def assert_all_is_accounted_for(channel: RecordedChannel, lane: RecordedLane, pictures: int) -> None:
    """What came is on disk or was told to be dropped, picture by picture."""
    events = channel.events()
    assert lane.lane.dropped_fragments == sum(event["dropped_fragments"] for event in events)
    dropped = round(sum(event["dropped_s"] for event in events) * FPS)
    assert channel.assert_told_one_to_one() + dropped == pictures


@pytest.mark.parametrize("hung_s", [2, 6, 25])
def test_hung_disk_fills_the_lane_to_its_bound_and_drops_what_is_more(tmp_path: Path, clip, gate, hung_s: int):
    """Recording resumes at a keyframe when the disk is back, and the next segment tells what is missing."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path)

    async def scenario() -> None:
        lane = RecordedLane(channel, sets, most_bytes=LANE_BYTES)
        await lane.feed(pictures[: 2 * SECOND])
        hang(gate)
        offer_quickly(lane, pictures[2 * SECOND : (2 + hung_s) * SECOND])
        jobs = lane.lane._offered_jobs - lane.lane._taken_jobs
        assert jobs < 50
        assert (lane.lane.dropped_fragments > 0) == (hung_s > 4)
        gate.release(1_000_000)
        await lane.settle()
        await lane.feed(pictures[(2 + hung_s) * SECOND :])
        await lane.end()
        assert_all_is_accounted_for(channel, lane, len(pictures))
        told = [place for place, event in enumerate(channel.events()) if event["dropped_fragments"]]
        assert len(told) == (hung_s > 4)
        for place in told:
            assert channel.events()[place]["gap_before_s"] == pytest.approx(
                channel.events()[place]["dropped_s"], abs=0.11
            )

    asyncio.run(scenario())
    channel.close()


def test_hung_disk_is_reported_once_and_when_it_is_back(tmp_path: Path, clip, gate):
    """As gone, after it has done nothing for a while; then nothing more is queued for it but what fits."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path)

    async def scenario() -> None:
        lane = RecordedLane(channel, sets, most_bytes=LANE_BYTES)
        await lane.feed(pictures[:SECOND])
        hang(gate)
        seconds = 1
        while lane.clock.monotonic_ns() / 1e9 and seconds < 1 + STUCK_S - 1:
            offer_quickly(lane, pictures[seconds * SECOND : (seconds + 1) * SECOND])
            seconds += 1
        assert (lane.troubles, lane.lane.stuck) == ([], False)
        offer_quickly(lane, pictures[seconds * SECOND : (seconds + 5) * SECOND])
        assert [type(error) for error in lane.troubles] == [StorageMissing]
        assert "has not answered" in str(lane.troubles[0])
        assert lane.lane.stuck
        gate.release(1_000_000)
        await lane.settle()
        await lane.feed(pictures[(seconds + 5) * SECOND :])
        assert not lane.lane.stuck
        await lane.end()
        assert len(lane.troubles) == 1
        assert len(channel.events("recording_started")) == 2
        assert_all_is_accounted_for(channel, lane, len(pictures))

    asyncio.run(scenario())
    channel.close()


@pytest.mark.parametrize("every", [2, 5, 9])
def test_slow_disk_records_what_it_can(tmp_path: Path, clip, gate, every: int):
    """One write for every so many pictures: all that is on disk decodes, and the rest is told of."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path)

    async def scenario() -> None:
        lane = RecordedLane(channel, sets, most_bytes=LANE_BYTES)
        await lane.settle()
        hang(gate)
        for number, one in enumerate(pictures):
            offer_quickly(lane, [one])
            if number % every == 0:
                gate.release()
                await asyncio.sleep(0.001)
        gate.release(1_000_000)
        await lane.end()
        assert lane.lane.dropped_fragments > 0 or every == 2
        # What was dropped after the last segment was begun has no segment left to tell of it.
        events = channel.events()
        dropped = round(sum(event["dropped_s"] for event in events) * FPS)
        untold = round(lane.lane._dropped[1] * FPS)
        assert channel.assert_told_one_to_one() + dropped + untold == len(pictures)

    asyncio.run(scenario())
    channel.close()


def test_threads_that_hang_do_not_keep_the_process_from_stopping(tmp_path: Path, clip, gate):
    """Stopping gives up after its time, and what was being written is recovered in the next life."""
    sets, pictures = clip
    channel = RecordedChannel(tmp_path)

    async def scenario() -> None:
        lane = RecordedLane(channel, sets)
        await lane.feed(pictures[: SECOND + 7])
        hang(gate)
        lane.offer(pictures[SECOND + 7 : 2 * SECOND])
        lane.lane.offer(lane.segmenter.end("shutdown"))
        started = time.perf_counter()
        assert not lane.threads.stop(0.2)
        assert 0.15 < time.perf_counter() - started < 60
        gate.release(1_000_000)
        assert lane.threads.stop(60)

    asyncio.run(scenario())
    assert channel.assert_told_one_to_one() == 2 * SECOND
    channel.close()


def test_channel_keeps_its_thread_over_a_reload():
    """Its next recorder's work comes behind that of the one before, however slow the disk."""
    from edge.recorder.threads import WriterThreads

    threads = WriterThreads(3)
    queues = [threads.queue(name) for name in ("lobby", "gate", "dock", "yard")]
    assert len({id(queue) for queue in queues}) == 3
    assert all(
        threads.queue(name) is queue for name, queue in zip(("lobby", "gate", "dock", "yard"), queues, strict=True)
    )
