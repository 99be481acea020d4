"""The lines of the fleet are kept up to date: at news soon, else now and then, and only what is seen differently counts."""

import json

import pytest
from fleet_site import MINUTE_MS, MadeUpFleet
from state_story import EPOCHS

from edge.clock import ManualClock
from edge.events.catalog import RecordingStopped
from edge.hq.figures import event_figures, refusals
from edge.hq.summaries import LOOK_MS, NEWS_MS, Summaries
from edge.journal.arrival import Refusal
from edge.journal.positions import Source, Track
from edge.journal.ranges import Ranges
from edge.state.fleet import EventFigures, LinkFacts, Refusals, RefusedMessage


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def fleet(clock):
    """Three sites that are well."""
    fleet = MadeUpFleet(clock)
    for number in range(3):
        fleet.add(f"jkt-{number:03d}", channels=1)
    return fleet


@pytest.fixture
def summaries(fleet, clock):
    summaries = Summaries(fleet, clock)
    summaries.refresh()
    return summaries


def go_on(fleet, clock, summaries, time_ms):
    """Let time pass with heartbeats, and look."""
    clock.advance(time_ms / 1000)
    fleet.beat_all()
    summaries.refresh()


def faults(summaries):
    return {one.site: one.diagnosis.fault for one in summaries.all()}


def offline():
    return RecordingStopped.model_validate(dict(RecordingStopped.example) | {"reason": "unreachable"})


def test_every_site_is_there_after_the_first_look(summaries):
    """However many there are."""
    assert faults(summaries) == dict.fromkeys(("jkt-000", "jkt-001", "jkt-002"), "none")
    seen, message = summaries.glance()
    assert json.loads(message) == {"version": seen, "well": 3, "sites": 3}


def test_news_are_seen_within_two_seconds_and_time_within_ten(fleet, summaries, clock):
    """What changes by the passing of time alone is looked at less often."""
    site = fleet.held["jkt-001"]
    go_on(fleet, clock, summaries, NEWS_MS)
    site.say((offline(), "cam0", fleet.now_ms()))
    go_on(fleet, clock, summaries, NEWS_MS)
    assert faults(summaries)["jkt-001"] == "camera"
    assert summaries.all()[0].site == "jkt-001"
    site.silent.update(("recorder", "retention", "validator", "reporter", "web"))
    site.link = LinkFacts(bridge_up=False)
    for _ in range(2 * (35_000 + LOOK_MS) // LOOK_MS):
        go_on(fleet, clock, summaries, LOOK_MS // 2)
    assert faults(summaries)["jkt-001"] == "link"


def test_version_grows_only_with_what_is_seen_differently(fleet, summaries, clock):
    """Heartbeats and segments come all the time: a page need not be made again for them."""
    before = summaries.version
    for _ in range(3):
        go_on(fleet, clock, summaries, LOOK_MS)
        fleet.held["jkt-000"].figures = EventFigures(held=99_999)
    assert summaries.version == before
    fleet.held["jkt-000"].figures = EventFigures(held=99_999, missing=2)
    go_on(fleet, clock, summaries, LOOK_MS)
    assert summaries.version == before + 1


def test_site_that_is_new_appears(fleet, summaries, clock):
    """The first heartbeat of a site is enough."""
    before = summaries.version
    fleet.add("jkt-009", channels=1)
    go_on(fleet, clock, summaries, 1000)
    assert "jkt-009" in faults(summaries)
    assert summaries.version > before


def test_sites_are_unseen_while_hq_hears_nobody_and_nothing_is_learnt_from_it(fleet, summaries, clock):
    """A broker of HQ that restarts must not look like a thousand links that were cut."""
    fleet.deaf_since_ms = fleet.now_ms()
    for _ in range(12):
        clock.advance(2 * NEWS_MS / 1000)
        summaries.refresh()
    assert set(faults(summaries).values()) == {"unseen"}
    fleet.deaf_since_ms = None
    go_on(fleet, clock, summaries, NEWS_MS)
    assert set(faults(summaries).values()) == {"none"}
    assert [one.back for one in summaries.all()] == [None, None, None]


def test_site_that_came_back_says_why(fleet, summaries, clock):
    """Its processes say that they never stopped: it was the link."""
    site = fleet.held["jkt-002"]
    site.story, site.link = "link", LinkFacts(bridge_up=False)
    for _ in range(8):
        go_on(fleet, clock, summaries, LOOK_MS)
    assert faults(summaries)["jkt-002"] == "link"
    site.story = "well"
    go_on(fleet, clock, summaries, LOOK_MS)
    back = next(one.back for one in summaries.all() if one.site == "jkt-002")
    assert (back.cause, back.to_ms) == ("link", fleet.now_ms())
    assert fleet.now_ms() - back.from_ms > MINUTE_MS


def test_refused_messages_are_seen(fleet, summaries, clock):
    """They are on the page with the next look."""
    before = summaries.version
    fleet.refusals = Refusals((("jkt-000", 1),), (RefusedMessage(fleet.now_ms(), "jkt-000", "the event is of site jkt-001"),))
    go_on(fleet, clock, summaries, 1000)
    assert summaries.version == before + 1
    assert summaries.refusals.count == 1


def test_figures_come_from_the_tracks_of_all_epochs():
    """Held, missing and lost, the lost ones by process."""
    tracks = {
        Source("jkt-001", "recorder", EPOCHS[0]): Track(received=Ranges.of([(1, 90)]), lost=Ranges.of([(91, 95)]), heard=95),
        Source("jkt-001", "recorder", EPOCHS[2]): Track(received=Ranges.of([(1, 10), (13, 20)])),
        Source("jkt-001", "web", EPOCHS[1]): Track(heard=3),
    }
    assert event_figures(tracks) == EventFigures(held=108, missing=5, lost=5, lost_of=(("recorder", 5),))


def test_refusals_name_the_site_whose_topic_it_was():
    """The broker lets nobody else publish there."""
    refused = Refusal("cctv/bdg-014/event/recorder/segment_written/lobby", b"{}", "the event is of site jkt-001", 5)
    found = refusals({"bdg-014": 7, "": 9}, [refused])
    assert (found.count, found.newest[0].site, found.newest[0].at_ms) == (16, "bdg-014", 5)
    assert found.by_site == (("", 9), ("bdg-014", 7))
