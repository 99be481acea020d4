"""32 channels whose pictures go wrong and right again: one event a change, in order, and nobody else is accused."""

import time

import pytest
from demo_cameras import running_cameras
from validating_site import validating_site

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

EVERY_S = 2
CONFIRM = 2
WAIT_S = 90
REASONS = {"bars": "no_signal", "covered": "covered"}
"""What is found, by the fault of the camera."""
CHANNELS = 32
FAULTY = 8


@pytest.mark.timeout(600)
def test_32_channels_of_which_8_go_wrong_in_turns(mosquitto, tmp_path):
    """Every change is said once, in order; the clean channels never alarm."""
    clip = {"width": 320, "height": 180, "fps": 5, "seconds": 7, "gop_s": 1.0, "bitrate": 300_000}
    names = [f"camera-{number:02d}" for number in range(CHANNELS)]
    specs = [CameraSpec(name, ClipSpec("scene", **clip)) for name in names]
    with (
        running_cameras(specs) as running,
        validating_site(running.urls, tmp_path, mosquitto.port, every_s=EVERY_S, confirm=CONFIRM, segment_s=5) as validator,
    ):
        pictures = validator.site.state_dir / "pictures"
        validator.wait(lambda: len(list(pictures.glob("*/reference.jpg"))) == CHANNELS, 2 * WAIT_S)
        faulty = names[::4][:FAULTY]
        for fault in REASONS:
            before = {name: len(validator.changes(name)) for name in faulty}
            for name in faulty:
                running.fault(name, "clip", fault)
            validator.wait(lambda b=before: all(len(validator.changes(name)) > b[name] for name in faulty), WAIT_S)
            time.sleep(EVERY_S)
            for name in faulty:
                running.clear(name)
            validator.wait(lambda b=before: all(len(validator.changes(name)) > b[name] + 1 for name in faulty), WAIT_S)
        expected = [word for reason in REASONS.values() for word in (reason, "valid")]
        assert {name: validator.changes(name) for name in faulty} == dict.fromkeys(faulty, expected)
        assert {said.channel for said in validator.said()} == set(faulty)
