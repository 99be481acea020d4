"""The real `edge validator` beside a real recorder, a real Mosquitto and cameras whose pictures go wrong."""

import time

import pytest
from demo_cameras import running_cameras
from validating_site import validating_site

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

SMALL = {"width": 640, "height": 360, "fps": 10, "seconds": 7, "gop_s": 0.5, "bitrate": 800_000}
SEGMENT_S = 2


def cameras(*names, **more):
    return running_cameras([CameraSpec(name, ClipSpec(name, **(SMALL | more))) for name in names])


REASONS = {
    "black": {"black"},
    "no_signal": {"no_signal"},
    "covered": {"covered"},
    "blurred": {"blurred"},
}


@pytest.mark.timeout(600)
def test_fault_and_its_end_are_said_once_each_and_segments_between_are_rejected(mosquitto, tmp_path):
    """One event a change, in order; the other channel is never accused."""
    with cameras("lobby", "gate") as running, validating_site(running.urls, tmp_path, mosquitto.port) as validator:
        reference = validator.site.state_dir / "pictures" / "lobby" / "reference.jpg"
        validator.wait(reference.exists)
        for fault in REASONS:
            before = len(validator.changes("lobby"))
            running.fault("lobby", "clip", fault)
            validator.wait(lambda before=before: len(validator.changes("lobby")) > before)
            rejected = len(validator.said("segment_rejected", "lobby"))
            validator.wait(lambda rejected=rejected: len(validator.said("segment_rejected", "lobby")) > rejected)
            running.clear("lobby")
            validator.wait(lambda before=before: len(validator.changes("lobby")) > before + 1)
        changes = validator.changes("lobby")
        assert changes[1::2] == ["valid"] * len(REASONS)
        assert all(change in reasons for change, reasons in zip(changes[::2], REASONS.values(), strict=True))
        assert validator.said(channel="gate") == []
        for said in validator.said("channel_invalid"):
            assert said.data["segment"].startswith("lobby/")
            picture = validator.site.state_dir / "pictures" / said.data["picture"]
            assert picture.read_bytes().startswith(b"\xff\xd8")
            assert said.data["since"] <= said.time
        paths = [said.data["path"] for said in validator.said("segment_rejected")]
        assert len(paths) == len(set(paths))
        validator.wait(lambda: set(paths) <= written(validator))
        assert validator.stop() == 0


def written(validator) -> set[str]:
    return {event.data["path"] for event in validator.site.events("segment_written", "lobby")}


@pytest.mark.timeout(300)
def test_frozen_picture_with_a_running_clock_is_said_once(mosquitto, tmp_path):
    """The clip stands still but for its clock, over all its loops."""
    loop_s = 3
    with cameras("lobby", seconds=loop_s) as running, validating_site(running.urls, tmp_path, mosquitto.port) as validator:
        validator.wait(lambda: "channel_first_judged" in validator.log())
        running.fault("lobby", "clip", "frozen")
        validator.wait(lambda: validator.changes("lobby"))
        time.sleep(3 * loop_s)
        assert validator.changes("lobby") == ["frozen"]
        running.clear("lobby")
        validator.wait(lambda: len(validator.changes("lobby")) > 1)
        assert validator.changes("lobby") == ["frozen", "valid"]


@pytest.mark.timeout(300)
def test_camera_that_is_gone_and_back_is_one_fault_and_its_end(mosquitto, tmp_path):
    """Reasons of the recorder come as the same event; a process that is killed meanwhile says nothing twice."""
    with cameras("lobby") as running, validating_site(running.urls, tmp_path, mosquitto.port) as validator:
        validator.wait(lambda: "channel_first_judged" in validator.log())
        running.fault("lobby", "refuse")
        validator.wait(lambda: validator.changes("lobby"))
        validator.kill()
        validator.start()
        validator.wait(lambda: validator.log().count('"started"') == 2)
        time.sleep(3)
        running.clear("lobby")
        validator.wait(lambda: len(validator.changes("lobby")) > 1)
        time.sleep(2)
        first, last = validator.changes("lobby")
        assert first in {"unreachable", "no_video"}
        assert last == "valid"
        assert validator.said("segment_rejected") == []


@pytest.mark.timeout(300)
def test_segments_of_a_pause_are_heard_of_afterwards(mosquitto, tmp_path):
    """The broker keeps the recorder's words while the validator is away; a black channel is found out then."""
    with cameras("lobby") as running, validating_site(running.urls, tmp_path, mosquitto.port) as validator:
        validator.wait(lambda: "channel_first_judged" in validator.log())
        assert validator.stop() == 0
        running.fault("lobby", "clip", "black")
        time.sleep(4 * SEGMENT_S)
        validator.start()
        validator.wait(lambda: validator.changes("lobby"))
        validator.wait(lambda: len(validator.said("segment_rejected", "lobby")) >= 2)
        assert len(validator.changes("lobby")) == 1


@pytest.mark.timeout(300)
def test_reload_takes_other_channels_and_limits_and_keeps_what_is_known(mosquitto, tmp_path):
    """A channel that comes is looked at, one that goes is not; the others go on."""
    with cameras("lobby", "gate") as running:
        only = {"lobby": running.urls["lobby"]}
        with validating_site(only, tmp_path, mosquitto.port) as validator:
            validator.wait(lambda: validator.log().count("channel_first_judged") == 1)
            validator.site.configure(running.urls)
            validator.site.reload()
            validator.reload()
            validator.wait(lambda: validator.log().count("channel_first_judged") == 2)
            running.fault("gate", "clip", "no_signal")
            validator.wait(lambda: validator.changes("gate"))
            assert validator.changes("lobby") == []


@pytest.mark.timeout(120)
def test_broker_and_disk_that_are_not_there_stop_nothing(tmp_path):
    """No broker, no recordings: the process waits, and stops when told to."""
    with validating_site({"lobby": "rtsp://127.0.0.1:9/none"}, tmp_path, 1) as validator:
        validator.wait(lambda: "started" in validator.log())
        time.sleep(3)
        assert validator.said() == []
        assert validator.stop() == 0
