"""`edge reporter` and `edge hq` together, with HTTP as the only way between them: no bridge."""

import json
import random
import time

import pytest
from acceptance_support import until
from test_hq_process import HqProcess
from test_reporter_process import Reporter
from test_web_process import Recorder
from web_site import recording, stopped

from edge.bus.outbox import Outbox
from edge.clock import SystemClock

WAIT_S = 60


@pytest.fixture
def both(tmp_path, mosquitto):
    """HQ and a site whose cameras are known; the site's token is at both ends."""
    (tmp_path / "state").mkdir()
    (tmp_path / "tokens").mkdir()
    for path in (tmp_path / "tokens" / "jkt-001", tmp_path / "hq-token"):
        path.write_text("token-of-jkt-001\n")
    hq = HqProcess(tmp_path, mosquitto.port, reports={"tokens_dir": "tokens"}).start()
    recorder = Recorder(tmp_path / "state", mosquitto.port)
    recorder.start()
    recorder.say(recording("cam0"), stopped("cam1"))
    reporter = Reporter(tmp_path, mosquitto.port)
    reporter.write(http={"url": f"{hq.url}/api/sites/jkt-001/reports", "token_file": "hq-token"})
    reporter.start()
    yield hq, reporter
    recorder.stop()
    for process in (reporter, hq):
        process.command.end()


def said(folder) -> dict[int, bytes]:
    """The reports in the outbox of a reporter that does not run."""
    outbox = Outbox.open(folder / "state" / "reporter.outbox", site="jkt-001", process="reporter", clock=SystemClock())
    rows = outbox.rows(0, limit=100_000)
    outbox.close()
    return {row.sequence: row.payload for row in rows if "/site_reported/" in row.topic}


@pytest.mark.timeout(300)
def test_hq_knows_a_site_from_its_http_reports_alone_and_each_once_through_kills_of_both(both, tmp_path):
    """Its channels and their order, its time zone; and the bytes of every report, whoever is killed when."""
    hq, reporter = both

    def known():
        answer = hq.get("/api/sites/jkt-001/channels")
        return answer.status_code == 200 and [one["id"] for one in answer.json()["channels"]]

    until(lambda: known() and set(known()) == {"cam0", "cam1"}, WAIT_S, reporter.said)
    rng = random.Random(3)
    for killed in (hq, reporter, hq, reporter):
        time.sleep(rng.uniform(0.5, 2))
        killed.kill()
        killed.start()
    count = len(hq.held("jkt-001"))
    until(lambda: len(hq.held("jkt-001")) > count + 2, WAIT_S, reporter.said)
    reporter.command.stop()
    reports = said(tmp_path)
    reporter.start()  # what was still on its way

    def arrived():
        held = hq.held("jkt-001")
        return reports.keys() <= {number for _, _, number in held} and held

    held = until(arrived, WAIT_S, reporter.said)
    by_number = {number: event for (process, _, number), event in held.items() if process == "reporter"}
    assert {number: json.loads(payload) for number, payload in reports.items()}.items() <= by_number.items()
    assert len(held) == len(by_number)
    (source,) = hq.get("/api/sites/jkt-001/completeness").json()["sources"]
    assert source["missing"]  # the reporter's other events, which only the bridge brings: that they are not here is true
