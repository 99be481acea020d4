"""The fleet as `edge hq` shows it, on a real broker: who is silent and why, who came back and how, and what was refused."""

import time

import pytest
from acceptance_support import until
from hq_sites import SimulatedSite
from test_hq_process import WAIT_S, HqProcess

from edge.bus.address import BrokerAddress
from edge.bus.broker import PahoBroker
from edge.clock import SystemClock, rfc3339
from edge.events.messages import Heartbeat

SILENCE_S = 120  # 35 s of silence, 20 s of listening before, ten until it is looked at, and patience


@pytest.fixture
def hq(tmp_path, mosquitto):
    """`edge hq` on a running broker."""
    hq = HqProcess(tmp_path, mosquitto.port)
    yield hq.start()
    hq.command.end()


@pytest.fixture
def sites(tmp_path, mosquitto):
    """Two sites on the same broker, of which a test may end and begin one again."""
    folder = tmp_path / "sites"
    folder.mkdir()
    made = {}

    def begin(name):
        made[name] = SimulatedSite(mosquitto.port, folder, name)
        return made[name]

    for name in ("jkt-001", "sby-002"):
        begin(name).begin()
    made["begin"] = begin
    yield made
    for one in made.values():
        if isinstance(one, SimulatedSite):
            one.end()


@pytest.fixture
def bridge(mosquitto):
    """What publishes in the place of a site's bridge."""
    broker = PahoBroker(BrokerAddress("127.0.0.1", mosquitto.port), "bridge", clock=SystemClock())
    broker.start()
    yield lambda topic, payload: until(lambda: broker.publish(topic, payload, retain="/state/" in topic))
    broker.stop()


def fleet(hq, **query):
    return hq.get("/api/sites", params=query).json()


def lines(hq):
    return {one["site"]: one for one in fleet(hq)["sites"]}


@pytest.mark.timeout(400)
def test_site_that_falls_silent_is_told_and_says_how_it_came_back(hq, sites, bridge):
    """Its bridge is gone and nothing is heard: link or power; after its return all its processes have begun anew."""
    until(lambda: set(lines(hq)) == {"jkt-001", "sby-002"}, WAIT_S, hq.said)
    for name in ("jkt-001", "sby-002"):
        bridge(f"cctv/{name}/state/bridge", b"1")
    until(lambda: all(one["fault"] in {"none", "waiting"} for one in lines(hq).values()), WAIT_S, hq.said)
    assert lines(hq)["jkt-001"]["events"]["missing"] == 0
    sites.pop("sby-002").end()
    bridge("cctv/sby-002/state/bridge", b"0")
    gone = until(lambda: (one := lines(hq)["sby-002"])["fault"] == "link" and one, SILENCE_S, hq.said)
    assert gone["status"] == "down"
    assert lines(hq)["jkt-001"]["fault"] in {"none", "waiting"}
    assert fleet(hq, state="link")["found"] == fleet(hq, state="trouble", q="sby")["found"] == 1
    page = hq.get("/", headers={"accept": "text/html"}).text
    assert "sby-002 has not been heard since" in page
    assert "1 of 2 sites are well" in page or "0 of 2 sites are well" in page
    own = hq.get("/sites/sby-002", headers={"accept": "text/html"}).text
    assert "sby-002 has not been heard since" in own
    assert "What is recorded meanwhile is not seen from here." in own
    sites["begin"]("sby-002")
    bridge("cctv/sby-002/state/bridge", b"1")
    back = until(lambda: (one := lines(hq)["sby-002"])["back"] and one, WAIT_S, hq.said)
    until(lambda: lines(hq)["sby-002"]["back"]["cause"] == "box", WAIT_S, hq.said)
    assert back["fault"] in {"none", "waiting", "camera"}  # its new recorder has not begun with all channels yet


def test_event_in_the_name_of_another_site_is_refused_and_shown_also_after_a_restart(hq, sites, bridge):
    """Who tried, on page and API; the ledger of the other site does not change."""
    until(lambda: set(lines(hq)) == {"jkt-001", "sby-002"}, WAIT_S, hq.said)
    theirs = next(iter(sites["jkt-001"].said().values()))
    bridge("cctv/sby-002/event/recorder/process_started/_", theirs)
    found = until(lambda: (one := fleet(hq))["refused"] and one, WAIT_S, hq.said)
    assert found["refused_by"] == {"sby-002": 1}
    assert found["newest_refused"][0]["site"] == "sby-002"
    assert "jkt-001" in found["newest_refused"][0]["reason"]
    hq.kill()
    hq.start()
    again = until(lambda: (one := fleet(hq))["refused"] and one, WAIT_S, hq.said)
    assert again["refused_by"] == {"sby-002": 1}
    page = hq.get("/", headers={"accept": "text/html"}).text
    assert "1 message was refused" in page
    until(lambda: all(hq.holds(sites[name]) for name in ("jkt-001", "sby-002")), WAIT_S, hq.said)


def test_site_that_says_it_wrote_more_than_can_be_is_named_and_asked_ever_more_seldom(hq, sites, bridge):
    """Its row leads to its page, where a sentence says what is claimed, what never came and what was tried."""
    until(lambda: set(lines(hq)) == {"jkt-001", "sby-002"}, WAIT_S, hq.said)
    epoch = sites["jkt-001"].recorder.epoch
    now = rfc3339(SystemClock().wall_ns())
    mad = Heartbeat(epoch=epoch, bdseq=1, last_sequence=10**15, started=now, time=now, version="0", pid=1)
    bridge("cctv/jkt-001/state/recorder", mad.to_json())

    def reasons(site):
        return {one["code"] for one in hq.get(f"/api/sites/{site}/health").json()["reasons"]}

    until(lambda: "unanswered" in reasons("jkt-001"), WAIT_S, hq.said)
    page = hq.get("/sites/jkt-001", headers={"accept": "text/html"}).text
    assert "recorder says that it wrote 1,000,000,000,000,000 events" in page
    assert "times in vain, last at" in page
    until(lambda: lines(hq)["jkt-001"]["fault"] == "events", WAIT_S, hq.said)
    row = hq.get("/", headers={"accept": "text/html"}).text.partition('id="site-jkt-001"')[2].partition("</tr>")[0]
    assert 'href="/sites/jkt-001"' in row
    assert "recorder says that it wrote" in row
    asked = hq.said().count("replay_asked")
    time.sleep(20)
    assert hq.said().count("replay_asked") - asked <= 5
    assert "unanswered" not in reasons("sby-002")
    assert lines(hq)["sby-002"]["events"]["missing"] == 0
