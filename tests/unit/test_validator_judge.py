import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validator_views import (
    HEIGHT,
    WIDTH,
    Sensor,
    Watch,
    blurred,
    clock,
    covered,
    flat,
    foggy,
    infrared,
    view,
    words,
)

from edge.validator.baseline import LOOKS_TO_KNOW
from edge.validator.judge import ChannelJudge, StateUnreadableError
from edge.validator.thresholds import Thresholds

SCENES = {"day": view(), "infrared": infrared(view())}
FAULTS = {
    "black, no noise": ("black", lambda _: flat(8), 0),
    "black, noise": ("black", lambda _: flat(10), 4),
    "blue screen": ("no_signal", lambda _: flat((200, 20, 10)), 0),
    "blue screen with words": ("no_signal", lambda _: words(flat((200, 20, 10))), 0),
    "grey screen with words": ("no_signal", lambda _: words(flat(110)), 0),
    "black screen with words": ("no_signal", lambda _: words(flat(0)), 0),
    "colour bars": ("no_signal", lambda _: bars(), 0),
    "cover 70 %": ("covered", lambda scene: covered(scene, 0.7), 1.5),
    "cover 100 %": ("covered", lambda scene: covered(scene, 1), 1.5),
    "blur sigma 3": ("blurred", lambda scene: blurred(scene, 3), 1.5),
    "blur sigma 6": ("blurred", lambda scene: blurred(scene, 6), 1.5),
}


def bars():
    tones = [(192, 192, 192), (0, 192, 192), (192, 192, 0), (0, 192, 0), (192, 0, 192), (0, 0, 192), (192, 0, 0)]
    return np.repeat(np.repeat(np.array(tones, np.uint8), 46, axis=0)[None, :WIDTH], HEIGHT, axis=0).copy()


def known(scene, sensor, **settings):
    """A watch over a judge that has learned this scene."""
    watch = Watch(ChannelJudge(**settings))
    watch.show(*(clock(sensor(scene), 10 * place) for place in range(LOOKS_TO_KNOW + 6)))
    assert watch.judge.learned
    assert watch.told == []
    return watch


@pytest.mark.parametrize("light", SCENES)
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_told_at_its_third_look_and_its_end_likewise(fault, light):
    """Every clear fault is one change to its reason, dated to its first look, and one back."""
    reason, make, noise = FAULTS[fault]
    scene, sensor = SCENES[light], Sensor()
    faulty = Sensor(noise=noise)
    watch = known(scene, sensor)
    first_ms = watch.at_ms + 10_000
    watch.show(*(clock(faulty(make(scene)), 10 * place) for place in range(3)))
    assert watch.told == [reason]
    assert watch.changes[0].now.since_ms == first_ms
    watch.show(*(clock(faulty(make(scene)), 10 * place) for place in range(8)))
    watch.show(*(sensor(scene) for _ in range(3)))
    assert watch.told == [reason, None]
    assert watch.changes[1].since_ms == watch.at_ms - 20_000


@pytest.mark.parametrize("fault", [name for name, (reason, *_) in FAULTS.items() if reason in {"black", "no_signal"}])
def test_fault_from_the_first_look_needs_no_reference(fault):
    """A channel that never showed anything else is found invalid just as soon."""
    reason, make, noise = FAULTS[fault]
    sensor, watch = Sensor(noise=noise), Watch(ChannelJudge())
    watch.show(*(sensor(make(None)) for _ in range(3)))
    assert watch.told == [reason]
    assert not watch.judge.learned


@pytest.mark.parametrize("light", SCENES)
@pytest.mark.parametrize("runs", [False, True], ids=["no clock", "clock runs"])
def test_frozen_picture_is_told_at_its_third_look(light, runs):
    """The same picture again and again is frozen, whether or not its clock runs on; known or not."""
    scene, sensor = SCENES[light], Sensor()
    still = sensor(scene)
    for watch in (known(scene, sensor), Watch(ChannelJudge())):
        first_ms = watch.at_ms + 10_000
        watch.show(*(clock(still, 10 * place * runs) for place in range(3)))
        assert watch.told == ["frozen"]
        assert watch.changes[0].now.since_ms == first_ms


@pytest.mark.parametrize("noise", [0.5, 1, 3])
def test_still_scene_with_a_living_sensor_is_not_frozen(noise):
    """Hours of nothing in an empty corridor are valid as long as the sensor has any noise."""
    sensor, scene = Sensor(noise=noise), infrared(view())
    watch = Watch(ChannelJudge())
    watch.show(*(sensor(scene) for _ in range(60)))
    assert watch.told == []


def test_camera_whose_parts_often_stand_still_is_asked_for_more():
    """Where half of a living picture comes out of the encoder unchanged, as usual, half is not frozen."""
    random, sensor, scene = np.random.default_rng(3), Sensor(), view()
    shown = sensor(scene)
    watch = Watch(ChannelJudge())
    for place in range(200):
        fresh = sensor(scene)
        # The still share grows as the evening gets quiet.
        moves = random.random((HEIGHT // 20, WIDTH // 20)) > min(0.004 * max(place - 40, 0), 0.4)
        shown = np.where(moves.repeat(20, axis=0).repeat(20, axis=1)[..., None], fresh, shown)
        watch.show(shown)
    assert watch.told == []
    watch.show(*(shown for _ in range(3)))
    assert watch.told == ["frozen"]


def quiet(scene, sensor, looks):
    return [sensor(scene) for _ in range(looks)]


def day_and_night(sensor):
    return [one for _ in range(4) for light in ("infrared", "day") for one in quiet(SCENES[light], sensor, 5)]


def headlights(sensor):
    glare = infrared(view()).astype(int)
    glare[60:150, 90:250] = 255
    return [sensor(np.clip(glare, 0, 255)) for _ in range(2)] + quiet(SCENES["infrared"], sensor, 3)


def fog(sensor):
    return [sensor(foggy(view(), 0.95 * share / 60)) for share in (*range(60), *range(60, 0, -1))]


def rain(sensor):
    random, pictures = np.random.default_rng(2), []
    for _ in range(30):
        picture = (view() * 0.85).astype(np.uint8)
        for x, y in zip(random.integers(0, WIDTH - 3, 150), random.integers(0, HEIGHT - 10, 150), strict=True):
            picture[y : y + 9, x] = 200
        pictures.append(sensor(picture))
    return pictures


def reboot(sensor):
    return [flat(0), flat(0), *quiet(view(), sensor, 5)]


def turned(sensor):
    return quiet(view(seed=2), sensor, 60) + quiet(view(), sensor, 60)


def slow_light(sensor):
    return [sensor((view() * (1 - 0.7 * share / 100)).astype(np.uint8)) for share in range(100)]


def lights_out(sensor):
    return quiet((view() * 0.15).astype(np.uint8), sensor, 20)


def lorry(sensor):
    return [sensor(covered(view(), 0.6)) for _ in range(2)] + quiet(view(), sensor, 3)


@pytest.mark.parametrize(
    "story",
    [day_and_night, headlights, fog, rain, reboot, turned, slow_light, lights_out, lorry],
    ids=lambda one: one.__name__,
)
def test_what_happens_to_good_cameras_is_no_fault(story):
    """Light, weather and passers-by change the picture, and nobody is alarmed."""
    sensor = Sensor()
    watch = known(view(), sensor)
    watch.show(*story(sensor))
    assert watch.told == []
    watch.show(*quiet(view(), sensor, 6))
    assert watch.told == []


@pytest.mark.parametrize("fault", ["cover 100 %", "blur sigma 3", "cover 70 %"])
def test_fault_that_lasts_is_never_learned(fault):
    """After hours of a fault the picture before it is still what a good one is held against."""
    reason, make, noise = FAULTS[fault]
    sensor = Sensor(noise=noise)
    watch = known(view(), sensor)
    watch.show(*(sensor(make(view())) for _ in range(500)))
    assert watch.told == [reason]
    watch.show(*quiet(view(), sensor, 3))
    watch.show(*(sensor(make(view())) for _ in range(3)))
    assert watch.told == [reason, None, reason]


def test_view_that_was_moved_is_learned_anew():
    """A camera that was turned for good is covered and blurred by what it shows now."""
    sensor = Sensor()
    watch = known(view(), sensor)
    watch.show(*quiet(view(seed=5), sensor, 12 + LOOKS_TO_KNOW + 6))
    assert watch.judge.learned
    watch.show(*(sensor(blurred(view(seed=5), 3)) for _ in range(3)))
    assert watch.told == ["blurred"]


def test_camera_that_turns_back_is_known_at_once():
    """The view before the last one needs no learning, not even after a restart."""
    sensor = Sensor()
    watch = known(view(), sensor)
    watch.show(*quiet(view(seed=5), sensor, 50))
    again = Watch(ChannelJudge.load(watch.judge.dump()))
    again.show(*quiet(view(), sensor, 2), *(sensor(covered(view(), 0.8)) for _ in range(3)))
    assert again.told == ["covered"]


def test_camera_that_turns_back_to_a_bare_wall_is_not_covered():
    """A view without detail is known by its light and shade, and what has nothing to lose is accused of no loss."""
    sensor = Sensor()
    wall = (np.linspace(90, 170, WIDTH)[None, :, None] * np.ones((HEIGHT, 1, 1)) * [0.8, 1.0, 1.1]).astype(np.uint8)
    watch = Watch(ChannelJudge())
    for _ in range(2):
        watch.show(*quiet(wall, sensor, 40), *quiet(view(seed=5), sensor, 60))
    watch.show(*quiet(wall, sensor, 20))
    assert watch.told == []


def test_first_look_after_a_restart_tells_nothing_of_what_is_found_by_comparing():
    """A frozen channel is neither found frozen again nor well, until there are two pictures; then it goes on."""
    sensor = Sensor()
    watch = known(view(), sensor)
    still = sensor(view())
    watch.show(*(clock(still, 10 * place) for place in range(4)))
    judge = ChannelJudge.load(watch.judge.dump())
    outcome = judge.look(clock(still, 50), 0)
    assert (outcome.tells, outcome.finding, outcome.change) == (False, None, None)
    outcome = judge.look(clock(still, 60), 10_000)
    assert (outcome.tells, outcome.finding.reason) == (True, "frozen")


def test_noise_that_is_gone_and_yet_something_moves_is_learned_anew():
    """A camera that was set to denoise is accused until the first passer-by, and not again."""
    loud, calm, scene = Sensor(noise=3), Sensor(noise=0.8), view()
    watch = known(scene, loud)
    passed = scene.copy()
    passed[40:140, 100:220] = 30
    watch.show(*quiet(scene, calm, 5))
    watch.show(*quiet(passed, calm, 1), *quiet(scene, calm, 40))
    assert watch.told in ([], ["frozen", None])
    assert watch.judge.verdict is None


def test_limits_of_a_channel_are_its_own():
    """A channel that is asked for less finds the smaller cover, one that is asked for more does not."""
    sensor = Sensor()
    for share, expected in ((0.25, ["covered"]), (0.9, [])):
        watch = known(view(), sensor, thresholds=Thresholds(covered_share=share))
        watch.show(*(sensor(covered(view(), 0.45)) for _ in range(3)))
        assert watch.told == expected


def test_change_of_size_is_no_fault():
    """A camera that is set to another resolution goes on as it was."""
    sensor = Sensor()
    watch = known(view(), sensor)
    larger = view().repeat(2, axis=0).repeat(2, axis=1)
    watch.show(*(sensor(larger) for _ in range(6)))
    watch.show(*(sensor(view()[:, 20:300].copy()) for _ in range(6)))
    assert watch.told == []


def test_judge_goes_on_after_a_restart_where_it_was():
    """Reference and verdict survive: no alarm is told twice, its end is told, and the next fault is found at once."""
    sensor = Sensor()
    watch = known(view(), sensor)
    watch.show(*(sensor(covered(view(), 0.8)) for _ in range(4)))
    again = Watch(ChannelJudge.load(watch.judge.dump()))
    assert again.judge.learned
    assert again.judge.verdict.since_ms == watch.judge.verdict.since_ms
    again.show(*(sensor(covered(view(), 0.8)) for _ in range(4)))
    assert again.told == []
    again.show(*quiet(view(), sensor, 3))
    again.show(*(sensor(blurred(view(), 3)) for _ in range(3)))
    assert again.told == [None, "blurred"]


def test_state_is_small_and_stays_so():
    """What is kept of a channel does not grow with time."""
    sensor = Sensor()
    watch = known(view(), sensor)
    watch.show(*day_and_night(sensor))
    assert len(watch.judge.dump()) < 20_000


def test_state_of_a_dump_is_the_same_again():
    """Loading and dumping changes nothing."""
    watch = known(view(), Sensor())
    data = watch.judge.dump()
    assert ChannelJudge.load(data).dump() == data


@given(st.binary(max_size=200))
def test_state_that_is_garbage_is_refused(data):
    """Whatever the bytes, they are refused with one error."""
    with pytest.raises(StateUnreadableError):
        ChannelJudge.load(data)
    with pytest.raises(StateUnreadableError):
        ChannelJudge.load(zlib.compress(data))


def test_state_that_unpacks_to_too_much_is_refused():
    """A small state that blows up is not taken in."""
    with pytest.raises(StateUnreadableError):
        ChannelJudge.load(zlib.compress(b" " * (50 << 20)))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_state_with_a_flipped_bit_is_refused_or_works(data):
    """Damage is found by its checksum, or does no harm."""
    watch = known(view(), Sensor())
    state = bytearray(watch.judge.dump())
    state[data.draw(st.integers(0, len(state) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        judge = ChannelJudge.load(bytes(state))
    except StateUnreadableError:
        return
    judge.look(view(), 0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["day", "infrared", *FAULTS]), min_size=1, max_size=40), st.integers(1, 4))
def test_looks_in_any_order_make_verdicts_that_alternate(kinds, confirm):
    """Whatever is shown, each change leads away from what stood, and only valid looks in a row end a verdict."""
    sensor, watch = Sensor(), Watch(ChannelJudge(confirm=confirm))
    for kind in kinds:
        picture = SCENES[kind] if kind in SCENES else FAULTS[kind][1](view())
        watch.show(sensor(picture))
    standing = None
    for change in watch.changes:
        assert change.was == standing
        assert (change.now is None) or (standing is None) or change.now.finding.reason != standing.finding.reason
        standing = change.now
    assert watch.judge.verdict == standing
