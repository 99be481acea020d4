"""Eight channels for some seconds through real processes: everything decodes, nothing is lost or doubled, hashes match."""

import time
from itertools import pairwise

import pytest
from acceptance_support import Reel, assert_told_one_to_one, decode_errors, pictures, unix
from demo_cameras import running_cameras
from recording_site import recording_site

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

CLIPS = [
    ClipSpec("plain"),
    ClipSpec("sound", audio="aac"),
    ClipSpec("telephone", audio="pcma"),
    ClipSpec("b-frames", bframes=2),
    ClipSpec("slices", slices=4),
    ClipSpec("hevc", codec="h265", bitrate=600_000),
    ClipSpec("fast", fps=25, bitrate=1_500_000),
    ClipSpec("long group", gop_s=2.0),
]
SECONDS = 10
SEGMENT_S = 3


@pytest.mark.timeout(180)
def test_eight_channels_of_many_kinds_are_recorded_frame_for_frame(tmp_path):
    """Every segment decodes whole; over all cuts each frame of the camera's loop follows the one before it."""
    specs = {f"cam{number}": clip for number, clip in enumerate(CLIPS)}
    with (
        running_cameras([CameraSpec(name, clip) for name, clip in specs.items()]) as cameras,
        recording_site(cameras.urls, tmp_path / "site", segment_s=SEGMENT_S) as site,
    ):
        for name in specs:
            site.wait_for("recording_started", name)
        time.sleep(SECONDS)
        assert site.stop() == 0
    count = assert_told_one_to_one(site, specs)
    frames = 0
    for name, clip in specs.items():
        told = site.events("segment_written", name)
        assert len(told) >= SECONDS // SEGMENT_S
        paths = site.announced(name)
        assert [decode_errors(path) for path in paths] == ["" for _ in paths]
        reel = Reel(clip)
        places = reel.places_of(paths)
        assert reel.breaks(places) == [], name
        frames += len(places)
        for event, path in zip(told, paths, strict=True):
            check_segment(event, path, clip)
        assert all(event.data["gap_before_s"] == 0 for event in told[1:]), name
        whole_s = unix(told[-1].data["end"]) - unix(told[0].data["start"])
        assert len(places) / clip.fps == pytest.approx(whole_s, abs=0.2), "a whole loop of frames is missing"
    print(f"{count} segments, {frames} frames, none lost, none doubled")


def check_segment(event, path, clip) -> None:
    """The event tells what another's demultiplexer finds in the file."""
    found = pictures(path)
    assert found[0].key
    assert (len(found), sum(picture.key for picture in found)) == (event.data["packets"], event.data["keyframes"])
    assert (event.data["video"]["width"], event.data["video"]["height"]) == (clip.width, clip.height)
    shown = sorted(picture.pts_s for picture in found)
    steps = [after - before for before, after in pairwise(shown)][
        : -clip.bframes or None
    ]  # the end cuts a reordering short
    assert all(step == pytest.approx(1 / clip.fps, abs=0.002) for step in steps)
    assert (event.data["audio"] or {}).get("codec", "none") == clip.audio
    assert event.data["lost_packets"] == 0
