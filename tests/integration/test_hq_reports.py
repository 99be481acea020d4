"""HQ's endpoint for reports over HTTP: the real handler and journal behind a real socket, and the site's own poster."""

import json
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from litestar import Litestar, Response
from litestar.di import Provide
from structlog.testing import capture_logs

from edge.bus.connection import Message
from edge.bus.outbox import Outbox
from edge.clock import ManualClock, SystemClock
from edge.config.reporting import ReporterHttpConfig
from edge.events.catalog import ReportDelivered, SiteReported
from edge.events.envelope import Envelope
from edge.hq import reports
from edge.hq.reports import ReportDesk
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope
from edge.journal.store import Journal
from edge.journal.voice import Silence
from edge.reporter.post import Poster
from edge.web.problem import exception_handler
from edge.web.server import WebServer, listen

EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
TOKEN = "token-of-jkt-001"
CLOCK = ManualClock()
REPORT = SiteReported.read(SiteReported.example)


def envelope(sequence: int, *, site="jkt-001", process="reporter", data=REPORT) -> Envelope:
    """A report as a site says it."""
    return Envelope.build(
        data, site=site, process=process, epoch=EPOCH, sequence=sequence, time=datetime(2026, 11, 23, tzinfo=UTC)
    )


@dataclass
class Hq:
    """HQ as far as reports go."""

    journal: Journal
    ingest: Ingest
    desk: ReportDesk
    url: str
    folder: Path
    folded: list = field(default_factory=list)

    def post(self, said: Envelope | bytes, *, site="jkt-001", key=None, token=TOKEN, **headers) -> httpx.Response:
        body = said if isinstance(said, bytes) else said.to_json()
        sent = {"idempotency-key": key or getattr(said, "id", f"{EPOCH}-{1:020d}"), "content-type": "application/cloudevents+json"}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        return httpx.post(f"{self.url}/api/sites/{site}/reports", content=body, headers=sent | headers, timeout=20)

    def stored(self) -> list[bytes]:
        return [entry.payload for entry in self.journal.entries()]


@pytest.fixture
def hq(tmp_path):
    """It owns every site but sub-002, and has tokens of two sites."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    for site in ("jkt-001", "sub-002"):
        (tokens / site).write_text(f"token-of-{site}\n")
    journal = Journal.open(f"sqlite:///{tmp_path / 'journal.db'}", clock=SystemClock())
    folded: list = []
    scope = Scope.fleet("hq", lambda site: site != "sub-002")
    ingest = Ingest(
        journal, scope, Silence("hq", "hq"), SystemClock(),
        fold=folded.extend, hear=lambda *_: None, publish=lambda *_, **__: True,
    )  # fmt: skip
    desk = ReportDesk(lambda: ingest.take, scope.owns, tokens, CLOCK)
    app = Litestar(
        [*reports.routes],
        dependencies={"report_desk": Provide(lambda: desk, sync_to_thread=False)},
        exception_handlers={Exception: exception_handler(lambda *_: Response(b""))},
        logging_config=None,
        openapi_config=None,
    )
    server = WebServer(app, listen("127.0.0.1", 0), before_stop=lambda: None)
    server.start()
    yield Hq(journal, ingest, desk, f"http://127.0.0.1:{server.port}", tmp_path, folded)
    server.stop()
    journal.close()


def test_report_is_stored_as_the_bytes_that_came_and_folded_once(hq):
    """The second time it is already there; the newest time of a report by HTTP is known."""
    said = envelope(7)
    answer = hq.post(said)
    assert (answer.status_code, answer.json()) == (202, {"status": "stored"})
    assert (hq.post(said).status_code, hq.post(said).json()) == (202, {"status": "already"})
    assert hq.stored() == [said.to_json()]
    assert [entry.sequence for entry in hq.folded] == [7]
    assert hq.desk.newest_ms("jkt-001") == CLOCK.wall_ns() // 1_000_000
    assert hq.desk.newest_ms("other") is None


def test_report_that_came_by_mqtt_is_already_there(hq):
    """Either way may be first."""
    first, second = envelope(1), envelope(2)
    topic = "cctv/jkt-001/event/reporter/site_reported/_"
    hq.ingest.commit([Message(topic, first.to_json(), False, 1, 1)])
    assert hq.post(first).json() == {"status": "already"}
    assert hq.post(second).json() == {"status": "stored"}
    hq.ingest.commit([Message(topic, second.to_json(), False, 2, 1)])
    assert hq.stored() == [first.to_json(), second.to_json()]
    assert hq.ingest.metrics()["duplicates"] == 2


def test_other_bytes_under_the_same_id_are_a_conflict(hq):
    """The first stays, the alarm is the same as over MQTT."""
    hq.post(envelope(1))
    other = envelope(1, data=REPORT.model_copy(update={"status": "ok"}))
    answer = hq.post(other)
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert hq.stored() == [envelope(1).to_json()]
    assert hq.ingest.metrics()["conflicts"] == 1


DELIVERED = ReportDelivered.read(ReportDelivered.example)


@pytest.mark.parametrize(
    ("said", "more", "status"),
    [
        pytest.param(envelope(1), {"token": None}, 401, id="no-token"),
        pytest.param(envelope(1), {"token": "wrong"}, 401, id="wrong-token"),
        pytest.param(envelope(1), {"token": None, "authorization": "Bearer"}, 401, id="empty-token"),
        pytest.param(envelope(1), {"token": None, "authorization": f"Basic {TOKEN}"}, 401, id="token-in-another-way"),
        pytest.param(envelope(1, site="sub-002"), {"site": "sub-002"}, 401, id="token-of-another-site"),
        pytest.param(envelope(1, site="bdg-003"), {"site": "bdg-003"}, 401, id="site-without-a-token"),
        pytest.param(envelope(1), {"site": "..%2ftoken"}, 404, id="site-that-climbs-out-of-the-folder"),
        pytest.param(envelope(1, site="sub-002"), {"site": "sub-002", "token": "token-of-sub-002"}, 404, id="site-of-another-process"),
        pytest.param(b"{}", {}, 400, id="no-event"),
        pytest.param(b"", {}, 400, id="nothing"),
        pytest.param(b"\xff" * 100, {}, 400, id="no-text"),
        pytest.param(envelope(1, site="sub-002"), {}, 422, id="report-of-another-site"),
        pytest.param(envelope(1, data=DELIVERED), {}, 422, id="another-event"),
        pytest.param(envelope(1, process="recorder"), {}, 422, id="another-process"),
        pytest.param(envelope(1), {"key": f"{EPOCH}-{2:020d}"}, 422, id="another-key"),
        pytest.param(envelope(1).to_json().replace(b'"report":{', b'"rapport":{'), {}, 422, id="no-report-in-it"),
        pytest.param(b" " * 65_537, {}, 413, id="too-large"),
    ],
)  # fmt: skip
def test_what_is_no_report_of_this_site_is_refused(hq, said, more, status):
    """Each with a problem that says why, and nothing of it is stored; no token is repeated."""
    answer = hq.post(said, **more)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10
    assert TOKEN not in answer.text
    assert hq.stored() == []


def test_refused_tokens_are_logged_once_a_minute(hq):
    """With the site and how many, never the token."""
    CLOCK.advance(61)
    with capture_logs() as logs:
        for _ in range(5):
            hq.post(envelope(1), token="wrong-one")
        CLOCK.advance(61)
        hq.post(envelope(1), token="wrong-one")
    found = [log for log in logs if log["event"] == "report_token_refused"]
    assert [(log["site"], log["requests"]) for log in found] == [("jkt-001", 1), ("jkt-001", 5)]
    assert "wrong-one" not in str(found)


def test_body_is_not_read_before_the_token_is_known(hq):
    """Whoever has no token cannot fill HQ's memory."""
    with httpx.Client(timeout=20) as client:
        answer = client.post(
            f"{hq.url}/api/sites/jkt-001/reports",
            content=(b"x" * 65_536 for _ in range(160)),
            headers={"authorization": "Bearer wrong", "idempotency-key": "x"},
        )
    assert answer.status_code == 401


def test_starting_hq_asks_to_come_again(hq):
    """503 with a time: the site keeps its report."""
    hq.desk._take = lambda: None
    answer = hq.post(envelope(1))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_hq_without_a_folder_of_tokens_takes_no_reports(hq):
    """Off by default."""
    hq.desk._tokens_dir = None
    assert hq.post(envelope(1)).status_code == 404


def test_reports_posted_at_once_are_each_stored_and_folded_in_order(hq):
    """Many threads, each report from several: positions grow in the order of the folds."""
    said = [envelope(sequence) for sequence in range(1, 41)]
    answers: list[str] = []

    def post(some) -> None:
        answers.extend(hq.post(one).json()["status"] for one in some)

    threads = [threading.Thread(target=post, args=(said[start::4],)) for start in range(4) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count("stored"), answers.count("already")) == (40, 40)
    assert [entry.position for entry in hq.folded] == list(range(1, 41))


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sqlite3")), reason="curl or sqlite3 is not installed")
def test_way_to_try_it_in_the_documentation_works(hq, tmp_path):
    """docs/reports.md, as it is written: the newest report of an outbox arrives, and the token is in no command line."""
    outbox = Outbox.open(tmp_path / "reporter.outbox", site="jkt-001", process="reporter", clock=SystemClock())
    outbox.append(REPORT)
    outbox.close()
    (tmp_path / "hq-token").write_text(TOKEN)
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()
    commands = next(block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "curl" in block)
    for written, here in {
        "/etc/saksi/hq-token": str(tmp_path / "hq-token"),
        "/var/lib/saksi/reporter.outbox": str(tmp_path / "reporter.outbox"),
        "https://hq.example": hq.url,
    }.items():
        assert written in commands
        commands = commands.replace(written, here)
    said = subprocess.run(["bash", "-ec", commands], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert '{"status":"stored"}' in said.stdout, said
    assert len(hq.stored()) == 1
    assert not (tmp_path / "headers").exists()


def test_the_sites_own_poster_is_understood(hq, tmp_path):
    """Both ends together: delivered, and refused where it should be."""
    (tmp_path / "token").write_text(TOKEN)
    config = ReporterHttpConfig(url=f"{hq.url}/api/sites/jkt-001/reports", token_file=tmp_path / "token")
    poster = Poster(config, "saksi/test")
    said = envelope(3)
    assert poster.post(said.to_json(), said.id).verdict == "delivered"
    assert poster.post(said.to_json(), said.id).verdict == "delivered"
    other = envelope(3, data=REPORT.model_copy(update={"status": "ok"}))
    assert poster.post(other.to_json(), other.id).verdict == "refused"
    (tmp_path / "token").write_text("wrong")
    assert poster.post(said.to_json(), said.id).verdict == "retry"
    poster.close()
    assert json.loads(hq.stored()[0])["id"] == said.id
