"""The mark on a storage root: which disk is written to, and what is said of one that is not."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from edge.durable import write_durably
from edge.errors import StorageMissing
from edge.recordings.mark import MarkedRoot


class Disk:
    """A storage root, the memory of its mark, and the recorder's lives on it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "segments"
        self.memory = folder / "state" / "storage.json"
        self.memory.parent.mkdir(parents=True)
        self.root.mkdir()

    def check(self, site: str = "jkt-001") -> None:
        """As a recorder that has just started."""
        MarkedRoot(self.root, site, self.memory).check()

    @property
    def mark(self) -> Path:
        return self.root / ".saksi"

    def device(self) -> str:
        return json.loads(self.mark.read_text())["device"]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def marked(disk: Disk) -> Disk:
    """A disk that was recorded to."""
    disk.check()
    return disk


def test_first_start_marks_the_root_for_people_too(disk: Disk):
    """Site and device in a line of JSON, remembered with the path."""
    disk.check()
    assert json.loads(disk.mark.read_text()) == {"site": "jkt-001", "device": disk.device()}
    assert json.loads(disk.memory.read_text()) == {"root": str(disk.root), "device": disk.device()}
    assert sorted(path.name for path in disk.root.iterdir()) == [".saksi"]


def test_every_later_start_leaves_the_mark_alone(marked: Disk):
    """The same device for ever."""
    before = marked.mark.read_bytes(), marked.memory.read_bytes()
    marked.check()
    marked.check()
    assert before == (marked.mark.read_bytes(), marked.memory.read_bytes())


def test_first_checks_on_many_threads_make_one_mark(disk: Disk):
    """Writer threads begin together: they agree on the device, and none of them finds the root to be another disk."""
    together = MarkedRoot(disk.root, "jkt-001", disk.memory)
    failures = []
    barrier = threading.Barrier(8)

    def check() -> None:
        barrier.wait()
        try:
            together.check()
        except StorageMissing as error:
            failures.append(error)

    threads = [threading.Thread(target=check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    together.check()
    disk.check()


def unmount(disk: Disk) -> None:
    disk.mark.unlink()


def other_disk(disk: Disk) -> None:
    disk.mark.write_text(json.dumps({"site": "jkt-001", "device": "0" * 32}))


def other_site(disk: Disk) -> None:
    disk.mark.write_text(json.dumps({"site": "sub-002", "device": disk.device()}))


def garbled(disk: Disk) -> None:
    disk.mark.write_bytes(b"\xff\x00{")


def emptied(disk: Disk) -> None:
    disk.mark.write_text("")


def list_for_a_mark(disk: Disk) -> None:
    disk.mark.write_text("[1, 2]")


def numbers_for_names(disk: Disk) -> None:
    disk.mark.write_text(json.dumps({"site": 1, "device": 2}))


def folder_for_a_mark(disk: Disk) -> None:
    disk.mark.unlink()
    disk.mark.mkdir()


def no_root(disk: Disk) -> None:
    shutil.rmtree(disk.root)


def file_for_a_root(disk: Disk) -> None:
    shutil.rmtree(disk.root)
    disk.root.write_text("")


def looped_root(disk: Disk) -> None:
    shutil.rmtree(disk.root)
    disk.root.symlink_to(disk.root)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unmount, "lost its mark"),
        (other_disk, "another disk"),
        (other_site, "recordings of site 'sub-002'"),
        (garbled, "damaged"),
        (emptied, "damaged"),
        (list_for_a_mark, "damaged"),
        (numbers_for_names, "damaged"),
        (folder_for_a_mark, "cannot be read"),
        (no_root, "not there"),
        (file_for_a_root, "not there"),
        (looped_root, "not there"),
    ],
)
@pytest.mark.parametrize("running", [True, False], ids=["while it records", "at a start"])
def test_disk_that_is_not_meant_is_refused_and_left_alone(marked: Disk, spoil, words: str, running: bool):
    """Each with its own words; nothing is written to the root or to the memory; as it was, it is accepted again."""
    recorder = MarkedRoot(marked.root, "jkt-001", marked.memory)
    if running:
        recorder.check()
    kept = marked.mark.read_bytes(), marked.memory.read_bytes()
    spoil(marked)
    there = sorted(marked.root.iterdir()) if marked.root.is_dir() else []
    with pytest.raises(StorageMissing, match=words):
        recorder.check()
    assert there == (sorted(marked.root.iterdir()) if marked.root.is_dir() else [])
    assert kept[1] == marked.memory.read_bytes()
    heal(marked, kept[0])
    recorder.check()


def heal(disk: Disk, mark: bytes) -> None:
    if disk.root.is_symlink() or disk.root.is_file():
        disk.root.unlink()
    disk.root.mkdir(exist_ok=True)
    if disk.mark.is_dir():
        disk.mark.rmdir()
    disk.mark.write_bytes(mark)


def test_lost_memory_takes_the_mark_of_the_disk(marked: Disk):
    """A new state_dir: what the disk says counts, and is remembered."""
    device = marked.device()
    marked.memory.unlink()
    marked.check()
    assert (device, device) == (marked.device(), json.loads(marked.memory.read_text())["device"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"root": 1}', '{"device": null}'])
def test_damaged_memory_is_as_none(marked: Disk, text: str):
    """It is written anew."""
    marked.memory.write_text(text)
    marked.check()
    assert json.loads(marked.memory.read_text())["device"] == marked.device()


def test_another_root_in_the_configuration_is_another_disk(marked: Disk, tmp_path: Path):
    """The memory is of a path: a new path is marked, and is what is remembered from then on."""
    device = marked.device()
    marked.root = tmp_path / "new"
    marked.root.mkdir()
    marked.check()
    assert device != marked.device() == json.loads(marked.memory.read_text())["device"]


def test_disk_of_another_site_is_refused_at_the_first_start(marked: Disk):
    """Also where nothing is remembered, as with a disk that was carried there."""
    marked.memory.unlink()
    with pytest.raises(StorageMissing, match=r"site 'jkt-001', this site is 'sub-002'"):
        marked.check("sub-002")


def test_unwritable_memory_is_named(disk: Disk):
    """A mark that could not be remembered protects nothing."""
    disk.memory.parent.rmdir()
    with pytest.raises(StorageMissing, match=r"storage\.json cannot be written"):
        disk.check()
    disk.memory.parent.mkdir()
    disk.check()


def test_small_file_is_replaced_whole(tmp_path: Path, monkeypatch):
    """Where the disk refuses half-way, the old text stays."""
    path = tmp_path / "note"
    write_durably(path, "old")

    def refuse(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="Input"):
            write_durably(path, "new")
    assert path.read_text() == "old"
    write_durably(path, "newer")
    assert (path.read_text(), [path]) == ("newer", list(tmp_path.iterdir()))
