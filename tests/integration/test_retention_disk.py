"""Retention on real file systems: what it deletes, what it never touches, and what it says of every fault."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from retention_site import DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, RetentionSite, small_disk

from edge.clock import ManualClock
from edge.events.values import parse_timestamp
from edge.recordings.segment import SegmentName
from edge.recordings.tree import Tree
from edge.retention.protection import Protected
from edge.retention.pruner import Credit

MIB = 1 << 20


def free_bytes(root: Path) -> int:
    found = os.statvfs(root)
    return found.f_bavail * found.f_frsize


def receipts_cover(site: RetentionSite, recorded: dict[SegmentName, int]) -> None:
    """Receipts, what is left and what was missing add up to what was recorded; each segment in one receipt."""
    gone = {name: size for name, size in recorded.items() if name not in set(site.names())}
    told = site.said("disk_pruned") + site.said("segments_missing")
    assert sum(event["segments"] for event in told) == len(gone)
    assert sum(event["bytes"] for event in told) == sum(gone.values())
    for event in told:
        assert sum(span["segments"] for span in event["channels"]) == event["segments"]
    spans = [span for event in told for span in event["channels"]]
    for name in gone:
        covering = [
            span
            for span in spans
            if span["channel"] == name.channel
            and milliseconds(span["from"]) <= name.start_ms < max(milliseconds(span["to"]), milliseconds(span["from"]) + 1)
        ]
        assert len(covering) == 1, name


def milliseconds(time: str) -> int:
    return round(parse_timestamp(time).timestamp() * 1000)


def fill(site: RetentionSite, count: int, size: int, *, start_ms: int = NOW_MS - 2 * DAY_MS) -> dict[SegmentName, int]:
    """Segments of every channel, turn about."""
    recorded = {}
    for at in range(count):
        for place, channel in enumerate(site.channels):
            name = site.record(channel, start_ms + at * MINUTE_MS + place, size)
            recorded[name] = size
    return recorded


def test_disk_that_fills_many_times_over_stays_within_its_limit(tmp_path: Path):
    """Eight channels write five times what the disk holds: never below the limit for more than a look, receipts add up."""
    with small_disk(tmp_path, 64) as root:
        channels = tuple(f"cam-{number}" for number in range(8))
        site = RetentionSite(tmp_path, root, channels, retention={"min_free_bytes": 8 * MIB, "max_used_percent": 99})
        site.open()
        recorded = {}
        start_ms = NOW_MS - 400 * MINUTE_MS
        for minute in range(160):
            for place, channel in enumerate(channels):
                size = (50 + 25 * place) * 1024
                recorded[site.record(channel, start_ms + minute * MINUTE_MS + place, size)] = size
            site.look()
            assert free_bytes(root) >= 8 * MIB
            site.clock.advance(59)
        assert sum(recorded.values()) > 2.5 * 64 * MIB
        receipts_cover(site, recorded)
        oldest = {channel: site.names(channel)[0].start_ms for channel in channels}
        assert max(oldest.values()) - min(oldest.values()) <= MINUTE_MS + 10
        assert not site.said("disk_low")
        assert site.said("disk_measured")[-1]["oldest"].keys() == set(channels)
        site.close()


def test_age_share_and_quarantine_have_their_own_receipts(tmp_path: Path):
    """What is too old, over its share or worthless goes although there is room, each by its rule."""
    site = RetentionSite(
        tmp_path,
        tmp_path / "root",
        channel_settings={"lobby": {"max_age_days": 1.0}, "dock": {"max_bytes": 50_000}},
        retention={"quarantine_hours": 1.0},
    )
    recorded = fill(site, 10, 1000)
    recorded |= fill(site, 60, 1000, start_ms=NOW_MS - 10 * HOUR_MS)
    keeper = site.open()
    keeper.look()
    keeper.index.need().reject("lobby", NOW_MS - 10 * HOUR_MS, NOW_MS - 2 * HOUR_MS)
    keeper.index.need().reject("lobby", NOW_MS - 10 * HOUR_MS + MINUTE_MS, NOW_MS - HOUR_MS // 2)
    site.look(3)
    by_rule = {event["rule"]: event for event in site.said("disk_pruned")}
    assert {rule: event["segments"] for rule, event in by_rule.items()} == {"age": 10, "quota": 20, "rejected": 1}
    assert len(site.names("lobby")) == 59
    assert len(site.names("dock")) == 50
    receipts_cover(site, recorded)
    assert not (site.root / "lobby" / "2026-11-21").exists()
    site.look(2, 3600)
    assert [event["segments"] for event in site.said("disk_pruned") if event["rule"] == "rejected"] == [1, 1]
    site.close()


def test_protected_footage_stays_and_the_disk_says_so(tmp_path: Path):
    """When only evidence is left the disk is full with that reason; ended, the protection lets the disk recover."""
    with small_disk(tmp_path, 32) as root:
        site = RetentionSite(tmp_path, root, ("lobby",), retention={"min_free_bytes": 12 * MIB})
        keeper = site.open()
        keeper.look()
        one = Protected("01KAQG0W4M2D9C6T8R5Y7B3EHK", "t", "lobby", NOW_MS - 3 * DAY_MS, NOW_MS + DAY_MS, "n", "b", 1)
        keeper.protections.add(one)
        recorded = fill(site, 20, MIB)
        site.close()
        site.open()
        site.look(60, 30)
        assert len(site.names()) == 20
        assert not site.said("disk_pruned")
        [full] = site.said("disk_full")
        assert full["reason"] == "protected"
        assert site.said("disk_measured")[-1]["protected_bytes"] == 20 * MIB
        assert site.keeper is not None
        site.keeper.protections.end(one, "b")
        site.settle()
        site.look(3)
        assert site.said("disk_recovered")[-1]["was"] == "full"
        assert free_bytes(root) >= 12 * MIB
        receipts_cover(site, recorded)
        site.close()


def test_what_is_not_ours_is_counted_and_never_touched(tmp_path: Path):
    """Foreign files, links to segments, folders that are links: none is followed or deleted, whatever the policy."""
    outside = tmp_path / "outside"
    outside.mkdir()
    site = RetentionSite(tmp_path, tmp_path / "root", ("lobby",), retention={"max_age_days": 0.5})
    recorded = fill(site, 5, 1000)
    day = site.root / "lobby" / "2026-11-21"
    moved = outside / "2026-11-20"
    moved.mkdir()
    stranger = moved / "lobby_20261120T000000000Z.mp4"
    stranger.write_bytes(b"evidence")
    (site.root / "lobby" / "2026-11-20").symlink_to(moved)
    (day / "lobby_20261121T000000001Z.mp4").symlink_to(stranger)
    (day / "notes.txt").write_text("x")
    (day / "lobby_20261121T000000002Z.part.mp4").write_bytes(b"growing")
    (site.root / "backup.tar").write_text("x")
    (site.root / "Photos").mkdir()
    (site.root / "Photos" / "a.jpg").write_text("x")
    site.open()
    site.settle()
    site.look(40, 21)
    assert not site.names() or all(name not in recorded for name in site.names())
    assert stranger.read_bytes() == b"evidence"
    assert sorted(path.name for path in day.iterdir()) == [
        "lobby_20261121T000000001Z.mp4",
        "lobby_20261121T000000002Z.part.mp4",
        "notes.txt",
    ]
    assert (site.root / "backup.tar").exists()
    assert (site.root / "Photos" / "a.jpg").exists()
    assert site.said("disk_measured")[-1]["unknown_files"] == 5
    receipts_cover(site, recorded)
    site.close()


def test_folder_that_turns_into_a_link_leads_nowhere(tmp_path: Path):
    """A folder swapped for a link after it was catalogued: what it points to is not deleted."""
    site = RetentionSite(tmp_path, tmp_path / "root", ("lobby",))
    fill(site, 5, 1000)
    site.open()
    site.settle()
    folder = site.root / "lobby" / "2026-11-21"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    site.retention = {"max_age_days": 0.5}
    site.keeper.reload(site.config)
    site.look(3)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 5
    assert not site.said("disk_pruned")
    site.close()


def test_disk_that_goes_and_another_that_comes_are_told_apart(tmp_path: Path):
    """Without the mark nothing is deleted; an unmounted root is missing, a foreign disk too, and its own is back."""
    with small_disk(tmp_path, 32) as root:
        site = RetentionSite(tmp_path, root, ("lobby",), retention={"min_free_bytes": 4 * MIB})
        fill(site, 5, MIB)
        site.open()
        site.settle()
        subprocess.run(["umount", str(root)], check=True)
        site.retention = {"max_age_days": 0.5}
        site.keeper.reload(site.config)
        fill(site, 5, 1000)
        site.look(3)
        [missing] = site.said("disk_missing")
        assert missing["expected_device"].startswith("/dev/loop")
        assert "lost its mark" in missing["detail"]
        (root / ".saksi").write_text('{"site":"test-site","device":"another"}')
        site.look(3)
        assert len(site.names()) == 5
        (root / ".saksi").unlink()
        subprocess.run(["rm", "-r", str(root / "lobby")], check=True)
        subprocess.run(["mount", "-o", "loop", str(tmp_path / "disk.image"), str(root)], check=True)
        site.look(3)
        assert site.said("disk_recovered")[-1]["was"] == "missing"
        assert not site.names()
        assert [event["rule"] for event in site.said("disk_pruned")] == ["age"]
        assert not site.said("segments_missing")
        site.close()


def test_read_only_disk_is_told_of_and_gone_on_with_when_it_is_writable(tmp_path: Path):
    """A remount read-only deletes nothing, is named, and is over when it is over."""
    with small_disk(tmp_path, 32) as root:
        site = RetentionSite(tmp_path, root, ("lobby",))
        fill(site, 5, MIB)
        site.open()
        site.settle()
        subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
        site.retention = {"max_age_days": 0.5}
        site.keeper.reload(site.config)
        site.look(3)
        [faulty] = site.said("disk_faulty")
        assert faulty["fault"] == "read_only"
        subprocess.run(["mount", "-o", "remount,rw", str(root)], check=True)
        site.look(3)
        assert site.said("disk_recovered")[-1]["was"] == "faulty"
        assert sum(event["segments"] for event in site.said("disk_pruned")) == 5
        site.close()


def test_disk_filled_by_somebody_else_is_low_and_then_full(tmp_path: Path):
    """Foreign bytes push everything out; when nothing is left to delete the reason says whose fault it is."""
    with small_disk(tmp_path, 32) as root:
        site = RetentionSite(tmp_path, root, ("lobby",), retention={"min_free_bytes": 10 * MIB})
        recorded = fill(site, 5, MIB)
        site.open()
        site.settle()
        hog = root / "hog.bin"
        with hog.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free_bytes(root) - 2 * MIB)
        site.settle()
        site.look(2)
        [low] = site.said("disk_low")
        assert low["reason"] == "not_ours"
        with hog.open("ab") as file:
            os.posix_fallocate(file.fileno(), hog.stat().st_size, free_bytes(root) - MIB)
        site.look(2)
        assert site.said("disk_full")[-1]["reason"] == "not_ours"
        hog.unlink()
        site.look(2)
        assert site.said("disk_recovered")[-1]["was"] == "full"
        receipts_cover(site, recorded)
        site.close()


def test_segments_deleted_by_hand_are_told_of(tmp_path: Path):
    """The walk finds what is gone, and what came: the file system is the truth."""
    site = RetentionSite(tmp_path, tmp_path / "root", ("lobby",))
    recorded = fill(site, 5, 1000)
    site.open()
    site.settle()
    gone = sorted(recorded)[1]
    (site.root / gone.path).unlink()
    come = site.record("lobby", NOW_MS - 2 * DAY_MS + HOUR_MS, 1234)
    site.look(5, 21)
    [missing] = site.said("segments_missing")
    assert missing["segments"] == 1
    assert missing["bytes"] == 1000
    assert missing["channels"][0]["from"].startswith("2026-11-21T00:01:00")
    assert come in {entry.name for entry in site.keeper.index.need().oldest()}
    site.close()


@pytest.mark.parametrize("harm", ["deleted", "garbage", "cut", "outdated", "other_disk"])
def test_catalog_that_is_lost_or_bad_is_made_anew_and_deletes_nothing(tmp_path: Path, harm: str):
    """An index is never a reason to delete: it is rebuilt from the disk, said by name, and equal to what it was."""
    site = RetentionSite(tmp_path, tmp_path / "root")
    recorded = fill(site, 20, 1000)
    site.open()
    site.settle()
    before = [entry[:2] for entry in site.keeper.index.need().oldest()]
    site.close()
    path = site.state_dir / "catalog.db"
    if harm == "deleted":
        path.unlink()
    elif harm == "garbage":
        path.write_bytes(b"not a database" * 1000)
    elif harm == "cut":
        os.truncate(path, 8192)
    elif harm == "outdated":
        subprocess.run(["python3", "-c", f"import sqlite3; sqlite3.connect({str(path)!r}).execute('PRAGMA user_version=99')"], check=True)
    else:
        (site.root / ".saksi").write_text('{"site": "test-site", "device": "b"}')
        (site.state_dir / "storage.json").unlink()
        site.mark()
    site.open()
    site.settle()
    assert [entry[:2] for entry in site.keeper.index.need().oldest()] == before
    assert len(site.names()) == len(recorded)
    expected = {"deleted": "missing", "garbage": "damaged", "cut": "damaged"}.get(harm, harm)
    assert [event["reason"] for event in site.said("catalog_rebuilt")] == ["missing", expected]
    assert not site.said("segments_missing")
    site.close()


def test_disk_that_fails_in_the_middle_is_told_of_and_what_went_before_has_its_receipt(tmp_path: Path, monkeypatch):
    """EIO after some deletions: named, nothing more is deleted, and all is made good when the disk answers again."""
    site = RetentionSite(tmp_path, tmp_path / "root", ("lobby",))
    recorded = fill(site, 20, 1000)
    site.open()
    site.settle()
    site.retention = {"max_age_days": 0.5}
    site.keeper.reload(site.config)
    original = Tree.delete

    def failing(self, names):
        for place, outcome in enumerate(original(self, names)):
            yield outcome
            if place == 6:
                raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Tree, "delete", failing)
        site.look()
    [faulty] = site.said("disk_faulty")
    assert faulty["fault"] == "io_error"
    assert len(site.names()) == 13
    receipts_cover(site, recorded)
    site.look(2)
    assert site.said("disk_recovered")[-1]["was"] == "faulty"
    assert not site.names()
    receipts_cover(site, recorded)
    site.close()


def test_segments_that_may_not_be_deleted_are_told_of_and_the_others_go(tmp_path: Path, monkeypatch):
    """Files of another user: deleting goes on with the next, and what is wrong is said by name."""
    with small_disk(tmp_path, 32) as root:
        site = RetentionSite(tmp_path, root, ("lobby",), retention={"min_free_bytes": 20 * MIB})
        stubborn = site.record("lobby", NOW_MS - 2 * DAY_MS, 12 * MIB)
        subprocess.run(["chattr", "+i", str(root / stubborn.path)], check=True)
        site.record("lobby", NOW_MS - 2 * DAY_MS + MINUTE_MS, MIB)
        site.open()
        site.settle()
        site.look(3)
        assert site.names() == [stubborn]
        [faulty] = site.said("disk_faulty")
        assert faulty["fault"] == "not_permitted"
        subprocess.run(["chattr", "-i", str(root / stubborn.path)], check=True)
        site.look(3, 601)
        assert site.names() == []
        assert site.said("disk_recovered")[-1]["was"] == "faulty"
        assert sum(event["segments"] for event in site.said("disk_pruned")) == 2
        site.close()


def test_space_that_comes_back_late_is_not_deleted_for_twice():
    """A file system that frees later gets a while; what never comes is not waited for."""
    clock = ManualClock()
    credit = Credit(clock)
    credit.give(1000, 990)
    assert credit.bytes == 0
    credit.give(1000, 100)
    assert credit.bytes == 900
    clock.advance(16)
    assert credit.bytes == 0


def test_promise_that_breaks_is_told_of_once_and_again_when_it_holds(tmp_path: Path):
    """At today's bitrate the disk holds less than was promised: said once, over restarts too, and when it is over."""
    with small_disk(tmp_path, 64) as root:
        site = RetentionSite(tmp_path, root, ("lobby",), retention={"promise_days": 1.0})
        for minute in range(60):
            site.record("lobby", NOW_MS - HOUR_MS + minute * MINUTE_MS, 100 * 1024)
        site.open()
        site.look(4, 61)
        [short] = site.said("retention_short")
        assert short["subject"] == short["channel"] == "lobby"
        assert short["forecast_days"] == pytest.approx(0.4, abs=0.1)
        assert short["short_from"] > site.said("disk_measured")[0]["oldest"]["lobby"]
        site.close()
        site.open()
        site.look(4, 61)
        assert len(site.said("retention_short")) == 1
        site.retention = {"promise_days": 0.1}
        site.keeper.reload(site.config)
        site.look(4, 61)
        [restored] = site.said("retention_restored")
        assert restored["promise_days"] == 0.1
        site.close()


def test_killed_process_looks_at_the_newest_days_again(tmp_path: Path):
    """Without its clean end the catalog is doubted, but only where something can have happened."""
    site = RetentionSite(tmp_path, tmp_path / "root", ("lobby",))
    old, new = site.record("lobby", NOW_MS - 20 * DAY_MS), site.record("lobby", NOW_MS - 2 * HOUR_MS)
    site.open()
    site.settle()
    site.kill()
    late = site.record("lobby", NOW_MS - HOUR_MS)
    (site.root / old.path).unlink()
    keeper = site.open()
    keeper.look()
    assert {entry.name for entry in keeper.index.need().oldest()} == {old, new, late}
    assert not site.said("segments_missing")
    site.close()
