import pytest

from edge.retention.states import LOW_AFTER_S, Facts, judge

MIB = 1 << 20
GIB = 1 << 30


def facts(free_bytes=10 * GIB, **more):
    return Facts(free_bytes=free_bytes, min_free_bytes=5 * GIB, reserve_bytes=8 * GIB, **more)


TABLE = {
    "room": ("ok", facts(), "ok"),
    "over the limit for a moment": ("ok", facts(7 * GIB, over_limit_s=5.0), "ok"),
    "over the limit for long": ("ok", facts(7 * GIB, over_limit_s=LOW_AFTER_S), "low"),
    "nothing left to delete": ("ok", facts(7 * GIB, stuck="not_ours"), "low"),
    "only evidence left, still room": ("ok", facts(7 * GIB, stuck="protected"), "low"),
    "only evidence left, below the least": ("ok", facts(4 * GIB, stuck="protected"), "full"),
    "low stays low below the limit": ("low", facts(8 * GIB - 1), "low"),
    "low is over at the limit": ("low", facts(8 * GIB), "ok"),
    "no block left": ("ok", facts(0), "full"),
    "full stays full with a little room": ("full", facts(15 * MIB), "full"),
    "full is low with some room": ("full", facts(17 * MIB), "low"),
    "full is over with much room": ("full", facts(9 * GIB), "ok"),
    "missing beats all": ("full", facts(0, missing=True, fault="io_error"), "missing"),
    "back": ("missing", facts(), "ok"),
    "back and full": ("missing", facts(0), "full"),
    "read-only": ("ok", facts(fault="read_only"), "faulty"),
    "read-only and full": ("ok", facts(0, fault="read_only"), "full"),
    "mended": ("faulty", facts(), "ok"),
    "a small disk is not full for ever": ("full", Facts(free_bytes=6 * MIB, reserve_bytes=6 * MIB), "ok"),
}


@pytest.mark.parametrize(("state", "seen", "expected"), TABLE.values(), ids=TABLE)
def test_state_of_the_disk_by_the_table(state, seen, expected):
    """What each state becomes by what is seen."""
    assert judge(state, seen) == expected
