"""How the pictures of growing, finished, torn and missing segments were coded."""

import os
import random

import av
import pytest
from pictured_segments import H264, H265, START_MS, SegmentFile

from edge.recordings.coded import MOST_PICTURES, CodedPictures
from edge.recordings.newest import NewestKeyframes

NOW_MS = START_MS + 3_600_000


def newest_of(root):
    return NewestKeyframes(root).find("lobby", NOW_MS)[0]


def demuxed(path):
    """Bytes of each picture, and whether it is a keyframe, as FFmpeg reads them."""
    with av.open(str(path)) as container:
        return [(packet.size, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("spec", [H264, H265], ids=["h264", "h265"])
def test_pictures_between_two_looks_are_those_of_the_file(tmp_path, spec):
    """Sizes and keyframes as FFmpeg finds them, and a quantiser for each; audio is left out."""
    segment, coded = SegmentFile(tmp_path, spec=spec).grow(3), CodedPictures(tmp_path)
    assert coded.before("lobby", newest_of(tmp_path)) == []
    segment.grow(2)
    found = coded.before("lobby", newest_of(tmp_path))
    first, end = 2 * spec.fps, 4 * spec.fps
    assert [(one.size_bytes, one.is_keyframe) for one in found] == demuxed(segment.path)[first:end]
    assert all(one.quantiser is not None and 0 < one.quantiser <= 51 for one in found)
    assert coded.before("lobby", newest_of(tmp_path)) == []


def test_pictures_go_on_from_one_segment_to_the_next(tmp_path):
    """The rest of the last segment, under its last name, and the beginning of the new one."""
    before, coded = SegmentFile(tmp_path).grow(3), CodedPictures(tmp_path)
    coded.before("lobby", newest_of(tmp_path))
    before.grow().finish()
    after = SegmentFile(tmp_path, start_ms=START_MS + 4000).grow(2)
    found = coded.before("lobby", newest_of(tmp_path))
    expected = demuxed(before.path)[2 * H264.fps :] + demuxed(after.path)[: H264.fps]
    assert [(one.size_bytes, one.is_keyframe) for one in found] == expected


def test_only_the_newest_pictures_count_after_long(tmp_path):
    """However far the looks are apart."""
    segment, coded = SegmentFile(tmp_path).grow(1), CodedPictures(tmp_path)
    coded.before("lobby", newest_of(tmp_path))
    segment.grow(20)
    found = coded.before("lobby", newest_of(tmp_path))
    assert [one.size_bytes for one in found] == [size for size, _ in demuxed(segment.path)[: 20 * H264.fps]][-MOST_PICTURES:]


def test_segment_that_is_gone_or_long_past_is_left_out(tmp_path):
    """Retention deleted the last one; or the channel stood still for a day."""
    before, coded = SegmentFile(tmp_path).grow(3).finish(), CodedPictures(tmp_path)
    coded.before("lobby", newest_of(tmp_path))
    before.path.unlink()
    SegmentFile(tmp_path, start_ms=START_MS + 4000).grow(2)
    assert len(coded.before("lobby", newest_of(tmp_path))) == H264.fps
    later = SegmentFile(tmp_path, start_ms=START_MS + 1_000_000).grow(2)
    assert len(coded.before("lobby", newest_of(tmp_path))) == H264.fps
    later.path.unlink()
    assert coded.before("lobby", newest_of(tmp_path)) is not None


def test_torn_and_spoiled_segments_never_raise(tmp_path):
    """Cut anywhere and with any byte turned over, there are fewer pictures, or quantisers that cannot be told."""
    segment, coded = SegmentFile(tmp_path).grow(4), CodedPictures(tmp_path)
    whole = segment.path.read_bytes()
    first, last = NewestKeyframes(tmp_path).find("lobby", NOW_MS)[2], newest_of(tmp_path)
    chance = random.Random(3)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(first.fragment, len(data))] ^= 1 << chance.randrange(8)
        segment.path.write_bytes(data)
        if chance.random() < 0.3:
            os.truncate(segment.path, chance.randrange(len(data)))
        coded.before("lobby", first)
        assert len(coded.before("lobby", last)) <= 3 * H264.fps
