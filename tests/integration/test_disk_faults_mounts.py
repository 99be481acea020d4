"""Recorder and retention together on a disk that goes, comes back as another, shuts itself, or fills with foreign files."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acceptance_support import until
from faulty_site import CHANNELS, FaultySite, faulty_site
from recorded_lane import unmount
from retention_site import small_disk

from edge.errors import DiskFull
from edge.recordings.mark import MarkedRoot
from edge.recordings.segment import SegmentName
from edge.recordings.store import Store


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def another_disk(folder: Path) -> Iterator[Path]:
    """A second small disk."""
    folder.mkdir()
    with small_disk(folder, 8) as mounted:
        yield mounted


def below(folder: Path) -> list[str]:
    """Every name below a folder."""
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.timeout(200)
def test_disk_that_goes_and_a_wrong_one_in_its_place_get_nothing(tmp_path: Path, mosquitto):
    """Neither the folder below the mount nor another disk is written to or deleted from; the right one is gone on with."""
    root = tmp_path / "root"
    root.mkdir()
    with small_disk(tmp_path, 32) as disk, another_disk(tmp_path / "other") as other:
        (other / "holiday.jpg").write_text("x")
        run("mount", "--bind", str(disk), str(root))
        try:
            with faulty_site(tmp_path, root, mosquitto.port) as site:
                site.wait_for_recording()
                mark = site.mark()
                unmount(root)
                stopped = site.wait(mark, "recorder", "recording_stopped", CHANNELS)
                assert {one.data["reason"] for one in stopped} == {"storage_missing"}
                assert "lost its mark" in site.wait(mark, "retention", "disk_missing")[0].data["detail"]
                assert below(root) == []
                run("mount", "--bind", str(other), str(root))
                before = below(disk)
                _let_them_try(site)
                assert below(other) == ["holiday.jpg", "lost+found"]
                assert below(disk) == before
                unmount(root)
                mark = site.mark()
                run("mount", "--bind", str(disk), str(root))
                site.wait(mark, "recorder", "recording_started", CHANNELS)
                assert site.wait(mark, "retention", "disk_recovered")[0].data["was"] == "missing"
                site.wait_for_recording()
                site.stop()
                site.assert_files_and_events_agree()
                assert not [one for one in site.said("retention") if one.type == "segments_missing"]
        finally:
            unmount(root)


def _let_them_try(site: FaultySite) -> None:
    """Longer than the recorder waits between two tries."""
    time.sleep(7)
    for process in site.processes.values():
        assert process.poll() is None


@pytest.mark.timeout(200)
def test_file_system_that_shuts_itself_is_named_by_both_and_gone_on_with_after_repair(tmp_path: Path, mosquitto):
    """A real ext4 that finds an error: read-only until it is repaired, footage before and after intact."""
    root = tmp_path / "root"
    root.mkdir()
    with small_disk(tmp_path, 32, "errors=remount-ro") as disk:
        device = Path(subprocess.run(["findmnt", "-no", "SOURCE", str(disk)], capture_output=True, text=True, check=True).stdout.strip())
        trigger = Path("/sys/fs/ext4") / device.name / "trigger_fs_error"
        if not trigger.exists():
            pytest.skip("this kernel takes no made-up errors of ext4")
        run("mount", "--bind", str(disk), str(root))
        try:
            with faulty_site(tmp_path, root, mosquitto.port) as site:
                site.wait_for_recording()
                mark = site.mark()
                trigger.write_text("made up by a test\n")
                stopped = site.wait(mark, "recorder", "recording_stopped", CHANNELS)
                assert {one.data["reason"] for one in stopped} == {"storage_missing"}
                assert site.wait(mark, "retention", "disk_faulty")[0].data["fault"] == "read_only"
                unmount(root)
                run("umount", str(disk))
                until(lambda: not trigger.exists())  # the kernel has let it go, or it would be mounted again as it is
                assert subprocess.run(["e2fsck", "-fy", str(tmp_path / "disk.image")], capture_output=True, check=False).returncode <= 1
                mark = site.mark()
                run("mount", "-o", "loop", str(tmp_path / "disk.image"), str(disk))
                run("mount", "--bind", str(disk), str(root))
                site.wait(mark, "recorder", "recording_started", CHANNELS)
                site.wait(mark, "retention", "disk_recovered")
                site.wait_for_recording()
                site.stop()
                site.assert_files_and_events_agree()
        finally:
            unmount(root)


@pytest.mark.timeout(200)
def test_disk_that_somebody_else_fills_is_named_by_both_and_gone_on_with(tmp_path: Path, mosquitto):
    """To the last byte, and to the last file: ours go by receipt to make room, and recording resumes by itself."""
    with small_disk(tmp_path, 32) as disk, faulty_site(tmp_path, disk, mosquitto.port) as site:
        site.wait_for_recording()
        mark = site.mark()
        hog = disk / "hog"
        _fill_with_bytes(hog)
        stopped = site.wait(mark, "recorder", "recording_stopped", CHANNELS)
        assert {one.data["reason"] for one in stopped} == {"disk_full"}
        assert site.wait(mark, "retention", "disk_full")[0].data["reason"] in {None, "not_ours"}
        mended = site.mark()
        hog.unlink()
        site.wait(mended, "recorder", "recording_started", CHANNELS)
        site.wait(mended, "retention", "disk_recovered")
        site.wait_for_recording()
        mark = site.mark()
        crowd = disk / "crowd"
        crowd.mkdir()
        _fill_with_files(crowd)
        site.wait(mark, "retention", "disk_pruned")
        assert site.wait(mark, "retention", "disk_low")[0].data["reason"] == "files"
        mended = site.mark()
        run("rm", "-r", str(crowd))
        site.wait(mended, "retention", "disk_recovered")
        site.wait_for_recording()
        site.stop()
        site.assert_files_and_events_agree()


def _fill_with_bytes(hog: Path) -> None:
    with hog.open("wb", buffering=0) as file:
        for piece in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\xff" * piece)
            except OSError:
                continue


def _fill_with_files(folder: Path) -> None:
    number = 0
    while os.statvfs(folder).f_favail:
        (folder / str(number)).touch()
        number += 1


def test_disk_without_room_for_one_more_file_is_full_in_words_that_help(tmp_path: Path, monkeypatch):
    """`df` shows room: the words name what to look at."""
    store = Store(MarkedRoot(tmp_path / "root", "jkt-001", tmp_path / "storage.json"))
    store.root.mkdir()
    store.check()
    found = os.statvfs(store.root)
    name = SegmentName("lobby", 1_795_392_000_000)
    assert store.free_name(name) == name
    fields = list(found)
    fields[7] = 0  # f_favail
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
    with pytest.raises(DiskFull, match="df -i"):
        store.free_name(name)
