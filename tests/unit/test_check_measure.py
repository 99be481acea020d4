"""Rates and formats out of access units, on invented arrivals."""

import pytest

from edge.check.measure import Measurement
from edge.codec.formats import AudioFormat
from edge.rtsp.units import AccessUnit, AudioUnit

SETS = (
    bytes.fromhex("6742c016da0280bfe5c0440000030004000003005 03c58ba80".replace(" ", "")),
    bytes.fromhex("68ce0fc8"),
)
MS = 1_000_000


def unit(arrival_ms, timestamp=0, *, size=1000, key=False, continues=False, lost=0, sets=SETS):
    return AccessUnit(
        timestamp, arrival_ms * MS, [b"x" * size], size, key, recovery_point=False, parameter_sets=sets,
        continues=continues, lost_packets=lost, after_loss=False,
    )  # fmt: skip


def steady(count, *, fps=25, gop=25, start_ms=0):
    return [
        unit(start_ms + number * 1000 // fps, number * 90_000 // fps, size=5000 if number % gop == 0 else 1000,
             key=number % gop == 0)
        for number in range(count)
    ]  # fmt: skip


def measured(units):
    measurement = Measurement("h264", None)
    for one in units:
        measurement.add(one)
    return measurement


def test_steady_stream_is_measured_as_it_is():
    """Frames, keyframes and bits a second come out exactly, over whole groups of pictures."""
    video = measured(steady(80)).video()
    assert video.measured_fps == pytest.approx(25)
    assert video.keyframe_interval_s == pytest.approx(1)
    assert video.bits_s == pytest.approx(8 * (5000 + 24 * 1000))
    assert (video.codec_string, video.profile) == ("avc1.42C016", "Baseline")


def test_burst_at_the_start_does_not_count_as_rate():
    """What a camera had kept and sends at once is no frame rate."""
    burst = [unit(number, number * 3600, key=number == 0) for number in range(50)]
    video = measured([*burst, *steady(80, start_ms=40)]).video()
    assert video.measured_fps == pytest.approx(25, rel=0.02)


def test_keyframe_interval_longer_than_the_window_comes_from_timestamps():
    """One keyframe in the burst, one later: only the camera's own times tell how far apart they are."""
    units = [
        unit(0, 0, key=True),
        unit(1, 3600),
        unit(900, 4 * 90_000, key=True),
        *[unit(1000 + n * 40, 9) for n in range(60)],
    ]
    assert measured(units).video().keyframe_interval_s == pytest.approx(4)


def test_watching_ends_when_there_is_enough():
    """Three seconds with two keyframes are enough; with one it is waited longer; with none to the limit."""
    assert not measured(steady(70)).complete
    assert measured(steady(80)).complete
    assert not measured(steady(100, gop=1000)).complete
    assert measured(steady(160, gop=1000)).complete
    assert not measured([unit(n * 40) for n in range(1000)]).complete


def test_slices_sent_late_belong_to_their_picture():
    """A unit that continues the one before is no picture of its own."""
    units = [unit(0, key=True), unit(1, continues=True, size=500)]
    assert measured(units).pictures == 1


def test_losses_are_added_up():
    """Lost packets of all units count."""
    assert measured([unit(0, key=True), unit(40, lost=3), unit(80, lost=2)]).video().lost_packets == 5


def test_keyframe_without_readable_sets_is_none_to_begin_with():
    """What a segment could not begin with is no first keyframe."""
    measurement = measured([unit(0, key=True, sets=(b"\x67", b"\x68"))])
    assert (measurement.video(), measurement.first_keyframe_ns) == (None, None)
    assert measurement.unreadable is not None


def test_audio_has_its_own_rate_or_none_yet():
    """Audio that was promised and did not come has no rate."""
    measurement = Measurement("h264", AudioFormat.g711("pcma"))
    assert measurement.audio().bits_s is None
    for number in range(26):
        measurement.add_audio(AudioUnit(0, number * 40 * MS, b"x" * 320, 320, 0))
    assert measurement.audio().bits_s == pytest.approx(64_000)
