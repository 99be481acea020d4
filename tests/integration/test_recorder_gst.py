"""The recorder against gst-rtsp-server, a server that we did not write: formats, Digest, a server that dies and returns."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import av
import pytest
from free_ports import free_port

sys.path.insert(0, str(Path(__file__).parents[1]))
from gst_fixture import gst_cameras
from recording_site import recording_site

FPS = 15
SECONDS = 6
SEGMENT_S = 2
H264_MOUNTS = ("h264", "h264_no_inband", "h264_aac", "h264_pcma", "h264_bframes", "h264_digest")
VIDEO = dict.fromkeys(H264_MOUNTS, "h264") | {"h265": "h265"}
AUDIO = {"h264_aac": ("aac", 16_000), "h264_pcma": ("pcma", 8_000)}
BACK_WITHIN_S = 20  # the goal is 2 s after it answers; the rest is for a machine that is busy


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """All mounts, recorded together for some seconds."""
    with gst_cameras() as urls, recording_site(urls, tmp_path_factory.mktemp("gst"), segment_s=SEGMENT_S) as site:
        for mount in VIDEO:
            site.wait_for("recording_started", mount, timeout_s=30)
        time.sleep(SECONDS)
        assert site.stop() == 0
        yield site


@pytest.mark.parametrize("mount", VIDEO)
def test_mount_is_recorded_in_its_format(site, mount):
    """Events name what the mount is known to send, and every file has one event and every event a file."""
    (started,) = site.events("recording_started", mount)
    video, audio = started.data["video"], started.data["audio"]
    assert (video["codec"], video["width"], video["height"]) == (VIDEO[mount], 320, 240)
    assert (audio and (audio["codec"], audio["sample_rate"])) == AUDIO.get(mount)
    assert "s3cret" not in started.payload.decode()
    written = site.events("segment_written", mount)
    assert len(written) >= 2
    assert [site.root / event.data["path"] for event in written] == site.segments(mount)
    assert site.parts(mount) == []
    assert {event.data["lost_packets"] for event in written} == {0}


@pytest.mark.parametrize("mount", VIDEO)
def test_segments_decode_without_a_word(site, mount):
    """FFmpeg, told to stop at any error, reads every segment to its end and finds as many frames as were announced."""
    for event in site.events("segment_written", mount):
        file = site.root / event.data["path"]
        command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", str(file), "-map", "0", "-f", "null", "-"]
        decoded = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert (decoded.returncode, decoded.stderr) == (0, ""), file
        with av.open(str(file)) as container:
            assert sum(1 for _ in container.decode(video=0)) == event.data["packets"]


@pytest.mark.parametrize("mount", VIDEO)
def test_frames_are_contiguous(site, mount):
    """Frames are one frame time apart within segments, and over the cuts none is missing or doubled."""
    written = site.events("segment_written", mount)
    for event in written:
        with av.open(str(site.root / event.data["path"])) as container:
            base = container.streams.video[0].time_base
            shown = sorted(float(packet.pts * base) for packet in container.demux(video=0) if packet.size)
        steps = [later - earlier for earlier, later in pairwise(shown)]
        odd = [step for step in steps if abs(step - 1 / FPS) > 0.35 / FPS]
        assert len(odd) <= 1 + len(steps) // 10, (mount, odd)  # GStreamer leaves pictures out on a loaded machine
    assert all(event.data["gap_before_s"] == 0 for event in written[1:])
    frames = sum(event.data["packets"] for event in written)
    seconds = sum(event.data["duration_s"] for event in written)
    assert abs(frames / FPS - seconds) <= 0.1 * seconds
    assert seconds >= SECONDS - 1


@pytest.mark.parametrize("mount", AUDIO)
def test_sound_lasts_as_long_as_the_picture(site, mount):
    """The audio of all segments together covers the video, but for what came before the first picture."""
    samples = 0
    for file in site.segments(mount):
        with av.open(str(file)) as container:
            samples += sum(frame.samples for frame in container.decode(audio=0))
    seconds = sum(event.data["duration_s"] for event in site.events("segment_written", mount))
    assert abs(samples / AUDIO[mount][1] - seconds) < 0.6


@contextmanager
def counting_proxy(url):
    """The URL through a proxy, and a list that grows with every connection to it."""
    target = urlsplit(url)
    connections = []

    def pump(source, sink):
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept():
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((target.hostname, target.port))
                connections.append((client, server))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        yield url.replace(f":{target.port}/", f":{port}/"), connections
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for pair in connections:
            for end in pair:
                end.close()


def test_wrong_password_is_said_and_not_tried_again(tmp_path):
    """A refused password is `auth_failed` with minutes to wait, and the account is left alone."""
    with gst_cameras() as urls, counting_proxy(urls["h264_digest"].replace("s3cret", "guess")) as (url, connections):
        with recording_site({"gate": url}, tmp_path) as site:
            stopped = site.wait_for("recording_stopped", "gate")
            assert stopped.data["reason"] == "auth_failed"
            assert stopped.data["retry_in_s"] >= 60
            before = len(connections)
            time.sleep(10)
            assert before >= 1
            assert len(connections) - before <= 1
            assert site.events("recording_started", "gate") == []
        assert "guess" not in site.log()
        assert all(b"guess" not in event.payload for event in site.events())


def test_server_that_dies_and_returns_is_recorded_again(tmp_path):
    """The stop is told, and soon after the server listens again its pictures are on disk."""
    server = ExitStack()
    with server:
        url = server.enter_context(gst_cameras(free_port()))["h264"]
        with recording_site({"gate": url}, tmp_path) as site:
            site.wait_for("recording_started", "gate")
            server.close()
            stopped = site.wait_for("recording_stopped", "gate")
            assert stopped.data["reason"] in {"ended", "stream_error", "timeout"}
            site.wait_for("segment_written", "gate")
            time.sleep(3)
            server.enter_context(gst_cameras(urlsplit(url).port))
            back_s = time.monotonic()
            site.wait_for("recording_started", "gate", count=2)
            assert time.monotonic() - back_s < BACK_WITHIN_S
            assert site.stop() == 0
        assert site.events("segment_written", "gate")[-1].data["gap_before_s"] > 2
        assert site.announced("gate") == site.segments("gate")
