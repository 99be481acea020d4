"""What HQ makes of a silent or troubled site: one diagnosis for whatever is heard, and how it came back."""

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_story import EPOCHS, Teller, at_ms, beat, will

from edge.state import ChannelSetting, SiteProjection, site_view
from edge.state.absence import UNSURE_MS, Absence, Life, Return, cause, lives
from edge.state.fleet import AWAY, EventFigures, Fault, LinkFacts, diagnose, heard_ms, site_summary

SETTINGS = (ChannelSetting("lobby", "Lobby", True),)
EXPECTED = ("recorder", "reporter", "web")
NOW = 1000


def site(*, heard=None, recording=True, clean=False, now=NOW):
    """The view of a site whose processes were heard when `heard` says, in seconds; None: never."""
    heard = {} if heard is None else heard
    state = SiteProjection()
    recorder = Teller()
    if "recorder" in heard:
        recorder.up(0)
        recorder.started(1)
        recorder.segments(1, min(now - now % 60, heard["recorder"]))
        if not recording:
            recorder.stopped(heard["recorder"] - 5, "unreachable")
    if clean:
        recorder.down(heard["recorder"])
    for fact in recorder.facts:
        state.apply(fact)
    for name, at in heard.items():
        state.hear(name, beat(at, started=0), at_ms(at))
    return site_view(state, SETTINGS, EXPECTED, at_ms(now), segment_s=60)


def all_at(at):
    return dict.fromkeys(EXPECTED, at)


def fault(view, now=NOW, **link):
    """The fault and since when in seconds."""
    found = diagnose(view, LinkFacts(**link), at_ms(now))
    return found.fault, None if found.since_ms is None else (found.since_ms - at_ms(0)) / 1000


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ({"bridge_up": True}, "box"),
        ({"bridge_up": True, "reported_ms": at_ms(NOW - 60)}, "box"),
        ({"bridge_up": False}, "link"),
        ({"bridge_up": None}, "link"),
        ({"bridge_up": False, "reported_ms": at_ms(NOW - 800)}, "link"),
        ({"bridge_up": False, "reported_ms": at_ms(NOW - 10)}, "broker"),
        ({"bridge_up": None, "reported_ms": at_ms(NOW - 10)}, "broker"),
        ({"bridge_up": True, "deaf_since_ms": at_ms(NOW - 700)}, "unseen"),
    ],
)
def test_silent_site_is_told_apart_by_its_bridge_and_its_reports(link, expected):
    """Heartbeats say that it is silent, the bridge and the reports say where it broke."""
    view = site(heard=all_at(NOW - 720))
    assert fault(view, **link)[0] == expected


@pytest.mark.parametrize(("quiet", "expected"), [(10, "none"), (30, "none"), (35, "link"), (600, "link")])
def test_site_is_silent_after_35_seconds(quiet, expected):
    """Three heartbeats and a half; one that is only late came a long way."""
    assert fault(site(heard=all_at(NOW - quiet)), bridge_up=False)[0] == expected


@pytest.mark.parametrize("bridge_up", [True, False, None])
def test_site_that_is_heard_is_not_silent_whatever_its_bridge_is_said_to_be(bridge_up):
    """The bridge's own word is late and sometimes wrong; a heartbeat is neither."""
    assert fault(site(heard=all_at(NOW - 5)), bridge_up=bridge_up) == ("none", None)


def test_process_that_is_silent_alone_is_the_fault():
    """Since it was heard last."""
    view = site(heard=all_at(NOW - 5) | {"web": NOW - 200})
    assert fault(view, bridge_up=True) == ("process", NOW - 200)


def test_channel_that_is_offline_is_the_fault_when_all_processes_are_heard():
    """The camera, and no more."""
    view = site(heard=all_at(NOW - 2), recording=False)
    assert fault(view, bridge_up=True)[0] == "camera"


def test_site_that_was_told_to_stop_is_no_failure_of_its_link():
    """All that were heard said goodbye."""
    view = site(heard={"recorder": NOW - 300}, clean=True)
    assert fault(view, bridge_up=False)[0] == "stopped"


def test_site_that_was_never_heard_is_unheard_until_a_report_comes():
    """A site may have its HTTP set up and its bridge not."""
    assert fault(site(), bridge_up=True) == ("unheard", None)
    assert fault(site(), reported_ms=at_ms(NOW - 5)) == ("broker", None)


def test_report_by_http_is_no_sign_of_life_of_the_broker():
    """The event in it makes the reporter look heard; it came another way."""
    view = site(heard=all_at(NOW - 300) | {"reporter": NOW - 20})
    assert fault(view, bridge_up=False, reported_ms=at_ms(NOW - 19)) == ("broker", NOW - 300)
    assert fault(view, bridge_up=True, reported_ms=at_ms(NOW - 19))[0] == "process"


def test_site_whose_settings_are_not_known_is_waited_for():
    """Nothing is wrong with it, and nothing can be said of its channels."""
    view = site(heard=all_at(NOW - 5))
    assert diagnose(view, LinkFacts(), at_ms(NOW), known=False).fault == "waiting"


@given(
    st.sampled_from([True, False, None]),
    st.dictionaries(st.sampled_from(EXPECTED), st.integers(0, NOW), max_size=3),
    st.none() | st.integers(0, NOW),
    st.none() | st.integers(0, NOW),
    st.booleans(),
)
def test_every_combination_has_exactly_one_diagnosis(bridge_up, heard, reported, deaf, recording):
    """Whatever is heard, one of the faults holds, and it holds for the reason that its name says."""
    view = site(heard=heard, recording=recording)
    as_ms = {name: None if at is None else at_ms(at) for name, at in (("reported_ms", reported), ("deaf_since_ms", deaf))}
    link = LinkFacts(bridge_up=bridge_up, **as_ms)
    found = diagnose(view, link, at_ms(NOW)).fault
    last_ms = heard_ms(view.processes, link)
    silent = last_ms is not None and at_ms(NOW) - last_ms >= 35_000
    holds = {
        "unseen": deaf is not None,
        "unheard": last_ms is None and reported is None,
        "box": silent and bool(bridge_up),
        "broker": (silent or last_ms is None) and not (silent and bridge_up) and as_ms["reported_ms"] is not None
        and (last_ms is None or as_ms["reported_ms"] > last_ms),
        "link": silent and not bridge_up and (as_ms["reported_ms"] is None or as_ms["reported_ms"] <= last_ms),
    }  # fmt: skip
    silences = [name for name in ("unheard", "box", "broker", "link") if holds[name]]
    assert len(silences) <= 1
    if holds["unseen"]:
        assert found == "unseen"
    elif silences:
        assert [found] == silences
    else:
        assert found in {"process", "camera", "disk", "none", "waiting"}


def test_all_faults_have_a_level_and_a_place():
    """A summary of every fault can be made and sorted."""
    for bridge_up, quiet, recording in product((True, False), (5, 300), (True, False)):
        view = site(heard=all_at(NOW - quiet), recording=recording)
        summary = site_summary("jkt-001", view, LinkFacts(bridge_up=bridge_up), EventFigures(), at_ms(NOW))
        assert summary.diagnosis.fault in get_args(Fault)
        assert (summary.level == "down") is (summary.diagnosis.fault in AWAY or view.health == "down")
        assert summary.weight[0] in range(4)


# How it came back.

BEFORE = {"recorder": Life(10, EPOCHS[0], 1), "web": Life(20, EPOCHS[1], 4)}
CHANGES = {
    "box": lambda life: Life(life.started_ms + 500, life.epoch, life.bdseq + 1),
    "broker": lambda life: Life(life.started_ms, life.epoch, life.bdseq + 1),
    "link": lambda life: life,
}


@pytest.mark.parametrize("expected", CHANGES)
def test_return_tells_box_broker_and_link_apart(expected):
    """New starts: the box; only new connections: the broker; neither: the link."""
    after = {name: CHANGES[expected](life) for name, life in BEFORE.items()}
    assert cause(BEFORE, after) == expected


@given(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=5), st.data())
def test_return_is_told_by_what_all_processes_have_in_common(changes, data):
    """One process that was restarted meanwhile does not make it the box."""
    before = {f"p{number}": Life(data.draw(st.integers(0, 99)), EPOCHS[0], number) for number in range(len(changes))}
    after = {name: CHANGES[change](before[name]) for name, change in zip(before, changes, strict=True)}
    if set(changes) == {"box"}:
        assert cause(before, after) == "box"
    elif "link" in changes:
        assert cause(before, after) == "link"
    else:
        assert cause(before, after) == "broker"


def test_return_without_a_process_in_common_is_unknown():
    """Nothing is guessed."""
    assert cause({}, BEFORE) == "unknown"
    assert cause({"validator": Life(1, EPOCHS[0], 1)}, BEFORE) == "unknown"


def back_after(*beats):
    """What is thought of a return after silence, with each heartbeat that comes then (second, connection, start)."""
    state = SiteProjection()
    absence, thought = Absence(), []

    def look(now, *, silent):
        view = site_view(state, SETTINGS, ("recorder",), at_ms(now), segment_s=60)
        absence.look(view.processes, heard_ms(view.processes, LinkFacts()), at_ms(now), silent=silent)

    state.hear("recorder", beat(100), at_ms(100))
    look(101, silent=False)
    state.hear("recorder", will(), at_ms(130))
    look(150, silent=True)
    for at, bdseq, started in beats:
        state.hear("recorder", beat(at, bdseq=bdseq, started=started), at_ms(at))
        look(at + 1, silent=False)
        thought.append(absence.back)
    return thought


def test_return_is_seen_with_its_times():
    """From when it was heard last until it is heard again."""
    assert back_after((700, 2, 0)) == [Return("broker", at_ms(100), at_ms(701))]


def test_return_is_thought_of_again_while_a_backlog_comes_in():
    """What waited in the bridge is older than what is so now; after five minutes it stands."""
    thought = back_after((700, 1, 0), (710, 2, 690), (720 + UNSURE_MS // 1000, 3, 1000))
    assert [one.cause for one in thought] == ["link", "box", "box"]
    assert {one.to_ms for one in thought} == {at_ms(701)}


def test_site_that_was_never_away_has_not_come_back():
    """Nothing to tell."""
    absence = Absence()
    absence.look((), None, at_ms(1), silent=False)
    absence.look((), None, at_ms(2), silent=True)
    absence.look((), None, at_ms(3), silent=False)
    assert absence.back is None
    assert lives(()) == {}


@pytest.mark.parametrize(("listens_s", "expected"), [(5, "unseen"), (19, "unseen"), (20, "link")])
def test_silence_means_nothing_until_hq_has_listened_for_a_while(listens_s, expected):
    """After a start of HQ, or of its broker, nobody is blamed who had no time to say a word."""
    view = site(heard=all_at(NOW - 300))
    assert fault(view, bridge_up=False, hearing_since_ms=at_ms(NOW - listens_s))[0] == expected
    assert fault(site(heard=all_at(NOW - 2)), bridge_up=False, hearing_since_ms=at_ms(NOW - listens_s))[0] == "none"
