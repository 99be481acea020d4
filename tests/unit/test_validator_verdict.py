from hypothesis import given
from hypothesis import strategies as st

from edge.validator.verdict import Finding, Hysteresis

REASONS = ("black", "no_signal", "frozen", "covered", "blurred")


def found(reason, looks=1):
    return Finding(reason, 1.0, 2.0, looks)


def run(confirm, *reasons):
    """The changes as (place of the look, reason or None), looks one second apart."""
    hysteresis = Hysteresis(confirm)
    changes = []
    for place, reason in enumerate(reasons, 1):
        change = hysteresis.look(place * 1000, found(reason) if reason else None)
        if change:
            changes.append((place, change.now.finding.reason if change.now else None, change.since_ms // 1000))
    return changes


def test_fault_stands_once_confirmed_and_began_with_its_first_look():
    """Three findings in a row make a verdict, which says when the first of them was."""
    assert run(3, None, "black", "black", "black", "black") == [(4, "black", 2)]


def test_findings_apart_make_no_verdict():
    """A valid look between findings begins the count anew."""
    assert run(3, "black", "black", None, "black", "black", None) == []


def test_end_needs_as_many_looks_as_the_beginning():
    """A single good look ends nothing; the end is dated to the first of those that do."""
    assert run(2, "black", "black", None, "black", None, None, None) == [(2, "black", 1), (6, None, 5)]


def test_one_fault_gives_way_to_another():
    """Where another fault takes over, that is one change, not an end and a beginning."""
    hysteresis = Hysteresis(2)
    for place, reason in enumerate(("frozen", "frozen", "black", "black")):
        change = hysteresis.look(place, found(reason))
    assert change.was.finding.reason == "frozen"
    assert change.now.finding.reason == "black"
    assert change.since_ms == 2


def test_finding_that_holds_for_an_earlier_look_counts_it():
    """A picture that equals the last one makes that one the first of the fault."""
    hysteresis = Hysteresis(3)
    assert hysteresis.look(1000, None) is None
    assert hysteresis.look(2000, found("frozen", looks=2)) is None
    change = hysteresis.look(3000, found("frozen", looks=2))
    assert change.now.since_ms == 1000


def test_faults_that_take_turns_end_the_one_that_stood():
    """A verdict does not outlive its fault because the looks since cannot agree on another."""
    reasons = ["black"] * 3 + ["covered", None] * 6
    assert run(3, *reasons)[-1][1] is None


@given(st.integers(1, 6), st.lists(st.sampled_from([None, *REASONS]), max_size=60))
def test_changes_follow_confirmed_runs_alone(confirm, reasons):
    """Every verdict was found by the last `confirm` looks, and no change repeats what stands."""
    standing = None
    for place, reason, since in run(confirm, *reasons):
        assert reason != standing
        assert since <= place
        if reason is not None:
            assert reasons[place - confirm : place] == [reason] * confirm
            assert since == place - confirm + 1
        else:
            assert standing not in reasons[since - 1 : place]
            assert place - since + 1 >= confirm
        standing = reason
