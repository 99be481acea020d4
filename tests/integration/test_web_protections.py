"""Protection over HTTP: the real web and retention processes and a real Mosquitto, asked by programs and with the form."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from acceptance_support import EDGE, Command, until
from free_ports import free_port
from retention_site import HOUR_MS, MINUTE_MS, RetentionSite
from web_site import PASSWORD, PASSWORD_HASH

from edge.clock import SystemClock
from edge.web.evidence import ANSWER_S

ZONE = ZoneInfo("Asia/Jakarta")
ROLES = ("admin", "viewer")
HTML = {"accept": "text/html"}
STARTS_S = 60


class Pair:
    """`edge web` and `edge retention` of one site, with accounts, each of which may be away."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self.port = free_port()
        self.folder = folder
        self.disk = RetentionSite(folder, folder / "root", clock=SystemClock())
        for role in ROLES:
            (folder / role).write_text(f"token-of-{role}")
        self.config = folder / "edge.yaml"
        values = {
            "site": "test-site",
            "timezone": ZONE.key,
            "state_dir": "state",
            "storage": {"root": "root"},
            "retention": {"max_used_percent": 99, "min_free_bytes": 0},
            "broker": {"port": broker_port},
            "web": {
                "port": self.port,
                "users": {role: {"password_hash": PASSWORD_HASH, "role": role} for role in ROLES},
                "tokens": {f"program-{role}": {"token_file": role, "role": role} for role in ROLES},
            },
            "channels": [{"id": one, "url": f"rtsp://127.0.0.1/{one}"} for one in self.disk.channels],
        }
        self.config.write_text(json.dumps(values))
        self.commands: dict[str, Command] = {}

    def start(self, *names: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "EDGE_BROKER_PORT"}
        for name in names:
            self.commands[name] = Command([*EDGE, name, "--config", self.config], self.folder, env=environment)
        if "web" in names:
            until(self._answers, STARTS_S, self.commands["web"].said)

    def stop(self, name: str) -> None:
        self.commands.pop(name).end()

    def close(self) -> None:
        for name in list(self.commands):
            self.stop(name)

    def client(self, role: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer token-of-{role}"} if role else {}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60, trust_env=False)

    @contextmanager
    def logged_in(self, role: str) -> Iterator[httpx.Client]:
        with self.client() as client:
            form = {"username": role, "password": PASSWORD, "_csrf_token": token(client.get("/login", headers=HTML))}
            assert client.post("/login", data=form).headers["location"] == "/"
            yield client

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/health").json()["status"] != "starting"
        except httpx.TransportError:
            return False


def token(page: httpx.Response) -> str:
    """What the forms of a page carry."""
    return re.search(r'name="_csrf_token" value="([^"]+)"', page.text)[1]


def wish(**changes) -> dict[str, str]:
    """Two minutes, two hours ago."""
    start = datetime.now(UTC) - timedelta(hours=2)
    times = {"from": start.isoformat(), "to": (start + timedelta(minutes=2)).isoformat()}
    return {"channel": "lobby", "note": "fight at the door", **times, **changes}


@pytest.fixture
def lone_pair(tmp_path, mosquitto):
    """Nothing of it runs yet but the broker, which may be killed."""
    pair = Pair(tmp_path, mosquitto.port)
    yield pair
    pair.close()


@pytest.fixture(scope="module")
def running_pair(tmp_path_factory, lasting_mosquitto):
    """Both run, twenty minutes of the lobby are on the disk and known, and nothing is recorded of the dock."""
    pair = Pair(tmp_path_factory.mktemp("pair"), lasting_mosquitto.port)
    start_ms = SystemClock().wall_ns() // 1_000_000 - 2 * HOUR_MS
    for minute in range(20):
        pair.disk.record("lobby", start_ms - MINUTE_MS + minute * MINUTE_MS)
    try:
        pair.start("retention", "web")
        with pair.client("admin") as client:
            until(lambda: client.get("/api/protections").status_code == 200, STARTS_S, pair.commands["retention"].said)
            until(lambda: client.get("/api/disk").json().get("oldest"), STARTS_S, pair.commands["web"].said)
        yield pair
    finally:
        pair.close()


@pytest.fixture
def pair(running_pair):
    """Nothing is protected yet; what a test leaves protected is let go after it."""
    yield running_pair
    with running_pair.client("admin") as client:
        for one in client.get("/api/protections").json()["protections"]:
            client.delete(f"/api/protections/{one['id']}")
        until(lambda: not any(client.get(f"/api/channels/{one}").json()["protected"] for one in running_pair.disk.channels))


def test_program_protects_lists_and_lets_go(pair):
    """What retention holds is what is listed, the state shows it, and the event names the program."""
    with pair.client("admin") as client:
        answer = client.post("/api/protections", json=wish())
        made = answer.json()
        assert (answer.status_code, made["by"], made["note"]) == (201, "program-admin", "fight at the door")
        assert made["segments"] in {3, 4}
        assert made["bytes"] == 1000 * made["segments"]
        assert client.get("/api/protections").json() == {"protections": [made]}
        assert client.get("/api/protections?channel=dock").json() == {"protections": []}
        shown = until(lambda: client.get("/api/channels/lobby").json()["protected"])
        assert {made[name] for name in ("id", "from", "to", "by", "note")} <= set(shown[0].values())
        until(lambda: client.get("/api/disk").json()["protected_bytes"] == made["bytes"])
        assert client.delete(f"/api/protections/{made['id'].lower()}").status_code == 204
        gone = client.delete(f"/api/protections/{made['id']}")
        assert (gone.status_code, gone.json()["type"]) == (404, "urn:saksi:problem:no_such_protection")
        until(lambda: client.get("/api/channels/lobby").json()["protected"] == [])
        events = client.get("/api/events?type=footage_protected&type=footage_unprotected&limit=1000").json()["events"]
        about = [one["event"]["data"] for one in events if one["event"]["data"]["protection"] == made["id"]]
        assert [one["by"] for one in about] == 2 * ["program-admin"]


def test_viewer_sees_and_changes_nothing(pair):
    """The role decides, for tokens and for sessions, and the page offers no form."""
    with pair.client("admin") as client:
        made = client.post("/api/protections", json=wish()).json()
        until(lambda: client.get("/api/channels/lobby").json()["protected"])
    with pair.client("viewer") as client:
        assert client.get("/api/protections").json()["protections"] == [made]
        for answer in (client.post("/api/protections", json=wish()), client.delete(f"/api/protections/{made['id']}")):
            assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
            assert "ask an admin" in answer.json()["detail"]
    with pair.logged_in("viewer") as client:
        page = client.get("/channels/lobby", headers=HTML)
        assert "fight at the door" in page.text
        assert 'id="protect"' not in page.text
        assert "/end" not in page.text
        form = {"_csrf_token": token(page), "day": "2026-11-23", "start": "10:00", "end": "11:00", "note": "x"}
        assert client.post("/channels/lobby/protections", data=form, headers=HTML).status_code == 403
        assert client.post(f"/channels/lobby/protections/{made['id']}/end", data=form).status_code == 403
        assert client.get("/api/protections").json()["protections"] == [made]


def test_stretch_of_the_shown_day_is_protected_with_the_form_and_let_go(pair):
    """Times are those of the site, midnight is the end of the day; who is logged in is who protects."""
    day = (datetime.now(ZONE) - timedelta(days=1)).date()
    with pair.logged_in("admin") as client:
        page = client.get(f"/channels/dock?day={day}", headers=HTML)
        assert "Nothing of this channel is protected." in page.text
        form = {"_csrf_token": token(page), "day": str(day), "start": "22:30", "end": "00:00", "note": "<b>fight</b>"}
        done = client.post("/channels/dock/protections", data=form)
        assert (done.status_code, done.headers["location"]) == (
            303, f"/channels/dock?day={day}&problem=empty#protected"
        )  # fmt: skip
        (made,) = client.get("/api/protections").json()["protections"]
        start = datetime.combine(day, datetime.min.time(), ZONE) + timedelta(hours=22, minutes=30)
        assert datetime.fromisoformat(made["from"]) == start
        assert datetime.fromisoformat(made["to"]) == start + timedelta(minutes=90)
        assert made["by"] == "admin"
        page = client.get(done.headers["location"], headers=HTML)
        assert "&lt;b&gt;fight&lt;/b&gt;" in page.text
        assert '<svg class="kept"' in page.text
        assert "nothing is recorded there yet" in page.text
        assert '<svg class="kept"' not in client.get("/channels/dock", headers=HTML).text
        path = f"/channels/dock/protections/{made['id']}/end"
        assert path in page.text
        assert client.post(path, data={"_csrf_token": token(page), "day": str(day)}).status_code == 303
        assert made["id"] not in client.get(f"/channels/dock?day={day}", headers=HTML).text
        assert client.get("/api/protections").json()["protections"] == []


def test_form_that_cannot_be_taken_comes_back_with_what_was_typed(pair):
    """The sentence says what is wrong; nothing has to be typed again."""
    with pair.logged_in("admin") as client:
        page = client.get("/channels/lobby", headers=HTML)
        form = {"_csrf_token": token(page), "day": "2026-11-20", "note": "why & when"}
        for typed, words in (
            ({"start": "12:00", "end": "11:30"}, "The end has to be later than the begin."),
            ({"start": "noon", "end": "11:30"}, "Give both times as 14:02 or 14:02:31."),
            ({"start": "12:00", "end": "12:30", "note": " "}, "Say why it is kept"),
        ):
            answer = client.post("/channels/lobby/protections", data=form | typed)
            again = client.get(answer.headers["location"], headers=HTML).text
            assert words in again
            assert f'name="start" value="{typed["start"]}"' in again
            assert "note" in typed or 'value="why &amp; when"' in again
        assert client.get("/api/protections").json()["protections"] == []


def test_session_needs_the_token_of_a_form(pair):
    """A page of another site cannot have a logged-in browser protect or let go anything."""
    with pair.logged_in("admin") as client:
        for answer in (
            client.post("/api/protections", json=wish()),
            client.post("/channels/lobby/protections", data={"start": "10:00"}),
            client.post("/api/protections", json=wish(), headers={"authorization": "Basic YTpi"}),
        ):
            assert answer.status_code == 403
            assert "the form was too old" in answer.json()["detail"]
        client.get("/", headers=HTML)
        header = {"x-csrftoken": client.cookies["saksi_csrf"]}
        assert client.post("/api/protections", json=wish(), headers=header).json()["by"] == "admin"
        wrong = client.post("/api/protections", json=wish(), headers={"authorization": "Bearer nobody"})
        assert wrong.status_code == 401


def test_what_cannot_be_protected_is_refused_with_the_rule(pair):
    """A problem, with what would be right."""
    with pair.client("admin") as client:
        for changes, status, words in (
            ({"channel": "loby"}, 422, "there is no channel 'loby'; the site has dock, lobby"),
            ({"channel": "../x"}, 400, "channel:"),
            ({"from": "yesterday"}, 400, "from: must be a time as 2026-11-23T02:22:00Z"),
            ({"to": "2026-01-01T00:00:00Z"}, 400, "to: must be later than from"),
            ({"note": ""}, 400, "note:"),
            ({"note": " \n"}, 400, "note: say why"),
            ({"note": 501 * "x"}, 400, "note:"),
            ({"note": None}, 400, "note:"),
        ):
            answer = client.post("/api/protections", json=wish(**changes))
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
            assert words in answer.json()["detail"]


def test_retention_that_is_away_is_said_with_what_to_do(lone_pair, mosquitto):
    """504 while nobody answers, 503 without a broker at once; with both back it is answered again."""
    lone_pair.start("web")
    with lone_pair.client("admin") as client:
        answer = until(lambda: (found := client.get("/api/protections")).status_code == 504 and found, STARTS_S)
        assert "retention does not answer: is it running?" in answer.json()["detail"]
        assert answer.elapsed.total_seconds() > ANSWER_S - 1
        mosquitto.kill()
        away = until(lambda: (found := client.post("/api/protections", json=wish())).status_code == 503 and found, 30)
        assert "start Mosquitto" in away.json()["detail"]
        assert away.headers["retry-after"]
        assert away.elapsed.total_seconds() < ANSWER_S - 1
        mosquitto.start()
        lone_pair.start("retention")
        until(lambda: client.get("/api/protections").status_code == 200, STARTS_S, lone_pair.commands["web"].said)


def test_long_list_is_given_whole(pair):
    """Retention tells it in parts, the API does not."""
    with pair.client("admin") as client:
        for number in range(25):
            assert client.post("/api/protections", json=wish(note=f"number {number}")).status_code == 201
        listed = client.get("/api/protections").json()["protections"]
        assert [one["note"] for one in listed] == [f"number {number}" for number in range(25)]
        assert client.get("/channels/lobby", headers=HTML).text.count('<li id="protection-') <= 25
