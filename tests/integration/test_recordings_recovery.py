"""What a power cut, a person or a broken disk leaves of a segment, and what recovery makes of it."""

import random
from pathlib import Path

import pytest
from recorded_channel import CHANNEL, FPS, RecordedChannel, decoded, encode, recovered

from edge.errors import StorageMissing
from edge.mp4.reader import scan
from edge.recorder.announcer import Announcer
from edge.recorder.recovery import recover_channel
from edge.recordings.segment import SegmentName

CUTS = 60


@pytest.fixture(scope="session")
def clip():
    """Parameter sets and pictures of a little less than one segment."""
    return encode(FPS - 1)


@pytest.fixture
def part(tmp_path: Path, clip) -> Path:
    """A segment that grew until the power was cut."""
    return RecordedChannel(tmp_path).leave_part(*clip)


def ends(part: Path) -> list[tuple[int, int]]:
    """Where the fragments of a part end and how many pictures are there until then."""
    with part.open("rb") as file:
        held = scan(file)
    pictures, found = 0, [(len(held.init.data), 0)]
    for fragment in held.fragments:
        pictures += fragment.frames
        found.append((fragment.offset + fragment.size, pictures))
    return found


def refresh(recorder: RecordedChannel, part: Path, data: bytes) -> None:
    """Put a part in place of all that recovery left."""
    for path in recorder.root.rglob("*.mp4*"):
        path.unlink()
    part.write_bytes(data)


@pytest.mark.parametrize("tail", [b"", b"\0"], ids=["cut off", "filled with zeros"])
def test_power_cut_anywhere_keeps_every_whole_fragment(tmp_path: Path, part: Path, tail: bytes):
    """Whatever byte the disk stopped at: what decodes is kept and told of once, what does not is not."""
    whole, at_end = part.read_bytes(), ends(part)
    chance = random.Random(2)
    head = at_end[0][0]
    places = {
        head,
        *(end + near for end, _ in at_end for near in (-1, 0, 1)),
        *chance.sample(range(head, len(whole)), CUTS),
    }
    recorder = RecordedChannel(tmp_path)
    for told, cut in enumerate(sorted(place for place in places if head <= place <= len(whole))):
        data = whole[:cut] + tail * (len(whole) - cut)
        kept = max(pictures for end, pictures in at_end if end <= cut)
        later = SegmentName.parse(str(part.relative_to(recorder.root)))
        assert later is not None
        name = later[0].later(told + 1)  # a name that was told of before would not be looked at again
        refresh(recorder, recorder.root / name.part_path, data)
        recorder.recover()
        files = recorder.files()
        if not kept:
            assert cut < at_end[1][0]
            assert not any(SegmentName.parse(path) for path in files)
            continue
        assert list(files) == [name.path]
        event = recorder.events()[-1]
        assert (event["path"], event["packets"], event["reason"]) == (name.path, kept, "recovered")
        assert kept == decoded(files[name.path])
    recorder.close()


def test_part_of_only_a_head_is_removed(tmp_path: Path, part: Path):
    """It holds no picture, so there is nothing to tell."""
    part.write_bytes(part.read_bytes()[: ends(part)[0][0]])
    recorder = recovered(tmp_path)
    assert (recorder.files(), recorder.events(), recorder.growing()) == ({}, [], [])
    recorder.close()


def test_empty_part_is_removed(tmp_path: Path, part: Path):
    """A power cut right after it was made."""
    part.write_bytes(b"")
    recorder = recovered(tmp_path)
    assert (recorder.files(), recorder.events(), recorder.growing()) == ({}, [], [])
    recorder.close()


def test_finished_file_without_an_event_is_told_of(tmp_path: Path, clip):
    """Hash and size are of the file as it lies there; one that was told of is not told of again."""
    recorder = RecordedChannel(tmp_path)
    recorder.record(*clip)
    recorder.close()
    (file,) = recorder.root.rglob("*.mp4")
    name = SegmentName.parse(str(file.relative_to(recorder.root)))
    assert name is not None
    (recorder.root / name[0].later(60_000).path).write_bytes(file.read_bytes())
    recorder = recovered(tmp_path)
    assert recorder.assert_told_one_to_one() == 2 * (FPS - 1)
    recorder.close()


def test_clock_set_back_names_no_segment_twice(tmp_path: Path, clip):
    """Three lives at the same time of day: three segments a millisecond apart, each told of."""
    for _ in range(3):
        recorder = RecordedChannel(tmp_path)
        recorder.record(*clip)
        recorder.close()
    recorder = recovered(tmp_path)
    assert recorder.assert_told_one_to_one() == 3 * (FPS - 1)
    assert sorted(Path(event["path"]).name[-8:-5] for event in recorder.events()) == ["000", "001", "002"]
    recorder.close()


def test_segment_that_came_to_nothing_is_forgotten(tmp_path: Path):
    """Noted as growing, and neither part nor file is there: a power cut before the folder was safe."""
    recorder = RecordedChannel(tmp_path)
    gone = SegmentName(CHANNEL, 1_795_392_000_000)
    recorder.writer._note(lambda db: db.execute("INSERT INTO growing VALUES (?)", (gone.path,)))
    recorder.recover()
    assert (recorder.growing(), recorder.files()) == ([], {})
    recorder.close()


def test_retention_may_delete_what_was_noted(tmp_path: Path, part: Path):
    """A part that is gone with its folder is forgotten."""
    part.unlink()
    part.parent.rmdir()
    recorder = recovered(tmp_path)
    assert (recorder.growing(), recorder.events(), recorder.files()) == ([], [], {})
    recorder.close()


def test_disk_that_is_not_there_recovers_nothing_and_forgets_nothing(tmp_path: Path, part: Path):
    """The names stay noted until the disk is back, and then all is recovered."""
    root = part.parents[2]
    away = root.rename(tmp_path / "away")
    root.mkdir()
    recorder = RecordedChannel(tmp_path)
    with pytest.raises(StorageMissing, match="lost its mark"):
        recorder.recover()
    assert list(root.iterdir()) == []
    assert len(recorder.growing()) == 1
    root.rmdir()
    away.rename(root)
    recorder.recover()
    assert recorder.assert_told_one_to_one() == FPS - 1
    recorder.close()


def test_event_that_still_waits_is_not_told_a_second_time(tmp_path: Path, clip, monkeypatch):
    """The outbox was full when a segment ended, and the disk failed after: the file is told of once in the end."""
    recorder = RecordedChannel(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(recorder.outbox, "append", full_outbox)
        recorder.record(*clip)
    assert (len(recorder.files()), recorder.events()) == (1, [])
    recorder.writer._left_behind = True
    with monkeypatch.context() as patch:
        patch.setattr(recorder.outbox, "append", full_outbox)
        recorder.writer.recover()
    recorder.record(*clip)
    assert recorder.assert_told_one_to_one() == 2 * (FPS - 1)
    recorder.close()


def full_outbox(*_: object, **__: object) -> int:
    from edge.bus.outbox import OutboxUnavailable

    raise OutboxUnavailable("recorder.outbox: database or disk is full")


def test_days_of_finished_segments_are_walked_quickly(tmp_path: Path, clip):
    """Two days of a minute a segment, all told of: about a third of a second, and nothing is opened."""
    recorder = RecordedChannel(tmp_path)
    recorder.record(*clip)
    (file,) = recorder.root.rglob("*.mp4")
    name = SegmentName.parse(str(file.relative_to(recorder.root)))
    assert name is not None
    paths = [name[0].later(60_000 * minute).path for minute in range(1, 2 * 24 * 60)]
    for path in paths:
        (recorder.root / path).parent.mkdir(exist_ok=True)
        (recorder.root / path).touch()
    recorder.outbox.append_many(
        [],
        state=lambda db: db.executemany(
            "INSERT INTO announced (channel, path) VALUES (?, ?)", [(CHANNEL, path) for path in paths]
        ),
    )
    import time

    started = time.process_time()
    recover_channel(CHANNEL, recorder.store, recorder.outbox, Announcer(recorder.outbox))
    assert time.process_time() - started < 5
    assert len(recorder.events()) == 1
    recorder.close()
