"""The disk on the page: figures that agree with each other, reasons, how far back, what was deleted."""

from zoneinfo import ZoneInfo

import pytest

from edge.config import RetentionConfig
from edge.state.views import DiskView, HarmedView
from edge.web.disk_panel import disk_panel
from edge.words.catalog import Words
from edge.words.times import Times

NOW = 1_795_392_000_000
HOUR, DAY = 3_600_000, 86_400_000
TB = 10**12
NONE = "\N{EN DASH}"
TIMES = Times(Words("en"), ZoneInfo("Asia/Jakarta"), NOW)
NAMES = {"lobby": "Lobby", "gate": "Gate"}
LIMITS = RetentionConfig(max_used_percent=90, min_free_bytes=0, promise_days=30)


def disk(**changes) -> DiskView:
    fields = dict.fromkeys(DiskView.__dataclass_fields__) | {
        "state": "ok", "mount": "/srv", "measured_ms": NOW - 3000, "total_bytes": 4 * TB, "used_bytes": 2 * TB,
        "free_bytes": 2 * TB, "recordings_bytes": TB, "unknown_files": 0, "write_rate_bytes_s": 1e6, "smart": "ok",
        "hours_left": 555.5, "oldest_ms": {}, "forecast_days": {}, "short": (),
    }  # fmt: skip
    return DiskView(**fields | changes)


def panel(view: DiskView, receipts=()):
    return disk_panel(view, NAMES, LIMITS, receipts, TIMES)


def said(view: DiskView) -> str:
    return " ".join(panel(view).lines)


def test_full_and_kept_agree():
    """It fills up to the limit of retention, and keeps what is there and what still goes in."""
    words = said(disk())
    assert "Full in 18.5 days at 8.0 Mb/s; then the oldest make room." in words  # 1.6 TB
    assert "Keeps 30.1 days of recordings; 30 days are promised." in words  # 2.6 TB


def test_forecast_of_retention_counts_where_there_is_one():
    """A channel with a share of its own does not make the others short."""
    assert "Keeps 27.4 days" in said(disk(forecast_days={"lobby": 7.0, "gate": 27.4}))


def test_disk_at_its_limit_keeps_its_level():
    """Nothing fills any more."""
    assert "Keeps its level at 8.0 Mb/s: the oldest make room." in said(disk(hours_left=None))


def test_low_disk_that_cannot_be_helped_says_why_and_fills_to_the_last_byte():
    """Nobody makes room then."""
    view = disk(state="low", stuck="protected", hours_left=3.5)
    assert panel(view).because == "Nothing more can be deleted: only protected footage is left."
    assert "Full in 3 h 30 min at 8.0 Mb/s." in said(view)
    assert panel(view).short == "nearly full"


@pytest.mark.parametrize("state", ["full", "missing", "faulty"])
def test_disk_that_takes_nothing_promises_nothing(state):
    """The reason stands there, and no forecast."""
    view = disk(state=state, detail="/srv/.saksi is missing")
    assert panel(view).because == "/srv/.saksi is missing"
    assert "Full in" not in said(view)
    assert "Keeps" not in said(view)


def test_percent_is_what_is_not_free():
    """What the file system keeps for itself is no room for recordings."""
    assert panel(disk(used_bytes=TB, free_bytes=TB)).short == "75 %"


def test_channels_are_told_in_their_order_and_those_that_were_after_them():
    """With the oldest footage and the forecast, as far as they are known."""
    view = disk(oldest_ms={"attic": NOW - DAY, "gate": NOW - 2 * HOUR}, forecast_days={"gate": 27.4, "lobby": 7.0})
    found = [(one.name, one.will) for one in panel(view).reaches]
    assert found == [("Lobby", "7 days"), ("Gate", "27.4 days"), ("attic", NONE)]
    assert panel(view).reaches[0].oldest == NONE
    assert panel(view).reaches[1].oldest.endswith("2 h ago")


def test_receipts_say_what_went_and_why():
    """Named as the configuration names the channels."""
    data = {"rule": "space", "segments": 1, "bytes": 5_000_000, "channels": [{"channel": "lobby"}]}
    other = {**data, "rule": "quota", "segments": 12, "channels": [{"channel": "gate"}, {"channel": "x"}, {"channel": "x"}]}
    deleted = panel(disk(), [(NOW, data), (NOW - HOUR, other)]).deleted
    assert [one.words for one in deleted] == [
        "1 segment of Lobby, 5.0 MB, to make room",
        "12 segments of Gate and x, 5.0 MB, as the channel had used up its share",
    ]


def test_health_protected_and_read_back_are_said():
    """And damage only by the newest look."""
    words = said(disk(smart="failing", serial="WD-1", protected_bytes=TB, verified_ms=NOW - HOUR))
    assert "Its own health (SMART): failing. Serial number WD-1." in words
    assert "1.0 TB of the recordings are protected from deletion." in words
    assert "1 h ago: nothing is damaged." in words
    harmed = HarmedView(NOW - HOUR, 2, "lobby/x.mp4")
    assert "2 damaged, among them lobby/x.mp4" in said(disk(verified_ms=NOW - HOUR, harmed=harmed))
    assert "nothing is damaged" in said(disk(verified_ms=NOW, harmed=harmed))
