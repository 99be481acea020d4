"""A state without seams sees what one that holds every segment sees, and costs no more than what breaks the footage."""

import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from state_story import Teller, at_ms
from test_state_fold import CHANNELS, DAY, SETTINGS, stories, times

from edge.state import SiteProjection, coverage, site_view
from edge.state.intervals import Intervals
from edge.state.seamless import MOST_LOSSES, Seamless

# A pruned or rejected segment is told by where it begins, which a stretch does not know.
ALONE = {"disk_pruned", "segments_missing", "segment_rejected"}


def folded(facts, *, seamless=True):
    state = SiteProjection(seamless=seamless)
    for fact in facts:
        state.apply(fact)
    return state


@settings(max_examples=100, deadline=None)
@given(stories(), times, st.integers(1, 4 * DAY), times)
def test_footage_is_where_the_segments_are(tellers, start, length, now):
    """Whatever is told: both see the same seconds recorded, and the same gaps."""
    facts = [fact for teller in tellers for fact in teller.facts if fact.event_type not in ALONE]
    whole, seamless = folded(facts, seamless=False), folded(facts)
    for channel in CHANNELS:
        seen = [
            [
                (span.kind, span.start_ms, span.end_ms)
                for span in coverage(state, channel, at_ms(start), at_ms(start + length), at_ms(now))
                if span.kind != "gap"
            ]
            for state in (whole, seamless)
        ]
        assert joined(seen[0]) == joined(seen[1])


def joined(spans):
    """Spans of a kind that touch as one."""
    found = []
    for kind, start, end in spans:
        if found and found[-1][0] == kind and found[-1][2] == start:
            found[-1] = (kind, found[-1][1], end)
        else:
            found.append((kind, start, end))
    return found


@settings(max_examples=100, deadline=None)
@given(stories(), st.randoms(use_true_random=False), st.integers(0, 200))
def test_any_order_with_doubles_and_a_snapshot_gives_the_same_state(tellers, chance, cut):
    """Late replays, redeliveries, and a restart from a snapshot that was taken anywhere."""
    facts = [fact for teller in tellers for fact in teller.facts]
    arrived = facts + chance.sample(facts, len(facts) // 3)
    chance.shuffle(arrived)
    state = SiteProjection(seamless=True)
    for place, fact in enumerate(arrived):
        if place == cut:
            state = SiteProjection.load(state.dump(), seamless=True)
        state.apply(fact)
    assert state.dump() == folded(facts).dump()
    assert SiteProjection.load(state.dump(), seamless=True).dump() == state.dump()


def test_what_is_pruned_is_no_longer_footage():
    """A receipt takes its stretch out of a day that was recorded without a break."""
    recorder, retention = Teller(), Teller("retention")
    recorder.up(0)
    recorder.started(0)
    recorder.segments(0, 6000)
    retention.pruned(600, 1200, 7000)
    state = folded([*recorder.facts, *retention.facts])
    spans = coverage(state, "lobby", at_ms(0), at_ms(6000), at_ms(6100))
    assert [(span.kind, span.start_ms - at_ms(0)) for span in spans] == [
        ("recorded", 0), ("pruned", 600_000), ("recorded", 1_200_000)
    ]  # fmt: skip


def test_rejected_segment_is_seen_as_long_as_segments_are():
    """Its own length is not known any more."""
    recorder, validator = Teller(), Teller("validator")
    recorder.up(0)
    recorder.segments(0, 600)
    validator.rejected(120, 200)
    spans = coverage(folded([*recorder.facts, *validator.facts]), "lobby", at_ms(0), at_ms(600), at_ms(600), segment_s=60)
    assert [(span.kind, (span.end_ms - span.start_ms) // 1000) for span in spans] == [
        ("recorded", 120), ("rejected", 60), ("recorded", 420)
    ]  # fmt: skip


def test_a_month_without_a_break_costs_one_stretch():
    """What headquarters holds of 1,000 sites does not grow with time, but with what goes wrong."""
    held = Seamless()
    for minute in range(43_200):
        held.add(minute * 60_000, 60_000)
    assert list(held.ranges) == [(0, 43_200 * 60_000)]
    assert sys.getsizeof(held.ranges.starts) < 200


def test_losses_are_bounded_and_the_oldest_go():
    """A camera that loses something in every segment."""
    held = Seamless()
    for minute in range(MOST_LOSSES + 10):
        held.add_loss(minute, 1, 2, 3)
        held.add_loss(minute, 2, 1, 3)
    assert list(held.losses(0, 12)) == [(10, 2, 2, 3), (11, 2, 2, 3)]
    assert len(list(held.losses(0, 10_000))) == MOST_LOSSES


def test_view_is_the_same_for_a_site_that_records():
    """Status, share of the day and newest segment."""
    recorder = Teller()
    recorder.up(0)
    for channel in CHANNELS:
        recorder.started(1, channel)
        recorder.segments(0, 3000, channel)
    views = [
        site_view(folded(recorder.facts, seamless=seamless), SETTINGS, ("recorder",), at_ms(3010), segment_s=60)
        for seamless in (True, False)
    ]
    assert views[0] == views[1]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=8), st.integers(0, 40), st.integers(0, 15))
def test_cut_takes_out_what_lies_between(told, start, length):
    """Against a set of numbers."""
    held = Intervals(1, 100)
    plain = set()
    for one, size in told:
        held.add(one, one + size)
        plain |= set(range(one, one + size))
    held.cut(start, start + length)
    left = {number for first, last in held for number in range(first, last)}
    assert left == plain - set(range(start, start + length))
    assert list(held) == sorted(held)
