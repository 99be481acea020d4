"""The live site: cached views, troubles that only the web process knows, and what is told to listeners."""

import threading

import pytest
from journal_events import arrival

from edge.clock import ManualClock, rfc3339
from edge.events.catalog import EventsMissing
from edge.events.messages import Heartbeat
from edge.journal.gaps import Unanswered
from edge.journal.positions import Source
from edge.state import SiteProjection
from edge.state.views import ChannelSetting
from edge.up.site import PROCESSES
from edge.web.glance import glance, seen
from edge.web.live import LiveSite, NotReady
from edge.web.main import EXPECTED_PROCESSES

EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
SETTINGS = [ChannelSetting("lobby", "Lobby", enabled=True)]


@pytest.fixture
def clock():
    """Moved by the tests."""
    return ManualClock()


@pytest.fixture
def live(clock):
    """A site of which nothing was heard."""
    live = LiveSite(SETTINGS, ("recorder", "web"), segment_s=60, clock=clock)
    live.load(SiteProjection(), 7)
    live.show()
    return live


def beat(clock) -> Heartbeat:
    now = rfc3339(clock.wall_ns())
    return Heartbeat(epoch=EPOCH, bdseq=1, last_sequence=0, started=now, time=now, version="0", pid=1, metrics={})


def test_nothing_is_said_of_a_site_that_is_not_known_yet(clock):
    """Until the projection is there every question is answered with NotReady."""
    live = LiveSite(SETTINGS, (), segment_s=60, clock=clock)
    for ask in (live.view, live.dump, lambda: live.coverage("lobby", 0, 1), lambda: live.channel("lobby")):
        with pytest.raises(NotReady):
            ask()
    assert glance(live) == (None, b'{"version":0,"health":"starting"}')


def test_loaded_site_is_folded_but_not_shown(clock):
    """Until it was heard who lives nothing is said, while events and heartbeats are taken already."""
    live = LiveSite(SETTINGS, ("recorder",), segment_s=60, clock=clock)
    live.load(SiteProjection(), 7)
    assert not live.wait_heard(0)
    with pytest.raises(NotReady):
        live.view()
    live.fold([])
    live.hear("recorder", beat(clock), live.now_ms())
    assert live.wait_heard(0)
    live.show()
    assert [one.status for one in live.view().processes] == ["online"]


def test_view_is_kept_for_a_second_or_until_something_changes(live, clock):
    """Many who ask at once get one view; time and news make a new one."""
    view = live.view()
    assert live.view() is view
    clock.advance(0.5)
    assert live.view() is view
    live.hear("recorder", beat(clock), live.now_ms())
    other = live.view()
    assert other is not view
    clock.advance(1.1)
    assert live.view() is not other


def test_process_that_answers_is_online(live):
    """That the web process runs needs no heartbeat over a broker that is away."""
    assert next(one.status for one in live.view().processes if one.name == "web") == "online"
    assert "web" not in [one.subject for one in live.view().troubles if one.about == "process"]


def test_own_trouble_is_shown_once_with_its_begin(live, clock):
    """A broker that is away degrades the site from when it went, until it is back."""
    live.set_trouble("broker_away", holds=True)
    begin_ms = live.now_ms()
    clock.advance(5)
    version = live.version
    live.set_trouble("broker_away", holds=True)
    assert live.version == version
    (trouble,) = [one for one in live.view().troubles if one.code == "broker_away"]
    assert ("degraded", "events", begin_ms) == (trouble.severity, trouble.about, trouble.since_ms)
    assert live.view().health != "ok"
    live.set_trouble("broker_away", holds=False)
    assert "broker_away" not in [one.code for one in live.view().troubles]


def test_events_that_are_missing_and_asked_for_in_vain_are_told_so(live, clock):
    """How often and when last, of the epoch that lacks most; as soon as some come, they are only missing again."""
    missing = EventsMissing(source="/jkt-001/recorder", epoch=EPOCH, from_=1, to=9, how="heartbeat")
    live.fold([arrival(1, missing, process="web").entry(8)])
    clock.step_wall(86_400)
    source = Source("jkt-001", "recorder", EPOCH)
    found = [Unanswered(source, said, said - 1, 12, live.now_ms()) for said in (10**15, 5)]
    live.set_unanswered(found)
    version = live.version
    live.set_unanswered(found)
    assert live.version == version
    told = {one.code: one.params for one in live.view().troubles if one.about == "events"}
    figures = {"count": 10**15 - 1, "said": 10**15, "asked": 12, "asked_ms": live.now_ms()}
    assert told == {"unanswered": {**figures, "now": None}}
    live.hear("recorder", beat(clock), live.now_ms())
    told = {one.code: one.params for one in live.view().troubles if one.about == "events"}
    assert told == {"unanswered": {**figures, "now": 0}}
    live.set_unanswered([])
    assert [one.code for one in live.view().troubles if one.about == "events"] == ["missing"]


def test_listeners_are_told_of_every_change(live, clock):
    """What is folded, heard, configured and wrong is told."""
    told = []
    live.add_listener(told.append)
    live.fold([])
    live.hear("recorder", beat(clock), live.now_ms())
    live.configure([])
    live.set_trouble("broker_away", holds=True)
    assert len(told) == 4


def test_heartbeat_without_news_is_nothing_to_see(live, clock):
    """That a process was heard again changes no page, that it is late does."""
    live.hear("recorder", beat(clock), live.now_ms())
    before = seen(live.view())
    clock.advance(10)
    assert before == seen(live.view())
    clock.advance(20)
    assert before != seen(live.view())


def test_busy_fold_gives_the_last_view(live, clock):
    """While a snapshot is taken those who look get what was seen last, at once."""
    view = live.view()
    clock.advance(5)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with live._lock:
            locked.set()
            done.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    try:
        assert live.view() is view
    finally:
        done.set()
        holder.join()
    assert live.view() is not view


def test_dump_stands_at_the_position_of_the_last_fold(live):
    """A snapshot is of everything up to its position."""
    position, data = live.dump()
    assert position == 7
    assert SiteProjection.load(data).dump() == data


def test_processes_that_are_expected_are_those_that_run_at_a_site():
    """What `edge up` starts is what health waits to hear of."""
    assert sorted(EXPECTED_PROCESSES) == sorted(PROCESSES)
