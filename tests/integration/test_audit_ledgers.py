"""`edge audit` at a site and at headquarters: the same events give the same digest, and what was tampered with is named."""

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from pictured_segments import START_MS
from verified_site import MINUTE_MS, SITE, VerifiedSite

from edge.audit.main import Wish, run
from edge.clock import ManualClock, SystemClock, rfc3339
from edge.errors import ConfigError
from edge.events.catalog import ProcessStarted
from edge.journal.arrival import Arrival
from edge.journal.scope import partition_of
from edge.journal.store import Journal

TO_MINUTE = 6


@pytest.fixture(autouse=True)
def _same_priority(monkeypatch):
    """The tests' own process keeps its place."""
    monkeypatch.setattr("edge.audit.main.step_back", lambda nice: None)


class Headquarters:
    """A journal that takes in what the outboxes of a site hold, but for what is told to be lost."""

    def __init__(self, folder: Path, **more) -> None:
        folder.mkdir()
        self.state_dir = folder / "state"
        self.state_dir.mkdir()
        self.config_path = folder / "hq.yaml"
        self.config_path.write_text(yaml.safe_dump({"timezone": "UTC", "state_dir": str(self.state_dir)} | more))
        self.url = more.get("database", f"sqlite:///{self.state_dir / 'journal.db'}")

    def take(self, site: VerifiedSite, *, without: tuple[int, ...] = ()) -> None:
        partition = partition_of(SITE, 3) if "postgresql" in self.url else 1
        with closing(Journal.open(self.url, clock=SystemClock(), partition=partition)) as journal:
            for outbox in (site.retention, site.recorder):  # another order than at the site
                rows = outbox.rows(0, limit=1_000_000)
                gone = without if outbox is site.recorder else ()
                journal.append([Arrival.read(row.payload, 1) for row in reversed(rows) if row.sequence not in gone])


@pytest.fixture
def site(tmp_path: Path):
    one = VerifiedSite(tmp_path / "site")
    yield one
    one.close()


@pytest.fixture
def hq(tmp_path: Path):
    return Headquarters(tmp_path / "hq")


def recorded(site: VerifiedSite) -> list[Path]:
    """Six unbroken minutes of two channels, and the one behind, so that nothing is open at the end."""
    started = ProcessStarted(version="0", epoch=site.recorder.epoch, bdseq=1, pid=1, host="nvr")
    site.recorder.append(started)
    paths = [site.record(minute, channel, lasts_s=60) for minute in range(TO_MINUTE + 1) for channel in ("lobby", "dock")]
    site.journal_all()
    return paths


def audit(place, **more):
    """Exit status and document of an audit of the six minutes."""
    out = io.StringIO()
    times = {"from_": rfc3339(START_MS * 1_000_000), "to": rfc3339((START_MS + TO_MINUTE * MINUTE_MS) * 1_000_000)}
    wish = Wish(**(times | {"site": SITE} | more))
    status = run(place.config_path, wish, json=True, out=out, err=io.StringIO())
    return status, json.loads(out.getvalue())


def codes(document):
    return [(one["code"], one["about"].rpartition("/")[2]) for one in document["problems"]]


def test_site_and_headquarters_state_the_same(site, hq):
    """Another order of arrival, another database: one digest, every second accounted for, all files verified."""
    recorded(site)
    hq.take(site)
    status, here = audit(site)
    assert (status, here["problems"], here["files"]["verified"]) == (0, [], 12)
    status, there = audit(hq)
    assert (status, there["problems"], there["files"]) == (0, [], None)
    assert here["digest"] == there["digest"] != "0" * 64
    assert (here["channels"], here["sources"]) == (there["channels"], there["sources"])
    assert [(one["channel"], one["recorded_ms"], one["segments"]) for one in here["channels"]] == [
        ("dock", 360_000, 6),
        ("lobby", 360_000, 6),
    ]


def test_headquarters_with_postgresql_states_the_same(site, tmp_path, postgres_server):
    """In the partition that the site falls to, beside the process that writes it; whatever hq.yaml runs here."""
    recorded(site)
    of = {"number": 1, "of": 3}
    hq = Headquarters(tmp_path / "hq", database=postgres_server.url, partition=of)
    hq.take(site, without=(4,))
    with closing(Journal.open(hq.url, clock=SystemClock(), partition=partition_of(SITE, 3))):
        assert codes(audit(hq)[1]) == [("events_missing", f"recorder {site.recorder.epoch}"), ("unexplained", "lobby")]
    hq.take(site)
    (_, here), (status, there) = audit(site), audit(hq)
    assert (status, there["digest"], there["channels"]) == (0, here["digest"], here["channels"])


def test_changed_deleted_and_unknown_files_are_named_at_the_site(site, hq):
    """Headquarters' statement is the same as before: nobody told it."""
    paths = recorded(site)
    changed, deleted = paths[0], paths[4]
    changed.write_bytes(changed.read_bytes()[:-1] + b"\0")
    deleted.unlink()
    stranger = site.record(3, "extra", announced=False)
    status, here = audit(site)
    assert status == 1
    assert codes(here) == [("file_changed", changed.name), ("file_missing", deleted.name)]
    hq.take(site)
    assert audit(hq)[0] == 0
    stranger.rename(paths[2].with_name(stranger.name.replace("extra", "lobby").replace("0300000Z", "0330000Z")))
    assert ("file_unknown", "lobby_20261123T000330000Z.mp4") in codes(audit(site)[1])


def test_lost_event_is_named_at_headquarters_and_found_beside_the_site(site, hq, tmp_path):
    """Its number, the minute that nobody accounts for, and the day on which the two digests part."""
    recorded(site)
    hq.take(site, without=(4,))
    written = tmp_path / "statement.md"
    assert audit(site, out=written)[0] == 0
    status, there = audit(hq, compare=tmp_path / "statement.json")
    assert status == 1
    assert codes(there) == [("events_missing", f"recorder {site.recorder.epoch}"), ("unexplained", "lobby")]
    assert there["sources"][0]["missing"][0]["first"] == 4
    assert there["differences"] == [
        "lobby: headquarters (here) knows of 5 segments, the site (there) of 6.",
        "lobby: the hashes of segments differ, first on 2026-11-23 (UTC).",
    ]


def test_forged_hash_is_named_by_the_files_and_by_headquarters(site, hq, tmp_path):
    """Who changes a file and the site's journal with it cannot change what headquarters was told."""
    paths = recorded(site)
    hq.take(site)
    assert audit(hq, out=tmp_path / "hq")[0] == 0
    with closing(sqlite3.connect(site.state_dir / "journal.db")) as db, db:
        position, payload = db.execute("SELECT position, payload FROM events WHERE sequence = 2").fetchone()
        document = json.loads(payload)
        document["data"]["sha256"] = "ab" * 32
        db.execute("UPDATE events SET payload = ? WHERE position = ?", (json.dumps(document).encode(), position))
    status, here = audit(site, compare=tmp_path / "hq.json")
    assert status == 1
    assert ("file_changed", paths[0].name) in codes(here)
    assert here["differences"] == ["lobby: the hashes of segments differ, first on 2026-11-23 (UTC)."]
    status, here = audit(site, compare=tmp_path / "hq.json", verify=False)
    assert (status, here["problems"]) == (1, [])


def test_deleted_by_policy_is_the_same_for_both(site, hq):
    """Two receipts, at the site with the files gone."""
    paths = recorded(site)
    site.prune(paths[0], paths[4], lasts_s=60)
    site.journal_all()
    hq.take(site)
    (status, here), (_, there) = audit(site), audit(hq)
    assert (status, here["files"]["pruned"], here["files"]["verified"]) == (0, 2, 10)
    assert here["channels"] == there["channels"]
    lobby = there["channels"][1]
    assert (lobby["pruned_ms"], lobby["recorded_ms"]) == (120_000, 240_000)
    assert [one["receipts"]["count"] for one in lobby["pruned"]] == [1, 1]


def test_statement_for_people_and_files_are_written(site, tmp_path):
    """Times of the site's zone; every gap stands in the text."""
    paths = recorded(site)
    paths[2].unlink()
    out = io.StringIO()
    wish = Wish("2026-11-23T07:00", "2026-11-23T07:06", out=tmp_path / "november.2026")
    assert run(site.config_path, wish, json=False, out=out, err=io.StringIO()) == 1
    text = (tmp_path / "november.2026.md").read_text()
    document = json.loads((tmp_path / "november.2026.json").read_text())
    assert out.getvalue().startswith("Not all is well: file missing.")
    assert "From 2026-11-23 07:00:00 +07:00 to 2026-11-23 07:06:00 +07:00 (Asia/Jakarta): 360.000 s," in text
    assert f"{paths[2].relative_to(site.root)}: deleted by nobody who says so" in text
    assert document["digest"] in text
    assert f"digest {document['digest']} over 12 segments of 2 channels" in out.getvalue()
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_file()) == ["november.2026.json", "november.2026.md"]


def test_disk_that_is_not_there_is_a_problem_and_not_the_end(site):
    """The journal can be audited all the same."""
    recorded(site)
    (site.root / ".saksi").unlink()
    status, here = audit(site)
    assert (status, codes(here)) == (1, [("not_verified", SITE)])
    assert here["channels"][0]["recorded_ms"] == 360_000


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"site": "another"}, "--site another"),
        ({"channels": ("porch",)}, "--channel porch is no channel"),
        ({"from_": "2026-11-24T07:00"}, "is not before --to"),
        ({"to": "tomorrow"}, "'tomorrow' is not a time"),
        ({"compare": Path("absent.json")}, "--compare absent.json cannot be read"),
        ({"out": Path("/proc/statement")}, "--out /proc/statement cannot be written"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(site, asked, words):
    """Nothing is read for it."""
    recorded(site)
    with pytest.raises(ConfigError, match=words):
        audit(site, **asked)


def test_headquarters_wants_the_name_of_a_site_that_it_knows(site, hq):
    """Without it, and with a wrong one."""
    site.record(0)
    hq.take(site)
    with pytest.raises(ConfigError, match="--site is missing"):
        audit(hq, site=None)
    with pytest.raises(ConfigError, match="holds no event of it"):
        audit(hq, site="elsewhere")


def test_journal_that_is_not_there_ends_with_a_sentence(hq):
    """Status 1: nothing was asked wrongly."""
    err = io.StringIO()
    wish = Wish("2026-11-23T07:00", "2026-11-23T08:00", site=SITE)
    assert run(hq.config_path, wish, json=False, out=io.StringIO(), err=err, clock=ManualClock()) == 1
    assert "the journal cannot be read" in err.getvalue()


def test_anybody_can_make_the_digest_again_from_the_files(site):
    """With the program that stands in the document, and nothing else of ours."""
    recorded(site)
    text = (Path(__file__).parents[2] / "docs/audit.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for path in site.root.glob("*/*/*_20261123T000600000Z.mp4"):
        path.unlink()  # it begins behind the range
    found = subprocess.run([sys.executable, "-c", program, site.root], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == audit(site, verify=False)[1]["digest"]


def test_command_says_with_its_exit_status_how_it_went(site):
    """0 complete, 2 it was not understood (1 is tested above); the configuration comes from the environment too."""
    recorded(site)

    def command(start, end):
        done = subprocess.run(
            [sys.executable, "-m", "edge", "audit", "--from", start, "--to", end],
            env=os.environ | {"EDGE_CONFIG": str(site.config_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    status, text, err = command("2026-11-23T07:00", "2026-11-23T07:06")
    assert (status, err) == (0, "")
    assert text.startswith("The statement is complete: every second has its account and every event is there.")
    status, _, err = command("2026-11-23T07:00", "yesterday")
    assert (status, "'yesterday' is not a time" in err) == (2, True)
