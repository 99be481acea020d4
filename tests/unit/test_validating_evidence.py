"""Kept pictures: named by channel and time, never more than the bound, and nothing else is ever deleted."""

from edge.config import ChannelConfig, Config, ValidatorConfig
from edge.config.validating import Thresholds
from edge.validator.evidence import Evidence
from edge.validator.limits import limits_of

DAY_MS = 86_400_000
START_MS = 1_795_392_000_000


def test_picture_lies_under_its_channel_and_day(tmp_path):
    """The path is the one that the event tells."""
    path = Evidence(tmp_path).keep("lobby", START_MS + 61_005, b"jpeg")
    assert path == "lobby/2026-11-23/lobby_20261123T000101005Z.jpg"
    assert (tmp_path / path).read_bytes() == b"jpeg"


def test_oldest_go_when_there_are_too_many_or_too_large(tmp_path):
    """By count and by size, over all channels."""
    evidence = Evidence(tmp_path, most_pictures=4, most_bytes=35)
    paths = [evidence.keep("ab"[place % 2], START_MS + place * DAY_MS, b"0123456789") for place in range(9)]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg")) == sorted(paths[-3:])
    assert len([path for path in tmp_path.glob("*/*") if path.is_dir()]) == 3


def test_files_of_others_stay(tmp_path):
    """Whatever does not have a name of ours is not ours."""
    evidence = Evidence(tmp_path, most_pictures=1)
    (tmp_path / "lobby" / "2026-01-01").mkdir(parents=True)
    others = [tmp_path / "notes.txt", tmp_path / "lobby" / "2026-01-01" / "holiday.jpg",
              tmp_path / "lobby" / "2026-01-01" / "gate_20260101T000000000Z.jpg"]  # fmt: skip
    for other in others:
        other.write_bytes(b"x" * 100)
    evidence.keep_reference("lobby", b"well")
    for place in range(3):
        evidence.keep("lobby", START_MS + place, b"jpeg")
    assert all(other.exists() for other in others)
    assert (tmp_path / "lobby" / "reference.jpg").read_bytes() == b"well"


def test_age_of_the_reference_is_known(tmp_path):
    """None where there is none."""
    evidence = Evidence(tmp_path)
    assert evidence.reference_age_s("lobby", 0.0) is None
    evidence.keep_reference("lobby", b"well")
    written_s = (tmp_path / "lobby" / "reference.jpg").stat().st_mtime
    assert evidence.reference_age_s("lobby", written_s + 5) == 5


def test_channel_changes_only_the_limits_that_it_names():
    """The site's limits hold for the rest; a channel that is off has none."""
    channels = (
        ChannelConfig(id="lobby", url="rtsp://10.0.0.1/main"),
        ChannelConfig(id="yard", url="rtsp://10.0.0.1/main", validator=Thresholds(no_signal_share=0.9)),
        ChannelConfig(id="off", url="rtsp://10.0.0.1/main", enabled=False),
    )
    config = Config(site="jkt-001", validator=ValidatorConfig(thresholds=Thresholds(black_luma=10)), channels=channels)
    limits = limits_of(config)
    assert sorted(limits) == ["lobby", "yard"]
    assert (limits["lobby"].black_luma, limits["lobby"].no_signal_share) == (10, Thresholds().no_signal_share)
    assert (limits["yard"].black_luma, limits["yard"].no_signal_share) == (10, 0.9)
