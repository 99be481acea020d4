"""Moments as people read them, in the site's time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.words.catalog import Words
from edge.words.times import Times

NOW = int(datetime(2026, 11, 23, 7, 2, 31, tzinfo=UTC).timestamp() * 1000)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ENGLISH = Times(Words("en"), ZoneInfo("Asia/Jakarta"), NOW)
INDONESIAN = Times(Words("id"), ZoneInfo("Asia/Jakarta"), NOW)


@pytest.mark.parametrize(
    ("ago_ms", "english", "indonesian"),
    [
        (0, "14:02, just now", "14:02, baru saja"),
        (12 * MINUTE, "13:50, 12 min ago", "13:50, 12 mnt lalu"),
        (15 * HOUR, "yesterday 23:02, 15 h ago", "kemarin 23:02, 15 jam lalu"),
        (3 * DAY, "20 Nov 14:02, 3 days ago", "20 Nov 14:02, 3 hari lalu"),
        (400 * DAY, "19 Oct 2025 14:02, 400 days ago", "19 Okt 2025 14:02, 400 hari lalu"),
        (-3 * HOUR, "17:02, in 3 h", "17:02, 3 jam lagi"),
    ],
)
def test_time_is_absolute_with_the_relative_beside_it(ago_ms, english, indonesian):
    """As short as it can be told apart."""
    assert ENGLISH.both(NOW - ago_ms) == english
    assert INDONESIAN.both(NOW - ago_ms) == indonesian


@pytest.mark.parametrize(
    ("ago_ms", "english", "indonesian"),
    [
        (12 * MINUTE, "at 13:50, 12 min ago", "pukul 13:50, 12 mnt lalu"),
        (15 * HOUR, "yesterday at 23:02, 15 h ago", "kemarin pukul 23:02, 15 jam lalu"),
        (3 * DAY, "on 20 Nov at 14:02, 3 days ago", "20 Nov pukul 14:02, 3 hari lalu"),
    ],
)
def test_time_behind_what_happened_then_reads_on_every_day(ago_ms, english, indonesian):
    """Not `told to stop at yesterday`."""
    assert ENGLISH.at_both(NOW - ago_ms) == english
    assert INDONESIAN.at_both(NOW - ago_ms) == indonesian


@pytest.mark.parametrize("time_ms", [-(2**62), 2**62, 0])
def test_time_of_no_calendar_is_told_all_the_same(time_ms):
    """A clock that was never set breaks no page."""
    assert ENGLISH.both(time_ms)
    assert ENGLISH.iso(time_ms)
    assert ENGLISH.seconds(time_ms)


def test_timestamps_inside_a_sentence_become_local():
    """The date is left out where it is today."""
    text = "since 2026-11-23T02:21:30.000Z, from 2026-12-14T00:00:00.000Z, 2026-99-99T00:00:00.000Z"
    assert ENGLISH.localized(text) == "since 09:21:30, from 2026-12-14 07:00:00, 2026-99-99T00:00:00.000Z"
