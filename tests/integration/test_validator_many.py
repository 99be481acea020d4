"""32 channels whose pictures go wrong and right again: one event a change, in order, and nobody else is accused."""

import time

import pytest
from demo_cameras import running_cameras
from validating_site import validating_site

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

EVERY_S = 2
FAULTS = ("no_signal", "bars", "covered")
REASONS = {"no_signal": "no_signal", "bars": "no_signal", "covered": "covered"}
CHANNELS = 32
FAULTY = 8


@pytest.mark.timeout(300)
def test_32_channels_of_which_8_go_wrong_in_turns(mosquitto, tmp_path):
    """Every change is said once, in order, in time; the clean channels never alarm."""
    clip = {"width": 320, "height": 180, "fps": 5, "seconds": 7, "gop_s": 1.0, "bitrate": 300_000}
    names = [f"camera-{number:02d}" for number in range(CHANNELS)]
    specs = [CameraSpec(name, ClipSpec("scene", **clip)) for name in names]
    with (
        running_cameras(specs) as running,
        validating_site(running.urls, tmp_path, mosquitto.port, every_s=EVERY_S, segment_s=10) as validator,
    ):
        pictures = validator.site.state_dir / "pictures"
        validator.wait(lambda: len(list(pictures.glob("*/reference.jpg"))) == CHANNELS, 120)
        faulty = names[::4][:FAULTY]
        for fault in FAULTS:
            before = {name: len(validator.changes(name)) for name in faulty}
            for name in faulty:
                running.fault(name, "clip", fault)
            began_s = time.monotonic()
            validator.wait(lambda b=before: all(len(validator.changes(name)) > b[name] for name in faulty))
            assert time.monotonic() - began_s < 3 * EVERY_S + 10
            time.sleep(2 * EVERY_S)
            for name in faulty:
                running.clear(name)
            validator.wait(lambda b=before: all(len(validator.changes(name)) > b[name] + 1 for name in faulty))
        expected = [word for fault in FAULTS for word in (REASONS[fault], "valid")]
        assert {name: validator.changes(name) for name in faulty} == dict.fromkeys(faulty, expected)
        assert {said.channel for said in validator.said()} == set(faulty)
