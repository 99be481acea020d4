"""A real recorder on cameras that misbehave: each channel says what is wrong, comes back, and disturbs no other."""

import socket
import threading
import time
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import av
import pytest
from acceptance_support import Reel, assert_told_one_to_one, decode_errors, unix, until
from demo_cameras import running_cameras
from free_ports import free_port
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
                with connection, suppress(OSError):
                    connection.settimeout(2)
                    connection.recv(4096)
                    connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
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
    specs = [CameraSpec(name, CLIP, Account(f"user-{name}", "pass")) for name in [*BAD, "fine", "empty"]]
    with (
        running_cameras(specs) as cameras,
        answering(bytes(range(256)) * 20_000) as garbage,
        answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as web,
    ):
        for name, (fault, _) in BAD.items():
            cameras.fault(name, fault)
        cameras.fault("empty", "empty")
        others = {
            name: f"rtsp://127.0.0.1:{port}/x"
            for name, port in [("garbage", garbage), ("web", web), ("nobody", free_port())]
        }
        with recording_site(cameras.urls | others, tmp_path / "site", segment_s=2) as site:
            for name in [*BAD, *others]:
                site.wait_for("recording_stopped", name, timeout_s=30)
            until(lambda: recorded_s(site, "fine") > 10, 30)
            assert site.process.poll() is None
            assert site.stop() == 0
        stops = {
            name: [(e.data["reason"], e.data["detail"]) for e in site.events("recording_stopped", name)]
            for name in site_names(site)
        }
        for name, said in stops.items():
            print(name, said)
        expected = {name: reason for name, (_, reason) in BAD.items()}
        expected |= {
            "garbage": "stream_error",
            "web": "ended",
            "nobody": "unreachable",
            "fine": "shutdown",
            "empty": "shutdown",
        }
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


BREAKS = {
    "drop": "ended",
    "reset": "ended",
    "bye": "ended",
    "stall": "timeout",
    "refuse": "ended",
    "lost": "unreachable",
}


def test_cameras_that_were_lost_are_recorded_again_soon_after_they_answer(tmp_path, requests):
    """Dropped, reset, after a goodbye, stalled, refusing, switched off: each is noticed in time and comes back by itself."""
    specs = [CameraSpec(name, CLIP) for name in [*BREAKS, "locked", "fine"] if name != "lost"]
    with running_cameras(specs) as cameras:
        port = free_port()
        lost_url = f"rtsp://127.0.0.1:{port}/lost"
        with recording_site(cameras.urls | {"lost": lost_url}, tmp_path / "site", segment_s=2) as site:
            with running_cameras([CameraSpec("lost", CLIP)], port=port):
                for name in [*BREAKS, "locked", "fine"]:
                    site.wait_for("recording_started", name)
                broken = time.time()
                for name in BREAKS.keys() - {"lost"}:
                    cameras.fault(name, name)
                cameras.fault("locked", "401")
                cameras.fault("locked", "drop")
            until(lambda: time.time() - broken > 2)
            mended = {"refuse": time.time()}
            cameras.clear("refuse")
            for name, reason in BREAKS.items():
                site.wait_for(
                    "recording_stopped",
                    name,
                    such=lambda event, reason=reason: event.data["reason"] in {reason, "unreachable"},
                )
            noticed_s = unix(site.events("recording_stopped", "stall")[0].time) - broken
            until(lambda: time.time() - broken > 5, 10)
            mended |= dict.fromkeys(("stall", "lost"), time.time())
            cameras.clear("stall")
            with running_cameras([CameraSpec("lost", CLIP)], port=port):
                for name in BREAKS:
                    site.wait_for("recording_started", name, count=2)
                until(lambda: time.time() - broken > 9, 10)
                assert site.stop() == 0
        back = {name: unix(site.events("recording_started", name)[1].time) for name in BREAKS}
        waits = {name: back[name] - mended.get(name, broken) for name in BREAKS}
        print(
            f"stall noticed after {noticed_s:.1f} s; recorded again after",
            {name: f"{wait:.2f} s" for name, wait in waits.items()},
        )
        assert noticed_s <= 20
        assert max(waits.values()) <= 20
        assert [event.data["reason"] for event in site.events("recording_stopped", "locked")] == [
            "ended",
            "auth_failed",
            "shutdown",
        ]
        describes = [one for one in requests if one[:2] == ("locked", "DESCRIBE") and one[3] > broken]
        assert len(describes) <= 2, "the account would be locked"
        assert_told_one_to_one(site, [*BREAKS, "locked", "fine"])
        reel = Reel(CLIP)
        assert reel.breaks(reel.places_of(site.announced("fine"))) == []


def test_streams_that_change_their_mind_lose_no_frame(tmp_path):
    """Resolution, codec, timestamps and sound change under way: every segment decodes and no frame is lost or doubled."""
    jumps = {"forward": 100_000.0, "backward": -100_000.0, "little": 3.0}
    quirks = ["freeze", "no_marker"]
    names = ["resolution", "codec", "loud", *jumps, *quirks]
    specs = [CameraSpec(name, LOUD if name == "loud" else CLIP) for name in names]
    with (
        running_cameras(specs) as cameras,
        recording_site(cameras.urls, tmp_path / "site", segment_s=1) as site,
    ):
        for name in names:
            site.wait_for("segment_written", name)
        before = {name: len(site.segments(name)) for name in names}
        cameras.fault("resolution", "clip", "resolution")
        cameras.fault("codec", "clip", "h265")
        cameras.fault("loud", "mute", for_s=3)
        for name, seconds in jumps.items():
            cameras.fault(name, "jump", seconds)
        for name in quirks:
            cameras.fault(name, name)
        for name in names:
            site.wait_for("segment_written", name, count=before[name] + 3)
        site.wait_for("segment_written", "loud", count=before["loud"] + 6)
        assert site.stop() == 0
        assert_told_one_to_one(site, names)
        sizes = [
            (e.data["video"]["codec"], e.data["video"]["width"]) for e in site.events("segment_written", "resolution")
        ]
        assert sorted(set(sizes)) == [("h264", 80), ("h264", 160)]
        assert sizes == sorted(sizes, reverse=True)
        codecs = [event.data["video"]["codec"] for event in site.events("segment_written", "codec")]
        assert codecs == sorted(codecs)
        assert set(codecs) == {"h264", "h265"}
        for name in ("resolution", "codec", "loud", "forward"):
            assert [decode_errors(path) for path in site.announced(name)] == ["" for _ in site.announced(name)]
        reel, loud = Reel(CLIP), Reel(LOUD)
        for name in [*jumps, *quirks, "loud"]:
            places = (loud if name == "loud" else reel).places_of(site.announced(name))
            assert reel.breaks(places) == [], name
        assert {event.data["lost_packets"] for event in site.events("segment_written")} == {0}
        sound_s = [seconds_of_sound(path) for path in site.announced("loud")]
        print("seconds of sound a segment:", sound_s)
        assert min(sound_s[1:-1]) < 0.5 < max(sound_s[before["loud"] + 3 :])


def seconds_of_sound(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return round(sum(float(p.duration * p.time_base) for p in container.demux(stream) if p.size), 2)
