"""Faults as functions of frames and times, and their table."""

from random import Random

import pytest

from edge.demo.faults import FAULTS, FRAME_FAULTS, TIME_FAULTS, alter_frames, alter_timestamp, fault_value
from edge.errors import ConfigError

FRAMES = [b"$\x00\x00\x10" + b"\x80\xe0" + bytes([0, number]) + b"tttt" + b"ssss" + b"body" for number in range(200)]


def altered(name, rate=0.5):
    return alter_frames(FRAMES, {name: rate}, Random(1))


def test_rates_of_nothing_change_nothing():
    """A share of 0 leaves every frame as it is, except where the fault has no share."""
    assert all(altered(name, 0.0) == FRAMES for name in FRAME_FAULTS if name != "no_marker")
    assert alter_frames(FRAMES, {"stall": None}, Random(1)) == FRAMES


def test_lossy_keeps_the_rest_in_order():
    """About the share is gone."""
    left = altered("lossy")
    assert 70 < len(left) < 130
    assert left == [frame for frame in FRAMES if frame in left]


def test_duplicate_and_reorder_keep_all():
    """No frame is lost by copies or swaps."""
    assert set(altered("duplicate")) == set(FRAMES)
    assert len(altered("duplicate")) > 250
    assert sorted(altered("reorder")) == sorted(FRAMES)
    assert altered("reorder") != FRAMES


def test_corrupt_touches_one_bit_of_the_payload():
    """Header and size are as they were."""
    for frame, damaged in zip(FRAMES, altered("corrupt", 1.0), strict=True):
        assert frame[:16] == damaged[:16]
        difference = int.from_bytes(frame[16:], "big") ^ int.from_bytes(damaged[16:], "big")
        assert difference.bit_count() == 1


def test_garbage_never_looks_like_a_frame():
    """The frames are all there; what stands between them has no `$`."""
    mixed = altered("garbage")
    assert [part for part in mixed if part in FRAMES] == FRAMES
    assert not any(b"$" in part for part in mixed if part not in FRAMES)


def test_empty_leaves_headers_with_their_size():
    """A frame of size zero, then bare RTP headers."""
    zero, *bare = altered("empty", 1.0)
    assert zero == b"$\x00\x00\x00"
    assert all(frame[2:4] == b"\x00\x0c" and len(frame) == 16 for frame in bare)


def test_faults_can_be_put_on_top_of_each_other():
    """Frames that one fault has emptied are no trouble for the others."""
    frames = FRAMES
    for name in FRAME_FAULTS:
        frames = FRAME_FAULTS[name](frames, 1.0, Random(1))
    assert all(isinstance(frame, bytes) for frame in frames)


def test_no_marker_clears_one_bit():
    """The payload type stays."""
    assert {frame[5] for frame in altered("no_marker")} == {0x60}


@pytest.mark.parametrize(("name", "expected"), [("freeze", 1000), ("backward", 900), ("lossy", 1100)])
def test_timestamp_is_altered_by_its_faults_alone(name, expected):
    """From 1000 sent last, a step of 100 and a true 1100."""
    assert alter_timestamp(1100, 1000, 100, {name: None}) == expected


def test_tables_name_known_faults():
    """Every altering function belongs to a fault that a command can name."""
    assert FRAME_FAULTS.keys() | TIME_FAULTS.keys() <= FAULTS.keys()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("stall", None, None), ("lossy", None, 0.02), ("lossy", "0.5", 0.5), ("jump", -3, -3.0), ("clip", "bars", "bars")],
)
def test_value_is_the_default_or_the_one_given(name, value, expected):
    """Numbers may come as text, from a command line."""
    assert fault_value(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("melt", None, "fault 'melt' is unknown: use one of refuse"),
        ("stall", 3, "fault stall takes no value, not 3"),
        ("clip", "sepia", "fault clip takes one of normal, black"),
        ("lossy", "much", "fault lossy takes a number, not 'much'"),
    ],
)
def test_wrong_value_is_refused_with_words(name, value, words):
    """The message names the fault, the value and what would do."""
    with pytest.raises(ConfigError, match=words):
        fault_value(name, value)
