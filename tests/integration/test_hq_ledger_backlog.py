"""A backlog that no broker had room for is drained without keeping live events waiting."""

from pathlib import Path

import pytest
from hq_lab import hq_lab
from lab_backlog import QUEUE, drain

pytestmark = pytest.mark.alone  # how long live events and heartbeats take is measured


def test_a_backlog_is_drained_while_live_events_pass_it(tmp_path: Path) -> None:
    """The sites' brokers dropped what was over their limit, and said "accepted": headquarters asks for it."""
    with hq_lab(tmp_path, seed=5, rate=5, site_broker={"max_queued_messages": QUEUE}) as lab:
        drained = drain(lab, 5_000, live_rate=5, wait_s=100)
    print(drained)
    missing = sum(one["to"] - one["from"] + 1 for one in drained.held.said("events_missing", "hq"))
    assert missing > 500  # what was filled before it was overdue is not said to be missing
    assert len(drained.live_s) > 20
    assert drained.live_s[len(drained.live_s) // 2] < 2
    assert drained.beats_s[len(drained.beats_s) // 2] < 2
