"""The fleet in sentences: who is away and why, who is well, and how complete the events are."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.state.absence import Cause, Return
from edge.state.fleet import USUAL_LEVELS, Diagnosis, EventFigures, Fault, Refusals, RefusedMessage, SiteSummary
from edge.state.views import DiskView, Totals, Trouble
from edge.words.catalog import TEXTS, Words
from edge.words.fleet import away_summary, back_words, disk_words, events_words, fleet_summary, ledger_words, site_line
from edge.words.language import LANGUAGES
from edge.words.times import Times

NOW = int(datetime(2026, 11, 23, 7, 2, 31, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
JAKARTA = ZoneInfo("Asia/Jakarta")
TIMES = Times(Words("en"), JAKARTA, NOW)
INDONESIAN = Times(Words("id"), JAKARTA, NOW)
DISK = DiskView(
    state="ok", since_ms=None, detail=None, mount="/media", device=None, measured_ms=NOW, total_bytes=1, used_bytes=1,
    free_bytes=1, recordings_bytes=1, unknown_files=0, write_rate_bytes_s=None, hours_left=None, smart=None,
    oldest_ms={}, short=(), last_pruned=None,
)  # fmt: skip
NONE = Refusals()


def site(name="jkt-003", fault="none", since_ms=None, level=None, troubles=(), **more):
    """A line of the fleet."""
    totals = Totals(4, 4, 0, 0, 0, 0)
    summary = SiteSummary(
        name, name, level or USUAL_LEVELS[fault], Diagnosis(fault, since_ms), tuple(troubles), totals, 86_400.0, 86_400.0,
        DISK, EventFigures(held=48_211, newest_ms=NOW - 3000), NOW - 2000, None, 5, 5,
    )  # fmt: skip
    return replace(summary, **more)


def fleet(*troubled, of=43):
    """A fleet with so many sites, the others well."""
    return [*troubled, *(site(f"well-{number:03d}") for number in range(of - len(troubled)))]


def top(sites, times=TIMES, deaf_since_ms=None, refusals=NONE):
    found = fleet_summary(sites, deaf_since_ms, refusals, times)
    return " ".join(part for part in (found.first.what, found.first.do, found.count) if part)


def offline(name="Lobby"):
    return Trouble("degraded", "channel", "lobby", "unreachable", NOW - 12 * MINUTE, {"name": name, "status": "offline"})


def test_site_that_is_not_heard_stands_on_top_with_what_may_have_failed():
    """Who, since when, what can be said of it from here, what to do, and how many are well."""
    away = [site("jkt-003", "link", NOW - 12 * MINUTE), site("jkt-009", "camera", NOW, troubles=[offline()])]
    assert top(fleet(*away)) == (
        "jkt-003 has not been heard since 13:50, 12 min ago: its link or its power is gone. Call the site: is there power,"
        " and does its network lead out? 41 of 43 sites are well."
    )


def test_the_same_in_indonesian():
    """As an operator there would say it."""
    assert top(fleet(site("jkt-003", "link", NOW - 12 * MINUTE)), INDONESIAN).startswith(
        "jkt-003 tidak terdengar sejak 13:50, 12 mnt lalu: jaringan atau listriknya putus."
    )


def test_sites_that_went_together_come_before_one_that_is_away_for_long():
    """Forty sites at once are a provider, and matter more than the box that is being repaired."""
    old = site("abc-001", "link", NOW - 20_000 * MINUTE)
    together = [site(f"jkt-{number:03d}", "link", NOW - 4 * MINUTE + 1000 * number) for number in range(5)]
    assert top(fleet(old, *together)).startswith(
        "jkt-000, jkt-001 and 3 more have not been heard since 13:58, 4 min ago: their links or their power are gone."
        " Check what they share first"
    )


def test_trouble_inside_a_site_is_said_in_the_words_of_its_own_page():
    """With the site before it."""
    assert top(fleet(site("bdg-001", "camera", NOW - 12 * MINUTE, troubles=[offline()]))) == (
        "bdg-001: Lobby has been offline since 13:50, 12 min ago: the camera does not answer. Check its power and network"
        " cable. 42 of 43 sites are well."
    )


def test_fleet_that_is_well_is_said_in_one_sentence():
    """Nothing to do."""
    assert top(fleet(of=1000)) == "All is well at all 1,000 sites."
    assert top(fleet(of=1)) == "All is well at the one site."
    assert top(fleet(of=1000), INDONESIAN) == "Semua baik di 1.000 lokasi."


def test_fleet_without_sites_says_how_one_comes_in():
    """The first thing that anybody sees of HQ."""
    assert top([]).startswith("No site has been heard yet. At a site, 'edge bridge-config'")


def test_sites_are_not_blamed_while_hq_hears_nobody():
    """HQ's own broker is the cause of every silence then."""
    sites = fleet(site("jkt-003", "unseen", NOW - MINUTE))
    said = top(sites, deaf_since_ms=NOW - 3 * MINUTE)
    assert said.startswith("HQ's own broker has been away since 13:59, 3 min ago: nothing is heard of any site.")
    assert "well" not in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fault", get_args(Fault))
def test_every_fault_has_its_sentences(fault, language):
    """On top, in the line, alone and with others, with and without a time."""
    times = Times(Words(language), JAKARTA, NOW)
    for since_ms in (NOW - MINUTE, None):
        one = site("jkt-003", fault, since_ms)
        said = [fleet_summary([one] * count, None, NONE, times).first.what for count in (1, 2)]
        line = site_line(one, times).what
        assert all(said)
        assert not any("{" in text or "_" in text for text in (*said, line))
        assert f"site_fault.{fault}" in TEXTS[language]


def test_line_tells_the_worst_and_counts_the_rest():
    """The site's own page has them all."""
    gate = replace(offline("Gate"), subject="gate", since_ms=NOW - 50 * MINUTE)
    late = Trouble("degraded", "process", "web", "late", NOW, {"detail": None, "last_heard_ms": NOW})
    line = site_line(site(fault="camera", troubles=[offline(), gate, late]), TIMES)
    assert line.what == "Lobby has been offline since 13:50, 12 min ago: the camera does not answer. 1 more"
    assert line.shape == "picture_fault"


def test_line_of_a_site_that_came_back_says_what_failed():
    """For a day."""
    back = Return("box", NOW - 30 * MINUTE, NOW - 18 * MINUTE)
    assert site_line(site(back=back), TIMES).what == "Silent from 13:32 to 13:44: the box, or all its programs, restarted."
    assert site_line(site(back=replace(back, to_ms=NOW - 25 * 60 * MINUTE)), TIMES).what == ""
    assert [back_words(replace(back, cause=cause), TIMES) for cause in get_args(Cause)]


@pytest.mark.parametrize(
    ("figures", "heard", "expected"),
    [
        ({}, True, "no events yet"),
        ({"held": 48_211}, True, "all 48,211 events, newest 3 s ago"),
        ({"held": 1}, True, "all 1 event, newest 3 s ago"),
        ({"held": 48_211}, False, "48,211 events until 14:02; later ones not known"),
        ({"held": 48_199, "missing": 12}, True, "12 of 48,211 events missing, asked for again"),
        ({"held": 48_199, "missing": 12}, False, "12 of 48,211 events missing, asked for when it is back"),
        (
            {"held": 48_206, "lost": 5, "lost_of": (("recorder", 5),)},
            True,
            "48,206 of 48,211 events, newest 3 s ago; lost for ever: 5 of recorder",
        ),
        (
            {"held": 90, "missing": 3, "lost": 7, "lost_of": (("recorder", 5), ("web", 2))},
            True,
            "3 of 100 events missing, asked for again; lost for ever: 5 of recorder and 2 of web",
        ),
    ],
)
def test_completeness_in_words(figures, heard, expected):
    """All of them, or which are not there; nothing is claimed of what cannot be known."""
    assert events_words(EventFigures(newest_ms=NOW - 3000, **figures), TIMES, heard=heard) == expected


def test_completeness_of_the_whole_fleet():
    """One line for all."""
    lost = site(events=EventFigures(held=10, missing=2, lost=1))
    assert ledger_words(fleet(of=2), TIMES) == "96,422 events of 2 sites, none missing"
    assert ledger_words(fleet(lost, of=2), TIMES) == "48,221 events of 2 sites, 2 missing, 1 lost for ever"


def test_refused_messages_are_said_for_a_day():
    """Who tried, how often, when last."""
    newest = RefusedMessage(NOW - 5 * MINUTE, "bdg-014", "the event is of site jkt-001")
    found = fleet_summary(fleet(of=2), None, Refusals((("bdg-014", 3),), (newest,)), TIMES)
    assert [one.what for one in found.others] == ["3 messages were refused, the last 13:57, 5 min ago from bdg-014."]
    old = replace(newest, at_ms=NOW - 25 * 60 * MINUTE)
    assert fleet_summary(fleet(of=2), None, Refusals((("bdg-014", 3),), (old,)), TIMES).others == ()


@pytest.mark.parametrize(
    ("disk", "expected"),
    [
        ({}, "well"),
        ({"forecast_days": {"a": 31.2, "b": 27.4}}, "keeps 27.4 days"),
        ({"hours_left": 225.6}, "full in 9.4 days"),
        ({"state": "full"}, "full"),
        ({"state": "unknown"}, "not yet measured"),
    ],
)
def test_disk_in_words(disk, expected):
    """How far back, or when it is full, or what is wrong with it."""
    assert disk_words(replace(DISK, **disk), TIMES) == expected


LINES = st.builds(
    lambda number, fault, since_ms, level, missing, lost: site(
        f"s-{number}", fault, since_ms, level if fault in OWN else None,
        [offline()] if fault in OWN else (), events=EventFigures(held=9, missing=missing, lost=lost),
    ),
    st.integers(0, 99), st.sampled_from(get_args(Fault)), st.none() | st.integers(NOW - 10 * MINUTE, NOW),
    st.sampled_from(["down", "degraded"]), st.integers(0, 2), st.integers(0, 2),
)  # fmt: skip
OWN = ("process", "disk", "camera", "events", "clock")


@given(st.lists(LINES, max_size=12), st.sampled_from(sorted(LANGUAGES)))
def test_any_fleet_has_its_sentence(sites, language):
    """Something is always said, of the worst level that there is, and no place is left unfilled."""
    times = Times(Words(language), JAKARTA, NOW)
    found = fleet_summary(sites, None, NONE, times)
    assert found.first.what
    assert "{" not in found.first.what + found.first.do + found.count
    levels = [one.level for one in sites]
    expected = next((level for level in ("down", "degraded", "waiting", "ok") if level in levels), "waiting")
    assert found.first.mood == expected
    for one in sites:
        assert "{" not in site_line(one, times).what
        assert events_words(one.events, times, heard=True)


@pytest.mark.parametrize("fault", get_args(Fault))
def test_own_page_of_a_site_that_is_away_says_so_at_hq(fault):
    """What its events said last does not stand on top as if it were so now."""
    found = away_summary(site("jkt-003", fault, NOW - 12 * MINUTE), TIMES)
    if fault not in {"link", "box", "broker", "stopped", "unseen"}:
        assert found is None
        return
    assert found.first.what.endswith(".")
    assert ("jkt-003" in found.first.what) is (fault != "unseen")
    assert bool(found.count) is (fault in {"link", "broker", "unseen"})


def test_line_of_a_site_that_is_waited_for_says_what_lacks():
    """Channels that have not begun, or the settings."""
    begins = site(fault="waiting", totals=Totals(4, 1, 0, 0, 1, 2))
    assert site_line(begins, TIMES).what == "1 of 3 channels recording so far."
    assert site_line(site(fault="waiting"), TIMES).what.startswith("What it should record is not known yet")
