"""Disk, forecast, broker and clock: what a check says of the site beside its cameras."""

from pathlib import Path

import pytest

from edge.check.findings import site_findings
from edge.check.storage import Disk, forecast, look_at_disk
from edge.config import ChannelConfig, Config, RetentionConfig
from edge.words.quantities import days_words, duration_words, rate_words, size_words

CONFIG = Config(site="jkt-001", channels=(ChannelConfig(id="lobby", url="rtsp://10.0.0.11/"),))
TB = 10**12
NOW_NS = 1_795_400_000 * 10**9
ROOMY = Disk(Path("/srv/saksi"), "ok", "", 100 * TB, 90 * TB, 0)


def about(disk=ROOMY, outlook=None, broker=None, wall_ns=NOW_NS):
    return [(one.severity, one.about, one.what) for one in site_findings(CONFIG, disk, outlook, broker, wall_ns)]


def test_site_without_trouble_has_no_findings():
    """Silence where all is well."""
    assert about() == []


@pytest.mark.parametrize(
    ("state", "words"),
    [("missing", "is not there"), ("not_a_folder", "is not a folder"), ("not_writable", "cannot be written (why)")],
)
def test_root_that_cannot_be_used_is_a_fault(state, words):
    """Nothing is recorded there, so the check fails."""
    severity, topic, what = about(Disk(Path("/srv/saksi"), state, "why", 100 * TB, 90 * TB))[0]
    assert (severity, topic) == ("fault", "storage")
    assert words in what


def test_nearly_full_disk_is_a_warning_and_a_full_one_a_fault():
    """Less than retention keeps free is told; what retention itself keeps free is no news."""
    assert about(Disk(Path("/"), "ok", "", 100 * TB, 10 * TB)) == []
    assert about(Disk(Path("/"), "ok", "", 100 * TB, 5 * TB))[0][:2] == ("warning", "storage")
    assert about(Disk(Path("/"), "ok", "", 100 * TB, 1000))[0][:2] == ("fault", "storage")


def test_broker_and_clock_are_warned_of():
    """Both cost something, neither stops recording."""
    found = about(broker="the broker does not answer", wall_ns=10**9)
    assert [one[:2] for one in found] == [("warning", "broker"), ("warning", "clock")]
    assert "1970-01-01 00:00 UTC" in found[1][2]


def test_forecast_counts_what_is_free_and_what_is_recorded_already():
    """A disk that is full of our own recordings keeps as many days as it holds, and has no day left."""
    retention = RetentionConfig(max_used_percent=90, min_free_bytes=0, promise_days=30)
    disk = Disk(Path("/"), "ok", "", 10 * TB, 1 * TB, 9 * TB)
    outlook = forecast(disk, retention, [80e6, 80e6])
    assert outlook.bits_s == 160e6
    assert outlook.days_left == 0
    assert outlook.days_kept == pytest.approx(9e12 / (20e6 * 86_400))
    assert about(disk, outlook)[0] == (
        "warning",
        "retention",
        "recordings will reach back 5.2 days, 30 days are promised",
    )


def test_channel_that_was_not_measured_counts_like_the_others():
    """One camera that is down today will record tomorrow."""
    outlook = forecast(ROOMY, RetentionConfig(), [4e6, None, 2e6])
    assert (outlook.bits_s, outlook.measured, outlook.assumed) == (9e6, 2, 1)


def test_nothing_measured_gives_no_forecast():
    """No number out of nothing."""
    assert forecast(ROOMY, RetentionConfig(), [None]) is None
    assert forecast(Disk(Path("/"), "missing"), RetentionConfig(), [4e6]) is None


def test_age_limit_bounds_what_is_kept():
    """A disk that could hold a year keeps what max_age_days allows."""
    assert forecast(ROOMY, RetentionConfig(max_age_days=7), [4e6]).days_kept == 7


def test_disk_is_looked_at_without_leaving_anything(tmp_path):
    """A look writes nothing that stays, and counts segments only."""
    day = tmp_path / "lobby" / "2026-11-23"
    (day / "deeper").mkdir(parents=True)
    (day / "lobby_1.mp4").write_bytes(b"x" * 1000)
    (day / "deeper" / "not_ours.mp4").write_bytes(b"x" * 1000)
    (day / "notes.txt").write_bytes(b"x")
    disk = look_at_disk(tmp_path)
    assert (disk.state, disk.recordings_bytes) == ("ok", 1000)
    assert disk.total_bytes > disk.free_bytes > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lobby"]


@pytest.mark.parametrize(("place", "state"), [("absent", "missing"), ("file", "not_a_folder")])
def test_root_that_is_no_folder_is_told_apart(tmp_path, place, state):
    """Missing and wrong are two next steps."""
    (tmp_path / "file").write_text("")
    assert look_at_disk(tmp_path / place).state == state


def test_root_that_takes_no_file_is_not_writable():
    """Even root cannot put a file into /proc."""
    disk = look_at_disk(Path("/proc"))
    assert disk.state == "not_writable"
    assert disk.detail


def test_quantities_read_as_people_say_them():
    """Sizes in GB, rates in Mb/s, durations in what fits."""
    assert [size_words(size) for size in (12, 30_214_144, 999_999_999, 4e12)] == [
        "12 bytes",
        "30.2 MB",
        "1.0 GB",
        "4.0 TB",
    ]
    assert [rate_words(rate) for rate in (4.12e6, 820e3)] == ["4.1 Mb/s", "0.82 Mb/s"]
    durations = [0.5, 42, 119, 120, 3599, 3600, 4320, 47 * 3600 + 59 * 60 + 40, 76 * 3600]
    words = ["0.5 s", "42 s", "119 s", "2 min", "1 h", "1 h", "1 h 12 min", "2 days", "3 days 4 h"]
    assert [duration_words(seconds) for seconds in durations] == words
    assert [days_words(days) for days in (9.44, 30, 412.3, 4000)] == ["9.4 days", "30 days", "412 days", "11 years"]
