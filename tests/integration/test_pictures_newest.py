"""Finding the newest keyframes in files that grow, end, tear and disappear."""

import os
import random

import pytest
from pictured_segments import H264, H265, START_MS, SegmentFile

from edge.errors import Mp4Error
from edge.recordings.newest import MOST_KEYFRAMES, NewestKeyframes

NOW_MS = START_MS + 3_600_000


def taken(newest: NewestKeyframes, now_ms: int = NOW_MS) -> list[int]:
    return [keyframe.taken_ms for keyframe in newest.find("lobby", now_ms)]


@pytest.mark.parametrize("spec", [H264, H265], ids=["h264", "h265"])
def test_growing_segment_gives_each_new_keyframe_and_its_bytes(tmp_path, spec):
    """The newest come first, with the parameter sets and slices of exactly that keyframe."""
    segment, newest = SegmentFile(tmp_path, spec=spec), NewestKeyframes(tmp_path)
    assert taken(newest) == []
    for second in range(5):
        segment.grow()
        assert taken(newest) == [segment.taken_ms(one) for one in range(second, -1, -1)][:MOST_KEYFRAMES]
    keyframe = newest.find("lobby", NOW_MS)[0]
    stream = newest.read(keyframe)
    assert stream.startswith(b"\0\0\0\1" + keyframe.video.parameter_sets[0])
    assert len(stream) > keyframe.size
    assert (keyframe.video.codec, keyframe.video.width) == (spec.codec, 320)


def test_torn_fragment_counts_only_when_it_is_whole(tmp_path):
    """A fragment that is half written is not there; what came before stays found, at every length of the file."""
    segment = SegmentFile(tmp_path).grow(2)
    whole, more = segment.path.read_bytes(), segment.fragment()
    newest = NewestKeyframes(tmp_path)
    for size in range(0, len(more), 501):
        segment.path.write_bytes(whole + more[:size])
        assert taken(newest)[0] == segment.taken_ms(1)
    segment.path.write_bytes(whole + more)
    assert taken(newest)[0] == segment.taken_ms(2)


def test_cut_back_segment_is_walked_anew(tmp_path):
    """A file that became shorter than what was seen of it gives what it still holds."""
    segment, newest = SegmentFile(tmp_path).grow(3), NewestKeyframes(tmp_path)
    whole = segment.path.read_bytes()
    assert taken(newest)[0] == segment.taken_ms(2)
    for size in random.Random(1).sample(range(len(whole)), 40):
        os.truncate(segment.path, size)
        times = taken(newest)
        assert times == sorted(times, reverse=True)
        assert set(times) <= {segment.taken_ms(second) for second in range(3)}
        segment.path.write_bytes(whole)
        assert taken(newest)[0] == segment.taken_ms(2)


def test_renamed_segment_goes_on_and_the_next_one_follows(tmp_path):
    """The end of a segment changes its name only; older segments fill up what the newest does not hold."""
    first, newest = SegmentFile(tmp_path).grow(2), NewestKeyframes(tmp_path)
    before = newest.find("lobby", NOW_MS)
    first.finish()
    after = newest.find("lobby", NOW_MS)
    assert [(one.position, one.taken_ms) for one in before] == [(one.position, one.taken_ms) for one in after]
    assert newest.read(before[0]) == newest.read(after[0])
    second = SegmentFile(tmp_path, start_ms=START_MS + 60_000)
    assert taken(newest) == [first.taken_ms(1), first.taken_ms(0)]
    second.grow()
    assert taken(newest) == [second.taken_ms(0), first.taken_ms(1), first.taken_ms(0)]


def test_deleted_segments_leave_the_older_ones(tmp_path):
    """A file that is deleted between finding and reading is an error with words; the next look finds what is left."""
    first = SegmentFile(tmp_path).grow().finish()
    second = SegmentFile(tmp_path, start_ms=START_MS + 60_000).grow().finish()
    newest = NewestKeyframes(tmp_path)
    keyframe = newest.find("lobby", NOW_MS)[0]
    second.path.unlink()
    with pytest.raises(Mp4Error, match="not there any more"):
        newest.read(keyframe)
    assert taken(newest) == [first.taken_ms(0)]
    first.path.unlink()
    assert taken(newest) == []
    first.path.parent.rmdir()
    assert taken(newest) == []


def test_day_changes_at_midnight(tmp_path):
    """The newest day may hold nothing yet: the day before is looked at too."""
    midnight_ms = (START_MS // 86_400_000 + 1) * 86_400_000
    before = SegmentFile(tmp_path, start_ms=midnight_ms - 30_000).grow()
    (tmp_path / "lobby" / "2026-11-24").mkdir(exist_ok=True)
    assert taken(NewestKeyframes(tmp_path), midnight_ms) == [before.taken_ms(0)]


def test_segment_of_the_future_is_passed_over(tmp_path):
    """What was begun while the clock was years ahead does not hide what is recorded now."""
    SegmentFile(tmp_path, start_ms=START_MS + 400 * 86_400_000).grow().finish()
    now = SegmentFile(tmp_path).grow()
    assert taken(NewestKeyframes(tmp_path), START_MS + 1000) == [now.taken_ms(0)]


def test_segment_without_keyframes_gives_none(tmp_path):
    """A camera that never sends one has no picture, however long it is recorded."""
    SegmentFile(tmp_path).grow(10, keyframes=False)
    assert taken(NewestKeyframes(tmp_path)) == []


def test_strange_things_under_a_segments_name_are_passed_over(tmp_path):
    """A link, a pipe that nobody writes, a folder, noise, an empty file, other names: nothing is followed or waited for."""
    good = SegmentFile(tmp_path).grow().finish()
    names = [SegmentFile(tmp_path, start_ms=START_MS + 1000 * number).path for number in range(1, 3)]
    for path in names:
        path.unlink()
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(good.path.read_bytes())
    names[0].symlink_to(secret)
    os.mkfifo(names[1])
    (good.path.parent / "notes.mp4").write_bytes(b"noise")
    (tmp_path / "lobby" / "lost+found").mkdir()
    newest = NewestKeyframes(tmp_path)
    assert taken(newest) == [good.taken_ms(0)]
    names[0].unlink()
    names[1].unlink()
    names[0].mkdir()
    names[1].write_bytes(random.Random(2).randbytes(100_000))
    assert taken(newest) == [good.taken_ms(0)]
    names[1].write_bytes(b"")
    assert taken(newest) == [good.taken_ms(0)]


def test_channel_that_was_never_recorded_has_none(tmp_path):
    """No folder, no root, or a file in the folder's place."""
    assert taken(NewestKeyframes(tmp_path / "not mounted")) == []
    (tmp_path / "lobby").write_text("in the way")
    assert taken(NewestKeyframes(tmp_path)) == []


def test_noise_in_sizes_raises_nothing_else(tmp_path):
    """Any byte of a segment changed: keyframes that are found are read or refused with Mp4Error, nothing more."""
    segment = SegmentFile(tmp_path).grow(2)
    whole = segment.path.read_bytes()
    dice = random.Random(3)
    heads = [place for place in range(len(whole)) if whole[place : place + 4] in (b"moov", b"moof", b"prft", b"mdat")]
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            data[dice.choice([dice.randrange(len(data)), dice.choice(heads) + dice.randint(-4, 200)])] = dice.randrange(256)
        segment.path.write_bytes(data)
        newest = NewestKeyframes(tmp_path)
        for keyframe in newest.find("lobby", NOW_MS):
            try:
                newest.read(keyframe)
            except Mp4Error:
                continue
