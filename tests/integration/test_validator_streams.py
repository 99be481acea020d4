"""Whole streams as cameras send them, at low bit rates and with keyframes far apart: freezes, and good cameras."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from validator_views import HEIGHT, WIDTH, Sensor, Watch, clock, covered, flat, foggy, infrared, view

from edge.validator.judge import ChannelJudge

FPS = 2
LEARNED = 28
SHOWN = 6
RATES = {"100 kb/s, free": (100, False, 2), "40 kb/s, kept": (40, True, 2), "keyframes every 10 s": (60, False, 10)}


def keyframes(pictures, gop_s, kilobits, *, kept):
    """What the judge gets of a stream whose looks are `pictures`, each of them shown for a whole GOP by `sensor`."""
    gop = gop_s * FPS
    settings = f"scenecut=0:bframes=0:keyint={gop}:min-keyint={gop}"
    if kept:
        settings += f":vbv-maxrate={kilobits}:vbv-bufsize={kilobits}"
    coder = av.CodecContext.create("libx264", "w")
    coder.width, coder.height, coder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    coder.time_base, coder.framerate, coder.bit_rate = Fraction(1, FPS), Fraction(FPS), 1000 * kilobits
    coder.thread_count = 1
    coder.options = {"preset": "veryfast", "tune": "zerolatency", "x264-params": settings}
    decoder = av.CodecContext.create("h264", "r")
    count = 0
    for look in pictures:
        for _ in range(gop):
            frame = av.VideoFrame.from_ndarray(clock(look(), count // FPS), format="bgr24")
            frame.pts = count
            count += 1
            for packet in coder.encode(frame):
                yield from (one.to_ndarray(format="bgr24") for one in decoder.decode(packet) if one.key_frame)


def told(story, rate, *, sensor):
    """What is said of a stream that is learned from the usual view first, with people in it."""
    kilobits, kept, gop_s = RATES[rate]
    random = np.random.default_rng(4)

    def usual():
        picture = view()
        x, y = int(random.integers(WIDTH - 20)), int(random.integers(60, HEIGHT - 60))
        cv2.ellipse(picture, (x, y), (6, 18), 0, 0, 360, (40, 60, 200), -1)
        return sensor(picture)

    watch = Watch(ChannelJudge())
    watch.show(*keyframes([usual] * LEARNED + story, gop_s, kilobits, kept=kept))
    return watch.told


def shown(picture, sensor, looks=SHOWN):
    """Looks at one scene."""
    return [lambda: sensor(picture)] * looks


@pytest.mark.parametrize("rate", ["100 kb/s, free", "keyframes every 10 s"])
def test_frozen_sensor_is_found_although_each_keyframe_is_coded_anew(rate):
    """The encoder's quality varies and the clock runs: no two keyframes are equal, but the noise is gone."""
    still = Sensor(noise=2)(view())
    assert told([lambda: still] * 6, rate, sensor=Sensor(noise=2)) == ["frozen"]


def empty(sensor):
    return shown(view(), sensor, 20)


def empty_at_night(sensor):
    return shown(infrared(view()), sensor, 40)


def infrared_filter_that_toggles(sensor):
    return [look for _ in range(6) for light in (infrared(view()), view()) for look in shown(light, sensor, 1)]


def exposure_that_hunts(sensor):
    gains = 1 + 0.4 * np.sin(np.arange(20))
    return [look for gain in gains for look in shown(np.clip(view() * gain, 0, 255).astype(np.uint8), sensor, 1)]


def light_off_and_on(sensor):
    return shown((view() * 0.12).astype(np.uint8), sensor) + shown(view(), sensor)


def lamp_that_takes_the_noise_away(sensor):
    ramp = np.linspace(0.7, 1.3, WIDTH)[None, :, None]
    return shown(np.clip(view() * ramp, 0, 255).astype(np.uint8), Sensor(noise=0.6), 12) + shown(view(), sensor)


def fog_that_comes_and_goes(sensor):
    return [look for share in (*range(25), *range(25, 0, -1)) for look in shown(foggy(view(), share / 28), sensor, 1)]


def rain(sensor):
    random = np.random.default_rng(2)

    def look():
        picture = (view() * 0.85).astype(np.uint8)
        for x, y in zip(random.integers(0, WIDTH - 3, 120), random.integers(0, HEIGHT - 10, 120), strict=True):
            picture[y : y + 9, x] = 200
        return sensor(picture)

    return [look] * 15 + shown(view(), sensor)


def snow(sensor):
    random = np.random.default_rng(3)
    white = (view() * 0.6 + 95).astype(np.uint8)

    def look():
        picture = white.copy()
        picture[random.integers(0, HEIGHT, 300), random.integers(0, WIDTH, 300)] = 250
        return sensor(picture)

    return [look] * 15 + shown(white, sensor)


def headlights(sensor):
    glare = infrared(view())
    glare[60:150, 90:250] = 255
    return shown(infrared(view()), sensor) + shown(glare, sensor, 4) + shown(infrared(view()), sensor)


def reboot(sensor):
    return shown(flat(0), sensor, 2) + shown(view(), sensor)


def turned_and_turned_back(sensor):
    return shown(view(seed=2), sensor, 20) + shown(view(), sensor)


def lorry_that_parks(sensor):
    """Ribs and letters are as sharp as anything; a smooth one that fills the picture is told as a cover."""
    picture = view()
    picture[20:160, 20:300] = (120, 90, 60)
    for x in range(30, 300, 14):
        picture[20:160, x : x + 3] = (60, 40, 20)
    cv2.putText(picture, "TRANSPORT", (40, 100), cv2.FONT_HERSHEY_DUPLEX, 1.4, (250, 250, 250), 3)
    return shown(picture, sensor, 30) + shown(view(), sensor)


def other_words_in_the_picture(sensor):
    picture = view()
    cv2.putText(picture, "GATE 7 NORTH", (150, 172), 0, 0.5, (255, 255, 255), 1)
    return shown(picture, sensor, 12)


STORIES = (
    empty, empty_at_night, infrared_filter_that_toggles, exposure_that_hunts, light_off_and_on,
    lamp_that_takes_the_noise_away, fog_that_comes_and_goes, rain, snow, headlights, reboot, turned_and_turned_back,
    lorry_that_parks, other_words_in_the_picture,
)  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("rate", ["100 kb/s, free", "40 kb/s, kept"])
def test_good_camera_is_never_accused(rate, story):
    """Whatever light, weather, people and the camera itself do."""
    sensor = Sensor(noise=2)
    assert told(story(sensor), rate, sensor=sensor) == []


@pytest.mark.parametrize("story", [empty, empty_at_night, light_off_and_on, reboot], ids=lambda one: one.__name__)
def test_good_camera_with_rare_keyframes_is_never_accused(story):
    """A look at each keyframe, 10 s apart."""
    sensor = Sensor(noise=2)
    assert told(story(sensor), "keyframes every 10 s", sensor=sensor) == []


def test_cover_is_found_at_a_low_bit_rate():
    """The same judge that accuses nobody finds what is wrong."""
    sensor = Sensor(noise=2)
    assert told(shown(covered(view(), 0.8), sensor, 4), "40 kb/s, kept", sensor=sensor) == ["covered"]
