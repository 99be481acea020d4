"""Frozen pictures behind encoders that keep a bit rate, in files: what is coded anew each time is no new picture."""

import io
import json
from fractions import Fraction

import av
import numpy as np
import pytest
from validator_views import Sensor, clock, view

from edge.validator.offline import run

FPS, GOP_S, EVERY_S, LOOKS, FROZEN_LOOKS = 10, 1, 2, 32, 6
FREEZE = LOOKS * EVERY_S * FPS
END = FREEZE + FROZEN_LOOKS * EVERY_S * FPS
RATES = {
    "average bit rate": {"bit_rate": 200_000},
    "constant bit rate": {"bit_rate": 200_000, "vbv": "vbv-maxrate=200:vbv-bufsize=200:"},
    "constant quality": {"qp": "30"},
}

HARD_PRESSED = {"bit_rate": 100_000, "vbv": "vbv-maxrate=100:vbv-bufsize=50:", "preset": "ultrafast", "gop_s": 2}


def walking(picture, place):
    """Somebody crosses the view."""
    walked = picture.copy()
    x = place * 7 % 300
    walked[80:130, x : x + 16] = (40, 60, 90)
    return walked


def encoded(path, pictures, *, bit_rate=None, vbv="", qp=None, codec="libx264", preset="veryfast", gop_s=GOP_S):
    """A file as a camera would code it, its clock in every picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 320, 180, "yuv420p", Fraction(1, FPS)
        stream.codec_context.thread_count = 1
        if bit_rate:
            stream.bit_rate = bit_rate
        settings = f"{vbv}keyint={FPS * gop_s}:min-keyint={FPS * gop_s}:scenecut=0:bframes=0"
        stream.options = {"preset": preset, "tune": "zerolatency", "x264-params": settings} | ({"qp": qp} if qp else {})
        for place, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(clock(picture, place // FPS), format="bgr24")
            frame.pts = place
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def film(*, freeze=END, people=0, noise=3):
    """A room with a sensor's noise; up to picture `people` somebody walks, from picture `freeze` on it stands."""
    room, sensor, last = view(3), Sensor(noise=noise), None
    for place in range(END):
        if place < freeze:
            last = sensor(walking(room, place) if place < people else room)
        yield last


def faults(path):
    out = io.StringIO()
    run([path], json=True, out=out, every_s=EVERY_S)
    (recording,) = json.loads(out.getvalue())["recordings"]
    assert recording["looks"] == LOOKS + FROZEN_LOOKS
    return recording["faults"]


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize("rate", RATES)
def test_freeze_is_found_however_the_bits_are_rationed(tmp_path, rate, container):
    """Within three looks, in every container; nothing else is found before."""
    (fault,) = faults(encoded(tmp_path / f"camera.{container}", film(freeze=FREEZE), **RATES[rate]))
    assert fault["reason"] == "frozen"
    minutes, seconds = fault["from"].split(":")
    assert FREEZE / FPS <= int(minutes) * 60 + float(seconds) <= FREEZE / FPS + 2 * EVERY_S
    assert fault["to"] is None


@pytest.mark.parametrize("rate", RATES)
def test_quiet_after_people_have_left_is_no_freeze(tmp_path, rate):
    """The encoder has less to do than ever, but the sensor's noise goes on."""
    assert faults(encoded(tmp_path / "camera.mp4", film(people=FREEZE), **RATES[rate])) == []


def test_freeze_is_found_while_the_encoder_works_on_what_it_left_out(tmp_path):
    """With hardly any buffer it spends as much on a frozen picture as on a living one, at ever finer quantisers."""
    (fault,) = faults(encoded(tmp_path / "camera.mp4", film(freeze=FREEZE, people=FREEZE, noise=1), **HARD_PRESSED))
    assert fault["reason"] == "frozen"
    minutes, seconds = fault["from"].split(":")
    assert FREEZE / FPS <= int(minutes) * 60 + float(seconds) <= FREEZE / FPS + 2 * EVERY_S


def test_quiet_after_people_have_left_is_no_freeze_where_the_encoder_was_hard_pressed(tmp_path):
    """It goes on to finer quantisers too, and keeps more of the noise."""
    assert faults(encoded(tmp_path / "camera.mp4", film(people=FREEZE, noise=1), **HARD_PRESSED)) == []


@pytest.mark.parametrize("rate", RATES)
def test_scene_that_comes_again_is_no_freeze(tmp_path, rate):
    """Every look shows the same moment of a loop, but for the clock: in between somebody walks."""
    loop = [walking(view(3), place * 40) for place in range(EVERY_S * FPS)]
    pictures = (loop[place % len(loop)] for place in range(END))
    assert faults(encoded(tmp_path / "camera.mp4", pictures, **RATES[rate])) == []


def test_codec_without_known_slices_is_judged_by_its_pictures(tmp_path):
    """A file in a codec that no camera of ours has: what it cost to code is not known, its pictures are."""
    path = tmp_path / "camera.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        for place, picture in enumerate(film(freeze=FREEZE)):
            frame = av.VideoFrame.from_ndarray(clock(picture, place // FPS), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (fault,) = faults(path)
    assert fault["reason"] == "frozen"
    assert np.isfinite(fault["measured"])
