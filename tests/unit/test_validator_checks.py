from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from validator_views import Sensor, covered, flat, infrared, view, words

from edge.validator.baseline import LOOKS_TO_KNOW, Light, Likeness, Reference
from edge.validator.checks import CHECKS, check
from edge.validator.effort import Effort, Rest
from edge.validator.features import Colour, measure
from edge.validator.history import History
from edge.validator.stillness import Stillness, Stills, stillness, strongest
from edge.validator.thresholds import Thresholds

LIMITS = Thresholds()
GOOD = measure(view())
DARK = {"bright_luma": 12.0, "core_luma": 12.0, "written_luma": 12.0, "dark_luma": 5.0, "rim_luma": 8.0}
LIKE = Likeness(
    lost_share=0.0,
    changed_share=0.0,
    gained_share=0.0,
    gain=1.0,
    alike=0.9,
    lost_alike=0.0,
    contrast=1.0,
    brightness=1.0,
    dazzled_share=0.0,
    known_share=0.9,
)
NOISELESS = Stillness(
    300, 0.0, 0.3, np.zeros((2, 2), np.float32), noise=(0.5, 0.7), moved_share=0.0
)
"""A picture coded anew, of a sensor that gives nothing new."""
NOISY = {"usual_noise": (1.5, 2.0), "detail_kept": 1.0, "relit": False}
LESS_NOISE = replace(NOISELESS, noise=(1.2, 1.6))
ALIVE = {"effort": Effort(900.0, 28.0, 28.0, 28.0, 0.09), "least_effort": Rest(1000.0, 28.0, 28.0, 28.0)}
FINER = {"effort": Effort(900.0, 25.0, 23.0, 28.0, 0.09), "least_effort": Rest(1000.0, 28.0, 27.0, 28.0)}
QUIET = Effort(20.0, 30.0, 30.0, 28.0, 0.001)
RESTS = {"effort": Effort(100.0, 28.0, 28.0, 28.0, 0.01), "least_effort": Rest(1000.0, 28.0, 28.0, 28.0)}
KNOWN = History(
    still=Stillness(300, 0.0, 0.3, np.zeros((2, 2), np.float32)),
    usual_still=0.0,
    likeness=LIKE,
    usual_steepness=GOOD.steepness,
    clear_looks_ago=0,
)


def still(share, squares=300, points_share=0.95):
    return Stillness(squares, share, points_share, np.zeros((2, 2), np.float32))


def test_good_picture_has_no_finding():
    """A picture like the reference passes all checks, and so does any good one before there is a reference."""
    assert check(GOOD, KNOWN, LIMITS) is None
    assert check(GOOD, History(), LIMITS) is None


CASES = {
    "frozen": (KNOWN, {}, {"still": still(0.5)}, "frozen"),
    "little detail stands still": (KNOWN, {}, {"still": still(0.05)}, None),
    "hardly any detail": (KNOWN, {}, {"still": still(1.0, squares=10)}, None),
    "much usually stands still": (KNOWN, {}, {"still": still(0.5), "usual_still": 0.3}, None),
    "more than usual stands still": (KNOWN, {}, {"still": still(0.96), "usual_still": 0.5}, "frozen"),
    "light just changed": (KNOWN, {}, {"still": still(0.5), "usual_still": None}, None),
    "all stands still in new light": (KNOWN, {}, {"still": still(0.97), "usual_still": None}, "frozen"),
    "noise is gone": (KNOWN, {}, {"still": NOISELESS, **NOISY}, "frozen"),
    "noise is gone, but as ever": (KNOWN, {}, {"still": NOISELESS, **NOISY, "usual_noise": (0.7, 0.9)}, None),
    "noise is gone, usual noise not known": (KNOWN, {}, {"still": NOISELESS, **NOISY, "usual_noise": None}, None),
    "noise is gone from parts only": (KNOWN, {}, {"still": replace(NOISELESS, noise=(0.0, 1.8)), **NOISY}, None),
    "noise is gone with the detail": (KNOWN, {}, {"still": NOISELESS, **NOISY, "detail_kept": 0.8}, None),
    "noise is gone, somebody passes": (KNOWN, {}, {"still": replace(NOISELESS, moved_share=0.05), **NOISY}, None),
    "noise is gone, a lamp was lit": (KNOWN, {}, {"still": NOISELESS, **NOISY, "relit": True}, None),
    "the same again, the encoder works as ever": (KNOWN, {}, {"still": still(1.0), **ALIVE}, None),
    "the same again, the encoder works": (KNOWN, {}, {"still": still(1.0), **ALIVE, "least_effort": None}, None),
    "the same again, the encoder has always rested": (
        KNOWN, {}, {"still": still(1.0), "effort": QUIET, "least_effort": QUIET}, "frozen",
    ),
    "the same again, the encoder rests": (KNOWN, {}, {"still": still(1.0), **RESTS}, "frozen"),
    "less noise": (KNOWN, {}, {"still": LESS_NOISE, **NOISY, **ALIVE}, None),
    "less noise, encoder rests": (KNOWN, {}, {"still": LESS_NOISE, **NOISY, **RESTS}, "frozen"),
    "less noise, encoder works on what it never could": (KNOWN, {}, {"still": LESS_NOISE, **NOISY, **FINER}, "frozen"),
    "the same again, the encoder works on what it never could": (KNOWN, {}, {"still": still(1.0), **FINER}, "frozen"),
    "less noise, encoder rests, usual effort not known": (
        KNOWN, {}, {"still": LESS_NOISE, **NOISY, **RESTS, "least_effort": None}, None,
    ),
    "less noise, coarser": (KNOWN, {}, {"still": LESS_NOISE, **NOISY, **RESTS, "effort": Effort(100.0, 31.0, 31.0, 28.0, 0.01)}, None),
    "less noise, encoder rests, somebody passes": (
        KNOWN, {}, {"still": replace(LESS_NOISE, moved_share=0.05), **NOISY, **RESTS}, None,
    ),
    "less noise, encoder rests, keyframes finer than usual": (
        KNOWN, {}, {"still": LESS_NOISE, **NOISY, **RESTS, "effort": Effort(100.0, 28.0, 28.0, 25.0, 0.01)}, None,
    ),
    "noise is gone, encoder rests, keyframes finer than usual": (
        KNOWN, {}, {"still": NOISELESS, **NOISY, **RESTS, "effort": Effort(100.0, 28.0, 28.0, 22.0, 0.01)}, "frozen",
    ),
    "people left": (KNOWN, {}, {"still": replace(LESS_NOISE, noise=(1.45, 1.9)), **NOISY, **RESTS}, None),
    "still frozen, coded anew": (
        KNOWN, {}, {"still": replace(LESS_NOISE, noise=(1.8, 2.4)), **NOISY, **RESTS, "standing": "frozen"}, "frozen",
    ),
    "bare view covered": (
        KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.9, alike=0.1, known_share=0.25)}, "covered",
    ),
    "bare view half covered": (
        KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.5, alike=0.1, known_share=0.25)}, None,
    ),
    "covered": (KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.6, alike=0.2)}, "covered"),
    "covered slowly": (
        KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.6, alike=0.2), "clear_looks_ago": 9}, None,
    ),
    "view moved": (KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.4, changed_share=0.5, alike=0.1)}, None),
    "lights out": (
        KNOWN, {"high_luma": 30.0}, {"likeness": replace(LIKE, lost_share=0.9, lost_alike=0.5, brightness=0.3)}, None,
    ),
    "sprayed with dark paint": (
        KNOWN, {"high_luma": 30.0}, {"likeness": replace(LIKE, lost_share=0.9, alike=0.0, brightness=0.3)}, "covered",
    ),
    "words on black, in the first look": (
        KNOWN, {"high_luma": 9.0, "colours": (Colour(0.95, 8, 0, 1.2),)},
        {"likeness": replace(LIKE, lost_share=0.9, alike=0.0, brightness=0.1), "still": still(0.0, points_share=0.1)}, None,
    ),
    "covered but for a bright sign": (KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.7, alike=0.85)}, "covered"),
    "blurred very much": (KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.7, alike=0.85, lost_alike=0.9)}, None),
    "overexposed": (KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.8, alike=0.3, dazzled_share=0.9)}, "covered"),
    "lamps before a cover": (KNOWN, {}, {"likeness": replace(LIKE, lost_share=1.0, alike=0.0, dazzled_share=0.5)}, "covered"),
    "dazzled": (KNOWN, {}, {"likeness": replace(LIKE, lost_share=0.6, alike=0.1, dazzled_share=0.3)}, None),
    "blurred": (KNOWN, {"steepness": 0.3 * GOOD.steepness}, {}, "blurred"),
    "soft but usual": (KNOWN, {"steepness": 0.8 * GOOD.steepness}, {}, None),
    "soft in fog": (KNOWN, {"steepness": 0.3 * GOOD.steepness}, {"likeness": replace(LIKE, contrast=0.2)}, None),
    "soft, another view": (KNOWN, {"steepness": 0.3 * GOOD.steepness}, {"likeness": replace(LIKE, alike=0.1)}, None),
    "no edges at all": (KNOWN, {"steepness": None}, {}, None),
    "vivid screen": (KNOWN, {"colours": (Colour(0.9, 90, 190, 1.0),)}, {}, "no_signal"),
    "blue mask": (KNOWN, {"colours": (Colour(0.8, 90, 190, 1.0),)}, {"still": still(0.0, points_share=0.84)}, None),
    "blue screen, large words": (KNOWN, {"colours": (Colour(0.8, 90, 190, 1.0),)}, {"still": still(0.0)}, "no_signal"),
    "blue wall": (KNOWN, {"colours": (Colour(0.9, 90, 190, 4.5),)}, {}, None),
    "grey screen": (
        KNOWN, {"colours": (Colour(0.9, 120, 0, 0.5),)}, {"likeness": replace(LIKE, lost_share=0.9)}, "no_signal",
    ),
    "grey wall": (KNOWN, {"colours": (Colour(0.9, 120, 0, 0.5),)}, {"learned": True, "still": still(0.05)}, None),
    "grey screen from the first look": (
        KNOWN, {"colours": (Colour(0.9, 120, 0, 0.5),)}, {"likeness": None, "clear_looks_ago": 9, "still": still(0.1)},
        "no_signal",
    ),
    "grey fog": (
        KNOWN, {"colours": (Colour(0.9, 180, 0, 0.5),)}, {"clear_looks_ago": 9, "learned": True, "still": still(0.05)}, None,
    ),
    "snow": (KNOWN, {"colours": (Colour(0.9, 252, 0, 0.5),)}, {}, None),
    "words on black": (KNOWN, {"colours": (Colour(0.95, 1, 0, 0.5),)}, {"still": still(0.1)}, "no_signal"),
    "lamps at night": (
        KNOWN, {"colours": (Colour(0.95, 1, 0, 0.5),)}, {"still": still(0.0, points_share=0.8)}, None,
    ),
    "bars": (KNOWN, {"colours": (), "bars": 0.9}, {}, "no_signal"),
    "bars in a part of it": (KNOWN, {"colours": (), "bars": 0.5}, {}, None),
    "dark": (KNOWN, {**DARK}, {}, "black"),
    "dark with something in it": (KNOWN, {**DARK, "bright_luma": 19.0, "dark_luma": 2.0}, {}, None),
    "dark middle, bright rim": (KNOWN, {**DARK, "rim_luma": 80.0}, {}, None),
    "dark with a second line": (KNOWN, {**DARK, "bright_luma": 120.0, "written_luma": 140.0}, {}, "black"),
    "dim above the middle": (KNOWN, {**DARK, "bright_luma": 26.0, "written_luma": 30.0}, {}, None),
    "nothing happened, three times as long as ever": (KNOWN, {}, {"lull": 0.67}, "frozen"),
    "nothing happened, twice as long as ever": (KNOWN, {}, {"lull": 0.5}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_rule_holds(case):
    """Each rule, and each doubt that keeps it silent."""
    history, seen, known, reason = CASES[case]
    finding = check(replace(GOOD, **seen), replace(history, **known), LIMITS)
    assert (finding.reason if finding else None) == reason


def test_finding_carries_what_decided():
    """The measure lies beyond the limit that is told with it."""
    finding = check(replace(GOOD, steepness=0.3 * GOOD.steepness), KNOWN, LIMITS)
    assert finding.measured == pytest.approx(0.3)
    assert finding.threshold == LIMITS.blurred_ratio


def test_first_check_that_finds_something_is_right():
    """What is black is told as black, although it stands still and lost all detail too."""
    dark = measure(flat(5))
    history = replace(KNOWN, still=still(1.0), likeness=replace(LIKE, lost_share=1.0, alike=0.0))
    assert check(dark, history, LIMITS).reason == "black"
    assert [one.__name__ for one in CHECKS] == ["black", "no_signal", "frozen", "covered", "blurred", "unchanged"]


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_stands_is_found_again_where_it_would_be_found_first(share, usual):
    """A fault never takes more to go on than to begin: no verdict flaps."""
    history = replace(KNOWN, still=still(share), usual_still=usual)
    if check(GOOD, history, LIMITS):
        assert check(GOOD, replace(history, standing="frozen"), LIMITS)


@given(st.floats(0, 1), st.floats(0, 1))
def test_cover_that_stands_is_found_again(lost, changed):
    """Likewise a cover."""
    history = replace(KNOWN, likeness=replace(LIKE, lost_share=lost, changed_share=changed, alike=0.1))
    if check(GOOD, history, LIMITS):
        assert check(GOOD, replace(history, standing="covered"), LIMITS).reason == "covered"


def test_stillness_is_exact():
    """Equal pictures stand still in all their detail; one step of luma in each square ends that."""
    features = measure(view())
    assert stillness(features, features).share == 1
    assert stillness(features, measure(Sensor(noise=1)(view()))).share < 0.05
    assert stillness(features, measure(view(height=240))) is None


def test_noise_of_two_looks_is_measured_apart_from_light_and_movement():
    """A picture that got brighter as a whole has no more noise; one square that moved changes little."""
    sensor, scene = Sensor(noise=2), view()
    first, second = measure(sensor(scene)), measure(sensor(scene))
    brighter = measure(np.clip(first.luma[..., None].repeat(3, axis=2) * 1.0 + 6, 0, 255).astype(np.uint8))
    plain = measure(first.luma[..., None].repeat(3, axis=2).copy())
    assert stillness(plain, brighter).noise[0] < 0.2
    assert stillness(plain, brighter).moved_share > 0.9
    noisy = stillness(first, second)
    assert 1 < noisy.noise[0] < noisy.noise[1] < 4
    assert noisy.moved_share < 0.02


def test_detail_is_lost_to_fog_and_not_to_an_encoder_that_keeps_more_noise():
    """A smooth room with a few things in it: noise gives squares detail that had none, and takes none away."""
    room = cv2.GaussianBlur(flat((120, 110, 100)), (0, 0), 3)
    room[60:90, 40:200] = view(3)[60:90, 40:200]
    plain, noisy = (measure(Sensor(noise=noise)(room)) for noise in (0.5, 3))
    foggy = measure(Sensor(noise=0.5)((room * 0.6 + 76).astype(np.uint8)))
    assert stillness(plain, noisy).squares > 2 * stillness(noisy, plain).squares
    assert strongest(noisy.detail) >= 0.95 * strongest(plain.detail)
    assert strongest(foggy.detail) < 0.8 * strongest(plain.detail)


def test_usual_noise_falls_fast_and_rises_slowly():
    """The quietest hours are what a freeze is held against."""
    stills = Stills()
    for _ in range(LOOKS_TO_KNOW - 1):
        stills.learn_noise((2.0, 3.0), 8.0)
    assert stills.known_noise is None
    for _ in range(10):
        stills.learn_noise((1.0, 2.0), 8.0)
    assert stills.known_noise == pytest.approx((1.0, 2.0), abs=0.05)
    for _ in range(50):
        stills.learn_noise((3.0, 4.0), 8.0)
    assert stills.known_noise[0] < 1.3


def test_squares_that_always_stand_still_do_not_count():
    """Writing that a camera draws into the middle of its picture says nothing about the sensor."""
    features, stills = measure(view()), Stills()
    found = stillness(features, features)
    for _ in range(200):
        stills.learn(0.1, found.same)
    assert stillness(features, features, stills.overlay).squares == 0


def test_reference_tells_cover_from_blur_and_fog():
    """A cover loses detail, another view has other detail, fog and darkness keep the known one."""
    reference, sensor = Reference(), Sensor()
    assert reference.likeness(GOOD) is None
    for _ in range(40):
        reference.learn(measure(sensor(view())))
    assert reference.known
    same = reference.likeness(measure(sensor(view())))
    assert same.lost_share + same.changed_share < 0.05
    assert same.alike > 0.9
    assert reference.likeness(measure(sensor(covered(view(), 0.7)))).lost_share > 0.5
    assert reference.likeness(measure(sensor(view(seed=9)))).changed_share > 0.5
    assert reference.likeness(measure(sensor((view() * 0.3 + 120).astype(np.uint8)))).lost_share < 0.1


def test_view_without_detail_is_no_reference():
    """Where there is nothing to lose, nothing is said."""
    reference = Reference()
    for _ in range(40):
        reference.learn(measure(Sensor()(flat(120))))
    assert reference.likeness(GOOD) is None


def test_light_is_calm_again_after_a_while():
    """Lamps and clouds begin a new light; small steps do not."""
    light = Light()
    for _ in range(30):
        light.learn(measure(view()))
    light.learn(measure((view() * 0.9).astype(np.uint8)))
    assert light.calm
    light.learn(measure((view() * 0.4).astype(np.uint8)))
    assert not light.calm


def test_infrared_comes_at_once_and_fog_slowly():
    """Colour that goes from one look to the next is the camera's switch; colour that fades is not."""
    light, grey, coloured = Light(), measure(infrared(view())), measure(view())
    assert light.see(grey) is True
    assert light.see(coloured) is False
    assert light.see(grey) is True
    assert light.see(coloured) is False
    assert light.see(replace(coloured, chroma=5.0)) is False
    assert light.see(grey) is None
    assert [light.see(grey) for _ in range(30)][-1] is True


@pytest.mark.parametrize("lines", range(4))
def test_black_picture_with_captions_is_black(lines):
    """Up to two lines at the top and two at the bottom, as a camera writes them; words in the middle are a screen's."""
    picture, sensor = flat((3, 3, 3)), Sensor(noise=0.5)
    for place in range(lines):
        cv2.putText(picture, "2026-11-23 02:14:07 GATE", (6, (20, 172, 40, 150)[place]), 0, 0.55, (255, 255, 255), 1)
    assert check(measure(sensor(picture)), History(), LIMITS).reason == "black"
    written = words(picture, "NO VIDEO")
    still = stillness(measure(written), measure(written))
    assert check(measure(written), History(still=still), LIMITS).reason == "no_signal"


def test_screen_with_words_is_measured_as_one():
    """The measures of a real screen pass the rule for screens."""
    assert check(measure(words(flat((200, 20, 10)))), History(), LIMITS).reason == "no_signal"
    assert check(measure(words(flat(110))), History(still=still(0.0)), LIMITS).reason == "no_signal"
