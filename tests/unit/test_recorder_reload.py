"""Which changes of a channel's settings restart its recording."""

import pytest

from edge.config import ChannelConfig
from edge.recorder.main import _records_alike

LOBBY = ChannelConfig(id="lobby", url="rtsp://10.0.0.1/main")


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        ({}, True),
        ({"max_age_days": 7.0}, True),
        ({"max_bytes": 10**9}, True),
        ({"max_age_days": 7.0, "max_bytes": 10**9}, True),
        ({"validator": {"black_luma": 30.0}}, True),
        ({"audio": False}, False),
        ({"url": "rtsp://10.0.0.2/main"}, False),
        ({"max_bytes": 10**9, "basic_auth": True}, False),
    ],
)
def test_only_what_changes_the_recording_restarts_a_camera(changed, alike):
    """How long footage is kept is retention's business: the camera records on."""
    fresh = ChannelConfig(**{"id": "lobby", "url": "rtsp://10.0.0.1/main"} | changed)
    assert _records_alike(fresh, LOBBY) is alike
    assert _records_alike(LOBBY, fresh) is alike


def test_channel_that_is_gone_is_not_recorded_on():
    """Neither is one that was switched off, which is not asked for either."""
    assert not _records_alike(None, LOBBY)
