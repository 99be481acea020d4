"""Every deletion has exactly one receipt, whenever the process dies and however full its own disk is."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from retention_site import DAY_MS, NOW_MS, RetentionSite, small_disk
from test_retention_disk import MIB, fill, free_bytes, receipts_cover

from edge.recordings.catalog import Catalog
from edge.recordings.tree import Tree
from edge.retention.pruner import Pruner
from edge.retention.receipts import Receipts

REPOSITORY = Path(__file__).parents[2]


class Killed(BaseException):
    """The process dies here."""


def die_after(monkeypatch: pytest.MonkeyPatch, owner: type, method: str, *, before: bool = False) -> None:
    """Have the first call of a method be the last thing that happens."""
    original = getattr(owner, method)

    def call(self, *arguments, **named):
        if before:
            raise Killed
        original(self, *arguments, **named)
        raise Killed

    monkeypatch.setattr(owner, method, call)


def die_in_the_middle_of_deleting(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Tree.delete

    def delete(self, names):
        for place, outcome in enumerate(original(self, names)):
            if place == 7:
                raise Killed
            yield outcome

    monkeypatch.setattr(Tree, "delete", delete)


STEPS = {
    "before the intent": lambda patch: die_after(patch, Receipts, "intend", before=True),
    "after the intent": lambda patch: die_after(patch, Receipts, "intend"),
    "in the middle of deleting": die_in_the_middle_of_deleting,
    "after deleting": lambda patch: die_after(patch, Pruner, "_sweep", before=True),
    "after the folders": lambda patch: die_after(patch, Pruner, "_sweep"),
    "after the catalog": lambda patch: die_after(patch, Pruner, "forget"),
    "before the receipt": lambda patch: die_after(patch, Receipts, "tell", before=True),
    "after the receipt": lambda patch: die_after(patch, Receipts, "tell"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_kill_between_any_two_steps_costs_no_receipt(tmp_path: Path, step):
    """Each step of a deletion followed by a death: what is gone is told of once, and nothing else is gone."""
    site = RetentionSite(tmp_path, tmp_path / "root", retention={"max_age_days": 2 - 20 / 1440})
    recorded = fill(site, 30, 1000)
    site.open()
    site.look()
    with pytest.MonkeyPatch.context() as patch:
        step(patch)
        with pytest.raises(Killed):
            site.look()
    site.kill()
    site.open()
    site.settle()
    receipts_cover(site, recorded)
    assert not site.said("segments_missing")
    assert len(site.names()) in range(16, 22)
    site.look(40, 5)
    assert site.outbox.read_state(lambda db: db.execute("SELECT count(*) FROM pruning").fetchone()) == (0,)
    site.close()


def test_power_cut_that_brings_files_and_rows_back_gives_no_second_receipt(tmp_path: Path):
    """What a file system or the catalog forgot of a told deletion is deleted again, silently."""
    site = RetentionSite(tmp_path, tmp_path / "root", retention={"max_age_days": 2 - 20 / 1440})
    recorded = fill(site, 30, 1000)
    site.open()
    site.look(2)
    gone = sorted(set(recorded) - set(site.names()))
    assert gone
    entries = [entry for entry in site.keeper.index.need().oldest() if entry.name not in gone]
    site.kill()
    for name in gone[::2]:
        site.record(name.channel, name.start_ms)
    catalog = Catalog.open(site.state_dir / "catalog.db", site.keeper.index._device)
    catalog.add(entries[0]._replace(channel=name.channel, start_ms=name.start_ms) for name in gone)
    catalog._connection.close()
    site.open()
    site.settle()
    receipts_cover(site, recorded)
    assert not site.said("segments_missing")
    site.close()


@pytest.mark.parametrize("reserve", [True, False], ids=["with the reserve", "without any reserve"])
def test_full_disk_that_holds_the_outbox_too_is_pruned(tmp_path: Path, reserve: bool):
    """Not one byte is free, where the recordings lie and where retention writes: it makes room, and tells of it."""
    with small_disk(tmp_path, 160) as disk:
        site = RetentionSite(disk, disk / "root", ("lobby",), retention={"min_free_bytes": 8 * MIB})
        site.open()
        site.look(3, 61)
        path = site.state_dir / "retention.reserve"
        assert path.stat().st_size == 16 * MIB
        if not reserve:
            path.unlink()
        recorded = fill(site, 40, MIB)
        site.keeper.doubted.set()
        hog = disk / "hog"
        with hog.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free_bytes(disk) - 8 * MIB)
            fill_up(file.fileno())
        assert free_bytes(disk) == 0
        site.look(30)
        site.settle()
        assert free_bytes(disk) >= 8 * MIB - 70_000
        receipts_cover(site, recorded)
        site.close()


def test_start_on_a_disk_without_a_free_byte_makes_room(tmp_path: Path):
    """The process itself: its outbox cannot be opened before something is freed."""
    with small_disk(tmp_path, 160) as disk:
        site = RetentionSite(disk, disk / "root", ("lobby",))
        site.open()
        site.look(3, 61)
        site.close()
        fill(site, 40, MIB)
        with (disk / "hog").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free_bytes(disk) - MIB)
            fill_up(file.fileno())
        process = start(site, tmp_path, min_free_bytes=24 * MIB)  # more than the reserve, which goes first, gives back
        wait_until(lambda: free_bytes(disk) >= 24 * MIB)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        site.open()
        site.settle()
        assert len(site.names()) < 40
        assert sum(event["segments"] for event in site.said("disk_pruned")) == 40 - len(site.names())
        site.close()


def test_kill_nine_at_random_moments_costs_no_receipt(tmp_path: Path):
    """The real process, killed again and again while it deletes: receipts add up exactly to what is gone."""
    site = RetentionSite(tmp_path, tmp_path / "root", tuple(f"cam-{number}" for number in range(4)))
    recorded = fill(site, 1500, 0, start_ms=NOW_MS - 20 * DAY_MS)
    seed = random.Random(7)
    for _ in range(8):
        process = start(site, tmp_path, max_age_days=0.5)
        before = len(site.names())
        wait_until(lambda before=before: len(site.names()) < before, or_when=lambda p=process: p.poll() is not None)
        time.sleep(seed.random() * 0.25)
        process.kill()
        process.wait()
        if not site.names():
            break
    log = tmp_path / "retention.log"
    lives = log.read_text().count('"started"')
    process = start(site, tmp_path, max_age_days=0.5)
    wait_until(lambda: not site.names() and log.read_text().count('"started"') > lives)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    site.open()
    site.settle()
    receipts_cover(site, recorded)
    assert not site.said("segments_missing")
    site.close()


def start(site: RetentionSite, folder: Path, **retention: float) -> subprocess.Popen[bytes]:
    """A real `edge retention`, with a broker that is not there."""
    settings = {
        "site": "test-site",
        "state_dir": str(site.state_dir),
        "broker": {"host": "127.0.0.1", "port": 1},
        "storage": {"root": str(site.root)},
        "retention": {"max_used_percent": 99, "min_free_bytes": 0} | retention,
        "channels": [{"id": name, "url": "rtsp://10.0.0.1/main"} for name in site.channels],
    }
    path = folder / "edge.yaml"
    path.write_text(yaml.safe_dump(settings))
    program = "import sys; from pathlib import Path; from edge.retention.main import run; sys.exit(run(Path(sys.argv[1])))"
    with (folder / "retention.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=REPOSITORY, stdout=log, stderr=log)


def fill_up(descriptor: int) -> None:
    """Write until not a block is left."""
    os.lseek(descriptor, 0, os.SEEK_END)
    with suppress(OSError):
        while os.write(descriptor, b"x" * 1024):
            pass


def wait_until(holds, timeout_s: float = 60, or_when=lambda: False) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        if or_when():
            return
        time.sleep(0.02)
