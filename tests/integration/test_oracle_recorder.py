"""FFmpeg as the judge of the whole recorder: for the same bytes our segments hold the same NAL units, sound and times.

A real recorder process records every case at once from a replay server; `tests/oracle_matrix.py` has many more cases.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from oracle_cases import H264, Case, representative
from oracle_compare import against_ffmpeg, ffmpeg_times, of_ffmpeg, of_segments
from oracle_faults import drop
from oracle_run import run_cases, run_cases_twice
from oracle_server import replaying
from oracle_stream import recorded
from recording_site import recording_site
from test_rtsp_media_oracle import BUNNY, DIALOGUES, SDP

pytestmark = pytest.mark.timeout(400)  # on a loaded machine the first test waits long for all recordings

CASES = {case.name: case for case in representative()}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What is wrong with each case."""
    return run_cases_twice(list(CASES.values()), tmp_path_factory.mktemp("oracle"))


@pytest.mark.parametrize("name", CASES)
def test_recorded_stream_is_what_was_sent(found, name):
    """All undamaged pictures bit by bit and no other, all sound, true times, losses counted, and FFmpeg agrees."""
    assert found[name] == []


def test_oracle_notices_a_lost_packet(tmp_path):
    """The comparison itself is not blind: a stream that loses packets is not called lossless."""

    def lie(stream, random):
        drop(0.1)(stream, random)
        stream.lost_packets = 0
        for unit in stream.units:
            unit.damaged = False

    said = run_cases([Case("lie", (H264,), (lie,), seconds=2)], tmp_path)["lie"]
    assert any("came whole" in one for one in said)
    assert any("counted as lost" in one for one in said)


def test_oracle_notices_swapped_segments(tmp_path):
    """The order of segments counts."""
    case = Case("order", (H264,), seconds=4)
    assert run_cases([case], tmp_path)["order"] == []
    files = sorted(tmp_path.glob("segments/*/*/*.mp4"))
    assert len(files) > 1
    right, wrong = (of_segments(order, "h264", decode=False) for order in (files, files[::-1]))
    assert right.pictures != wrong.pictures
    assert [unit.nals for unit in case.stream().units] == right.pictures


def test_recorded_dialogue_is_recorded_as_ffmpeg_receives_it(tmp_path):
    """A stream recorded by others, of a server that neither we nor FFmpeg wrote: pictures, sound and times are FFmpeg's."""
    if not BUNNY.is_file():
        pytest.skip(f"no recorded dialogues at {DIALOGUES}; SAKSI_DIALOGUES names their folder")
    stream = recorded("h264", SDP, BUNNY.read_bytes(), {1: 0, 2: 2}, video_track=2, speed=3)
    with replaying({"bunny": stream}) as replay:
        with recording_site({"bunny": replay.url("ours", "bunny")}, tmp_path, segment_s=2) as site:
            site.wait_for("recording_stopped", "bunny")
        theirs = of_ffmpeg(replay.url("theirs", "bunny"), "h264", decode=True)
    ours = of_segments(site.segments("bunny"), "h264", decode=True)
    assert against_ffmpeg(ours, theirs) == []
    assert ffmpeg_times(ours, theirs) == []
    assert len(ours.pictures) > 200
    assert ours.sound == theirs.sound
