"""A real recorder on cameras that misbehave: each channel says what is wrong, comes back, and disturbs no other."""

import socket
import threading
import time
from contextlib import contextmanager
from itertools import pairwise

import pytest
from acceptance_support import Reel, assert_told_one_to_one, until
from demo_cameras import running_cameras
from recording_site import recording_site

from edge.demo.authentication import Account
from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec
from edge.demo.server import Connection

CLIP = ClipSpec("cameras", width=160, height=96, fps=15, seconds=4, bitrate=100_000)
LOUD = ClipSpec("cameras", width=160, height=96, fps=15, seconds=4, bitrate=100_000, audio="aac")


@pytest.fixture
def requests(monkeypatch):
    """Every request that a camera got: (camera, method, with credentials, moment)."""
    seen: list[tuple[str, str, bool, float]] = []
    really = Connection._answer

    def answer(connection, request):
        seen.append((request.path.partition("/")[0], request.method, "authorization" in request.headers, time.time()))
        really(connection, request)

    monkeypatch.setattr(Connection, "_answer", answer)
    return seen


@contextmanager
def answering(data: bytes):
    """A port where each connection gets these bytes, whatever it says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(data)
                    time.sleep(0.2)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def recorded_s(site, channel: str) -> float:
    return sum(event.data["duration_s"] for event in site.events("segment_written", channel))


BAD = {
    "status_401": ("401", "auth_failed"),
    "status_404": ("404", "not_found"),
    "status_453": ("453", "stream_error"),
    "status_503": ("503", "stream_error"),
    "hang": ("hang", "timeout"),
    "refuse": ("refuse", "ended"),
    "no_video": ("no_video", "unsupported"),
}


def test_cameras_that_give_no_picture_are_named_with_reason_while_the_others_record_untouched(tmp_path, requests):
    """Garbage, HTTP, no video, 401, 404, 453, 503, a hang, a reset, nobody there: each says so once, two record on."""
    account = Account("edge", "pass")
    specs = [CameraSpec(name, CLIP, account) for name in [*BAD, "fine", "empty"]]
    with (
        running_cameras(specs) as cameras,
        answering(bytes(range(256)) * 300) as garbage,
        answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as web,
    ):
        for name, (fault, _) in BAD.items():
            cameras.fault(name, fault)
        cameras.fault("empty", "empty")
        with socket.create_server(("127.0.0.1", 0)) as gone:
            nobody = gone.getsockname()[1]
        others = {name: f"rtsp://127.0.0.1:{port}/x" for name, port in [("garbage", garbage), ("web", web), ("nobody", nobody)]}
        with recording_site(cameras.urls | others, tmp_path / "site", segment_s=2) as site:
            for name in [*BAD, *others]:
                site.wait_for("recording_stopped", name, timeout_s=30)
            until(lambda: recorded_s(site, "fine") > 10, 30)
            assert site.process.poll() is None
            assert site.stop() == 0
        stops = {name: [(e.data["reason"], e.data["detail"]) for e in site.events("recording_stopped", name)] for name in site_names(site)}
        for name, said in stops.items():
            print(name, said)
        expected = {name: reason for name, (_, reason) in BAD.items()}
        expected |= {"garbage": "stream_error", "web": "stream_error", "nobody": "unreachable", "fine": "shutdown", "empty": "shutdown"}
        assert {name: said[0][0] for name, said in stops.items()} == expected
        tries = [one for one in requests if one[:3] == ("status_401", "DESCRIBE", True)]
        assert len(tries) <= 2, "the account would be locked"
        assert_told_one_to_one(site, ["fine", "empty"])
        reel = Reel(CLIP)
        fine, empty = reel.places_of(site.announced("fine")), reel.places_of(site.announced("empty"))
        assert reel.breaks(fine) == []
        assert all(0 < (after - before) % reel.length < 30 for before, after in pairwise(empty)), "a frame is doubled"
        assert "Traceback" not in site.log()


def site_names(site) -> list[str]:
    return sorted({event.channel for event in site.events() if event.channel})
