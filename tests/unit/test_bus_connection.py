"""Which topics a filter covers."""

import pytest

from edge.bus.connection import matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("event/#", "event/recorder/segment_written/lobby", True),
        ("event/#", "event", True),
        ("event/+/segment_written/+", "event/recorder/segment_written/lobby", True),
        ("event/+/segment_written/+", "event/recorder/clock_jumped/_", False),
        ("state/+", "state/recorder", True),
        ("state/+", "state", False),
        ("state/+", "state/recorder/x", False),
        ("ack/recorder", "ack/recorder", True),
        ("#", "anything/at/all", True),
    ],
)
def test_a_filter_covers_its_topics(topic_filter: str, topic: str, *, expected: bool) -> None:
    """Filters mean what MQTT says they mean."""
    assert matches(topic_filter, topic) is expected
