"""How long nothing has happened in a picture, and when that is too long."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validator_views import Sensor, Watch, clock, view

from edge.validator.features import THUMBNAIL, measure
from edge.validator.judge import ChannelJudge
from edge.validator.lull import TOO_STILL, Lull
from edge.validator.memory import KeptLull, Memory

HOUR_S, DAY_S = 3600, 86_400
LOOK_S = 600  # the longest step that counts whole
SCENE = np.full((THUMBNAIL[1], THUMBNAIL[0]), 90.0, dtype=np.float32)
PASSED = SCENE.copy()
PASSED[20:35, 10:24] = 30  # somebody stands there


class Channel:
    """Shows thumbnails to a lull, ten minutes apart."""

    def __init__(self, lull=None):
        self.lull = lull or Lull()
        self.at_ms = 1_795_392_000_000

    def show(self, thumbnail, hours=0.0):
        for _ in range(max(1, round(hours * HOUR_S / LOOK_S))):
            self.at_ms += LOOK_S * 1000
            self.lull.look(thumbnail, self.at_ms)

    def live(self, days, quiet_hours):
        """Somebody passes, then nobody for so long, again and again."""
        for _ in range(round(days * 24 / quiet_hours)):
            self.show(PASSED)
            self.show(SCENE, quiet_hours)


@pytest.mark.parametrize(("quiet_hours", "found_hours"), [(2, 24), (12, 36), (62, 186)])
def test_picture_in_which_nothing_happens_three_times_as_long_as_ever_is_too_still(quiet_hours, found_hours):
    """A day at the least: what fades of the longest lull in the meantime brings it no more than a tenth forward."""
    channel = Channel()
    channel.live(16, quiet_hours)
    channel.show(PASSED)
    channel.show(SCENE, 0.85 * found_hours)
    assert channel.lull.stillness < TOO_STILL
    channel.show(SCENE, 0.2 * found_hours)
    assert channel.lull.stillness >= TOO_STILL
    channel.show(PASSED)
    assert channel.lull.stillness == 0


def test_nothing_is_too_still_before_two_weeks_were_watched():
    """A room that nobody enters: its own long lull is the measure, also while it lasts."""
    channel = Channel()
    for _ in range(35):
        channel.show(SCENE, 24)
        assert channel.lull.stillness < TOO_STILL
    channel.show(PASSED)
    assert channel.lull.longest_s == pytest.approx(35 * DAY_S, rel=0.01)


def test_lull_of_a_channel_that_was_not_valid_is_not_learned():
    """Else each freeze would have to last three times as long as the one before."""
    channel = Channel()
    channel.live(16, 6)
    known_s = channel.lull.longest_s
    channel.show(SCENE, 48)
    assert channel.lull.stillness >= TOO_STILL
    channel.lull.doubt()
    channel.show(PASSED)
    assert channel.lull.longest_s <= known_s
    channel.show(SCENE, 9)
    channel.show(PASSED)
    assert channel.lull.longest_s == pytest.approx(9 * HOUR_S, rel=0.1)  # the next one is


def test_clock_that_jumps_and_time_that_was_not_seen_make_no_lull():
    """Ten minutes at most, backward nothing."""
    lull = Lull()
    for at_ms in (10**12, 10**12 + 40 * DAY_S * 1000, 10**12, 10**12 - 1, 10**12 + 5_000):
        lull.look(SCENE, at_ms)
    assert lull.lasted_s == pytest.approx(600 + 5.001)
    assert lull.watched_s == lull.lasted_s


def test_noise_of_sensor_and_encoder_and_a_running_clock_are_nothing_that_happens():
    """What a still scene shows; a person a tenth as wide as the view is something."""
    scene, sensor, lull = view(), Sensor(noise=6), Lull()
    for place in range(60):
        lull.look(measure(clock(sensor(scene), place)).thumbnail, 10**12 + place * 10_000)
    assert lull.lasted_s == 590
    passed = scene.copy()
    passed[60:160, 100:130] = 20
    lull.look(measure(sensor(passed)).thumbnail, 10**12 + 600_000)
    assert lull.lasted_s == 0


def test_judge_says_frozen_of_a_channel_that_looks_alive_but_on_which_nothing_happens_any_longer():
    """Noise, detail and light are as ever, as behind an encoder that hides the noise; whoever passes ends it."""
    scene, sensor = view(), Sensor()
    passed = scene.copy()
    passed[60:160, 100:130] = 20
    known = Memory.load(ChannelJudge().dump()).model_copy(update={"lull": KeptLull(watched_s=14 * DAY_S)})
    watch = Watch(ChannelJudge.load(known.dump()))

    def show(picture, count):
        for _ in range(count):
            watch.at_ms += 590_000  # and ten seconds by the watch
            watch.show(sensor(picture))

    show(passed, 30)
    show(scene, 24 * 6)
    assert watch.told == []
    show(scene, 3)
    assert watch.told == ["frozen"]
    finding = watch.changes[0].now.finding
    assert finding.measured >= finding.threshold == TOO_STILL
    watch.judge = ChannelJudge.load(watch.judge.dump())
    show(scene, 3)
    assert watch.told == ["frozen"]
    show(passed, 4)
    assert watch.told == ["frozen", None]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from((SCENE, PASSED)), st.integers(-(10**9), 10**9), st.booleans()), max_size=60))
def test_lull_of_any_looks_is_bounded_and_survives_being_kept(looks):
    """No time is made up, and what is kept goes on as the original does."""
    lull, at_ms, seen_ms = Lull(), 10**12, []
    for thumbnail, step_ms, doubted in looks:
        at_ms += step_ms
        seen_ms.append(at_ms)
        lull.look(thumbnail, at_ms)
        if doubted:
            lull.doubt()
    forward_s = sum(min(max(after - before, 0), 600_000) for before, after in pairwise(seen_ms)) / 1000
    assert 0 <= lull.lasted_s <= lull.watched_s <= forward_s + 1e-6
    assert 0 <= lull.longest_s <= lull.watched_s
    assert 0 <= lull.stillness < 1
    again = KeptLull.model_validate_json(KeptLull.of(lull).model_dump_json()).lull()
    assert KeptLull.of(again) == KeptLull.of(lull)
