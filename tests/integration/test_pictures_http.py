"""`/channels/{id}/snapshot.jpg` over HTTP, as browsers and strangers ask for it."""

from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import httpx
import pytest
from argon2 import PasswordHasher
from pictured_segments import START_MS, SegmentFile, looks_like, pixels

from edge.clock import ManualClock
from edge.config import Config
from edge.web.app import create_app
from edge.web.main import new_site
from edge.web.server import WebServer, listen


@contextmanager
def served(folder, **web):
    """The web application of a site with two channels, whose journal and state are not needed."""
    config = Config.model_validate(
        {
            "site": "pictures-001",
            "state_dir": str(folder / "state"),
            "storage": {"root": str(folder / "recordings")},
            "web": {"auth": "off", **web},
            "channels": [
                {"id": "lobby", "url": "rtsp://127.0.0.1/lobby"},
                {"id": "gate", "url": "rtsp://127.0.0.1/gate", "enabled": False},
            ],
        }
    )
    app = create_app(new_site(config, ManualClock((START_MS + 10_000) * 1_000_000)), config)
    server = WebServer(app.asgi, listen("127.0.0.1", 0), before_stop=app.feed.close)
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=60) as client:
            yield client
    finally:
        server.stop()


@pytest.fixture
def segment(tmp_path):
    return SegmentFile(tmp_path / "recordings").grow(2)


def test_browser_gets_a_jpeg_once_and_304_after(tmp_path, segment):
    """The picture with its time and name, kept by the browser, and asked for again without being sent again."""
    with served(tmp_path) as client:
        answer = client.get("/channels/lobby/snapshot.jpg?v=1795392000000")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert looks_like(answer.content, segment.spec, segment.spec.fps)
        taken = parsedate_to_datetime(answer.headers["last-modified"])
        assert int(taken.timestamp() * 1000) == segment.taken_ms(1)
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = client.get("/channels/lobby/snapshot.jpg", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
        other = client.get("/channels/lobby/snapshot.jpg", headers={"if-none-match": '"other"'})
        assert other.status_code == 200
        head = client.head("/channels/lobby/snapshot.jpg")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(answer.content)


def test_width_is_bounded(tmp_path, segment):
    """Any width from 160 to 1920 is served; any other is refused with words."""
    with served(tmp_path) as client:
        for width in (160, 320, 1920):
            answer = client.get(f"/channels/lobby/snapshot.jpg?width={width}")
            assert pixels(answer.content).shape[1] == 320
        for width in ("0", "159", "1921", "-1", "many", "9" * 400):
            answer = client.get(f"/channels/lobby/snapshot.jpg?width={width}")
            assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
            assert "width" in answer.json()["detail"]


def test_channel_without_a_picture_is_404_with_words(tmp_path, segment):
    """Nothing recorded, and nothing of that name: two different sentences."""
    with served(tmp_path) as client:
        empty, unknown = (client.get(f"/channels/{name}/snapshot.jpg") for name in ("gate", "cellar"))
        assert (empty.status_code, unknown.status_code) == (404, 404)
        assert empty.json()["type"].endswith("no_picture")
        assert unknown.json()["type"].endswith("no_such_channel")


def test_no_path_leads_out_of_the_recordings(tmp_path, segment):
    """A channel's id comes from the configuration: whatever else stands in its place is not looked for."""
    secret = SegmentFile(tmp_path, channel="lobby").grow(1)
    assert secret.path.exists()
    with served(tmp_path) as client:
        for name in ("..", "../lobby", "..%2flobby", ".", "", "lobby/..", "lobby%00", "LOBBY", "lobby ", "/etc", "%2e%2e"):
            for path in (name, quote(name, safe="")):
                answer = client.get(f"/channels/{path}/snapshot.jpg")
                assert answer.status_code in {400, 404, 405, 503}, path  # 503: a page of a site that starts
                assert b"\xff\xd8" not in answer.content


def test_stranger_gets_no_picture(tmp_path, segment):
    """Pictures are what the login protects most."""
    users = {"ana": {"password_hash": PasswordHasher(1, 1024, 1).hash("long enough"), "role": "viewer"}}
    with served(tmp_path, auth="required", users=users) as client:
        answer = client.get("/channels/lobby/snapshot.jpg")
        assert answer.status_code == 401
        assert b"\xff\xd8" not in answer.content
