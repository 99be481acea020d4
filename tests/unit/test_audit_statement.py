"""A statement accounts for every millisecond of its range, by what was said and not by how it came."""

import random
from hashlib import sha256
from itertools import pairwise

import pytest
from heard_ledger import HeardLedger, audit
from hypothesis import given, settings
from hypothesis import strategies as st
from state_story import EPOCHS, T0, Teller, at_ms, folded, text
from test_state_fold import stories

from edge.audit.document import document
from edge.audit.holes import Conflicted
from edge.audit.stretches import KINDS, stretches
from edge.events.catalog import PrunedRange, SegmentsMissing
from edge.journal.positions import Source
from edge.journal.ranges import Ranges
from edge.state import coverage

DAY = 86_400
HOUR = 3600
NOW_MS = at_ms(3 * DAY)
ends = st.integers(-DAY, DAY)


def recorder(start=0, end=600, channel="lobby"):
    """A recorder that has recorded for a while."""
    teller = Teller()
    teller.up(start - 1)
    teller.started(start, channel)
    teller.segments(start, end, channel)
    return teller


def facts_of(*tellers):
    return [fact for teller in tellers for fact in teller.facts]


def short(stretches):
    return [(one.reason or one.kind, (one.from_ms - T0) / 1000, (one.to_ms - T0) / 1000) for one in stretches]


def codes(statement):
    return [(one.code, one.about, one.count) for one in statement.problems]


@settings(max_examples=60, deadline=None)
@given(stories(), ends, st.integers(1, DAY), st.randoms(use_true_random=False))
def test_every_millisecond_has_one_account_whatever_the_order(tellers, start, length, chance):
    """Kinds add up to the range; the same events in another order and doubled give the same document."""
    facts = facts_of(*tellers)
    ledger = HeardLedger(facts)
    from_ms, to_ms = at_ms(start), at_ms(start + length)
    statement = audit(ledger, from_ms, to_ms, ("gate", "lobby"), NOW_MS)
    for one in statement.channels:
        assert sum(one.ms(kind) for kind in KINDS) == to_ms - from_ms
        assert (one.stretches[0].from_ms, one.stretches[-1].to_ms) == (from_ms, to_ms)
        assert all(before.to_ms == after.from_ms for before, after in pairwise(one.stretches))
    again = [*facts, *chance.sample(facts, len(facts) // 2)]
    chance.shuffle(again)
    assert document(audit(HeardLedger(again), from_ms, to_ms, ("gate", "lobby"), NOW_MS)) == document(statement)


@settings(max_examples=60, deadline=None)
@given(stories(), ends, st.integers(1, DAY // 4), st.sampled_from([("lobby",), ("gate", "lobby")]))
def test_what_is_read_of_a_ledger_is_enough(tellers, start, length, channels):
    """A statement that reads the segments around its range says what the state of all events says."""
    ledger = HeardLedger(facts_of(*tellers))
    from_ms, to_ms = at_ms(start), at_ms(start + length)
    statement = audit(ledger, from_ms, to_ms, channels, NOW_MS)
    known_ms = NOW_MS if statement.known_to_ms is None else statement.known_to_ms
    state = folded(*tellers)
    for one in statement.channels:
        spans = coverage(state, one.channel, from_ms, to_ms, known_ms, segment_s=60)
        assert short(one.stretches) == short(stretches(spans, known_ms, NOW_MS))


def test_whole_range_is_complete():
    """Recorded from end to end, every event there: nothing to say but the figures."""
    statement = audit(HeardLedger(recorder(0, 1200).facts), at_ms(60), at_ms(660))
    (lobby,) = statement.channels
    assert short(lobby.stretches) == [("recorded", 60, 660)]
    assert (lobby.tally.segments, lobby.tally.size_bytes) == (10, 300_000_000)
    assert statement.problems == []
    assert document(statement)["ok"] is True


def test_digest_is_made_of_paths_and_hashes_alone():
    """As docs/audit.md says it, so that anybody can make it again."""
    statement = audit(HeardLedger(recorder(0, 1200).facts), at_ms(60), at_ms(240))
    value = bytes(32)
    for minute in (1, 2, 3):
        path = f"lobby/2026-11-23/lobby_20261123T000{minute}00000Z.mp4"
        value = sha256(value + path.encode() + b"\0" + bytes.fromhex("9f" * 32)).digest()
    assert statement.channels[0].tally.digest == value
    assert statement.digest == sha256(bytes(32) + b"lobby\0" + value).digest()


def test_channel_without_segments_does_not_change_the_digest():
    """A site knows of cameras that headquarters never heard of."""
    ledger = HeardLedger(recorder(0, 600).facts)
    assert audit(ledger, at_ms(0), at_ms(600), ("gate", "lobby")).digest == audit(ledger, at_ms(0), at_ms(600)).digest


def test_gap_that_begins_before_the_range_keeps_its_reason():
    """The camera went away days ago."""
    teller = recorder(0, 600)
    teller.stopped(605, "unreachable")
    teller.started(3 * DAY)
    teller.segments(3 * DAY, 3 * DAY + 600)
    statement = audit(HeardLedger(teller.facts), at_ms(DAY), at_ms(DAY + 60))
    assert short(statement.channels[0].stretches) == [("unreachable", DAY, DAY + 60)]
    assert statement.problems == []


def test_gap_is_explained_by_the_footage_of_other_channels_before_the_range():
    """A camera was away, days later the recorder was killed: what another channel recorded until then tells when."""
    teller = recorder(0, 600)
    teller.segments(0, 60, "gate")
    teller.stopped(605, "unreachable")
    teller.segments(3 * DAY, 3 * DAY + 600, "gate")
    teller.up(3 * DAY + 900, bdseq=2)
    teller.segments(6 * DAY, 6 * DAY + 600)
    statement = audit(HeardLedger(teller.facts), at_ms(5 * DAY), at_ms(5 * DAY + 60))
    assert short(statement.channels[0].stretches) == [("recorder_down", 5 * DAY, 5 * DAY + 60)]


def test_deleted_footage_has_its_receipts():
    """When it was deleted and by which rule; other receipts do not count."""
    teller, retention = recorder(0, 1200), Teller("retention")
    retention.pruned(0, 60, HOUR)
    retention.pruned(60, 120, HOUR + 60)
    retention.pruned(600, 660, 2 * HOUR, rule="age")
    statement = audit(HeardLedger(facts_of(teller, retention)), at_ms(0), at_ms(900))
    gone = statement.channels[0].of("pruned")
    assert short(gone) == [("space", 0, 120), ("age", 600, 660)]
    assert [one.receipts.count for one in gone] == [2, 1]
    assert (gone[0].receipts.first_ms, gone[0].receipts.last_ms) == (at_ms(HOUR), at_ms(HOUR + 60))
    assert statement.problems == []
    assert statement.channels[0].tally.segments == 15  # what was announced stays in the digest


def test_footage_that_is_gone_without_a_rule_is_a_problem():
    """It was recorded, and nobody says who deleted it."""
    teller, retention = recorder(0, 600), Teller("retention")
    gone = PrunedRange(channel="lobby", from_=text(120), to=text(180), segments=1, bytes=1, oldest_kept=None)
    retention.say(SegmentsMissing(segments=1, bytes=1, channels=(gone,)), HOUR)
    statement = audit(HeardLedger(facts_of(teller, retention)), at_ms(0), at_ms(500))
    assert codes(statement) == [("footage_missing", "lobby", 60_000)]
    assert statement.channels[0].of("gap")[0].receipts.count == 1


def test_rejected_footage_has_its_reason():
    """It does not count as recorded."""
    teller, validator = recorder(0, 600), Teller("validator")
    validator.rejected(60, 130, "frozen")
    statement = audit(HeardLedger(facts_of(teller, validator)), at_ms(0), at_ms(300))
    assert short(statement.channels[0].stretches) == [("recorded", 0, 60), ("frozen", 60, 120), ("recorded", 120, 300)]


def test_time_after_the_newest_word_is_unsaid_and_time_after_now_is_to_come():
    """Neither recorded nor a gap: the segment that is being written may still come to nothing."""
    teller = recorder(0, 600)
    statement = audit(HeardLedger(teller.facts), at_ms(500), at_ms(1000), now_ms=at_ms(700))
    assert short(statement.channels[0].stretches) == [("recorded", 500, 600), ("unsaid", 600, 700), ("future", 700, 1000)]
    assert codes(statement) == [("unsaid", "lobby", 100_000), ("future", "lobby", 300_000)]


def test_time_before_the_first_event_cannot_be_said():
    """A journal that began later knows nothing of it."""
    statement = audit(HeardLedger(recorder(0, 600).facts), at_ms(-60), at_ms(60))
    assert codes(statement) == [("before_first_event", "lobby", 60_000)]
    assert statement.known_from_ms == at_ms(-1)


@pytest.mark.parametrize("kind", ["missing", "lost"])
def test_absent_event_is_named_with_its_number_and_costs_its_minute(kind):
    """The announcement of a segment did not come: a gap without a reason, and why that may be."""
    teller = recorder(0, 1200)
    facts = [fact for fact in teller.facts if fact.sequence != 5]
    lost = {"recorder": Ranges.of_numbers([5])} if kind == "lost" else {}
    statement = audit(HeardLedger(facts, lost), at_ms(0), at_ms(600))
    about = f"/jkt-001/recorder {EPOCHS[0]}"
    assert codes(statement) == [(f"events_{kind}", about, 1), ("unexplained", "lobby", 60_000)]
    (source,) = statement.sources
    (hole,) = getattr(source, kind)
    assert (hole.first, hole.last, hole.after_ms, hole.before_ms) == (5, 5, at_ms(120), at_ms(240))
    assert (source.first, source.last) == (2, 12)


def test_absent_event_of_another_time_is_counted_and_no_problem():
    """It was said long before the range."""
    facts = [fact for fact in recorder(0, DAY).facts if fact.sequence != 5]
    statement = audit(HeardLedger(facts), at_ms(DAY // 2), at_ms(DAY // 2 + 600))
    assert statement.problems == []
    assert (statement.sources[0].missing_elsewhere, statement.sources[0].missing) == (1, ())


@pytest.mark.parametrize(("absent", "named"), [(2, True), (4, False)])
def test_absent_receipt_among_those_of_the_range_is_named(absent, named):
    """It may say that more of the range is gone; what was said after all of them says so of later footage."""
    teller, retention = recorder(0, 1200), Teller("retention")
    for place, start in enumerate((0, 60, 120, 900, 960)):
        retention.pruned(start, start + 60, HOUR + 60 * place)
    ledger = HeardLedger([fact for fact in facts_of(teller, retention) if fact.sequence != absent or fact.process != "retention"])
    found = codes(audit(ledger, at_ms(0), at_ms(600)))
    assert (("events_missing", f"/jkt-001/retention {EPOCHS[0]}", 1) in found) is named


def test_events_that_were_only_heard_of_are_missing_where_the_range_reaches_the_newest():
    """A heartbeat says that there is more."""
    teller = recorder(0, 600)
    ledger = HeardLedger(teller.facts, heard={"recorder": 15})
    assert ("events_missing", f"/jkt-001/recorder {EPOCHS[0]}", 3) in codes(audit(ledger, at_ms(0), at_ms(601)))
    assert audit(ledger, at_ms(0), at_ms(540)).problems == []


def test_number_that_was_given_twice_is_a_problem():
    """The first one counts, and both hashes are shown."""
    twice = {Source("jkt-001", "recorder", EPOCHS[0]): [Conflicted(5, "ab" * 32, "cd" * 32)]}
    statement = audit(HeardLedger(recorder(0, 600).facts, conflicts=twice), at_ms(0), at_ms(590))
    assert codes(statement) == [("events_conflicting", f"/jkt-001/recorder {EPOCHS[0]}", 1)]
    assert document(statement)["sources"][0]["conflicts"][0]["refused_sha256"] == "cd" * 32


def test_segment_announced_with_two_hashes_is_named():
    """One of them is not what was recorded; both are in the digest."""
    teller = recorder(0, 600)
    teller.segment(60, 120, at=700, sha256="ab" * 32)
    statement = audit(HeardLedger(teller.facts), at_ms(0), at_ms(590))
    (problem,) = statement.problems
    assert (problem.code, problem.about) == ("contradicted", "lobby")
    assert problem.detail == "lobby/2026-11-23/lobby_20261123T000100000Z.mp4"


def test_overlap_and_losses_are_told():
    """The clock stepped back: two segments claim the same time."""
    teller = recorder(0, 300)
    teller.segment(270, 330, lost_packets=7, suspect_s=1.5)
    teller.segment(330, 390)
    statement = audit(HeardLedger(teller.facts), at_ms(0), at_ms(360))
    tally = statement.channels[0].tally
    assert (tally.overlap_ms, tally.overlap_count) == (30_000, 1)
    assert (tally.harmed, tally.lost_packets, tally.suspect_ms) == (1, 7, 1500)
    assert statement.channels[0].ms("recorded") == 360_000


def test_segments_of_a_month_are_read_a_day_at_a_time():
    """However long the range, no more is held than a day of one channel."""
    ledger = HeardLedger([])
    teller = Teller()
    for day in range(20):
        teller.segment(day * DAY, day * DAY + 60)
    ledger.told = random.Random(1).sample(teller.facts, len(teller.facts))
    asked = []
    read = ledger.segments
    ledger.segments = lambda channel, from_ms, to_ms: asked.append(to_ms - from_ms) or read(channel, from_ms, to_ms)
    statement = audit(ledger, at_ms(0), at_ms(20 * DAY))
    assert max(asked) <= DAY * 1000 + 60_000
    assert [mark.segments for mark in statement.channels[0].tally.days] == [1] * 20
