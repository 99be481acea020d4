"""Wrong clocks and absurd figures cost neither memory nor time, and as little truth as possible."""

import time

import pytest
from state_story import EPOCHS, Teller, at_ms, beat, folded, name
from test_state_fold import SETTINGS

from edge.events.catalog import (
    ChannelInvalid,
    ClockJumped,
    DiskPruned,
    EventsMissing,
    FootageProtected,
    FootageUnprotected,
    OutboxTruncated,
    PrunedRange,
    RetentionShort,
    SegmentRejected,
    SegmentWritten,
)
from edge.events.errors import EventDataError
from edge.events.values import MAX_INTEGER
from edge.state import SiteProjection, coverage, site_view
from edge.state.channels import MOST_PROTECTIONS
from edge.state.completeness import MOST_EPOCHS
from edge.state.disk import MOST_SHORT
from edge.state.projection import MOST_CHANNELS

FIRST, LAST = "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"
DAY = 86_400
YEAR_1, YEAR_9999 = -62_135_596_400_000, 253_402_300_799_999


def segment(start, end, **more):
    """A segment with times as they are."""
    plain = Teller().segment(0, 60).data
    return SegmentWritten.read({**plain, "start": start, "end": end, **more})


def absurd():
    """A recorder and its neighbours with every wrong value that their events allow."""
    recorder, retention, validator, web = Teller(), Teller("retention"), Teller("validator"), Teller("web")
    recorder.up(0)
    recorder.started(1)
    recorder.segments(0, 600)
    recorder.say(segment(FIRST, LAST, path="no/name.mp4"), 610, "lobby")
    recorder.say(segment(LAST, LAST), 611, "lobby")
    recorder.say(segment(FIRST, FIRST, path="x/y.mp4"), 612, "lobby")
    figures = {"lost_packets": MAX_INTEGER, "suspect_s": 1e15, "dropped_s": 1e15, "bytes": MAX_INTEGER}
    recorder.segment(660, 720, **figures)
    recorder.say(ClockJumped(step_s=-1e15, wall_before=FIRST, wall_after=LAST), 700)
    recorder.say(OutboxTruncated(epoch=EPOCHS[1], from_=1, to=MAX_INTEGER, bytes=1, max_bytes=1), 701)
    for start, end in ((FIRST, LAST), (LAST, FIRST)):
        gone = PrunedRange(channel="gate", from_=start, to=end, segments=1, bytes=1, oldest_kept=None)
        retention.say(DiskPruned(rule="space", segments=1, bytes=1, channels=(gone,)), 600)
    data = ChannelInvalid(reason="black", measured=None, threshold=None, since=FIRST, segment=None, picture=None)
    validator.say(data, 600, "lobby")
    validator.say(SegmentRejected(path="no/name.mp4", reason="black"), 600, "lobby")
    source = {"source": "/jkt-001/recorder", "epoch": EPOCHS[0]}
    for first, last in ((1, MAX_INTEGER), (MAX_INTEGER, 1), (MAX_INTEGER, MAX_INTEGER)):
        web.say(EventsMissing(**source, from_=first, to=last, how="hole"), 600)
    return recorder, retention, validator, web


def test_a_number_beyond_measure_is_no_value():
    """What is made of it (days in milliseconds, say) would be infinite and end the page that shows it."""
    plain = Teller().segment(0, 60).data
    with pytest.raises(EventDataError, match="beyond"):
        SegmentWritten.read({**plain, "dropped_s": 1e300})


def test_more_channels_and_epochs_than_can_be_are_not_kept():
    """Receipts and losses name them in their data, where nobody else counts them."""
    recorder, retention = Teller(), Teller("retention")
    for number in range(12):
        names = [f"c{number}-{one}" for one in range(500)]
        gone = tuple(
            PrunedRange(channel=one, from_=FIRST, to=LAST, segments=1, bytes=1, oldest_kept=None) for one in names
        )
        retention.say(DiskPruned(rule="space", segments=1, bytes=1, channels=gone), number)
    for number in range(MOST_EPOCHS + 5):
        epoch = f"01KAQFYK00N8TG6ZQ3V5M7{number:04d}"
        recorder.say(OutboxTruncated(epoch=epoch, from_=1, to=2, bytes=1, max_bytes=1), 700)
    state = folded(recorder, retention)
    assert len(state.channels) == MOST_CHANNELS
    assert len(state.losses["recorder"].truncated) == MOST_EPOCHS


def test_more_protections_and_forecasts_than_can_be_are_not_kept():
    """What is over goes first, then what was said longest ago."""
    retention = Teller("retention")
    kept = dict(FootageProtected.example)
    for number in range(MOST_PROTECTIONS + 5):
        name = f"01KAQFYK00N8TG6ZQ3V5M7{number:04d}"
        retention.say(FootageProtected.read(kept | {"protection": name}), number, "lobby")
        if number == 7:
            retention.say(FootageUnprotected.read(kept | {"protection": name}), number, "lobby")
    for number in range(MOST_SHORT + 5):
        retention.say(RetentionShort.read(dict(RetentionShort.example) | {"channel": f"c{number}"}), number)
    state = folded(retention)
    protections = state.channels["lobby"].protections
    assert len(protections) == MOST_PROTECTIONS
    assert [name[-4:] for name in protections][:5] == ["0004", "0005", "0006", "0008", "0009"]
    assert len(state.disk.short) == MOST_SHORT
    assert "c4" not in state.disk.short


def test_absurd_values_are_folded_and_seen_quickly():
    """Centuries are not walked through."""
    began = time.perf_counter()
    state = folded(*absurd())
    state.hear("recorder", beat(720), at_ms(720))
    for from_ms, to_ms, now_ms in ((YEAR_1, YEAR_9999, at_ms(720)), (at_ms(0), at_ms(720), YEAR_9999)):
        for channel in ("lobby", "gate", "attic"):
            spans = coverage(state, channel, from_ms, to_ms, now_ms)
            assert (spans[0].start_ms, spans[-1].end_ms) == (from_ms, to_ms)
            assert len(spans) < 50
        site_view(state, SETTINGS, ("recorder",), now_ms, segment_s=60)
    again = SiteProjection.load(state.dump())
    assert again.dump() == state.dump()
    assert len(state.dump()) < 10_000
    assert time.perf_counter() - began < 5


def test_absurd_values_leave_the_rest_as_it_is():
    """One bad event costs what it says itself."""
    state = folded(*absurd())
    spans = coverage(state, "lobby", at_ms(0), at_ms(720), at_ms(720))
    assert [(span.kind, span.invalid) for span in spans] == [
        ("recorded", "black"),
        ("gap", None),
        ("recorded", "black"),
    ]


def test_segment_that_claims_years_covers_a_day():
    """The longest that is believed."""
    recorder = Teller()
    recorder.segment(0, 400 * DAY)
    spans = coverage(folded(recorder), "lobby", at_ms(0), at_ms(2 * DAY), at_ms(400 * DAY))
    assert [(span.kind, (span.end_ms - span.start_ms) // 1000) for span in spans] == [("recorded", DAY), ("gap", DAY)]


def test_receipt_for_the_future_does_not_take_what_is_recorded_later():
    """A receipt speaks of what was there when it was written."""
    recorder, retention = Teller(), Teller("retention")
    retention.pruned(0, 4000 * DAY, at=100)
    recorder.segments(3 * DAY, 3 * DAY + 600)
    spans = coverage(folded(retention, recorder), "lobby", at_ms(3 * DAY), at_ms(3 * DAY + 600), at_ms(9 * DAY))
    assert [span.kind for span in spans] == ["recorded"]


def test_years_of_days_with_wrong_clocks_are_bounded():
    """Whatever the clock shows at every start, memory stays."""
    recorder = Teller()
    for number in range(1200):
        recorder.segment(number * 30 * DAY, number * 30 * DAY + 60)
        recorder.started(number * 30 * DAY)
        recorder.rejected(number * 30 * DAY, at=0)
        recorder.pruned(number * 30 * DAY + 600, number * 30 * DAY + 660, at=number * 30 * DAY)
    state = folded(recorder)
    shuffled = SiteProjection()
    for fact in reversed(recorder.facts):
        shuffled.apply(fact)
    assert state.dump() == shuffled.dump()
    lobby = state.channels["lobby"]
    assert len(lobby.segments.days) == len(lobby.transitions) == len(lobby.rejected) == 400
    assert len(lobby.pruned["space"]) == 400


def test_channel_events_without_a_channel_and_unknown_types_change_nothing():
    """A newer or broken publisher."""
    recorder = Teller()
    fact = recorder.started(0)
    state, other = SiteProjection(), SiteProjection()
    state.apply(fact._replace(channel=None))
    other.apply(fact._replace(event_type="lens_cleaned"))
    assert not state.channels
    assert state.dump() == other.dump()
    assert name("lobby", 0).path.startswith("lobby/")
