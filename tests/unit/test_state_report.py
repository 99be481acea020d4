"""The report of a site: what it says, that it always fits a payload, and when it must not wait."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from state_story import EPOCHS, Teller, at_ms, beat, folded, text

from edge.events.catalog import SiteReported
from edge.events.envelope import Envelope
from edge.events.payload import MAX_PAYLOAD_BYTES, encode
from edge.state import ChannelSetting, Span, coverage, site_view
from edge.state.report import HeldEvents, ReportFacts, report, site_reported
from edge.state.report_size import fitting
from edge.state.views import Trouble
from edge.state.worsening import conditions, worsened

DAY = 86_400
EXPECTED = ("recorder", "retention", "web")
LOBBY = ChannelSetting("lobby", "Lobby", True)
YARD = ChannelSetting("yard", "yard", True)
ATTIC = ChannelSetting("attic", "Attic", False)


def facts(*channels):
    """The configuration of a site."""
    return ReportFacts(channels, "Asia/Jakarta", 60, 30.0, EXPECTED, "0.1.0")


def reported(state, now, *channels, held=()):
    """The report of a story at a moment."""
    view = site_view(state, channels, EXPECTED, at_ms(now), segment_s=60)
    spans = {
        one.id: coverage(state, one.id, at_ms(now - DAY), at_ms(now), at_ms(now), segment_s=60) for one in channels
    }
    return site_reported(view, spans, facts(*channels), held)


def a_day_with_a_gap():
    """The lobby records all the time, the yard was away for ten minutes and is away again."""
    recorder = Teller()
    recorder.up(-1)
    for channel in ("lobby", "yard"):
        recorder.started(0, channel)
    recorder.segments(0, 3600, "lobby")
    recorder.segments(0, 1200, "yard")
    recorder.stopped(1200, "timeout", "yard")
    recorder.started(1800, "yard")
    recorder.segments(1800, 3000, "yard")
    recorder.stopped(3000, "unreachable", "yard")
    state = folded(recorder)
    for process in EXPECTED:
        state.hear(process, beat(3600), at_ms(3600))
    return state


def test_report_tells_channels_in_the_order_of_the_configuration_with_their_day():
    """Trouble first is for pages; HQ makes its own order. What is well is not written."""
    said = reported(a_day_with_a_gap(), 3600, LOBBY, YARD, ATTIC)
    assert (said.from_, said.to, said.status) == (text(3600 - DAY), text(3600), "degraded")
    lobby, yard, attic = said.document()["report"]["channels"]
    assert {key: lobby[key] for key in ("id", "name", "recorded_s", "expected_s")} == {
        "id": "lobby", "name": "Lobby", "recorded_s": 3600.0, "expected_s": 3600.0,
    }  # fmt: skip
    assert {"status", "enabled", "reason", "gaps", "rejected_s"}.isdisjoint(lobby)
    assert (yard["status"], yard["reason"], yard["since"]) == ("offline", "unreachable", text(3000))
    assert yard["gaps"] == {"timeout": 600.0, "unreachable": 600.0}
    assert (yard["recorded_s"], yard["expected_s"], "name" in yard) == (2400.0, 3600.0, False)
    assert attic == {"id": "attic", "name": "Attic", "enabled": False, "status": "off", "recorded_s": 0.0, "expected_s": 0.0}


def test_report_reads_back_with_what_was_not_written():
    """HQ sees every field, whether it stood in the payload or not."""
    said = reported(a_day_with_a_gap(), 3600, LOBBY, YARD, held=[HeldEvents("recorder", EPOCHS[0], 90, 2, 1)])
    read = SiteReported.read(said.document())
    assert read == said
    assert [one.status for one in read.report.channels] == ["recording", "offline"]
    assert read.report.events[0].missing == 2
    assert {one.name: one.status for one in read.report.processes} == dict.fromkeys(EXPECTED, "online")


def test_seconds_that_were_rejected_pruned_or_without_a_picture_are_told_apart():
    """They count as recorded, and are named besides."""
    view = site_view(a_day_with_a_gap(), [LOBBY], EXPECTED, at_ms(3600), segment_s=60)
    spans = [
        Span("pruned", at_ms(0), at_ms(60), "space"),
        Span("rejected", at_ms(60), at_ms(120), "black", invalid="black"),
        Span("recorded", at_ms(120), at_ms(300), invalid="black"),
        Span("gap", at_ms(300), at_ms(310), "not_yet"),
        Span("future", at_ms(310), at_ms(400)),
    ]
    (lobby,) = report(view, {"lobby": spans}, facts(LOBBY), []).channels
    assert (lobby.pruned_s, lobby.rejected_s, lobby.invalid_s, lobby.gaps) == (60, 60, 240, {})


def test_same_site_makes_the_same_bytes():
    """A report says nothing but what is given to it."""
    one, other = (encode(reported(a_day_with_a_gap(), 3600, LOBBY, YARD, ATTIC).document()) for _ in range(2))
    assert one == other


def _wide(channels, name_length, seed, troubles):
    """A site as large as it may be, everything wrong with it."""
    base = site_view(a_day_with_a_gap(), [YARD], EXPECTED, at_ms(3600), segment_s=60)
    (yard,) = base.channels
    ids = [f"{number:04d}".ljust(64, "x") for number in range(channels)]
    names = ["\u2028" * name_length if seed % 2 else "é" * name_length] * channels
    views = tuple(replace(yard, id=one, name=name, detail="ö" * 900) for one, name in zip(ids, names, strict=True))
    wrong = tuple(Trouble("degraded", "channel", one, "unreachable", at_ms(0), {}) for one in islice(cycle(ids), troubles))
    processes = tuple(replace(base.processes[0], name=f"process-{number}") for number in range(troubles))
    view = replace(base, channels=views, troubles=wrong, processes=processes)
    settings = tuple(ChannelSetting(one, name, True) for one, name in zip(ids, names, strict=True))
    gap = [Span("gap", at_ms(second), at_ms(second + 1), f"reason_{second}") for second in range(12)]
    held = [HeldEvents(f"process-{number}", EPOCHS[0], 1, 0, 0) for number in range(troubles)]
    return site_reported(view, dict.fromkeys(ids, gap), facts(*settings), held)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 512), st.integers(1, 100), st.integers(0, 1), st.integers(0, 600))
def test_report_of_any_site_fits_a_payload_and_says_what_it_left_out(channels, name_length, seed, troubles):
    """Up to 512 channels with the longest names, all of them wrong: each is in it, with its status."""
    said = _wide(channels, name_length, seed, troubles)
    envelope = Envelope.build(
        said, site="j" * 32, process="reporter", epoch=EPOCHS[0], sequence=2**62, time=datetime(2026, 11, 23, tzinfo=UTC)
    )
    assert len(envelope.to_json()) <= MAX_PAYLOAD_BYTES
    assert [one.status for one in said.report.channels] == ["offline"] * channels
    read = SiteReported.read(said.document()).report
    for name, complete in {
        "gap_reasons": all(one.gaps for one in read.channels),
        "names": all(one.name for one in read.channels),
        "figures": all(one.expected_s is not None for one in read.channels),
        "reasons": all(one.reason for one in read.channels),
        "troubles": len(read.troubles) == troubles,
        "processes": len(read.processes) == troubles,
        "events": len(read.events) == troubles,
    }.items():
        assert (name in read.left_out) != complete, name


def test_thirty_two_channels_with_reasons_fit_whole():
    """The site that Saksi is made for leaves nothing out, also on a bad day."""
    said = _wide(32, 20, 0, 30)
    assert said.report.left_out == ()


def test_what_explains_least_goes_first():
    """The reasons of gaps go before anything that says which channel is wrong."""
    assert _wide(64, 100, 0, 30).report.left_out[0] == "gap_reasons"


def test_fitting_leaves_a_small_report_as_it_is():
    """Nothing is left out for nothing."""
    said = reported(a_day_with_a_gap(), 3600, LOBBY)
    assert fitting(said.report) == said.report


# When a report must not wait

PARTS = st.sampled_from([("channel", "lobby"), ("channel", "yard"), ("disk", ""), ("process", "web"), ("site", "")])
CONDITIONS = st.dictionaries(PARTS, st.integers(1, 4))


@given(CONDITIONS)
def test_site_is_not_worse_than_itself(now):
    """Irreflexive: a report of the same state is not sent again."""
    assert not worsened(now, now)


@given(CONDITIONS, CONDITIONS, PARTS, st.integers(1, 4))
def test_more_trouble_stays_worse_and_more_trouble_before_is_less_news(before, now, part, more):
    """Monotone in both: adding trouble now never makes a report less urgent, adding it before never more."""
    if worsened(before, now):
        assert worsened(before, now | {part: now.get(part, 0) + more})
    else:
        assert not worsened(before | {part: before.get(part, 0) + more}, now)


@given(CONDITIONS, CONDITIONS, CONDITIONS)
def test_not_worse_than_what_is_not_worse_is_not_worse(one, two, three):
    """"Not worse" is transitive: a chain of recoveries never asks for a report."""
    if not worsened(one, two) and not worsened(two, three):
        assert not worsened(one, three)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda teller: teller.stopped(3600, "timeout", "lobby"), id="channel-goes"),
        pytest.param(lambda teller: teller.invalid(3600), id="picture-at-fault"),
        pytest.param(lambda teller: teller.down(3600, "failed", "it broke"), id="process-fails"),
        pytest.param(lambda teller: teller.jumped(3500, 3600), id="clock-steps"),
    ],
)
def test_what_goes_wrong_is_worse_and_its_end_is_not(change):
    """Each kind of trouble makes a report urgent, and that it is over does not."""
    recorder = Teller()
    recorder.up(-1)
    recorder.started(0)
    recorder.segments(0, 3600)
    well = conditions(site_view(folded(recorder), [LOBBY], ("recorder",), at_ms(3601), segment_s=60))
    change(recorder)
    wrong = conditions(site_view(folded(recorder), [LOBBY], ("recorder",), at_ms(3601), segment_s=60))
    assert worsened(well, wrong)
    assert not worsened(wrong, well)
