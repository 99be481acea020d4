"""The state depends on what was said, not on the order in which it came, on doubles or on where it was saved."""

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from state_story import EPOCHS, Teller, at_ms, beat, folded, text

from edge.events.catalog import (
    DiskFaulty,
    DiskFull,
    DiskMeasured,
    DiskMissing,
    DiskRecovered,
    EventsMissing,
    EventsRecovered,
    LivestreamLost,
    LivestreamReady,
    OutboxTruncated,
    PrunedRange,
    RetentionRestored,
    RetentionShort,
    SegmentsMissing,
    SegmentsVerified,
)
from edge.state import ChannelSetting, SiteProjection, coverage, rebuild, site_view
from edge.state.marks import TRANSITIONS, VALIDITY

CHANNELS = ("lobby", "gate")
DAY = 86_400
SETTINGS = [ChannelSetting("gate", "Gate", True), ChannelSetting("lobby", "Lobby", True)]
STOPS = [TRANSITIONS.word(code) for code in range(1, 13)]
PICTURES = [VALIDITY.word(code) for code in range(1, 9)]

times = st.integers(0, 20_000).map(lambda tenths: tenths * 20 - DAY // 2)
channels = st.sampled_from(CHANNELS)


@st.composite
def stories(draw):
    """What the processes of a site say over some days, in several epochs, with a clock that steps now and then."""
    tellers = []
    for process, told in (
        ("recorder", ("segment", "started", "stopped", "up", "down", "jumped", "segments")),
        ("retention", ("pruned", "measured", "full", "missing", "faulty", "recovered", "short", "restored", "judged_low", "gone", "up", "verified", "harmed")),
        ("validator", ("rejected", "invalid", "valid")),
        ("livestream", ("ready", "lost")),
        ("web", ("hole", "lost", "filled", "truncated")),
    ):
        starts = set()
        for epoch in EPOCHS[: draw(st.integers(1, 3))]:
            teller = Teller(process, epoch)
            tellers.append(teller)
            for kind in draw(st.lists(st.sampled_from(told), max_size=12)):
                tell(draw, teller, kind, starts)
    return tellers


def tell(draw, teller, kind, starts):
    """Say one event."""
    at, channel = draw(times), draw(channels)
    match kind:
        case "segment" | "segments":
            for start in [at] if kind == "segment" else range(at, at + 300, 60):
                if (channel, start) not in starts:
                    starts.add((channel, start))
                    lost = draw(st.integers(0, 2))
                    reason = draw(st.sampled_from(["rollover", "recovered", "disconnect"]))
                    end = start + draw(st.sampled_from([0, 1, 59, 60, 61, 4000]))
                    teller.segment(start, end, channel, reason, lost_packets=lost, suspect_s=lost / 2)
        case "started":
            teller.started(at, channel)
        case "stopped":
            teller.stopped(at, draw(st.sampled_from(STOPS)), channel)
        case "up":
            teller.up(at)
        case "down":
            teller.down(at, draw(st.sampled_from(["clean", "failed"])))
        case "jumped":
            teller.jumped(at, at + draw(st.integers(-5000, 5000)))
        case "pruned":
            rule = draw(st.sampled_from(["space", "age", "rejected"]))
            teller.pruned(at, at + draw(st.integers(-10, 9000)), DAY * 3, rule, channel)
        case "lost" if teller.process == "web":
            tell_of_events(draw, teller, "gone", at)
        case "rejected":
            teller.rejected(at, at + 70, channel=channel)
        case "invalid":
            teller.invalid(at, at - 30, draw(st.sampled_from(PICTURES)), channel)
        case "valid":
            teller.valid(at, channel)
        case "gone":
            missing = PrunedRange(channel=channel, from_=text(at), to=text(at + 400), segments=1, bytes=1, oldest_kept=None)
            teller.say(SegmentsMissing(segments=1, bytes=1, channels=(missing,)), DAY * 3)
        case "hole" | "filled" | "truncated":
            tell_of_events(draw, teller, kind, at)
        case _:
            teller.say(EVENTS[kind](at), at, channel if kind in ("ready", "lost", "short") else None)


def tell_of_events(draw, teller, kind, at):
    """Say something of the events themselves."""
    epoch, first = draw(st.sampled_from(EPOCHS)), draw(st.integers(1, 50))
    last = first + draw(st.integers(0, 20))
    common = {"source": "/jkt-001/recorder", "epoch": epoch, "from_": first, "to": last}
    if kind == "truncated":
        teller.say(OutboxTruncated(epoch=epoch, from_=first, to=last, bytes=1, max_bytes=1), at)
    elif kind == "filled":
        teller.say(EventsRecovered(**common, how="replay"), at)
    else:
        teller.say(EventsMissing(**common, how=kind), at)


_READ_BACK = {
    "checked": 1, "held": 1, "bytes": 9, "pictures": 9,
    "changed": (), "unreadable": (), "undecodable": (),
}
_SIZES = {"mount": "/srv", "total_bytes": 100, "free_bytes": 1}
EVENTS = {
    "measured": lambda at: DiskMeasured(
        **_SIZES,
        device="/dev/sdb1",
        used_bytes=99,
        recordings_bytes=90,
        unknown_files=0,
        write_rate_bytes_s=1.0,
        hours_left=2.0,
        oldest={"lobby": text(at - DAY)},
        smart="ok",
    ),
    "verified": lambda at: SegmentsVerified(**_READ_BACK),
    "harmed": lambda at: SegmentsVerified(**_READ_BACK | {"changed": (f"lobby/{at + DAY}",)}),
    "full": lambda at: DiskFull(**_SIZES, used_percent=99.0),
    "missing": lambda at: DiskMissing(mount="/srv", expected_device=None, found_device=None, detail="is it mounted?"),
    "faulty": lambda at: DiskFaulty(mount="/srv", device="/dev/sdb1", fault="read_only", detail="it is read-only"),
    "judged_ok": lambda at: EVENTS["measured"](at).model_copy(update={"state": "ok"}),
    "judged_low": lambda at: EVENTS["measured"](at).model_copy(update={"state": "low"}),
    "restored": lambda at: RetentionRestored(channel=None, promise_days=30.0, forecast_days=float(at + DAY)),
    "recovered": lambda at: DiskRecovered(**_SIZES, was="full", lasted_s=float(at + DAY), used_percent=99.0),
    "short": lambda at: RetentionShort(channel=None, promise_days=30.0, forecast_days=2.0, short_from=text(at)),
    "ready": lambda at: LivestreamReady(rtsp=f"rtsp://h/{at}", webrtc=None, hls=None),
    "lost": lambda at: LivestreamLost(reason="gateway", detail=f"ended at {at}"),
}


@settings(max_examples=150, deadline=None)
@given(stories(), st.randoms(use_true_random=False), st.lists(st.integers(0, 200), max_size=3))
def test_any_order_with_doubles_and_snapshots_gives_the_same_state(tellers, chance, cuts):
    """Late replays, redeliveries, processes that overtake each other, restarts from a snapshot."""
    told = [fact for teller in tellers for fact in teller.facts]
    arrived = told + chance.sample(told, len(told) // 3)
    chance.shuffle(arrived)
    state = SiteProjection()
    for place, fact in enumerate(arrived):
        if place in cuts:
            state = SiteProjection.load(state.dump())
        state.apply(fact)
    straight = folded(*tellers)
    assert state.dump() == straight.dump()
    assert SiteProjection.load(state.dump()).dump() == state.dump()
    assert views(state) == views(straight)


def views(state):
    """All that can be seen of a site some days later."""
    now = at_ms(5 * DAY)
    state.hear("recorder", beat(5 * DAY), now)
    shown = site_view(state, SETTINGS, ("recorder", "retention", "web"), now, segment_s=60)
    return shown, [coverage(state, channel, at_ms(-2 * DAY), now, now) for channel in CHANNELS]


@settings(max_examples=150, deadline=None)
@given(stories(), times, st.integers(1, 4 * DAY), times)
def test_spans_are_a_partition_and_agree_with_the_segments(tellers, start, length, now):
    """Every millisecond of a range has exactly one span, and what is recorded is where a segment lies."""
    state = folded(*tellers)
    from_ms, to_ms, now_ms = at_ms(start), at_ms(start + length), at_ms(now)
    for channel in CHANNELS:
        spans = coverage(state, channel, from_ms, to_ms, now_ms)
        assert spans[0].start_ms == from_ms
        assert spans[-1].end_ms == to_ms
        assert all(span.start_ms < span.end_ms for span in spans)
        assert all(one.end_ms == other.start_ms for one, other in pairwise(spans))
        check_against_segments(state, channel, spans, now_ms)


def check_against_segments(state, channel, spans, now_ms):
    """Each span holds what the segments and receipts that are kept say, looked up one by one."""
    held = state.channels.get(channel)
    segments = [
        (number * 86_400_000 + start, number * 86_400_000 + start + length)
        for number, day in (held.segments.days if held else {}).items()
        for start, length in zip(day.starts, day.lengths, strict=True)
    ]
    ends = [end for _, end in segments] + (list(held.taken.ends) if held else [])
    for span in spans:
        assert (span.kind in ("gap", "pruned", "rejected")) == (span.reason is not None)
        for moment in (span.start_ms, (span.start_ms + span.end_ms) // 2, span.end_ms - 1):
            inside = any(start <= moment < end for start, end in segments)
            if inside:
                assert span.kind in ("recorded", "rejected"), span
            elif span.kind == "recorded" and not span.growing:
                assert any(end <= moment < end + 1000 for end in ends), span
            if span.kind == "pruned":
                assert span.reason in held.pruned
                assert held.taken.holds(moment) or held.pruned[span.reason].holds(moment)
            elif held and held.taken.holds(moment):
                assert inside or span.reason == "missing"
            if span.kind == "future":
                assert moment >= now_ms


def test_rebuild_from_payloads_returns_the_last_position():
    """The journal gives rows in pieces."""
    recorder = Teller()
    recorder.segments(0, 300)
    from_events = folded(recorder)
    assert rebuild([], SiteProjection()) == 0
    state = SiteProjection()
    chance = random.Random(1)
    payloads = [payload_of(fact) for fact in recorder.facts]
    rows = list(enumerate(chance.sample(payloads, len(payloads)), start=7))
    assert rebuild([rows[:2], rows[2:], []], state) == 11
    assert state.dump() == from_events.dump()


def payload_of(fact):
    """The bytes that a fact was read from."""
    from edge.clock import utc
    from edge.events.catalog import read
    from edge.events.envelope import Envelope

    return Envelope.build(
        read(fact.event_type, 1, fact.data),
        site="jkt-001",
        process=fact.process,
        epoch=fact.epoch,
        sequence=fact.sequence,
        time=utc(fact.time_ms * 1_000_000),
        subject=fact.channel,
    ).to_json()
