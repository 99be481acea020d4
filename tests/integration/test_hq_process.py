"""`edge hq` as a process on a real broker: two sites, kills under load, pages and API of both, logins."""

import json
import socket
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from acceptance_support import EDGE, Command, until
from free_ports import free_port
from hq_sites import SimulatedSite
from web_site import PASSWORD, PASSWORD_HASH, TOKEN

SITES = ("jkt-001", "sby-002")
WAIT_S = 60


class HqProcess:
    """The process, which may be killed and started again on the same port."""

    def __init__(self, folder: Path, broker_port: int, **more) -> None:
        self.port = free_port()
        self.folder = folder
        self.config = folder / "hq.yaml"
        self.url = f"http://127.0.0.1:{self.port}"
        web = {"auth": "off", "port": self.port} | more.pop("web", {})
        self.config.write_text(json.dumps({"state_dir": "hq-state", "broker": {"port": broker_port}, "web": web} | more))
        self.command: Command | None = None

    def start(self) -> "HqProcess":
        self.command = Command([*EDGE, "hq", "--config", self.config], self.folder)
        until(lambda: self.health().get("status", "starting") != "starting", WAIT_S, self.said)
        return self

    def said(self) -> str:
        return self.command.said() if self.command else ""

    def kill(self) -> None:
        self.command.process.kill()
        self.command.process.wait()

    def get(self, path: str, **options) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, **options)

    def health(self) -> dict:
        assert self.command is not None
        assert self.command.process.poll() is None, self.said()
        try:
            return self.get("/health").json()
        except httpx.TransportError:
            return {}

    def holds(self, site: SimulatedSite) -> bool:
        """Whether every event of a site's outboxes is there, and nothing is missing or lost."""
        sources = self.get(f"/api/sites/{site.site}/completeness").json().get("sources", ())
        found = {(one["source"], one["epoch"]): one for one in sources}
        for name, process in site.processes.items():
            one = found.get((f"/{site.site}/{name}", process.outbox.epoch))
            if one is None or one["count"] != process.outbox.last_sequence or one["missing"] or one["lost"]:
                return False
        return True

    def held(self, site: str) -> dict[tuple[str, str, int], dict]:
        """Every event of a site in the journal, each once, by process, epoch and number."""
        found: dict[tuple[str, str, int], dict] = {}
        path = f"/api/sites/{site}/events?after=0&limit=1000"
        while path:
            page = self.get(path).json()
            for one in page["events"]:
                event = one["event"]
                key = event["source"].rpartition("/")[2], event["epoch"], int(event["sequence"])
                assert key not in found
                found[key] = event
            path = page["next"]
        return found


@pytest.fixture
def hq(tmp_path, mosquitto):
    """`edge hq` on a running broker."""
    hq = HqProcess(tmp_path, mosquitto.port)
    yield hq.start()
    hq.command.end()


@pytest.fixture
def sites(tmp_path, mosquitto):
    """Two sites on the same broker."""
    (tmp_path / "sites").mkdir()
    made = [SimulatedSite(mosquitto.port, tmp_path / "sites", name).begin() for name in SITES]
    yield made
    for one in made:
        one.end()


def test_both_sites_are_held_and_shown(hq, sites):
    """Pages, API and metrics of each; the events of one are not among those of the other."""
    until(lambda: all(hq.holds(one) for one in sites), WAIT_S, hq.said)
    until(lambda: hq.get("/api/sites").json()["all"] == 2, WAIT_S, hq.said)
    for site in sites:
        now = hq.get(f"/api/sites/{site.site}/site").json()
        assert now["site"] == site.site
        assert [one["id"] for one in now["channels"]] == site.channels
        assert {one["status"] for one in now["channels"]} == {"recording"}
        assert hq.held(site.site) == {key: json.loads(payload) for key, payload in site.said().items()}
        page = hq.get(f"/sites/{site.site}")
        assert (page.status_code, f'href="/sites/{site.site}/channels/cam0"' in page.text) == (200, True)
        assert 'href="/channels' not in page.text
        assert "<img" not in page.text
        channel = hq.get(f"/sites/{site.site}/channels/cam1")
        assert channel.status_code == 200
        assert "<form" not in channel.text.replace("/logout", "").partition("<main")[2]
        assert hq.get(f"/sites/{site.site}/events").status_code == 200
        assert f'site="{site.site}"' in hq.get("/metrics").text
    coverage = hq.get("/api/sites/jkt-001/channels/cam0/coverage").json()
    assert any(span["kind"] == "recorded" for span in coverage["spans"])
    assert hq.get("/", headers={"accept": "text/html"}).text.count("/sites/") >= 2


def test_unknown_site_is_told_as_such(hq):
    """To programs as a problem, to people as a page, with the way back."""
    answer = hq.get("/api/sites/nowhere/site")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:saksi:problem:no_such_site")
    for path in ("/sites/nowhere", "/sites/hq"):
        page = hq.get(path, headers={"accept": "text/html"})
        assert (page.status_code, 'href="/"' in page.text) == (404, True)
    until(lambda: "process_started" in hq.get("/api/sites/hq/events").text, WAIT_S, hq.said)


def test_killed_under_load_it_holds_in_the_end_what_the_outboxes_hold(hq, sites):
    """Nothing is lost and nothing is there twice; the restart goes on from what was committed."""
    with sites[0].under_load(), sites[1].under_load():
        for _ in range(3):
            count = hq.health()["position"]
            until(lambda count=count: hq.health()["position"] > count + 150, WAIT_S, hq.said)
            hq.kill()
            hq.start()
    until(lambda: all(hq.holds(one) for one in sites), 2 * WAIT_S, hq.said)
    for site in sites:
        assert hq.held(site.site) == {key: json.loads(payload) for key, payload in site.said().items()}
    assert hq.health()["lost"] == 0


def test_told_to_stop_it_ends_soon_and_goes_on_where_it_was(hq, sites):
    """With the status of a clean stop; the next start knows both sites before anybody is heard."""
    until(lambda: all(hq.holds(one) for one in sites), WAIT_S, hq.said)
    hq.command.process.terminate()
    assert hq.command.process.wait(30) == 0, hq.said()
    hq.start()
    until(lambda: all(hq.holds(one) for one in sites), WAIT_S, hq.said)
    ready = next(json.loads(line) for line in hq.said().splitlines() if '"state_ready"' in line)
    assert ready["sites"] == 2
    assert hq.health()["position"] > 2 * 4 * 30


def test_outboxes_hear_that_they_may_forget(hq, sites):
    """What is committed is acknowledged to each process of each site."""
    outboxes = [one.outbox for site in sites for one in site.processes.values()]
    until(lambda: all(one.acked == one.last_sequence for one in outboxes), 2 * WAIT_S, hq.said)


def test_stream_tells_of_one_site_only(hq, sites):
    """Events of the other site are not among those that a listener gets."""
    until(lambda: all(hq.holds(one) for one in sites), WAIT_S, hq.said)
    with httpx.stream("GET", f"{hq.url}/api/sites/jkt-001/events/stream?after=0", timeout=30) as stream:
        lines = stream.iter_lines()
        sources = set()
        while len(sources) < 3:
            line = next(lines)
            if line.startswith('data: {"specversion'):
                sources.add(json.loads(line[6:])["source"])
        assert sources == {"/jkt-001/recorder", "/jkt-001/retention", "/jkt-001/web"}


def test_broker_that_is_away_is_told_in_health(hq, mosquitto):
    """Nobody is heard then; pages work on."""
    mosquitto.kill()
    until(lambda: [one["code"] for one in hq.health()["reasons"]] == ["broker_away"], WAIT_S, hq.said)
    assert hq.get("/api/sites").status_code == 200
    mosquitto.start()
    until(lambda: hq.health()["status"] == "ok", WAIT_S, hq.said)


def test_people_log_in_and_programs_send_tokens(tmp_path, mosquitto):
    """As at a site; `/health` alone is open to all."""
    (tmp_path / "token").write_text(TOKEN)
    users = {"budi": {"password_hash": PASSWORD_HASH, "role": "viewer"}}
    web = {"auth": "required", "users": users, "tokens": {"scraper": {"token_file": "token"}}}
    hq = HqProcess(tmp_path, mosquitto.port, web=web).start()
    try:
        for path in ("/api/sites", "/metrics", "/api/sites/jkt-001/site"):
            assert hq.get(path).status_code == 401
        assert hq.get("/sites/jkt-001", headers={"accept": "text/html"}).headers["location"] == "/login?next=/sites/jkt-001"
        assert hq.get("/api/sites", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        with httpx.Client(base_url=hq.url, headers={"accept": "text/html"}, timeout=30) as browser:
            form = browser.get("/login").text
            csrf = form.partition('name="_csrf_token" value="')[2].partition('"')[0]
            fields = {"username": "budi", "password": PASSWORD, "next": "/", "_csrf_token": csrf}
            assert browser.post("/login", data=fields).headers["location"] == "/"
            assert browser.get("/").status_code == 200
    finally:
        hq.command.end()


def test_configuration_that_is_wrong_ends_it_with_two(tmp_path):
    """In words, one line a problem."""
    path = tmp_path / "hq.yaml"
    path.write_text("partition: {number: 2, of: 2}")
    with closing(socket.create_server(("127.0.0.1", 0))):
        command = Command([*EDGE, "hq", "--config", path], tmp_path)
        assert command.process.wait(WAIT_S) == 2
    assert "hq.yaml: partition: of must be 1 with SQLite" in command.said()
