"""The section of a channel's page that tells what was wrong with its picture: rows, words, and what is left out."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import rfc3339
from edge.events.catalog import EVENTS
from edge.events.envelope import Envelope
from edge.journal.arrival import Entry
from edge.recordings.picture import PICTURES, PictureName
from edge.validator.evidence import Evidence
from edge.web.kept_pictures import KeptPictures
from edge.web.rendering import environment
from edge.web.verdicts import SHOWN, verdict_panel, verdicts
from edge.words.catalog import Words
from edge.words.times import Times

NOW = int(datetime(2026, 11, 23, 7, 2, 31, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
JPEG = b"\xff\xd8 a picture"


def entry(position, event_type, at_ms, channel="cam0", *, understood=True, **data):
    model = EVENTS[event_type]
    envelope = Envelope.build(
        model.read({**model.example, **data}), site="jkt-001", process="validator", epoch="01KAQFYK00N8TG6ZQ3V5M7W9XA",
        sequence=position, time=datetime.fromtimestamp(at_ms / 1000, UTC), subject=channel,
    )  # fmt: skip
    return Entry(
        position=position, site="jkt-001", process="validator", epoch=envelope.epoch, sequence=position,
        event_type=event_type, event_version=1, channel=channel, time_ms=at_ms, received_ms=at_ms,
        understood=understood, payload=envelope.to_json(),
    )  # fmt: skip


def invalid(position, since_ms, reason="black", **data):
    """Said half a minute after the first bad look."""
    fields = {"reason": reason, "since": rfc3339(since_ms * 1_000_000), "picture": None} | data
    return entry(position, "channel_invalid", since_ms + 30_000, **fields)


def valid(position, at_ms, lasted_s, was="black"):
    return entry(position, "channel_valid", at_ms, was=was, invalid_for_s=lasted_s)


def panel(tmp_path, *entries, language="en"):
    asked = {}

    def read(**query):
        asked.update(query)
        return sorted(entries, key=lambda one: -one.position)[: query["limit"]]

    times = Times(Words(language), ZoneInfo("Asia/Jakarta"), NOW)
    found = verdict_panel(SimpleNamespace(entries=read), KeptPictures(tmp_path), "cam0", times)
    assert asked["channels"] == ("cam0",)
    return found


def test_verdict_lasts_from_its_first_bad_look_to_its_first_good_one():
    """Not from when it was said, nor to when its end was."""
    since = NOW - 20 * MINUTE
    (found,) = verdicts([invalid(1, since), valid(2, NOW - 5 * MINUTE, 600.0)])
    assert (found.reason, found.since_ms, found.until_ms) == ("black", since, since + 10 * MINUTE)


def test_verdict_that_gives_way_to_another_ends_there():
    """Nothing is said between black and no signal."""
    first, second = NOW - 20 * MINUTE, NOW - 10 * MINUTE
    found = verdicts([invalid(1, first), invalid(2, second, "no_signal")])
    assert [(one.reason, one.since_ms, one.until_ms) for one in found] == [
        ("no_signal", second, None), ("black", first, second),
    ]  # fmt: skip


def test_reason_that_changes_without_another_begin_ends_when_that_was_said():
    """A camera that was away and then refuses the password had no picture since the same moment."""
    since = NOW - 20 * MINUTE
    later = entry(2, "channel_invalid", NOW - MINUTE, reason="auth_failed", since=rfc3339(since * 1_000_000))
    newest, oldest = verdicts([invalid(1, since, "unreachable"), later])
    assert (newest.reason, newest.until_ms) == ("auth_failed", None)
    assert (oldest.reason, oldest.until_ms) == ("unreachable", NOW - MINUTE)


def test_end_whose_begin_is_gone_tells_of_both():
    """The journal forgets what is old, and events may be lost."""
    (found,) = verdicts([valid(7, NOW, 300.0, "covered")])
    assert (found.reason, found.since_ms, found.until_ms) == ("covered", NOW - 5 * MINUTE, NOW)


def test_order_of_arrival_does_not_matter_and_what_nobody_understands_is_left_out():
    """What was sent again arrives late."""
    told = [invalid(1, NOW - 40 * MINUTE), valid(2, NOW - 30 * MINUTE, 600.0), invalid(3, NOW - 20 * MINUTE, "blurred")]
    late = [told[2], told[0], told[1], entry(4, "channel_valid", NOW, understood=False)]
    assert verdicts(late) == verdicts(told)
    assert [one.reason for one in verdicts(told)] == ["blurred", "black"]


def test_rows_are_bounded_and_the_rest_is_named(tmp_path):
    """The newest twenty, and a way to the others."""
    told = []
    for number in range(60):
        since = NOW - (100 - number) * MINUTE
        told += [invalid(2 * number + 1, since), valid(2 * number + 2, since + 45_000, 40.0)]
    found = panel(tmp_path, *told)
    assert len(found.rows) == SHOWN
    assert found.more
    assert found.rows[0].position == 119
    assert not panel(tmp_path, *told[-2 * SHOWN :]).more


@pytest.mark.parametrize(
    ("reason", "measured", "threshold", "english"),
    [
        ("black", 3.14, 20.0, "Brightness 3.1 of 255; black below 20"),
        ("no_signal", 0.97, 0.75, "97 % of it drawn by a device, not seen by a lens; no signal from 75 % on"),
        ("frozen", 0.95, 0.18, "Stillness 95 %; frozen from 18 % on"),
        ("covered", 0.5, 0.42, "50 % of its known detail gone; covered from 42 % on"),
        ("blurred", 0.314, 0.55, "Edges 31.4 % as sharp as usual; blurred below 55 %"),
        ("no_video", 1.5, 2.0, "Measured 1.5, limit 2"),
        ("unreachable", None, None, ""),
    ],
)
def test_measure_stands_against_its_limit_in_words(tmp_path, reason, measured, threshold, english):
    """A figure without its meaning helps nobody."""
    told = invalid(1, NOW - MINUTE, reason, measured=measured, threshold=threshold)
    (row,) = panel(tmp_path, told).rows
    assert row.measured == english
    (row,) = panel(tmp_path, told, language="id").rows
    assert bool(row.measured) is bool(english)
    assert row.measured != english or not english


def test_times_are_those_of_the_site(tmp_path):
    """Since when while it lasts, from when to when after it."""
    told = [invalid(1, NOW - 60 * MINUTE), valid(2, NOW - 40 * MINUTE, 1200.0), invalid(3, NOW - 12 * MINUTE, "covered")]
    lasting, over = panel(tmp_path, *told).rows
    assert (lasting.reason, lasting.when, lasting.shape) == ("Covered", "since 13:50, 12 min ago", "picture_fault")
    assert (over.reason, over.when, over.shape) == ("Black", "13:02 to 13:22, 20 min", "plain")


def test_picture_is_shown_where_it_is_kept_and_only_then(tmp_path):
    """What was let go, lies elsewhere or is of another channel has no place on the page."""
    evidence = Evidence(tmp_path / PICTURES)
    evidence.folder.mkdir()
    kept = evidence.keep("cam0", NOW - 3 * MINUTE, JPEG)
    others = evidence.keep("cam1", NOW - 3 * MINUTE, JPEG)
    gone = PictureName("cam0", NOW - 9 * MINUTE).path
    paths = [kept, others, gone, "cam0/reference.jpg", kept.replace("2026-11-23", "2026-11-22")]
    told = [invalid(number + 1, NOW - (9 - number) * MINUTE, picture=path) for number, path in enumerate(paths)]
    pictures = [row.picture for row in reversed(panel(tmp_path, *told).rows)]
    assert pictures == [f"/channels/cam0/evidence/{kept.rpartition('/')[2]}", "", "", "", ""]


def test_reference_is_shown_with_its_age(tmp_path):
    """An address that changes with the picture, so that a page that stays open shows the new one."""
    evidence = Evidence(tmp_path / PICTURES)
    evidence.keep_reference("cam0", JPEG)
    found = panel(tmp_path)
    assert found
    assert found.reference == f"/channels/cam0/reference.jpg?v={found.reference_ms}"
    assert not panel(tmp_path / "elsewhere")


@given(st.integers(min_value=0, max_value=4_102_444_800_000), st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True))
def test_name_is_read_back_from_its_path(taken_ms, channel):
    """And from its last part alone."""
    name = PictureName(channel, taken_ms)
    assert PictureName.parse(name.path) == PictureName.of_file(name.file) == name


@pytest.mark.parametrize(
    "file",
    ["", ".", "..", "reference.jpg", "cam0_20261123T070231000Z.png", "cam0_20261123T070231000Z.jpg\n",
     "cam0_20261323T070231000Z.jpg", "cam0_20261123T070231Z.jpg", "../cam0_20261123T070231000Z.jpg",
     "cam0_\u0662\u0660\u0662\u06661123T070231000Z.jpg", "CAM0_20261123T070231000Z.jpg", "cam0_20261123T070231000Z.new"],
)  # fmt: skip
def test_other_names_are_none(file):
    """Only what the validator writes."""
    assert PictureName.of_file(file) is None
    assert PictureName.parse(f"cam0/2026-11-23/{file}") is None


def test_validator_writes_where_the_page_looks(tmp_path):
    """Two processes that may not know each other name the same files."""
    path = Evidence(tmp_path).keep("lobby-2_a", NOW + 7, JPEG)
    assert PictureName.parse(path) == PictureName("lobby-2_a", NOW + 7)
    assert PictureName("lobby-2_a", NOW + 7).path == path


@pytest.mark.parametrize("language", ["en", "id"])
def test_words_of_verdicts_are_all_in_the_template(language):
    """The section asks for no text that the catalog lacks."""
    source, *_ = environment().loader.get_source(environment(), "channel.html")
    keys = re.findall(r't\("(page\.(?:judged|reference|more_judged)[a-z_]*)"', source)
    assert keys
    assert all(Words(language).has(key) for key in keys)
