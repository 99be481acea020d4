"""The lifecycle of a segment's file, and whose files the store takes for its own."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from edge.errors import DiskFull, StorageError, StorageMissing
from edge.recordings.mark import MarkedRoot
from edge.recordings.segment import SegmentName
from edge.recordings.store import PartFile, Store

NAME = SegmentName("lobby", 1_795_400_521_123)
DAY_MS = 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    root = tmp_path / "segments"
    root.mkdir()
    return Store(MarkedRoot(root, "jkt-001", tmp_path / "storage.json"))


def files(store: Store) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())


def open_files() -> set[str]:
    """What this process has open, but for the folder that is being listed."""
    return {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


def test_segment_grows_as_a_part_and_ends_under_its_name(store: Store):
    """Head, fragments, patches; the hash is that of the bytes in place, and no descriptor is left."""
    part = store.create(store.free_name(NAME), b"head....")
    part.append([b"one", bytearray(b"two")])
    part.append([b"three"])
    part.sync()
    assert files(store) == [".saksi", NAME.part_path]
    steps = []
    finished = part.finish([(4, b"DONE")], steps.append)
    data = (store.root / NAME.path).read_bytes()
    assert data == b"headDONEonetwothree"
    assert (NAME, len(data), hashlib.sha256(data).hexdigest()) == (finished.name, finished.bytes, finished.sha256)
    assert finished == store.measure(NAME)
    assert steps == ["patched", "synced", "renamed", "in place"]
    assert files(store) == [".saksi", NAME.path]
    assert not any(NAME.channel in path for path in open_files())


def test_name_that_is_taken_gives_a_later_one(store: Store):
    """A clock that was set back names no file twice, neither a finished nor a growing one."""
    store.create(NAME, b"").finish([])
    store.create(NAME.later(1), b"").close()
    assert store.free_name(NAME) == NAME.later(2)


def test_file_that_is_there_is_never_opened_anew(store: Store, tmp_path: Path):
    """Not even through a link that somebody laid."""
    store.create(NAME, b"mine").close()
    with pytest.raises(StorageMissing):
        store.create(NAME, b"yours")
    target = tmp_path / "target"
    (store.root / NAME.later(1).part_path).symlink_to(target)
    with pytest.raises(StorageMissing):
        store.create(NAME.later(1), b"head")
    assert not target.exists()
    assert (store.root / NAME.part_path).read_bytes() == b"mine"


def test_given_up_part_is_gone(store: Store):
    """A segment without a picture leaves nothing."""
    part = store.create(NAME, b"head")
    part.abandon()
    part.abandon()
    assert files(store) == [".saksi"]


def test_unreadable_part_is_kept_under_a_name_that_nobody_owns(store: Store):
    """For a person to look at; the store does not see it any more."""
    store.create(NAME, b"garbage").close()
    path = store.set_aside(NAME)
    assert (store.root / path).read_bytes() == b"garbage"
    assert SegmentName.parse(path) is None
    assert list(store.names(store.root / "lobby", None)) == []


def failing_write(store: Store, error: int, written: int):
    """os.writev that takes a few bytes and then fails."""
    really, state = os.writev, {"left": written}

    def writev(descriptor: int, pieces) -> int:
        if "lobby" not in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            return really(descriptor, pieces)
        if not state["left"]:
            raise OSError(error, os.strerror(error))
        taken = really(descriptor, [b"".join(pieces)[: state["left"]]])
        state["left"] -= taken
        return taken

    return writev


@pytest.mark.parametrize(
    ("error", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, StorageMissing)]
)
def test_write_that_fails_half_way_is_cut_off_again(store: Store, monkeypatch, error: int, kind: type[StorageError]):
    """All pieces or none; what was there before can be finished."""
    part = store.create(NAME, b"head")
    part.append([b"whole"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", failing_write(store, error, 3))
        with pytest.raises(kind):
            part.append([b"to", b"rn"])
    assert part.bytes == 9
    part.append([b"again"])
    assert part.finish([]).bytes == 14
    assert (store.root / NAME.path).read_bytes() == b"headwholeagain"


def test_torn_tail_that_could_not_be_cut_off_is_not_in_the_finished_file(store: Store, monkeypatch):
    """The hash and the size that are told are those of the file."""
    part = store.create(NAME, b"head")
    part.append([b"whole"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", failing_write(store, errno.EIO, 3))
        patch.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
        with pytest.raises(StorageMissing):
            part.append([b"torn"])
    assert part.finish([]) == store.measure(NAME)
    assert (store.root / NAME.path).read_bytes() == b"headwhole"


@pytest.mark.parametrize("call", ["writev", "fsync"])
def test_segment_that_cannot_be_begun_leaves_nothing(store: Store, monkeypatch, call: str):
    """Neither a file nor a descriptor; also where its head is torn or its name not safe."""
    store.check()

    def refuse(descriptor: int, *_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(DiskFull, match=r"segments is full"):
            store.create(NAME, b"head")
    assert files(store) == [".saksi"]
    assert not any("lobby" in path for path in open_files())


def test_error_of_the_disk_stays_a_storage_error_when_cleaning_up_fails_too(store: Store, monkeypatch):
    """A disk that turned read-only in mid-write refuses to delete as well; nobody sees a bare OSError."""
    store.check()

    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    part = store.create(NAME, b"head")
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", refuse)
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(StorageMissing):
            part.append([b"picture"])
        with pytest.raises(StorageMissing):
            part.abandon()
        with pytest.raises(StorageMissing):
            store.create(NAME.later(1), b"head")


def test_dying_disk_is_a_storage_error_wherever_it_is_asked(store: Store, monkeypatch):
    """EIO for every stat, as from a USB disk that was pulled out."""
    store.create(NAME, b"").close()

    def refuse(*_: object, **__: object) -> object:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    for use in (
        store.check,
        store.channel_folders,
        lambda: store.free_name(NAME),
        lambda: store.create(NAME, b""),
        lambda: store.holds(NAME.path),
        lambda: list(store.names(store.root / "lobby", 2)),
        lambda: store.measure(NAME.later(5)),
    ):
        with pytest.raises(StorageError):
            use()


def test_only_segments_are_listed_and_only_of_the_newest_days(store: Store):
    """Foreign files and folders are neither seen nor counted as days."""
    days = [SegmentName("lobby", NAME.start_ms - place * DAY_MS) for place in range(4)]
    for name in days:
        store.create(name, b"").finish([])
    store.create(NAME.later(1), b"").close()
    folder = store.root / "lobby"
    (folder / "thumbnails").mkdir()
    (folder / "zzz").mkdir()
    (folder / "notes.txt").write_text("")
    for foreign in ("holiday.mp4", "gate_20261123T022201123Z.mp4", f"{Path(NAME.path).name}.bak"):
        (store.root / NAME.folder / foreign).write_text("")
    newest = [(days[1], False), (days[0], False), (NAME.later(1), True)]
    assert sorted(store.names(folder, 2)) == newest
    assert len(list(store.names(folder, None))) == 5
    assert list(store.names(store.root / "no such channel", 2)) == []


def test_only_folders_named_like_channels_are_channels(store: Store):
    """Not `lost+found`, which an ordinary user cannot even list, nor links."""
    for name in ("lobby", "a_b-1"):
        (store.root / name).mkdir()
    for name in ("lost+found", ".Trash-1000", "System Volume Information", "Lobby", "a" * 33):
        (store.root / name).mkdir()
    (store.root / "gate").symlink_to(store.root / "lobby")
    (store.root / "file").write_text("")
    assert [folder.name for folder in store.channel_folders()] == ["a_b-1", "lobby"]


def test_nothing_is_written_while_the_disk_is_another_one(store: Store):
    """Neither folder nor file."""
    store.check()
    (store.root / ".saksi").unlink()
    for use in (lambda: store.create(NAME, b""), lambda: store.free_name(NAME)):
        with pytest.raises(StorageMissing, match="lost its mark"):
            use()
    assert list(store.root.iterdir()) == []


def test_reopened_part_is_cut_back_when_it_is_finished(store: Store):
    """What a crash left behind the last whole fragment goes; a link is not followed."""
    part = store.create(NAME, b"head")
    part.append([b"whole", b"torn"])
    part.close()
    assert store.reopen(NAME, 9).finish([(0, b"HEAD")]) == store.measure(NAME)
    assert (store.root / NAME.path).read_bytes() == b"HEADwhole"
    (store.root / NAME.part_path).symlink_to(store.root / NAME.path)
    with pytest.raises(StorageMissing):
        store.reopen(NAME, 0)
    assert (store.root / NAME.path).read_bytes() == b"HEADwhole"


def test_finished_file_is_readable_for_the_group_only(store: Store):
    """Pictures of people are not for every user of the machine."""
    part: PartFile = store.create(NAME, b"")
    part.finish([])
    assert (store.root / NAME.path).stat().st_mode & 0o007 == 0
