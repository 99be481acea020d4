"""The words of a statement, and two statements side by side."""

import io
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from heard_ledger import HeardLedger, audit
from hypothesis import given
from hypothesis import strategies as st
from state_story import EPOCHS, Teller, at_ms

from edge.audit.compare import differences
from edge.audit.document import document
from edge.audit.markdown import markdown
from edge.audit.page import MOST_SHOWN, print_statement
from edge.audit.sentences import local, receipts, seconds, sentence, verdict
from edge.audit.statement import Code, Problem
from edge.audit.stretches import Stretch
from edge.errors import ConfigError
from edge.journal.ranges import Ranges


def told(*starts, channel="lobby", sha="9f"):
    """A statement of the first hour, of segments of a minute."""
    teller = Teller()
    teller.up(-1)
    for start in starts:
        teller.segment(start, start + 60, channel, sha256=sha * 32)
    teller.segment(4000, 4060, channel)
    return audit(HeardLedger(teller.facts), at_ms(0), at_ms(3600), (channel,))


@pytest.mark.parametrize("code", get_args(Code))
def test_every_problem_has_a_sentence(code):
    """It names what it is about and how much."""
    words = sentence(Problem(code, "lobby", 1500, "it is so"))
    assert "lobby" in words
    assert any(part in words for part in ("1.500 s", "1500", "it is so"))


@given(st.integers(0, 2**45))
def test_seconds_are_exact(ms):
    """No figure is rounded: they add up."""
    whole, _, part = seconds(ms).partition(".")
    assert int(whole) * 1000 + int(part) == ms


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", "2026-11-23 00:00:01.500 +00:00"),
        ("Asia/Jakarta", "2026-11-23 07:00:01.500 +07:00"),
        ("Asia/Kathmandu", "2026-11-23 05:45:01.500 +05:45"),
        ("America/New_York", "2026-11-22 19:00:01.500 -05:00"),
    ],
)
def test_times_are_local_with_their_offset(zone, expected):
    """No doubt of which hour is meant, whatever the clocks of that place do."""
    assert local(at_ms(1.5), ZoneInfo(zone)) == expected


def test_receipts_are_told_by_first_and_last():
    """One by its time, several by their number."""
    one = Stretch("pruned", 0, 1, "space")
    assert receipts(one, ZoneInfo("UTC")) == ""
    one.receipts.add(at_ms(0))
    assert receipts(one, ZoneInfo("UTC")) == "receipt of 2026-11-23 00:00:00 +00:00"
    one.receipts.add(at_ms(60))
    assert receipts(one, ZoneInfo("UTC")).startswith("2 receipts from 2026-11-23 00:00:00")


def test_text_has_every_gap_and_the_terminal_the_first_of_them():
    """Who wants all of them is told where they are."""
    statement = told(*range(0, 3600, 120))
    text = markdown(statement)
    assert text.count("| gap | no reason known |") == 30
    out = io.StringIO()
    print_statement(statement, (), out)
    assert out.getvalue().count("no reason known") == MOST_SHOWN
    assert "and 10 more: --out FILE writes them all" in out.getvalue()
    assert verdict(statement) == "Not all is well: unexplained."


def test_text_names_absent_events_and_losses():
    """Numbers, and what a segment lost."""
    teller = Teller()
    for start in range(0, 3720, 60):
        teller.segment(start, start + 60, lost_packets=3, suspect_s=0.5)
    facts = [fact for fact in teller.facts if fact.sequence not in {5, 6}]
    text = markdown(audit(HeardLedger(facts, {"recorder": Ranges.of_numbers([5, 6])}), at_ms(0), at_ms(3600)))
    assert f"/jkt-001/recorder {EPOCHS[0]}: 2 events (5 to 6) lost for ever" in text
    assert "58 segments with losses: 174 packets lost, 29.000 s that may not decode" in text


def test_same_statements_do_not_differ():
    """Whoever made them."""
    one = document(told(0, 60, 120))
    assert differences(one, {**one, "ledger": "hq", "made": "another time"}) == []


def test_day_on_which_two_statements_part_is_named():
    """By the number of segments, or by their hashes."""
    here, there = document(told(0, 60)), document(told(0, 60, sha="ab"))
    assert differences(here, there) == ["lobby: the hashes of segments differ, first on 2026-11-23 (UTC)."]
    assert differences(here, document(told(0)))[0] == (
        "lobby: the site (here) knows of 2 segments, the site (there) of 1."
    )


def test_channel_that_only_one_statement_has_is_told_where_it_has_segments():
    """One without segments is a camera that was never recorded."""
    here = document(told(0))
    assert differences(here, {**here, "channels": []})[0].startswith("lobby: the site (here) knows of 1 segments")
    empty = document(told())
    assert differences(empty, {**empty, "channels": []}) == []


@pytest.mark.parametrize("change", [{"format": "other"}, {"site": "another"}, {"to": "2026-11-24T00:00:00.000Z"}])
def test_statements_of_something_else_are_not_compared(change):
    """Another document, site or range."""
    one = document(told(0))
    with pytest.raises(ConfigError, match="--compare takes"):
        differences(one, {**one, **change})
