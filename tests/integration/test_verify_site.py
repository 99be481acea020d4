"""`edge verify` on real segments, outboxes and a journal: what it calls ok, and what it finds, case by case."""

import io
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pictured_segments import H264, START_MS
from verified_site import MINUTE_MS, VerifiedSite

from edge.clock import SystemClock
from edge.errors import ConfigError, StorageMissing
from edge.journal.store import Journal
from edge.recorder import ledger
from edge.recordings.segment import SegmentName
from edge.recordings.tree import Tree
from edge.verify.main import Wish, run, verify
from edge.verify.survey import Scope

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path: Path):
    one = VerifiedSite(tmp_path)
    yield one
    one.close()


@pytest.fixture(autouse=True)
def _same_priority(monkeypatch):
    """The tests' own process keeps its place."""
    monkeypatch.setattr("edge.verify.main.step_back", lambda nice: None)


def found(report) -> list[tuple[str, str]]:
    """Kind and file of the findings."""
    return [(one.kind, one.path.rpartition("/")[2]) for one in report.findings]


def command(site: VerifiedSite, *, json_wanted: bool = False, **wish) -> tuple[int, str]:
    out = io.StringIO()
    status = run(site.config_path, Wish(**wish), json=json_wanted, out=out, err=io.StringIO())
    return status, out.getvalue()


def test_recordings_that_are_as_announced_are_ok(site: VerifiedSite):
    """Read whole, held against the journal; nothing is said but that."""
    paths = [site.record(minute, channel) for minute in range(3) for channel in ("lobby", "dock")]
    site.journal_all()
    report = verify(site.config)
    assert (report.is_ok, report.checked, report.held, report.ok, report.waiting) == (True, 6, 6, 6, 0)
    assert report.bytes == sum(path.stat().st_size for path in paths)
    assert (report.findings, report.notes, report.foreign, report.pruned) == ([], [], 0, 0)
    status, text = command(site)
    assert status == 0
    assert text.startswith("All 6 segments are as announced.")


def test_every_kind_of_harm_is_found_by_name(site: VerifiedSite):
    """A bit, the length, the file itself, a stranger, a folder or a link in its place: each once, the others ok."""
    bit, longer, deleted, folder, link, ok, _ = [site.record(minute) for minute in range(7)]
    site.journal_all()
    data = bytearray(bit.read_bytes())
    data[-20] ^= 1
    bit.write_bytes(data)
    with longer.open("ab") as file:
        file.write(b"\0")
    deleted.unlink()
    folder.unlink()
    folder.mkdir()
    link.rename(ok.with_name("elsewhere"))
    link.symlink_to(ok.with_name("elsewhere"))
    stranger = site.record(9, announced=False)
    report = verify(site.config)
    assert sorted(found(report)) == [
        ("changed", bit.name),
        ("changed", longer.name),
        ("missing", deleted.name),
        ("missing", folder.name),
        ("missing", link.name),
        ("unknown", stranger.name),
    ]
    assert (report.ok, report.foreign) == (2, 2)
    status, text = command(site)
    assert status == 1
    assert text.startswith("Not all is well: 2 changed, 3 missing, 1 unknown; 2 ok.")
    assert f"{bit.relative_to(site.root)}: its content is not what was announced" in text
    document = json.loads(command(site, json_wanted=True)[1])
    assert (document["ok"], document["segments"]["changed"], len(document["findings"])) == (False, 2, 6)


def test_disk_that_fails_to_read_is_found_and_costs_no_other_segment(site: VerifiedSite, monkeypatch):
    """EIO in one file, and in the listing of one folder, whose announced segments are looked for by name."""
    bad, good = site.record(0), site.record(1)
    site.record(0, "dock")
    site.journal_all()
    really, listing = Tree.open, Tree.listing

    def failing(tree, name):
        if name.path.endswith(bad.name):
            raise OSError(5, "Input/output error")
        return really(tree, name)

    def unlisted(tree, channel, day):
        if channel == "dock":
            raise OSError(5, "Input/output error")
        return listing(tree, channel, day)

    monkeypatch.setattr(Tree, "open", failing)
    monkeypatch.setattr(Tree, "listing", unlisted)
    report = verify(site.config)
    kinds = sorted(one.kind for one in report.findings)
    assert kinds == ["unreadable", "unreadable"]
    assert {one.detail for one in report.findings} == {"Input/output error"}
    assert (report.ok, good.exists()) == (2, True)


@pytest.mark.parametrize("journaled", [True, False], ids=["receipt in the journal", "receipt in the outbox"])
def test_what_retention_deleted_is_not_missing(site: VerifiedSite, journaled: bool):
    """By its receipt, wherever that has got to; what it found to be missing stays missing, and a day's folder may go."""
    paths = [site.record(minute) for minute in (0, 1, 2, 3)]
    old = site.record(-3 * 24 * 60)
    site.journal_all()
    site.prune(paths[0], paths[2], old)
    old.parent.rmdir()
    paths[1].unlink()
    site.told_missing(paths[1])
    if journaled:
        site.journal_all()
    report = verify(site.config)
    assert found(report) == [("missing", paths[1].name)]
    assert "as retention told" in report.findings[0].detail
    assert (report.pruned, report.ok) == (3, 1)


def test_segment_that_is_just_being_deleted_is_pruned(site: VerifiedSite):
    """The intent is written before the file goes, the receipt after."""
    path = site.record(0)
    site.journal_all()
    row = (str(path.relative_to(site.root)), "age", 1, 1, 0)
    site.retention.append_many([], state=lambda db: db.execute("INSERT INTO pruning VALUES (?, ?, ?, ?, ?)", row))
    path.unlink()
    report = verify(site.config)
    assert (report.is_ok, report.pruned) == (True, 1)


def test_what_waits_to_be_announced_is_held_against_the_outbox(site: VerifiedSite):
    """The journal lags behind: neither unknown nor trusted unread."""
    site.record(0)
    site.journal_all()
    waits, spoilt = site.record(1), site.record(2)
    spoilt.write_bytes(spoilt.read_bytes()[::-1])
    finished = site.record(3, announced=False)
    name, _ = SegmentName.parse(str(finished.relative_to(site.root)))
    site.recorder.append_many([], state=ledger.began(name))
    report = verify(site.config)
    assert found(report) == [("changed", spoilt.name)]
    assert (report.ok, report.waiting, waits.exists()) == (2, 3, True)


def test_without_a_journal_the_outbox_is_what_is_known(site: VerifiedSite):
    """And that is said."""
    site.record(0)
    report = verify(site.config)
    assert (report.is_ok, report.ok, report.waiting) == (True, 1, 1)
    assert "without the journal" in report.notes[0]


def test_file_that_was_announced_twice_with_other_content_is_changed(site: VerifiedSite):
    """The outbox was lost, the file spoilt, and a new life announced what it found: the first announcement counts."""
    path = site.record(0)
    name, _ = SegmentName.parse(str(path.relative_to(site.root)))
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    site.announce(name, path.read_bytes())
    site.journal_all()
    report = verify(site.config)
    assert found(report) == [("changed", path.name)]
    assert "twice" in report.findings[0].detail


def test_announced_twice_alike_is_counted_once(site: VerifiedSite):
    """As after an outbox was lost."""
    path = site.record(0)
    name, _ = SegmentName.parse(str(path.relative_to(site.root)))
    site.announce(name, path.read_bytes())
    site.journal_all()
    assert (verify(site.config).ok, verify(site.config).is_ok) == (1, True)


def test_channel_and_time_bound_what_is_read(site: VerifiedSite):
    """By the start of the segments; times are the site's own unless they say otherwise."""
    for minute in range(4):
        site.record(minute)
        site.record(minute, "dock")
    site.journal_all()
    scope = Scope(frozenset({"lobby"}), START_MS + MINUTE_MS, START_MS + 3 * MINUTE_MS)
    assert verify(site.config, scope).checked == 2
    assert verify(site.config, Scope(from_ms=START_MS + 3 * MINUTE_MS)).checked == 2
    document = json.loads(command(site, json_wanted=True, from_="2026-11-23T07:01", to="2026-11-23T00:03:00Z")[1])
    assert document["segments"]["checked"] == 4


def test_wishes_that_make_no_sense_are_refused(site: VerifiedSite):
    """Each with its own words."""
    for wish in ({"channel": "nowhere"}, {"sample": 0}, {"from_": "noon"}, {"from_": "2026-11-24T00:00", "to": "2026-11-23T00:00"}):
        with pytest.raises(ConfigError):
            command(site, **wish)


def test_disk_that_is_not_there_is_not_a_site_without_recordings(site: VerifiedSite):
    """Exit status 1 and the words of the mark."""
    site.record(0)
    site.journal_all()
    (site.root / ".saksi").unlink()
    with pytest.raises(StorageMissing):
        verify(site.config)
    status, text = command(site)
    assert (status, "lost its mark" in text) == (1, True)


def test_journal_is_read_while_its_owner_writes(site: VerifiedSite):
    """The web process holds it open and goes on; verify takes no lock and leaves nothing."""
    site.record(0)
    site.journal_all()
    owner = Journal.open(f"sqlite:///{site.state_dir / 'journal.db'}", clock=SystemClock())
    try:
        assert verify(site.config).ok == 1
        site.record(1)
        assert owner.newest_position() == 1
    finally:
        owner.close()


def test_sample_decodes_what_it_reads(site: VerifiedSite):
    """So many segments, none twice, fewer where there are fewer; pictures are counted."""
    paths = [site.record(minute, seconds=2) for minute in range(5)]
    site.journal_all()
    report = verify(site.config, sample=3, chance=random.Random(1))
    assert (report.checked, report.ok, report.is_ok) == (3, 3, True)
    assert report.pictures == 3 * 2 * H264.fps
    assert verify(site.config, sample=50).checked == len(paths)


def test_segment_that_no_decoder_can_show_is_found_by_the_sample_alone(site: VerifiedSite):
    """Noise in place of pictures, announced as it is: its hash is right, and it is worthless."""
    path = site.record(0, announced=False)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 8
    data[start:-9000] = random.Random(2).randbytes(len(data) - 9000 - start)
    path.write_bytes(data)
    name, _ = SegmentName.parse(str(path.relative_to(site.root)))
    site.announce(name, bytes(data))
    site.journal_all()
    assert verify(site.config).is_ok
    report = verify(site.config, sample=1)
    assert found(report) == [("undecodable", path.name)]


def test_child_of_retention_answers_in_one_line(site: VerifiedSite):
    """The program itself, with what it needs and no more."""
    site.record(0)
    site.journal_all()
    done = subprocess.run(
        [sys.executable, "-m", "edge.verify", str(site.config_path), "1"],
        capture_output=True, text=True, cwd=REPOSITORY, check=True, timeout=60,
    )  # fmt: skip
    (line,) = done.stdout.splitlines()
    document = json.loads(line)
    assert (document["ok"], document["segments"]["checked"], document["pictures"] > 0) == (True, 1, True)
    shutil.rmtree(site.root)
    done = subprocess.run(
        [sys.executable, "-m", "edge.verify", str(site.config_path), "1"],
        capture_output=True, text=True, cwd=REPOSITORY, check=True, timeout=60,
    )  # fmt: skip
    assert "mount the disk" in json.loads(done.stdout)["error"]


def test_nothing_is_changed_by_looking(site: VerifiedSite):
    """Neither files nor their times of change, nor the outboxes."""
    site.record(0)
    site.record(1, announced=False)
    site.journal_all()

    def state() -> list:
        files = [path for path in site.root.rglob("*") if path.is_file()]
        return sorted((path, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in files)

    before = state(), site.recorder.last_sequence, site.retention.last_sequence
    verify(site.config)
    verify(site.config, sample=2)
    assert before == (state(), site.recorder.last_sequence, site.retention.last_sequence)
