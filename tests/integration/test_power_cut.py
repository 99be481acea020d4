"""Power cuts while four channels record; `tests/power_cut.py` makes more of them."""

import random
from pathlib import Path

import pytest
from power_cut import NoDisk, run_cuts

CUTS = 4


@pytest.mark.timeout(240)
def test_power_cut_costs_no_more_than_durability_and_the_fragment_in_hand(tmp_path: Path):
    """Everything older decodes; announced events and files agree after recovery; no event that was taken is gone."""
    try:
        outcomes = run_cuts(tmp_path, CUTS, random.randrange(1 << 32))
    except NoDisk as error:
        pytest.skip(f"no small disk can be mounted here: {error}")
    assert len(outcomes) == CUTS
    assert all(outcome.segments for outcome in outcomes)  # something was announced to be held against
