import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from validator_views import Sensor, blurred, flat, foggy, infrared, view, words

from edge.validator.features import WIDTH, flat_colours, measure

PICTURES = st.tuples(st.integers(16, 400), st.integers(16, 700)).flatmap(
    lambda size: arrays.arrays(np.uint8, (*size, 3), elements=st.integers(0, 255), fill=st.integers(0, 255))
)


@settings(max_examples=60, deadline=None)
@given(PICTURES)
def test_any_picture_is_measured(picture):
    """Whatever a picture shows and whatever its size, its measures are numbers within their bounds."""
    features = measure(picture)
    assert features.luma.shape[1] == WIDTH
    assert features.shape == picture.shape[:2]
    for luma in (features.bright_luma, features.dark_luma, features.core_luma, features.rim_luma, features.high_luma):
        assert 0 <= luma <= 255
    assert features.dark_luma <= features.bright_luma
    assert 0 <= features.dazzled_share <= 1
    assert sum(colour.share for colour in features.colours) <= 1 + 1e-9
    assert features.steepness is None or 0 <= features.steepness < 2
    assert np.isfinite(features.detail).all()
    assert np.isfinite(features.thumbnail).all()


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((180, 320, 3), np.float32),
        np.zeros((180, 320), np.uint8),
        np.zeros((180, 320, 4), np.uint8),
        np.zeros((8, 320, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
    ],
    ids=["floats", "grey", "four planes", "too low", "empty"],
)
def test_array_that_is_no_picture_is_refused(picture):
    """An array of another kind or size is refused, with words that say what a picture is."""
    with pytest.raises(ValueError, match="a picture"):
        measure(picture)


@pytest.mark.parametrize("height", [16, 17, 31, 32, 33, 480, 700])
def test_picture_of_the_judged_width_is_measured_whatever_its_height(height):
    """A strip of several cameras side by side, or one on its side."""
    assert measure(Sensor()(view(height=height))).luma.shape[1] == WIDTH


@pytest.mark.parametrize("noise", [0, 2, 5])
def test_lens_out_of_focus_makes_edges_less_steep(noise):
    """Steepness falls with the blur, with and without noise, by day and in infrared."""
    sensor = Sensor(noise=noise)
    for scene in (view(), infrared(view())):
        sharp, soft, softer = (
            measure(sensor(one)).steepness for one in (scene, blurred(scene, 1.5), blurred(scene, 3))
        )
        assert softer < soft < 0.75 * sharp
        assert softer < 0.55 * sharp


def test_fog_and_dusk_leave_edges_as_steep_as_they_were():
    """A picture with less contrast is not less sharp."""
    scene = view()
    steep = measure(scene).steepness
    assert measure(foggy(scene, 0.7)).steepness == pytest.approx(steep, rel=0.1)
    assert measure((scene * 0.3).astype(np.uint8)).steepness == pytest.approx(steep, rel=0.1)


def test_infrared_has_no_colour():
    """Grey pictures have no chroma, those with colour have much, whatever the noise."""
    sensor = Sensor()
    assert measure(sensor(infrared(view()))).chroma <= 2
    assert measure(sensor(view())).chroma > 50


def test_flat_colours_are_found_in_screens_and_not_in_photographs():
    """A painted screen consists of its colours; a picture of the world has one that varies at most."""
    screen = words(flat((200, 20, 10)))
    assert flat_colours(screen)[0].share > 0.8
    assert flat_colours(screen)[0].chroma > 150
    noise = np.random.default_rng(1).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    assert all(colour.share < 0.2 for colour in flat_colours(cv2.GaussianBlur(noise, (0, 0), 2)))


SMPTE = [(192, 192, 192), (0, 192, 192), (192, 192, 0), (0, 192, 0), (192, 0, 192), (0, 0, 192), (192, 0, 0)]
HD = [(104, 104, 104), *SMPTE, (104, 104, 104)]


@pytest.mark.parametrize("tones", [SMPTE, HD, [(255, 255, 255), *SMPTE[1:], (0, 0, 0)], SMPTE[1:5]])
def test_colour_bars_are_known_whatever_stands_below_and_in_them(tones):
    """Test pictures have words, a clock, ramps and boxes; an encoder at a low bit rate softens their rims."""
    picture = np.repeat(np.repeat(np.array(tones, np.uint8), -(-640 // len(tones)), axis=0)[None, :640], 360, axis=0)
    picture = picture.copy()
    picture[220:] = np.random.default_rng(3).integers(0, 255, (140, 640, 3))
    picture = words(cv2.GaussianBlur(picture, (0, 0), 2), "NO VIDEO")
    assert measure(picture).bars > 0.8


@pytest.mark.parametrize("tones", [SMPTE[1:4], [(90, 90, 90), (180, 180, 180)] * 4, [(100, 90, 80), (60, 70, 80)] * 3])
def test_stripes_of_few_colours_are_no_bars(tones):
    """A fence, a curtain, three flags."""
    picture = np.repeat(np.repeat(np.array(tones, np.uint8), 60, axis=0)[None], 200, axis=0)
    assert measure(picture).bars == 0
    assert measure(Sensor()(view())).bars < 0.5


def test_small_and_large_pictures_measure_alike():
    """The size in which a picture comes changes little."""
    scene = view(height=360, width=640)
    small = cv2.resize(scene, (320, 180), interpolation=cv2.INTER_AREA)
    one, other = measure(scene), measure(small)
    assert one.steepness == pytest.approx(other.steepness, rel=0.02)
    assert np.abs(one.thumbnail - other.thumbnail).max() < 2


def test_look_costs_few_milliseconds():
    """32 channels every 10 s must not cost more than a few hundredths of a core."""
    scene = Sensor()(view())
    measure(scene)
    costs_s = []
    for _ in range(15):
        began_s = time.thread_time()
        measure(scene)
        costs_s.append(time.thread_time() - began_s)
    assert min(costs_s) < 0.01
