"""Files that lie where segments should and are none, or cannot be read: they cost nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_channel import CHANNEL, FPS, WALL_NS, RecordedChannel, encode, recovered

from edge.clock import utc
from edge.mp4.reader import scan


@pytest.fixture(scope="session")
def clip():
    """Parameter sets and pictures of a little less than one segment."""
    return encode(FPS - 1)


@pytest.fixture
def part(tmp_path: Path, clip) -> Path:
    """A segment that grew until the power was cut."""
    return RecordedChannel(tmp_path).leave_part(*clip)


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(lambda data: bytes(len(data)), id="zeros"),
        pytest.param(lambda data: data[:100], id="half a head"),
        pytest.param(lambda data: b"\xff" * len(data), id="ones"),
        pytest.param(lambda data: data[:4] + b"moov" + data[8:], id="other box first"),
        pytest.param(lambda _: b"notes of a technician\n", id="text"),
    ],
)
def test_unreadable_part_is_set_aside_and_costs_nothing_else(tmp_path: Path, clip, part: Path, garbage: Callable):
    """Its bytes are kept for a person, no event is made up of them, and the channel records on."""
    data = garbage(part.read_bytes())
    part.write_bytes(data)
    recorder = recovered(tmp_path)
    path = str(part.relative_to(recorder.root)) + ".unreadable"
    assert ({path: data}, [], []) == (recorder.files(), recorder.events(), recorder.growing())
    recorder.record(*clip)
    (recorder.root / path).unlink()
    assert recorder.assert_told_one_to_one() == FPS - 1
    recorder.close()


def become_folder(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()


def become_pipe(path: Path, _: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_link(path: Path, target: Path) -> None:
    target.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(target)


def become_loop(path: Path, _: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("become", [become_folder, become_pipe, become_link, become_loop])
def test_part_that_is_no_file_neither_stops_nor_misleads(tmp_path: Path, clip, part: Path, become: Callable):
    """Set aside as it is; what a link points to is not touched; the channel records on."""
    target = tmp_path / "target"
    data = part.read_bytes()
    become(part, target)
    recorder = recovered(tmp_path)
    assert recorder.events() == []
    assert os.path.lexists(f"{part}.unreadable")
    assert not os.path.lexists(part)
    assert not target.exists() or target.read_bytes() == data
    recorder.record(*clip)
    assert [event["reason"] for event in recorder.events()] == ["shutdown"]
    recorder.close()


@pytest.mark.parametrize("become", [become_folder, become_pipe, become_loop])
def test_finished_segment_that_is_no_file_costs_no_other(tmp_path: Path, clip, become: Callable):
    """Whoever put it there: it is named in the log at each start, and what lies behind it is recovered."""
    recorder = RecordedChannel(tmp_path)
    recorder.record(*clip)
    day = recorder.root / CHANNEL / f"{utc(recorder.clock.wall_ns()):%Y-%m-%d}"
    odd = day / f"{CHANNEL}_{utc(recorder.clock.wall_ns() + 10**9):%Y%m%dT%H%M%S}000Z.mp4"
    odd.write_bytes(b"")
    become(odd, tmp_path / "target")
    recorder.close()
    recorder = RecordedChannel(tmp_path, wall_ns=WALL_NS + 10**10)
    recorder.leave_part(*clip)
    recorder = recovered(tmp_path)
    assert [event["reason"] for event in recorder.events()] == ["shutdown", "recovered"]
    recorder.close()


def test_unreadable_sector_in_one_part_costs_no_other(tmp_path: Path, clip, monkeypatch):
    """A part whose bytes cannot be read is set aside; the next one is recovered, and the recorder lives."""
    first = RecordedChannel(tmp_path)
    bad = first.leave_part(*clip)
    second = RecordedChannel(tmp_path, wall_ns=WALL_NS + 10**10)
    second.writer._left_behind = False
    *before_close, _ = second.operations(*clip)
    for operation in before_close:
        second.writer.execute(operation)
    second.close()
    recorder = RecordedChannel(tmp_path)

    def fail_for_one(file):
        if Path(file.name) == bad:
            raise OSError(5, "Input/output error")
        return scan(file)

    monkeypatch.setattr("edge.recorder.recovery.scan", fail_for_one)
    recorder.recover()
    monkeypatch.undo()
    assert len(recorder.events()) == 1
    assert sorted(Path(path).suffix for path in recorder.files()) == [".mp4", ".unreadable"]
    recorder.close()


def test_both_names_of_one_segment_keep_the_finished_one(tmp_path: Path, clip):
    """After a power cut some file systems have both; the finished file is told of, the part is never put over it."""
    recorder = RecordedChannel(tmp_path)
    part = recorder.leave_part(*clip)
    data = part.read_bytes()
    recovered(tmp_path).close()
    (finished,) = recorder.root.rglob("*Z.mp4")
    kept = finished.read_bytes()
    part.write_bytes(data)
    recorder = recovered(tmp_path)
    assert finished.read_bytes() == kept
    assert Path(f"{part}.unreadable").read_bytes() == data
    assert len(recorder.events()) == 1
    recorder.close()


def test_foreign_files_are_left_alone(tmp_path: Path, part: Path):
    """Recovery names, changes and tells of nothing but segments."""
    foreign = {
        part.parent / "holiday.mp4": b"film",
        part.parent / "gate_20261123T000000000Z.part.mp4": b"",
        part.parent.parent / "readme.txt": b"text",
        part.parent.parent / "2026-11-22 (copy)" / part.name: b"",
    }
    for path, data in foreign.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    recorder = recovered(tmp_path)
    assert len(recorder.events()) == 1
    assert [data for _, data in foreign.items()] == [path.read_bytes() for path in foreign]
    recorder.close()
