"""Reports on their way to HQ over HTTP, with a real server that fails in every way it can."""

import json
import random
import ssl
from pathlib import Path

import pytest
from acceptance_support import until
from reporting_hq import CUT, HANG, HUGE, RESET, ReportHq, self_signed

from edge.bus.outbox import Outbox
from edge.clock import SystemClock
from edge.config.reporting import ReporterHttpConfig
from edge.events.catalog import SiteReported
from edge.reporter import post, waiting
from edge.reporter.delivery import Delivery
from edge.reporter.post import Poster

TOKEN = "secret-token-of-jkt-001"
REPORT = SiteReported.read(SiteReported.example)
CLOCK = SystemClock()


class Sender:
    """An outbox, what waits in it, and its delivery."""

    def __init__(self, folder: Path, url: str, *, ca_file: Path | None = None) -> None:
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.config = ReporterHttpConfig(url=url, token_file=self.token_file, ca_file=ca_file)
        self.path = folder / "reporter.outbox"
        self.open()

    def open(self) -> None:
        self.outbox = Outbox.open(
            self.path, site="jkt-001", process="reporter", clock=CLOCK, state_schema=waiting.STATE_SCHEMA
        )
        self.delivery = Delivery(self.outbox, Poster(self.config, "saksi/test"), CLOCK, most_wait_s=0.05)
        self.delivery.start()

    def report(self, count: int = 1, most: int = waiting.MOST_WAITING) -> list[str]:
        """Say reports; returns their keys."""
        made = [self.outbox.append(REPORT, state=waiting.add_newest(most)) for _ in range(count)]
        self.delivery.wake()
        return [f"{self.outbox.epoch}-{sequence:020d}" for sequence in made]

    def said(self, event_type: str) -> list[dict]:
        """The data of the events of a type."""
        rows = [json.loads(row.payload) for row in self.outbox.rows(0, limit=100_000)]
        return [row["data"] for row in rows if row["type"] == f"cctv.{event_type}.v1"]

    def counts(self) -> dict:
        return waiting.counts(self.outbox)

    def close(self) -> None:
        self.delivery.stop(30)  # or an attempt that is slow would find the outbox closed
        self.outbox.close()


@pytest.fixture
def hq():
    """HQ, answering well."""
    server = ReportHq().start()
    yield server
    server.stop()


@pytest.fixture
def sender(hq, tmp_path, monkeypatch):
    """A site that posts to it, with short time-outs."""
    monkeypatch.setattr(post, "SILENCE_S", 0.5)
    monkeypatch.setattr(post, "CONNECT_S", 0.5)
    sender = Sender(tmp_path, f"http://127.0.0.1:{hq.port}/api/sites/jkt-001/reports")
    yield sender
    sender.close()


def test_report_arrives_with_its_key_and_token_as_the_bytes_of_its_event(hq, sender):
    """HQ stores what MQTT brings too, under the same id; then it waits no longer and that is said."""
    (key,) = sender.report()
    until(lambda: sender.said("report_delivered"))
    (request,) = hq.requests
    assert (request.key, request.headers["authorization"]) == (key, f"Bearer {TOKEN}")
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.body == sender.outbox.rows(0)[0].payload
    (delivered,) = sender.said("report_delivered")
    assert (delivered["report"], delivered["attempts"], delivered["http_status"]) == (key, 1, 202)
    assert sender.counts() == {"waiting": 0, "dead": 0, "dropped": 0}


TROUBLES = {
    "server-error": 500,
    "bad-gateway": 502,
    "busy": (429, {"retry-after": "0"}),
    "timeout": 408,
    "too-early": 425,
    "token-unknown": 401,
    "token-of-another": 403,
    "no-such-address": 404,
    "hangs": HANG,
    "resets": RESET,
    "answer-lost": CUT,
    "redirects": (307, {"location": "http://127.0.0.1:9/elsewhere"}),
    "moved": (301, {"location": "http://127.0.0.1:9/elsewhere"}),
    "strange-status": 599,
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_report_that_fails_is_sent_again_with_its_key_and_in_order(hq, sender, trouble):
    """Nothing is lost, nothing overtakes, each comes once by its key; failing is said once, with what to do."""
    hq.script.extend([trouble] * 3)
    keys = sender.report(4)
    until(lambda: len(sender.said("report_delivered")) == 4)
    assert hq.keys() == keys
    assert [one["report"] for one in sender.said("report_delivered")] == keys
    assert sender.said("report_delivered")[0]["attempts"] == 4
    (failed,) = sender.said("report_failed")
    assert (failed["report"], failed["attempts"], failed["via"]) == (keys[0], 1, "http")
    assert failed["retry_in_s"] is not None
    assert failed["http_status"] == (trouble[0] if isinstance(trouble, tuple) else trouble if isinstance(trouble, int) else None)
    assert TOKEN not in json.dumps([json.loads(row.payload) for row in sender.outbox.rows(0)])


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422, 410])
def test_report_that_hq_refuses_is_set_aside_and_those_behind_it_go_on(hq, sender, status):
    """A dead letter is said with its reason, counted, kept for whoever looks, and blocks nobody."""
    hq.script.append(status)
    dead, *others = sender.report(3)
    until(lambda: len(sender.said("report_delivered")) == 2)
    assert hq.keys() == others
    (failed,) = sender.said("report_failed")
    assert (failed["report"], failed["http_status"], failed["retry_in_s"]) == (dead, status, None)
    assert sender.counts() == {"waiting": 0, "dead": 1, "dropped": 0}
    assert sender.delivery.metrics()["dead"] == 1


def test_answer_without_end_is_not_read_to_its_end(hq, sender):
    """The status counts; the next report goes over a new connection."""
    hq.script.extend([HUGE, HUGE])
    keys = sender.report(3)
    until(lambda: len(sender.said("report_delivered")) == 3)
    assert hq.keys() == keys
    assert sender.said("report_failed") == []


def test_only_a_changed_reason_is_said_again(hq, sender):
    """Days without HQ make a line for each kind of trouble and not one an attempt."""
    hq.script.extend([500] * 5 + [RESET] * 5 + [500] * 2)
    sender.report()
    until(lambda: sender.said("report_delivered"))
    assert [one["http_status"] for one in sender.said("report_failed")] == [500, None, 500]
    assert sender.said("report_delivered")[0]["attempts"] == 13


def test_hq_that_asks_for_time_gets_it(hq, sender):
    """`Retry-After` is kept to, whatever the back-off says."""
    hq.script.append((429, {"retry-after": "1"}))
    sender.report()
    until(lambda: sender.said("report_delivered"))
    first, second = (request.at for request in hq.requests)
    assert second - first >= 1
    assert sender.said("report_failed")[0]["retry_in_s"] >= 1


def test_new_token_is_used_at_the_next_attempt(hq, sender):
    """A token is changed in place; one that cannot be read is said by its file, and the report waits."""
    hq.always = 401
    sender.report()
    until(lambda: sender.said("report_failed"))
    sender.token_file.unlink()
    until(lambda: len(sender.said("report_failed")) == 2)
    assert str(sender.token_file) in sender.said("report_failed")[1]["detail"]
    hq.always = 202
    sender.token_file.write_text("renewed")
    until(lambda: sender.said("report_delivered"))
    assert hq.requests[-1].headers["authorization"] == "Bearer renewed"


@pytest.mark.parametrize("token", ["two words", "trailing ", "schl\u00fcssel"])
def test_token_that_cannot_be_sent_is_shown_nowhere(hq, sender, token):
    """An HTTP library would quote the whole header in its error."""
    sender.token_file.write_text(token)
    sender.report()
    until(lambda: sender.said("report_failed"))
    assert "token_file" in sender.said("report_failed")[0]["detail"]
    assert token not in sender.said("report_failed")[0]["detail"]
    assert hq.requests == []


def test_redirect_is_not_followed(hq, sender):
    """Whoever is redirected to would get the token."""
    elsewhere = ReportHq().start()
    hq.script.extend([(308, {"location": f"http://127.0.0.1:{elsewhere.port}/"})] * 2)
    sender.report()
    until(lambda: sender.said("report_delivered"))
    elsewhere.stop()
    assert elsewhere.requests == []


def test_certificate_that_is_not_trusted_is_shown_no_report_until_it_is(tmp_path):
    """Neither report nor token goes to a server that cannot prove who it is."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    hq = ReportHq().start(tls=context)
    url = f"https://127.0.0.1:{hq.port}/api/sites/jkt-001/reports"
    sender = Sender(tmp_path, url)
    sender.report()
    until(lambda: sender.said("report_failed"))
    assert "certificate" in sender.said("report_failed")[0]["detail"]
    assert hq.requests == []
    sender.close()
    sender.config = ReporterHttpConfig(url=url, token_file=sender.token_file, ca_file=certificate)
    sender.open()
    until(lambda: sender.said("report_delivered"))
    sender.close()
    hq.stop()


def test_certificate_of_another_name_is_not_trusted(tmp_path):
    """The authority is known, but the server is somebody else's."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    hq = ReportHq().start(tls=context)
    sender = Sender(tmp_path, f"https://localhost:{hq.port}/", ca_file=certificate)
    sender.report()
    until(lambda: sender.said("report_failed"))
    sender.close()
    hq.stop()
    assert hq.requests == []


def test_newest_reports_wait_for_an_hq_that_is_away_for_days_and_the_dropped_are_counted(hq, sender):
    """The queue is bounded: the oldest go, the newest come in order, and how many went is said."""
    hq.always = 503
    sender.report(7, most=5)
    until(lambda: any(one["dropped"] for one in sender.said("report_failed")))
    keys = sender.report(13, most=5)
    until(lambda: hq.requests[-1].key == keys[-5])  # none of those that were dropped is on its way any more
    hq.always = 202
    until(lambda: sender.counts()["waiting"] == 0)
    assert hq.keys() == keys[-5:]
    assert sender.counts()["dropped"] == 15
    dropped = [one for one in sender.said("report_failed") if one["dropped"]]
    assert sum(one["dropped"] for one in dropped) == 15
    assert len(dropped) <= 2  # when it began, and when HQ was back
    assert all(one["retry_in_s"] is None for one in dropped)


def test_what_waits_is_delivered_by_the_next_run(hq, sender):
    """A stop, or a kill, keeps the queue with its keys."""
    hq.always = 503
    keys = sender.report(5)
    until(lambda: hq.asked() >= 3)
    sender.close()
    hq.always = 202
    sender.open()
    until(lambda: len(sender.said("report_delivered")) == 5)
    assert hq.keys() == keys
    assert sender.said("report_delivered")[0]["attempts"] >= 3


def test_hq_that_fails_at_random_gets_every_report_once_and_in_order(hq, sender):
    """Whatever happens in between: all troubles, mixed, with restarts of the site's side."""
    rng = random.Random(7)
    sound = [one for one in TROUBLES.values() if one != HANG]
    hq.script.extend(rng.choice([*sound, 202, 202, 202]) for _ in range(150))
    keys: list[str] = []
    for _ in range(6):
        keys += sender.report(10)
        asked = hq.asked()
        until(lambda asked=asked: hq.asked() > asked + 5 or sender.counts()["waiting"] == 0)
        sender.close()
        sender.open()
    until(lambda: sender.counts()["waiting"] == 0)
    assert hq.keys() == keys
    assert [one["report"] for one in sender.said("report_delivered")] == keys
