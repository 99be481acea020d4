"""Invariants 1 and 2 of segments on disk: the process is killed between any two steps, and the next start sets it right."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from recorded_channel import CHANNEL, FPS, SEGMENT_S, STEPS, WALL_NS, RecordedChannel, encode

REPOSITORY = Path(__file__).parents[2]
PICTURES_A_SEGMENT = FPS * SEGMENT_S
BEFORE_A_FRAGMENT = {"noted", "made", "head torn", "created"}
IN_PLACE = {"renamed", "in place", "announced"}
HOUR_NS = 3_600_000_000_000


@pytest.fixture(scope="session")
def clip():
    """Parameter sets and pictures of three segments."""
    return encode(3 * PICTURES_A_SEGMENT)


def record_and_die(folder: Path, clip, step: str, segment: int) -> int:
    """Have a child record into `folder` and kill itself; returns the pictures that it knows to be on disk."""
    (folder / "pictures").write_bytes(pickle.dumps(clip))
    command = [sys.executable, str(REPOSITORY / "tests/recorded_channel.py"), str(folder), step, str(segment)]
    child = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    return max((int(line) for line in child.stdout.splitlines() if line.isdigit()), default=0)  # logs go there too


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_the_next_start_sets_right(tmp_path: Path, clip, step: str):
    """Files and events are one to one, whole fragments are kept, nothing is left over, and once is enough."""
    written = record_and_die(tmp_path, clip, step, 2)
    recorder = RecordedChannel(tmp_path, wall_ns=WALL_NS + HOUR_NS)
    recorder.recover()
    if step == "head torn":  # not a byte of a picture, but nobody can tell: kept for a person
        (aside,) = recorder.root.rglob("*.unreadable")
        aside.unlink()
    kept = recorder.assert_told_one_to_one()
    assert kept >= written
    assert kept >= PICTURES_A_SEGMENT
    events = recorder.events()
    assert [event["reason"] for event in events] == ["rollover"] + (
        [] if step in BEFORE_A_FRAGMENT else ["rollover" if step == "announced" else "recovered"]
    )
    if step in IN_PLACE | {"patched", "synced", "patch torn"}:
        assert kept == 2 * PICTURES_A_SEGMENT
    before = recorder.snapshot()
    recorder.recover()
    assert before == recorder.snapshot()
    recorder.close()


def test_recording_goes_on_after_a_kill(tmp_path: Path, clip):
    """The next life records behind what it recovered, tells the gap, and its own segments are whole."""
    record_and_die(tmp_path, clip, "append torn", 2)
    recorder = RecordedChannel(tmp_path, wall_ns=WALL_NS + HOUR_NS)
    recorder.record(*clip)
    recorder.assert_told_one_to_one()
    events = recorder.events()
    assert [event["reason"] for event in events] == ["rollover", "recovered", "rollover", "rollover", "shutdown"]
    assert events[1]["gap_before_s"] == pytest.approx(0, abs=0.01)
    assert 3590 < events[2]["gap_before_s"] < 3600
    assert [event["gap_before_s"] for event in events[3:]] == [0, 0]
    recorder.close()


@pytest.mark.parametrize("lost", ["outbox", "state_dir"])
@pytest.mark.parametrize("step", ["append torn", "renamed", "announced"])
def test_killed_and_the_outbox_lost_every_file_is_told_of_in_the_new_epoch(tmp_path: Path, clip, step: str, lost: str):
    """Also those that the old epoch told of, as nobody knows whether that was heard; but once."""
    record_and_die(tmp_path, clip, step, 2)
    for path in (tmp_path / "state").iterdir():
        if lost == "state_dir" or path.name.startswith("recorder.outbox"):
            path.unlink()
    recorder = RecordedChannel(tmp_path, wall_ns=WALL_NS + HOUR_NS)
    recorder.recover()
    recorder.assert_told_one_to_one()
    assert [event["reason"] for event in recorder.events()] == ["recovered", "recovered"]
    before = recorder.snapshot()
    recorder.recover()
    assert before == recorder.snapshot()
    recorder.close()


@pytest.mark.parametrize("step", ["append torn", "patched", "renamed"])
def test_killed_while_the_clock_was_set_years_back_is_recovered_all_the_same(tmp_path: Path, clip, step: str):
    """A board without a battery wakes up in the past: its segments are older than all that were told of."""
    years_ns = 6 * 365 * 24 * HOUR_NS
    later = RecordedChannel(tmp_path, wall_ns=WALL_NS + years_ns)
    for days in range(3):
        later.clock.step_wall(days * 86_400)
        later.wall.look()
        later.record(*clip)
    later.close()
    record_and_die(tmp_path, clip, step, 1)
    recorder = RecordedChannel(tmp_path, wall_ns=WALL_NS + years_ns + 5 * 24 * HOUR_NS)
    recorder.recover()
    recorder.assert_told_one_to_one()
    before = recorder.snapshot()
    recorder.recover()
    assert before == recorder.snapshot()
    assert {Path(path).parts[0] for path in before[0]} == {CHANNEL}
    recorder.close()
