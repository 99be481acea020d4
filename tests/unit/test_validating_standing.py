"""What is said about a channel: picture faults and the recorder's troubles as one stream of truth."""

import pytest

from edge.validator.standing import Fault, Standing, Statement
from edge.validator.verdict import Finding, Verdict

BLACK = Verdict(Finding("black", 3.0, 32.0), 1_000)
FROZEN = Verdict(Finding("frozen", 0.0, 0.1), 5_000)
PATIENCE_MS = 20_000


@pytest.fixture
def standing():
    return Standing(PATIENCE_MS)


def looked(standing, verdict, at_ms, *, clean=None):
    return standing.looked(verdict, clean=verdict is None if clean is None else clean, at_ms=at_ms, changed_ms=at_ms)


def test_verdict_is_said_once_and_its_end_once(standing):
    """A fault that stands is not told again, nor is a channel that is well."""
    assert looked(standing, None, 0) is None
    assert looked(standing, BLACK, 2_000) == Statement(Fault("black", 1_000, 3.0, 32.0), None, 2_000)
    assert looked(standing, BLACK, 3_000) is None
    assert looked(standing, None, 4_000) == Statement(None, Fault("black", 1_000, 3.0, 32.0), 4_000)
    assert looked(standing, None, 5_000) is None


def test_another_fault_takes_over(standing):
    """From black to frozen without a good picture between: only the new one is said."""
    looked(standing, BLACK, 2_000)
    said = looked(standing, FROZEN, 6_000)
    assert said is not None
    assert said.fault == Fault("frozen", 5_000, 0.0, 0.1)


def test_trouble_is_said_when_it_has_lasted(standing):
    """A camera that is gone for a moment is not at fault."""
    standing.stopped("unreachable", 100_000)
    assert standing.waited(110_000) is None
    assert standing.waited(120_000) == Statement(Fault("unreachable", 100_000), None, 120_000)
    assert standing.waited(180_000) is None


def test_trouble_that_passes_in_time_is_never_said(standing):
    """Recording again, or a picture that came after, is the end of it."""
    standing.stopped("ended", 100_000)
    standing.started()
    assert standing.waited(900_000) is None
    standing.stopped("timeout", 200_000)
    assert looked(standing, None, 205_000) is None
    assert standing.waited(900_000) is None


def test_said_trouble_ends_with_a_clean_look_and_not_with_the_connection(standing):
    """The connection alone shows no picture."""
    standing.stopped("auth_failed", 100_000)
    standing.waited(130_000)
    standing.started()
    assert standing.waited(140_000) is None
    assert looked(standing, None, 141_000, clean=False) is None
    said = looked(standing, None, 142_000)
    assert said == Statement(None, Fault("auth_failed", 100_000), 142_000)


def test_picture_fault_behind_a_trouble_takes_its_place(standing):
    """The camera is back, and black."""
    standing.stopped("not_found", 100_000)
    standing.waited(130_000)
    looked(standing, None, 140_000, clean=False)
    said = looked(standing, BLACK, 160_000)
    assert said is not None
    assert (said.fault, said.was) == (Fault("black", 1_000, 3.0, 32.0), Fault("no_video", 100_000))


def test_picture_that_came_before_the_trouble_does_not_end_it(standing):
    """What still lay on the disk is looked at after the camera went."""
    standing.stopped("unreachable", 100_000)
    assert looked(standing, None, 99_000) is None
    assert standing.waited(130_000) is not None


def test_changing_trouble_does_not_flap(standing):
    """Unreachable and silent in turns: what was said stands until another has lasted as long."""
    standing.stopped("unreachable", 0)
    standing.waited(20_000)
    for at_ms in range(21_000, 80_000, 4_000):
        standing.stopped("timeout" if at_ms % 8_000 == 5_000 else "unreachable", at_ms)
        assert standing.waited(at_ms + 1_000) is None
    standing.stopped("auth_failed", 90_000)
    said = standing.waited(110_000)
    assert said is not None
    assert said.fault == Fault("auth_failed", 0)


@pytest.mark.parametrize("reason", ["shutdown", "config", "crash", "disk_full", "storage_missing"])
def test_stop_that_says_nothing_about_the_camera_says_nothing(standing, reason):
    """The recorder was stopped or the disk is full: the camera may be well."""
    standing.stopped("timeout", 100_000)
    standing.stopped(reason, 101_000)
    assert standing.waited(900_000) is None


def test_clock_that_is_set_back_does_not_hold_a_trouble_up(standing):
    """Hours back: the wait is not hours longer."""
    standing.stopped("unreachable", 10_000_000)
    assert standing.waited(10_000_000 - 3_600_000) is not None
