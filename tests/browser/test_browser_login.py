"""A site with accounts, many channels and malicious names, in a browser: logging in and out, and nothing of it executed."""

import shutil

import pytest
import yaml
from argon2 import PasswordHasher
from free_ports import free_port
from playwright.sync_api import expect
from watched_page import overflow, running

PASSWORD = "kereta malam berangkat"
NAMES = {
    "script": "<script>window.hacked = 1</script>",
    "image": '"><img src=x onerror="window.hacked = 1">',
    "template": "{{ 7 * 7 }} {% raw %}",
    "long": "W" * 100,
    "rtl": "\u202eybbol\u202c بهو",
    "plain": "Lobby & Gate",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """`edge up` of sixteen channels that nobody answers for, one account."""
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path_factory.mktemp("login")
    (folder / "recordings").mkdir()
    names = NAMES | {f"cam-{number}": None for number in range(10)}
    closed = free_port()
    settings = {
        "site": "login-001",
        "timezone": "Asia/Jakarta",
        "state_dir": str(folder / "state"),
        "broker": {"port": free_port()},
        "storage": {"root": str(folder / "recordings")},
        "web": {
            "port": free_port(),
            "users": {"ana": {"password_hash": PasswordHasher(1, 1024, 1).hash(PASSWORD), "role": "admin"}},
        },
        "channels": [
            {"id": channel, "name": name, "url": f"rtsp://edge:secret@127.0.0.1:{closed}/{channel}"}
            for channel, name in names.items()
        ],
    }
    config = folder / "edge.yaml"
    config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    with running(folder, "up", "--config", config) as site:
        yield site


def log_in(page, password=PASSWORD, name="ana") -> None:
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("form.login button").click()


def test_stranger_gets_the_login_page_and_goes_on_to_where_he_wanted(site, watch):
    """Without an account there is nothing to see; a wrong password says so; the right one leads on; logging out ends it."""
    watch.expected = lambda complaint: "401" in complaint
    assert site.get("/api/site").status_code == 401
    assert site.get("/health").status_code in {200, 503}
    page = watch.open("/events?channel=plain")
    expect(page.locator("form.login")).to_be_visible()
    log_in(page, "something else")
    expect(page.locator("form.login [role=alert]")).to_be_visible()
    log_in(page)
    expect(page).to_have_url(f"{site.url}/events?channel=plain")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    session = cookies["saksi_session"]
    assert session["httpOnly"]
    assert session["sameSite"] == "Lax"
    assert page.evaluate("document.cookie") == ""
    page.locator("form.account button").click()
    expect(page.locator("form.login")).to_be_visible()
    page.goto("/")
    expect(page.locator("form.login")).to_be_visible()


def test_names_are_text_whatever_they_hold(site, watch):
    """Markup in a channel's name is shown as it was written, on every page and after a live update; nothing runs."""
    page = watch.open("/login")
    log_in(page)
    expect(page.locator("li.tile")).to_have_count(len(NAMES) + 10)
    for channel in ("script", "image", "template"):
        expect(page.locator(f"#tile-{channel} .plate a")).to_have_text(NAMES[channel])
    expect(page.locator("li.tile.offline")).to_have_count(len(NAMES) + 10, timeout=30_000)
    for path in ("/channels/script", "/channels/image", "/events", "/events?type=all"):
        page.goto(path)
        assert page.locator("#main").inner_text()
        assert page.evaluate("window.hacked") is None
    page.goto("/channels/image")
    expect(page.locator("h1")).to_have_text(NAMES["image"])


def test_many_channels_in_trouble_stick_out_nowhere(site, watch):
    """Sixteen offline channels with impossible names fit a phone and a wall; the sentence stays one of a few lines."""
    page = watch.open("/login")
    log_in(page)
    expect(page.locator("li.tile")).to_have_count(len(NAMES) + 10)
    for path in ("/", "/channels/long", "/events"):
        page.goto(path)
        for width in (320, 360, 1280, 3840):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) == 0, (width, path)
    page.goto("/")
    assert len(page.locator("#sentence").inner_text()) < 400


def test_secrets_of_cameras_are_nowhere_on_the_pages(site, watch):
    """The password in a camera's address reaches no page and no answer of the API."""
    page = watch.open("/login")
    log_in(page)
    expect(page.locator("li.tile")).to_have_count(len(NAMES) + 10)
    for path in ("/", "/channels/plain", "/events?type=all", "/api/channels", "/api/events", "/api/site"):
        assert "secret" not in page.request.get(path).text()
