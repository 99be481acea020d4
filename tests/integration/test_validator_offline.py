"""`edge validate`: recordings in files, judged without a site."""

import io
import json
from dataclasses import replace

import av
import pytest
from pictured_segments import START_MS, SegmentFile

from edge.demo.clips import ClipSpec
from edge.validator.offline import run

CLIP = ClipSpec("offline", width=320, height=180, fps=10, seconds=11, gop_s=1.0, bitrate=400_000)
BLUE = replace(CLIP, look="no_signal")


def recorded(root, *specs, channel="lobby", seconds=8):
    """Segments of a channel, one after the other."""
    for place, spec in enumerate(specs):
        SegmentFile(root, channel, START_MS + place * seconds * 1000, spec).grow(seconds).finish()


def judged(*paths, **options):
    out = io.StringIO()
    status = run(paths, json=True, out=out, **({"every_s": 1.0} | options))
    return status, json.loads(out.getvalue())["recordings"]


def test_folder_of_segments_is_judged_by_channel_with_times_in_utc(tmp_path):
    """The fault has a beginning and an end, over the borders of segments; the other channel is good."""
    recorded(tmp_path, CLIP, BLUE, BLUE, CLIP)
    recorded(tmp_path, CLIP, CLIP, channel="gate")
    status, recordings = judged(tmp_path)
    assert status == 1
    found = {one["name"]: one for one in recordings}
    assert found["gate"]["ok"]
    assert (found["lobby"]["files"], found["lobby"]["looks"]) == (4, 32)
    (fault,) = found["lobby"]["faults"]
    assert (fault["reason"], fault["from"], fault["to"]) == (
        "no_signal", "2026-11-23T00:00:08.000Z", "2026-11-23T00:00:24.000Z",
    )  # fmt: skip


def test_good_recordings_end_with_status_0_and_a_table(tmp_path):
    """For people: a row a recording."""
    recorded(tmp_path, CLIP)
    out = io.StringIO()
    assert run([tmp_path], json=False, out=out, every_s=1) == 0
    row = next(line for line in out.getvalue().splitlines() if line.startswith("lobby"))
    assert "good" in row
    assert "2026-11-23 00:00:00" in row


def test_looks_are_as_far_apart_as_asked_across_files(tmp_path):
    """One every 5 s of 24 s, not one at the start of each file."""
    recorded(tmp_path, CLIP, CLIP, CLIP)
    _, (one,) = judged(tmp_path, every_s=5.0)
    assert one["looks"] == 5


def test_file_of_another_recorder_is_judged_by_itself(tmp_path):
    """Anything that FFmpeg reads; times count from its beginning."""
    path = tmp_path / "foreign.mkv"
    segment = SegmentFile(tmp_path / "x", "lobby", START_MS, BLUE).grow(6)
    with av.open(str(segment.path)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    status, (one,) = judged(path)
    assert status == 1
    assert (one["faults"][0]["reason"], one["faults"][0]["from"], one["faults"][0]["to"]) == ("no_signal", "0:00.000", None)


@pytest.mark.parametrize("contents", [b"", b"noise" * 500, None], ids=["empty", "noise", "absent"])
def test_file_that_cannot_be_read_is_named(tmp_path, contents):
    """The others are judged all the same."""
    recorded(tmp_path, CLIP)
    bad = tmp_path / "bad.mp4"
    if contents is not None:
        bad.write_bytes(contents)
    status, recordings = judged(tmp_path / "lobby", bad)
    assert status == 1
    assert [one["ok"] for one in recordings] == [True, False]
    assert str(bad) in recordings[1]["unreadable"][0]


def test_folder_without_recordings_ends_with_status_2(tmp_path):
    """There is nothing to judge."""
    out = io.StringIO()
    assert run([tmp_path], json=False, out=out) == 2
    assert "nothing to judge" in out.getvalue()


@pytest.mark.parametrize(("apart_s", "reasons"), [(1, ["frozen"]), (60, [])])
def test_pictures_of_a_camera_that_started_anew_are_not_held_against_those_before(tmp_path, apart_s, reasons):
    """A test camera shows the same from each start on; what follows at once shows the same because it stands still."""
    for place in range(8):
        SegmentFile(tmp_path, "lobby", START_MS + place * apart_s * 1000, CLIP).grow(1).finish()
    _, (one,) = judged(tmp_path)
    assert one["looks"] == 8
    assert [fault["reason"] for fault in one["faults"]] == reasons
