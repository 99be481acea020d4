"""`edge validate`: recordings in files, judged without a site."""

import io
import json
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from pictured_segments import START_MS, SegmentFile
from validator_views import Sensor, view

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
    assert (one["faults"][0]["reason"], one["faults"][0]["from"], one["faults"][0]["to"]) == (
        "no_signal",
        "0:00.000",
        None,
    )


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


FPS, BLACK_S, END_S = 10, 20, 40
REFRESH = "intra-refresh=1:keyint=20"
ENDLESS = "keyint=infinite:scenecut=0"
GOP_1_S = "keyint=10:scenecut=0"
KEYFRAMES_DAMAGED = "Not judged of {}: its keyframes lack parts."
NO_KEYFRAME = "Not judged of {}: no keyframe comes before"


def film(*, until_s=END_S, black_s=END_S):
    """A room with a sensor's noise; black from `black_s` on."""
    room, sensor = view(3), Sensor()
    for place in range(until_s * FPS):
        yield sensor(room) if place < black_s * FPS else np.zeros_like(room)


def encoded(path, pictures, settings, *, codec="h264", qp=28, spoil=lambda place, data: data):
    """A file whose packets went through `spoil`, which gives None for one that is lost."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(f"libx{codec[1:]}", rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 320, 180, "yuv420p", Fraction(1, FPS)
        stream.codec_context.thread_count = 1
        quality = f"bframes=0:qp={qp}:{settings}" + ("" if codec == "h264" else ":log-level=none")
        stream.options = {"preset": "ultrafast", f"x{codec[1:]}-params": quality}
        frames = (av.VideoFrame.from_ndarray(one, format="bgr24") for one in pictures)
        packets = (packet for frame in (*frames, None) for packet in stream.encode(frame))
        for place, packet in enumerate(packets):
            data = spoil(place, bytes(packet))
            if data is not None:
                packet.update(data)
                container.mux(packet)
    return path


def told(path):
    """The exit status and what is printed, on one line."""
    out = io.StringIO()
    status = run([path], json=False, out=out, every_s=1.0)
    return status, " ".join(out.getvalue().split())


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize("settings", [REFRESH, ENDLESS], ids=["refresh", "endless"])
def test_stretch_without_keyframes_that_stand_alone_is_judged(tmp_path, settings, container):
    """Of such a film a look a second is judged too, and what went black is found."""
    path = encoded(tmp_path / f"camera.{container}", film(black_s=BLACK_S), settings)
    status, (one,) = judged(path)
    assert status == 1
    (fault,) = one["faults"]
    assert (fault["reason"], fault["to"]) == ("black", None)
    assert fault["from"].startswith(("0:20.", "0:21."))
    assert one["unseen"] == []
    assert one["looks"] >= END_S - 4
    assert one["predicted_looks"] >= END_S - 5


def test_short_film_with_one_keyframe_is_judged_to_its_end(tmp_path):
    """No keyframe comes after it."""
    status, (one,) = judged(encoded(tmp_path / "camera.mp4", film(until_s=6, black_s=2), ENDLESS))
    assert status == 1
    assert [fault["reason"] for fault in one["faults"]] == ["black"]


@pytest.mark.parametrize("noise_is_kept", [True, False])
def test_quiet_view_between_rare_keyframes_is_not_called_frozen(tmp_path, noise_is_kept):
    """The encoder repeats what it does not code anew; that frozen was not judged is said."""
    path = encoded(tmp_path / "camera.mp4", film(), ENDLESS, qp=28 if noise_is_kept else 40)
    status, words = told(path)
    assert status == 0
    assert f"Frozen was judged by 1 of {END_S} looks only" in words


def test_keyframes_some_looks_apart_are_enough(tmp_path):
    """Cameras make one a minute at the least: nothing else is decoded, so that frozen is judged as ever."""
    status, (one,) = judged(encoded(tmp_path / "camera.mp4", film(), "keyint=50:min-keyint=50:scenecut=0"))
    assert (status, one["looks"], one["predicted_looks"]) == (0, 8 + 4, 4)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_raw_stream_is_judged_by_counted_pictures(tmp_path, codec):
    """It holds no times, which is said."""
    path = encoded(tmp_path / f"camera.{codec}", film(black_s=BLACK_S), GOP_1_S, codec=codec)
    status, (one,) = judged(tmp_path)
    assert (status, one["looks"], one["counted_fps"]) == (1, END_S, FPS)
    assert [(fault["reason"], fault["from"]) for fault in one["faults"]] == [("black", "0:20.000")]
    assert f"No times in {path}: they are counted, by 10 pictures a second." in told(path)[1]


def damaged(first_s, last_s):
    """Zeroes in the middle of all pictures from one second to another."""

    def spoil(place, data):
        if not first_s <= place / FPS < last_s:
            return data
        kept = len(data) // 2
        return data[:kept] + bytes(len(data) - kept)

    return spoil


def test_stretch_that_cannot_be_decoded_is_not_called_good(tmp_path):
    """Which, why, and what to do; the rest is judged."""
    path = encoded(tmp_path / "camera.mp4", film(), GOP_1_S, spoil=damaged(10, 30))
    status, (one,) = judged(path)
    assert (status, one["ok"], one["faults"]) == (1, False, [])
    assert one["unseen"] == [{"reason": "keyframes_damaged", "from": "0:09.000", "to": "0:30.000"}]
    words = told(path)[1]
    assert "not judged 0:09 0:30" in words
    assert KEYFRAMES_DAMAGED.format(path) in words


def test_end_that_cannot_be_decoded_is_not_called_good(tmp_path):
    """No keyframe ever comes again."""
    status, (one,) = judged(encoded(tmp_path / "camera.mp4", film(), ENDLESS, spoil=damaged(10, 11)))
    assert (status, one["ok"]) == (1, False)
    (unseen,) = one["unseen"]
    assert unseen["reason"] == "no_keyframe"
    assert unseen["from"].startswith("0:0")
    assert unseen["to"] == "0:39.900"


@pytest.mark.parametrize("until_s", [2, END_S])
def test_film_without_a_keyframe_is_not_judged_and_told_why(tmp_path, until_s):
    """However short it is."""
    path = encoded(
        tmp_path / "camera.ts", film(until_s=until_s), ENDLESS, spoil=lambda place, data: data if place else None
    )
    status, (one,) = judged(path)
    assert (status, one["looks"], [stretch["reason"] for stretch in one["unseen"]]) == (1, 0, ["no_keyframe"])
    assert NO_KEYFRAME.format(path) in told(path)[1]


def test_file_whose_times_begin_anew_is_judged_to_its_end(tmp_path):
    """Two files that were put together into one."""
    good = encoded(tmp_path / "good.ts", film(), GOP_1_S)
    black = encoded(tmp_path / "black.ts", film(until_s=10, black_s=0), GOP_1_S)
    both = tmp_path / "both.ts"
    both.write_bytes(good.read_bytes() + black.read_bytes())
    status, (one,) = judged(both)
    assert (status, one["looks"]) == (1, END_S + 10)
    assert [(fault["reason"], fault["from"][:5]) for fault in one["faults"]] == [("black", "0:40.")]


def test_pause_in_a_file_is_nothing_that_was_missed(tmp_path):
    """Some recorders write only while something moves."""
    path = encoded(
        tmp_path / "camera.mp4", film(), GOP_1_S, spoil=lambda place, data: data if not 100 <= place < 300 else None
    )
    status, (one,) = judged(path)
    assert (status, one["looks"], one["unseen"]) == (0, END_S - 20, [])
