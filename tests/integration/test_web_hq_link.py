"""What a site says of the way to HQ: nothing where none is configured, else whether its events are acknowledged."""

import json

import pytest
from acceptance_support import until
from test_web_process import Recorder, Web
from web_site import EPOCH, recording, running_site, segment

from edge.clock import SystemClock, rfc3339
from edge.events.messages import Ack
from edge.state.hq_link import SILENT_MS, HqLink
from edge.web import hq_watch

FILES = {f"{name}_file": f"/etc/saksi/tls/{name}" for name in ("ca", "cert", "key")}


@pytest.fixture
def site(tmp_path):
    """A site with its processes alive."""
    with running_site(tmp_path) as site:
        site.beat_all()
        yield site


@pytest.fixture
def linked(site):
    """The same with HQ configured; returns site and what takes its acks."""
    hq = site.app.site.hq = HqLink()
    return site, hq_watch.follow(hq, site.live)


def ack(to, epoch=EPOCH):
    return Ack(epoch=epoch, contiguous_to=to)


def get(site, path, **options):
    with site.client(**options) as client:
        return client.get(path)


def test_site_without_hq_says_so_and_shows_nothing(site):
    """No trouble, no word in the header."""
    assert get(site, "/health").json()["hq_link"] == "none"
    assert get(site, "/api/site").json()["hq_link"] is None
    assert 'id="hq"' not in get(site, "/").text


def test_acknowledged_events_are_counted(linked):
    """How many of how many, and when HQ said so."""
    site, acked = linked
    site.say(recording("cam0"), segment("cam0", site.now_ms() - 60_000))
    site.beat_all()
    assert get(site, "/health").json()["hq_link"] == "waiting"
    acked("recorder", ack(2), site.now_ms())
    found = get(site, "/api/site").json()["hq_link"]
    assert (found["status"], found["held"], found["newest"], found["waiting_since"]) == ("linked", 2, 2, None)
    page = get(site, "/").text
    assert "HQ up to date" in page
    assert "HQ has acknowledged 2 of 2 events" in page
    assert "Pusat" in get(site, "/?lang=id").text
    assert 'id="hq"' in get(site, "/events").text
    assert 'id="hq"' in get(site, "/channels/cam0").text


def test_silent_hq_is_a_trouble_with_its_time_until_it_is_heard(linked):
    """Events wait for more than a minute: every page says what to look at; an ack ends it."""
    site, acked = linked
    site.say(recording("cam0"))
    waiting = site.app.site.hq
    waiting.told("web", EPOCH, 9, site.now_ms() - SILENT_MS - 5_000)
    hq_watch.look(site.app.site)
    health = until(lambda: (found := get(site, "/health").json())["hq_link"] == "silent" and found)
    assert health["status"] == "degraded"
    assert [one["code"] for one in health["reasons"]].count("hq_silent") == 1
    page = get(site, "/").text
    assert "HQ has not acknowledged any event since" in page
    assert "HQ silent since" in page
    acked("web", ack(9), site.now_ms())
    hq_watch.look(site.app.site)
    until(lambda: "hq_silent" not in get(site, "/health").text)
    assert get(site, "/health").json()["hq_link"] == "linked"


def test_web_process_hears_acks_from_the_broker(tmp_path, stopped_mosquitto):
    """`ack/#` is subscribed to where HQ is configured; an ack that the broker kept is heard after a start too."""
    stopped_mosquitto.start()
    web, recorder = Web(tmp_path, stopped_mosquitto.port), Recorder(tmp_path, stopped_mosquitto.port)
    values = json.loads(web.config.read_text())
    web.config.write_text(json.dumps({**values, "hq": {"host": "hq.example", **FILES}}))
    recorder.start()
    try:
        recorder.say(recording("cam0"), recording("cam1"))
        epoch = recorder.outbox.epoch
        said = ack(2, epoch).model_copy(update={"time": rfc3339(SystemClock().wall_ns())})
        until(lambda: recorder.broker.publish(f"ack/{recorder.outbox.process}", said.to_json(), retain=True))
        web.start()
        until(lambda: web.health().get("hq_link") == "linked", 30, web.said)
        link = until(lambda: (found := web.get("/api/site").json()["hq_link"])["held"] >= 2 and found, 30, web.said)
        assert link["newest"] >= link["held"]
    finally:
        recorder.stop()
        if web.command is not None:
            web.command.end()
