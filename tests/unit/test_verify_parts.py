"""The parts of `edge verify` that need no site: the journal opened to read, ranges that are gone, words, the decoder."""

import io
import sqlite3
import sys
from pathlib import Path

import pytest
from journal_events import EPOCH, NOON, SITE, arrival, segment
from pictured_segments import H264, H265, SegmentFile

from edge.clock import ManualClock
from edge.journal.errors import JournalDamaged, JournalTooNew, JournalUnavailable
from edge.journal.store import Journal
from edge.recordings.segment import SegmentName
from edge.verify.decoding import Undecodable, decode
from edge.verify.findings import KINDS, MOST_FINDINGS, Finding, Report
from edge.verify.gone import Gone
from edge.verify.page import MOST_SHOWN, print_report, verdict

NOON_MS = round(NOON.timestamp() * 1000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    journal = Journal.open(f"sqlite:///{path}", clock=ManualClock())
    journal.append([arrival(number, segment(number), channel="lobby") for number in range(1, 6)])
    journal.close()
    return path


def test_journal_opened_to_read_finds_announcements_by_their_start(path: Path):
    """From the index alone, and then by position."""
    journal = Journal.open_to_read(path)
    minute = 60_000
    assert journal.starts(SITE, "lobby", NOON_MS + minute, NOON_MS + 3 * minute) == [(NOON_MS + minute, 1), (NOON_MS + 2 * minute, 2)]
    assert sorted(entry.sequence for entry in journal.at([2, 4])) == [2, 4]
    assert journal.recorded_channels(SITE) == ["lobby"]
    assert journal.recorded_channels("another") == []
    assert [source.epoch for source in journal.tracks(SITE)] == [EPOCH]
    journal.close()


def test_journal_opened_to_read_cannot_be_written(path: Path):
    """Nor is it held: its owner opens it meanwhile."""
    journal = Journal.open_to_read(path)
    owner = Journal.open(f"sqlite:///{path}", clock=ManualClock())
    with pytest.raises(JournalUnavailable):
        journal.append([arrival(9)])
    owner.append([arrival(9)])
    assert len(journal.entries()) == 6
    owner.close()
    journal.close()


def test_journal_that_cannot_be_read_is_refused_and_left_as_it_is(path: Path, tmp_path: Path):
    """Absent, no database, of a newer release; it is for the owner to move aside."""
    with pytest.raises(JournalUnavailable):
        Journal.open_to_read(tmp_path / "absent.db")
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"not a database" * 1000)
    with pytest.raises(JournalDamaged):
        Journal.open_to_read(garbage)
    assert garbage.read_bytes() == b"not a database" * 1000
    assert not (tmp_path / "garbage.db.damaged").exists()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE about SET schema_version = 99")
    with pytest.raises(JournalTooNew):
        Journal.open_to_read(path)


def test_without_outbox_and_journal_nothing_is_gone(tmp_path: Path):
    """And nothing breaks."""
    assert Gone(SITE, tmp_path, None).fate(SegmentName("lobby", 1)) is None


def test_report_is_bounded_and_counts_all():
    """As on a disk of which everything is gone."""
    report = Report("jkt-001", "/srv")
    for number in range(MOST_FINDINGS + 5):
        report.add(Finding("missing", f"lobby/{number}", "it is gone"))
    assert (len(report.findings), report.counts["missing"]) == (MOST_FINDINGS, MOST_FINDINGS + 5)
    assert verdict(report) == "Not all is well: 10005 missing; 0 ok."
    out = io.StringIO()
    print_report(report, out)
    assert out.getvalue().count("it is gone") == MOST_SHOWN
    assert f"and {MOST_FINDINGS + 5 - MOST_SHOWN} more" in out.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_and_a_next_step(kind):
    """And names that hold control characters do not reach a terminal."""
    report = Report("jkt-001", "/srv")
    report.add(Finding(kind, "lobby/\x1b[31m", "so it is"))
    out = io.StringIO()
    print_report(report, out)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert len(lines) >= 5


@pytest.mark.parametrize("spec", [H264, H265], ids=["h264", "h265"])
def test_pictures_of_a_segment_are_decoded(tmp_path: Path, spec):
    """As many as it holds."""
    path = SegmentFile(tmp_path, spec=spec).grow(3).finish().path
    with io.FileIO(path) as file:
        assert decode(file) == 3 * spec.fps


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.exit(1)", "died"),
        ("import time; time.sleep(60)", "did not end"),
        ("import sys; sys.stdin.buffer.read(); sys.stdout.buffer.write(b'x')", "died"),
        ("import sys, struct; sys.stdin.buffer.read(); sys.stdout.buffer.write(struct.pack('>BIIII', 3, 12, 1, 0, 44))", "only 1"),
        ("import sys, struct; sys.stdin.buffer.read(); sys.stdout.buffer.write(struct.pack('>BIIII', 3, 12, 45, 40, 0))", "40 are damaged"),
    ],
)
def test_decoder_that_dies_hangs_or_gives_too_little_is_told_of(tmp_path: Path, program: str, words: str):
    """The parent lives."""
    path = SegmentFile(tmp_path).grow(3).finish().path
    with io.FileIO(path) as file, pytest.raises(Undecodable, match=words):
        decode(file, command=(sys.executable, "-c", program), timeout_s=2)


def test_file_that_is_no_segment_is_undecodable(tmp_path: Path):
    """Whoever put it there."""
    path = tmp_path / "x.mp4"
    path.write_bytes(b"no recording at all" * 100)
    with io.FileIO(path) as file, pytest.raises(Undecodable, match="no recording"):
        decode(file)
