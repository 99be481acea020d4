"""Logging in, over HTTP: sessions, tokens, guesses, forms."""

import re

import httpx
import pytest
from web_site import PASSWORD, TOKEN, RunningSite, accounts, running_site

from edge.clock import ManualClock


@pytest.fixture
def clock():
    """Moved by the tests."""
    return ManualClock()


@pytest.fixture
def site(tmp_path, clock):
    """A site where one person and one program have accounts."""
    with running_site(tmp_path, web=accounts(), clock=clock) as site:
        yield site


def csrf(client: httpx.Client) -> str:
    """The token in the form of the login page."""
    page = client.get("/login", headers={"accept": "text/html"})
    assert page.status_code == 200
    found = re.search(r'name="_csrf_token"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="_csrf_token"', page.text)
    assert found is not None
    return found[1] or found[2]


def log_in(client: httpx.Client, password: str = PASSWORD, **fields: str) -> httpx.Response:
    """Send the form of the login page."""
    form = {"username": "budi", "password": password, "next": "/", "_csrf_token": csrf(client)} | fields
    return client.post("/login", data=form)


@pytest.mark.parametrize(
    "path",
    ["/api/site", "/api/channels", "/api/events", "/api/events/stream", "/api/completeness", "/metrics",
     "/schema/openapi.json", "/schema", "/channels/cam0/snapshot.jpg", "/api/channels/cam0/recordings"],
)  # fmt: skip
def test_strangers_are_let_in_nowhere(site, path):
    """Without a login there is an answer that says how to log in, and nothing else."""
    with site.client() as client:
        answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert "Bearer" in answer.headers["www-authenticate"]


def test_health_is_open_to_strangers_and_names_no_address(site):
    """Health needs no login, and tells no camera's address."""
    with site.client() as client:
        answer = client.get("/health")
        assert answer.status_code in {200, 503}
        assert "rtsp" not in answer.text
        assert client.get("/health/recorder").status_code in {200, 503}


def test_browser_is_led_to_the_login_and_back(site):
    """A page that was asked for is where the login ends."""
    with site.client() as client:
        asked = client.get("/events?type=segment_written", headers={"accept": "text/html"})
        assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/events%3Ftype%3Dsegment_written")
        answer = log_in(client, next="/events?type=segment_written")
        assert (answer.status_code, answer.headers["location"]) == (303, "/events?type=segment_written")
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "saksi_session="))
        assert "Secure" not in cookie
        assert client.get("/events?type=segment_written", headers={"accept": "text/html"}).status_code == 200
        assert client.get("/api/site").status_code == 200


def test_cookie_is_for_https_only_behind_a_proxy_with_https(site):
    """The proxy says that the browser came by https, and the cookie stays there."""
    with site.client(headers={"x-forwarded-proto": "https"}) as client:
        token = csrf(client)
        form = {"username": "budi", "password": PASSWORD, "next": "/", "_csrf_token": token}
        assert "Secure" in client.post("/login", data=form).headers["set-cookie"]


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example/", "/\\evil.example", "evil", "/a\nb", ""])
def test_login_leads_nowhere_else(site, elsewhere):
    """`next` is a path of this site or the front page."""
    with site.client() as client:
        assert log_in(client, next=elsewhere).headers["location"] == "/"


def test_wrong_password_is_said_and_guesses_have_to_wait(site, clock):
    """After three wrong passwords each try has to wait longer; the right one is not looked at meanwhile."""
    with site.client() as client:
        for _ in range(3):
            assert "problem=wrong" in log_in(client, "wrong").headers["location"]
        answer = log_in(client)
        assert "problem=wait&wait_s=1" in answer.headers["location"]
        assert client.get("/api/site").status_code == 401
        clock.advance(1.5)
        assert log_in(client).headers["location"] == "/"
        assert client.get("/api/site").status_code == 200


def test_form_without_token_is_refused_and_the_page_says_so(site):
    """A login that another site's page sends is not looked at; the browser gets a fresh form."""
    with site.client() as client:
        answer = client.post("/login", data={"username": "budi", "password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?problem=form")
        assert client.get("/api/site").status_code == 401
        assert log_in(client).headers["location"] == "/"


def test_form_token_of_another_secret_is_replaced(site):
    """A cookie of before the secret was lost does not keep anybody out: the second try works."""
    with site.client() as client:
        client.cookies.set("saksi_csrf", "0" * 128, domain="127.0.0.1", path="/")
        assert "problem=form" in log_in(client).headers["location"]
        assert log_in(client).headers["location"] == "/"


def test_log_out_ends_the_session(site):
    """The cookie of a session that was ended opens nothing."""
    with site.client() as client:
        log_in(client)
        kept = client.cookies["saksi_session"]
        token = client.cookies["saksi_csrf"]
        assert client.post("/logout", data={"_csrf_token": token}).headers["location"] == "/login"
    with site.client(cookies={"saksi_session": kept}) as client:
        assert client.get("/api/site").status_code == 401


def test_session_survives_a_restart_and_ends_in_time(tmp_path, clock):
    """A restart logs nobody out; twelve idle hours do, and so do thirty days."""
    with running_site(tmp_path, web=accounts(), clock=clock) as site, site.client() as client:
        log_in(client)
        secret = client.cookies["saksi_session"]
    with running_site(tmp_path, web=accounts(), clock=clock) as site:
        cookies = {"saksi_session": secret}
        with site.client(cookies=cookies) as client:
            assert client.get("/api/channels").status_code == 200
            for _ in range(65):
                clock.advance(11 * 3600)
                assert client.get("/api/channels").status_code == 200
            clock.advance(11 * 3600)
            assert client.get("/api/channels").status_code == 401


def test_idle_session_ends(site, clock):
    """Who did nothing for twelve hours logs in again."""
    with site.client() as client:
        log_in(client)
        clock.advance(12 * 3600 + 1)
        assert client.get("/api/site").status_code == 401


def test_files_of_sessions_hold_no_secret_of_a_cookie(site, tmp_path):
    """Who reads the state folder cannot make a cookie of it."""
    with site.client() as client:
        log_in(client)
        secret = client.cookies["saksi_session"].encode()
    files = [path for path in (tmp_path / "state" / "web").rglob("*") if path.is_file()]
    assert files
    assert all(secret not in path.read_bytes() and secret.decode() not in path.name for path in files)
    assert {0o600} == {path.stat().st_mode & 0o777 for path in files}


def test_token_opens_the_api(site):
    """A program sends its token; another token opens nothing."""
    with site.client() as client:
        assert client.get("/api/site", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/metrics", headers={"authorization": f"bearer {TOKEN}"}).status_code == 200
        assert client.get("/api/site", headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/api/site", headers={"authorization": f"Basic {TOKEN}"}).status_code == 401


def test_changed_password_ends_sessions_and_reload_takes_new_accounts(site: RunningSite):
    """When the accounts are read again without the user, the session is over."""
    with site.client() as client:
        log_in(client)
        assert client.get("/api/site").status_code == 200
        config = site.app.config.web
        site.app.door.accounts = type(site.app.door.accounts)(config.model_copy(update={"users": {}}))
        assert client.get("/api/site").status_code == 401


def test_login_works_where_the_disk_takes_nothing(tmp_path, clock):
    """A session that cannot be kept lives until the restart."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "web").write_text("in the way")
    with running_site(tmp_path, web=accounts(), clock=clock) as site, site.client() as client:
        assert log_in(client).headers["location"] == "/"
        assert client.get("/api/site").status_code == 200


def test_any_host_name_is_answered_where_people_log_in(site):
    """With a login the name in Host gives nothing away."""
    with site.client() as client:
        assert client.get("/health", headers={"host": "nvr.example"}).status_code in {200, 503}


def test_body_that_is_too_large_is_refused(site):
    """Nobody fills the memory with a form."""
    with site.client() as client:
        token = csrf(client)
        answer = client.post("/login", data={"_csrf_token": token, "username": "x" * 200_000})
        assert answer.status_code == 413
