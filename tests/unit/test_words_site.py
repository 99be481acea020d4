"""What is wrong with a site, in sentences: what, since when, what to do; one for a shared cause."""

import re
from datetime import UTC, datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from edge.events.catalog import StopReason
from edge.events.catalog.validator import InvalidReason
from edge.state.views import ChannelView, DiskView, SiteView, Totals, Trouble
from edge.words.catalog import Words
from edge.words.language import LANGUAGES
from edge.words.site import channel_statement, gap_words, statements, summary
from edge.words.times import Times

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = int(datetime(2026, 11, 23, 7, 2, 31, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
TIMES = Times(Words("en"), JAKARTA, NOW)
INDONESIAN = Times(Words("id"), JAKARTA, NOW)
DISK = DiskView(
    state="unknown", since_ms=None, detail=None, mount=None, device=None, measured_ms=None, total_bytes=None,
    used_bytes=None, free_bytes=None, recordings_bytes=None, unknown_files=None, write_rate_bytes_s=None,
    hours_left=None, smart=None, oldest_ms={}, short=(), last_pruned=None,
)  # fmt: skip


def offline(number, code="unreachable", since_ms=NOW - 12 * MINUTE, status="offline", **params):
    params = {"name": f"Camera {number}", "status": status, "detail": None, **params}
    return Trouble("degraded", "channel", f"cam{number}", code, since_ms, params)


def said(*troubles, times=TIMES):
    return [f"{one.what} {one.do}".strip() for one in statements(troubles, times)]


def view(*troubles, health="degraded", **totals):
    counted = {"total": 4, "recording": 4, "invalid": 0, "offline": 0, "off": 0, "unknown": 0, **totals}
    return SiteView(health, NOW, troubles, (), (), DISK, Totals(**counted), None)


def test_well_site_is_said_in_one_sentence():
    """Nothing to do, nothing to read on."""
    top = summary(view(health="ok"), TIMES)
    assert (top.first.what, top.first.do, top.count, top.others) == (
        "All is well: all 4 channels are recording.", "", "", (),
    )  # fmt: skip
    assert top.first.mood == "ok"


def test_offline_channel_is_said_with_since_when_and_what_to_do():
    """The thing first, then since when, then what to do, then how much is left."""
    top = summary(view(offline(1), recording=3, offline=1), TIMES)
    assert top.first.what == "Camera 1 has been offline since 13:50, 12 min ago: the camera does not answer."
    assert top.first.do == "Check its power and network cable."
    assert top.count == "3 of 4 channels are recording."
    assert top.first.shape == "offline"
    assert top.first.ago == "12 min ago"


def test_the_same_in_indonesian():
    """As a technician there would say it."""
    assert said(offline(1), times=INDONESIAN) == [
        "Camera 1 offline sejak 13:50, 12 mnt lalu: kamera tidak menjawab. Periksa catu daya dan kabel jaringannya."
    ]


def test_channels_that_went_together_share_a_sentence_and_its_advice():
    """Six cameras at once are a switch, not six cameras."""
    found = statements([offline(number, since_ms=NOW - 9 * MINUTE - number) for number in range(6)], TIMES)
    assert len(found) == 1
    assert found[0].what.startswith("Camera 0, Camera 1 and 4 more have been offline since 13:53, 9 min ago")
    assert found[0].do == "Check what they share first: the switch, its power, the network."
    assert found[0].channels == tuple(f"cam{number}" for number in range(6))


def test_channels_that_went_at_different_times_are_told_apart():
    """No common cause is claimed where there may be none."""
    assert len(said(offline(1), offline(2, since_ms=NOW - 40 * MINUTE), offline(3, code="timeout"))) == 3


def test_channels_are_not_told_again_when_the_recorder_is_away():
    """The cause is said once, not with every channel that suffers from it."""
    recorder = Trouble("down", "process", "recorder", "offline", NOW - 4 * MINUTE, {"detail": None})
    away = [offline(number, code="recorder_down") for number in range(3)]
    assert said(recorder, *away) == [
        "The recorder has not run since 13:58, 4 min ago: nothing is recorded. Start it again; its log says why it ended."
    ]
    assert len(said(*away)) == 1


def test_channels_are_not_told_again_when_the_disk_is_full():
    """Nor with a full or missing disk."""
    full = Trouble("down", "disk", "/srv/saksi", "full", NOW - MINUTE, {})
    assert [one.shape for one in statements([full, offline(1, code="disk_full"), offline(2)], TIMES)] == [
        "offline", "offline",
    ]  # fmt: skip


@pytest.mark.parametrize("code", ["broker_away", "silent"])
def test_silence_is_the_brokers_and_nobody_elses(code):
    """While the broker is away nobody is called offline, and nothing is claimed of recordings."""
    recorder = Trouble("down", "process", "recorder", "offline", NOW - 4 * MINUTE, {"detail": None})
    broker = Trouble("degraded", "events", "", code, NOW - 5 * MINUTE, {})
    top = summary(view(recorder, offline(1, code="recorder_down"), broker, recording=0, offline=4), TIMES)
    assert "Mosquitto" in top.first.do
    assert top.others == ()
    assert top.count == "What is recorded meanwhile is not seen from here."


def test_other_trouble_stands_beside_a_broker_that_is_away():
    """A full disk is not silence."""
    broker = Trouble("degraded", "events", "", "broker_away", NOW - 5 * MINUTE, {})
    full = Trouble("down", "disk", "/srv/saksi", "full", NOW - MINUTE, {})
    assert len(statements([full, broker], TIMES)) == 2


CHANNEL_CODES = (*get_args(StopReason), "recorder_down", "stalled", "not_yet", "unheard")
OTHERS = [
    *(("process", name, code, {"detail": "x"}) for name in ("recorder", "retention", "validator", "reporter",
      "livestream", "web", "hq") for code in ("offline", "late", "unheard", "failed")),
    *(("disk", "/srv", code, {"free_bytes": 1, "total_bytes": 10**12, "hours_left": 3.5, "detail": "x"})
      for code in ("low", "full", "missing", "failing", "faulty", "harmed")),
    *(("disk", subject, "short", {"promise_days": 30.0, "forecast_days": 21.5, "short_from_ms": NOW})
      for subject in ("", "lobby")),
    *(("events", "recorder", code, {"count": count, "epoch": "x"})
      for code in ("missing", "lost", "truncated", "conflicting") for count in (1, 9)),
    *(("events", "recorder", "unanswered", {"count": 9, "said": 10**15, "asked": 12, "asked_ms": NOW, "now": now})
      for now in (None, 48_211)),
    *(("events", "", code, {}) for code in ("broker_away", "silent", "journal_unavailable", "hq_silent")),
    ("events", "", "flood", {"events_s": 5_000.0, "usual_s": 32 / 60}),
    *(("clock", "recorder", "stepped", {"step_s": step_s}) for step_s in (-3600.0, 3.5)),
    *(("clock", "lobby", "camera", {"name": "Lobby", "offset_s": offset_s}) for offset_s in (-90.0, 61.0)),
]  # fmt: skip


def reads(statement):
    text = f"{statement.what} {statement.do}"
    assert statement.what.endswith(".")
    assert statement.do.endswith(".")
    for ugly in ("{", "}", "None", "_", "  "):
        assert ugly not in text.replace("state_dir", ""), text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("since_ms", [None, NOW - 12 * MINUTE])
@pytest.mark.parametrize(("status", "code"), [
    *(("offline", code) for code in CHANNEL_CODES),
    *(("picture_fault", code) for code in get_args(InvalidReason)),
    ("unknown", "unheard"),
])  # fmt: skip
def test_every_trouble_of_a_channel_has_its_sentence(language, since_ms, status, code):
    """Alone, and of several; with its time and without."""
    times = Times(Words(language), JAKARTA, NOW)
    for count in (1, 4):
        troubles = [offline(number, code=code, since_ms=since_ms, status=status) for number in range(count)]
        (statement,) = statements(troubles, times)
        reads(statement)
        assert "Camera 0" in statement.what


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("since_ms", [None, NOW - 12 * MINUTE])
@pytest.mark.parametrize(("about", "subject", "code", "params"), OTHERS)
def test_every_other_trouble_has_its_sentence(language, since_ms, about, subject, code, params):
    """Processes, disk, events, clocks: none is left to its code."""
    times = Times(Words(language), JAKARTA, NOW)
    (statement,) = statements([Trouble("degraded", about, subject, code, since_ms, params)], times)
    reads(statement)
    assert statement.do != Words(language)("unknown_trouble.do")


def test_events_that_are_asked_for_in_vain_are_told_with_what_was_done():
    """At night, by somebody who has never heard of a replay: what is claimed, what is not there, what was tried."""
    params = {"count": 10**15 - 5_000, "said": 10**15, "asked": 26, "asked_ms": NOW - 4 * MINUTE}
    (text,) = said(Trouble("degraded", "events", "recorder", "unanswered", NOW - 60 * MINUTE, params))
    assert text.startswith(
        "recorder says that it wrote 1,000,000,000,000,000 events; 999,999,999,995,000 of them have not come since 13:02, 1 h"
        " ago. Asked 26 times in vain, last at 13:58. The recordings are not touched. If it cannot have written so many, "
    )


def test_claim_that_is_not_repeated_stands_beside_what_is_said_now():
    """Whoever reads it sees at once that one of the two is wrong."""
    params = {"count": 10**9 - 48_211, "said": 10**9, "asked": 26, "asked_ms": NOW - 4 * MINUTE, "now": 48_211}
    (text,) = said(Trouble("degraded", "events", "recorder", "unanswered", NOW - 60 * MINUTE, params))
    assert "Asked 26 times in vain, last at 13:58. Now it says 48,211. The recordings" in text


def test_site_that_writes_far_too_much_is_told_with_what_is_usual():
    """What it costs and whom to stop."""
    trouble = Trouble("degraded", "events", "", "flood", NOW - 4 * MINUTE, {"events_s": 5_000.0, "usual_s": 32 / 60})
    (text,) = said(trouble)
    assert text.startswith(
        "This site has written 5,000 events a second since 13:58, 4 min ago; 0.5 is usual for its channels. Recording goes on,"
    )


def test_events_that_came_twice_are_told_with_what_to_look_for():
    """Two machines count as one: what to do stands there, and a large count can be read."""
    trouble = Trouble("degraded", "events", "recorder", "conflicting", NOW - 4 * MINUTE, {"count": 48_211})
    (text,) = said(trouble)
    assert text == (
        "48,211 events of recorder came twice with different content, the newest noticed at 13:58, 4 min ago: the first"
        " ones count. The recordings are not touched. See whether two machines run with a copy of the same state_dir, or"
        " who else has its certificate."
    )


@pytest.mark.parametrize("about", ["channel", "process", "disk", "events", "clock"])
def test_trouble_of_a_newer_release_is_told_all_the_same(about):
    """A page that is older than what it is told hides nothing."""
    (statement,) = statements([Trouble("degraded", about, "thing", "on_fire", NOW - MINUTE, {})], TIMES)
    assert "on fire" in statement.what


def test_site_with_nothing_switched_on_is_not_called_well():
    """All is well would be a lie where nothing is recorded."""
    assert summary(view(health="ok", recording=0, off=4), TIMES).first.what.startswith("No channel is switched on")


def test_site_that_has_just_started_waits():
    """Not wrong, and not yet well."""
    top = summary(view(health="ok", recording=1, unknown=3), TIMES)
    assert top.first.what == "Nothing is wrong, and 1 of 4 channels are recording so far."


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", ["recording", "picture_fault", "offline", "off", "unknown"])
def test_channel_says_how_it_is(language, status):
    """The same words on its own page."""
    reason = {"picture_fault": "black", "offline": "timeout"}.get(status)
    fields = dict.fromkeys(ChannelView.__slots__) | {
        "id": "lobby", "name": "Lobby", "status": status, "reason": reason, "since_ms": NOW - MINUTE
    }  # fmt: skip
    statement = channel_statement(ChannelView(**fields), Times(Words(language), JAKARTA, NOW))
    assert "Lobby" in statement.what
    assert statement.shape == status


def test_gap_has_its_reason_in_words():
    """Every reason of a gap reads, also one that nobody knows."""
    words = Words("en")
    for reason in (*get_args(StopReason), "recorder_down", "stalled", "dropped", "clock", "not_yet", "unexplained", None):
        assert "_" not in gap_words(reason, words)
    assert gap_words("timeout", words) == "the camera stopped sending"
    assert gap_words("not_yet", words) == "before the first recording"


def described_codes():
    """(about, code) of the table in Trouble's own description."""
    for line in Trouble.__doc__.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and cells[0] in {"channel", "process", "disk", "events", "clock"}:
            for code in re.findall(r"`(\w+)`", cells[2]):
                yield cells[0], code


def test_every_code_that_the_state_describes_is_told_above():
    """A code that is added to the state and not here does not pass."""
    told = {(about, code) for about, _, code, _ in OTHERS} | {("channel", code) for code in CHANNEL_CODES}
    described = set(described_codes())
    assert described - told == set()
    assert len(described) > 10


def test_silent_hq_is_said_with_what_goes_on_meanwhile():
    """It costs nothing yet, so it is no red."""
    trouble = Trouble("degraded", "events", "", "hq_silent", NOW - 12 * MINUTE, {})
    found = statements([trouble], TIMES)[0]
    assert found.what == "HQ has not acknowledged any event since 13:50, 12 min ago."
    assert found.do == "Look at the bridge and the way to HQ. Recording goes on, and events wait here."
    assert (found.mood, found.shape) == ("degraded", "picture_fault")
