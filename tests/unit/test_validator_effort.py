"""How little an encoder spends on a picture that does not change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.recordings.coded import CodedPicture
from edge.validator.baseline import LOOKS_TO_KNOW
from edge.validator.effort import LEAST_PICTURES, Efforts, Rest, effort
from edge.validator.memory import KeptEfforts

REFINED = [(2700, 25), (30, 26), (2100, 23), (25, 24), (1600, 21), (22, 23), (1900, 19), (27, 21), (900, 17), (31, 18)]
"""Bytes and quantiser of the pictures behind a keyframe: a still one, made finer whenever the quantiser falls."""
LIVING = [(1900, 25), (2000, 26), (2100, 24), (1950, 25), (2050, 24), (1980, 25), (2100, 24), (2000, 24), (1900, 25)]
PICTURES = st.lists(st.builds(CodedPicture, st.integers(1, 10**6), st.booleans(), st.none() | st.integers(-12, 51)))


def gop(pictures, key_qp=28):
    return [CodedPicture(9000, True, key_qp), *(CodedPicture(size, False, qp) for size, qp in pictures)]


def test_picture_that_is_only_refined_rests_at_next_to_nothing():
    """Both streams have about the same bit rate; at a steady quantiser only the living one costs anything."""
    still, living = effort(gop(REFINED) * 2), effort(gop(LIVING) * 2)
    assert living.resting_bytes > 30 * still.resting_bytes
    assert living.share > 0.1 > 0.005 > still.share
    assert living.quantiser == pytest.approx(24.7, abs=0.5)
    assert still.finest == 17
    assert living.finest == 24
    assert still.key_quantiser == 28


@given(PICTURES)
def test_anything_coded_gives_a_bounded_effort_or_none(pictures):
    """Never below nothing, never above what the largest picture costs at the coarsest quantiser."""
    found = effort(pictures)
    if found is None:
        return
    assert 0 < found.resting_bytes <= max(one.size_bytes for one in pictures) * 2 ** (51 / 6)
    assert -12 <= found.quantiser <= 51


@given(PICTURES)
def test_effort_grows_with_the_bytes_and_with_the_step_of_the_quantiser(pictures):
    """Twice the bytes, or a quantiser higher by 6, is twice the effort."""
    found = effort(pictures)
    larger = effort([one._replace(size_bytes=2 * one.size_bytes) for one in pictures])
    coarser = effort([one._replace(quantiser=None if one.quantiser is None else one.quantiser + 6) for one in pictures])
    assert (found is None) == (larger is None) == (coarser is None)
    if found is not None:
        assert larger.resting_bytes == pytest.approx(2 * found.resting_bytes)
        assert coarser.resting_bytes == pytest.approx(2 * found.resting_bytes)


@pytest.mark.parametrize("pictures", [[], gop([]), gop(LIVING[:LEAST_PICTURES]), gop(LIVING)[1:], gop(LIVING, key_qp=None)])
def test_too_few_pictures_tell_nothing(pictures):
    """Nothing, a keyframe alone, a beginning, and pictures behind a keyframe that is not known."""
    assert effort(pictures) is None


def test_least_effort_is_known_after_enough_looks_and_rises_slowly():
    """What is learned of a quiet hour stands for an hour; one quiet look counts at once."""
    efforts = Efforts()
    for _ in range(LOOKS_TO_KNOW):
        assert efforts.least is None
        efforts.learn(Rest(1000.0, 28.0, 28.0, 28.0))
    assert efforts.least == Rest(pytest.approx(1000.0), *3 * [pytest.approx(28.0)])
    for _ in range(5):
        efforts.learn(Rest(400.0, 30.0, 30.0, 30.0))
    assert efforts.least.resting_bytes < 520
    for _ in range(20):
        efforts.learn(Rest(5000.0, 30.0, 30.0, 30.0))
    assert efforts.least.resting_bytes < 750


def test_efforts_outlive_a_restart():
    """What was put down is taken up."""
    efforts = Efforts()
    for _ in range(LOOKS_TO_KNOW):
        efforts.learn(Rest(1000.0, 28.0, 28.0, 28.0))
    assert KeptEfforts.model_validate_json(KeptEfforts.of(efforts).model_dump_json()).efforts().least == efforts.least
