"""A whole check against simulated cameras and their faults, and against servers that are none."""

import asyncio
import hashlib
import io
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable

import pytest
from camera_script import IDR, SDP, Peer, camera
from demo_cameras import running_cameras
from free_ports import free_port

from edge.check.main import run
from edge.check.probe import probe
from edge.clock import SystemClock
from edge.config import ChannelConfig, TlsConfig
from edge.demo.authentication import Account
from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

PASSWORD = "s3cret-w0rd"
CLIP = ClipSpec("Check", width=320, height=180, fps=25, seconds=2, gop_s=1.0, bitrate=600_000)
FAULTS = {
    "wrong": ("401", "wrong_password"),
    "lost": ("404", "no_such_path"),
    "mute": ("no_video", "no_video"),
    "shut": ("refuse", "hung_up"),
    "hung": ("hang", "no_answer"),
    "still": ("silent", "silent"),
    "full": ("453", "busy"),
    "away": ("503", "busy"),
}
GOOD = (
    CameraSpec("lobby", ClipSpec("Check", width=320, height=180, fps=25, seconds=2, bitrate=600_000, audio="aac")),
    CameraSpec("gate", ClipSpec("Check", codec="h265", width=320, height=180, seconds=2), Account("edge", PASSWORD)),
    CameraSpec("yard", ClipSpec("Check", width=320, height=180, fps=25, seconds=2, bitrate=600_000, audio="pcma")),
)


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """One check over good and bad cameras: exit status, document, and what was written where."""
    folder = tmp_path_factory.mktemp("site")
    specs = GOOD + tuple(CameraSpec(name, CLIP, Account(f"user-{name}", PASSWORD)) for name in FAULTS)
    with running_cameras(specs) as cameras, socket.create_server(("127.0.0.1", 0)) as broker:
        for name, (fault, _) in FAULTS.items():
            cameras.fault(name, fault)
        cameras.fault("yard", "clock", 3600)
        config = write_config(folder, cameras.urls, broker.getsockname()[1])
        out, err = io.StringIO(), io.StringIO()
        started_s = time.monotonic()
        status = run(config, json=True, out=out, err=err)
        return status, json.loads(out.getvalue()), out.getvalue() + err.getvalue(), time.monotonic() - started_s


def write_config(folder, urls, broker_port):
    (folder / "recordings").mkdir(exist_ok=True)
    document = {
        "site": "jkt-001",
        "state_dir": "state",
        "storage": {"root": "recordings"},
        "broker": {"port": broker_port},
        "channels": [{"id": name, "url": url} for name, url in urls.items()],
    }
    path = folder / "edge.yaml"
    path.write_text(json.dumps(document))
    return path


def channel(checked, name):
    return next(one for one in checked[1]["channels"] if one["channel"] == name)


def test_good_cameras_are_measured(checked):
    """Codec, size, rate, keyframes, audio and the first keyframe of each."""
    lobby, gate, yard = (channel(checked, name) for name in ("lobby", "gate", "yard"))
    assert [one["trouble"] for one in (lobby, gate, yard)] == [None] * 3
    assert (lobby["video"]["width"], lobby["video"]["height"], lobby["video"]["codec"]) == (320, 180, "h264")
    assert gate["video"]["codec_string"].startswith("hvc1.1.")
    assert lobby["video"]["measured_fps"] == pytest.approx(25, rel=0.1)
    assert gate["video"]["measured_fps"] == pytest.approx(15, rel=0.1)
    assert lobby["video"]["keyframe_interval_s"] == pytest.approx(1, rel=0.1)
    assert 100_000 < lobby["video"]["bits_s"] < 1_200_000
    assert (lobby["audio"]["codec"], lobby["audio"]["sample_rate"], gate["audio"]) == ("aac", 16_000, None)
    assert yard["audio"]["bits_s"] == pytest.approx(64_000, rel=0.2)
    assert 0 < lobby["first_keyframe_s"] < 20


def test_camera_clock_is_compared_with_ours(checked):
    """By its sender reports; the one that is wrong stands out."""
    assert channel(checked, "lobby")["clock_offset_s"] == pytest.approx(0, abs=5)
    assert channel(checked, "yard")["clock_offset_s"] == pytest.approx(3600, abs=5)


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_a_camera_is_named(checked, name):
    """Each with the words of the table."""
    trouble = channel(checked, name)["trouble"]
    assert trouble["kind"] == FAULTS[name][1]
    assert trouble["what"]
    assert trouble["do"]


def test_check_fails_in_bounded_time_without_showing_a_password(checked):
    """Eleven cameras, some of which hang, take about as long as the slowest."""
    status, document, text, took_s = checked
    assert status == 1
    assert document["ok"] is False
    assert document["broker"]["trouble"] is None
    assert PASSWORD not in text
    assert took_s < 45


def test_site_that_is_well_exits_with_zero_and_reads_as_a_table(tmp_path):
    """Nobody listens as broker, which is a warning only."""
    with running_cameras(GOOD[:1]) as cameras:
        out, err = io.StringIO(), io.StringIO()
        status = run(write_config(tmp_path, cameras.urls, free_port()), json=False, out=out, err=err)
    assert status == 0
    assert out.getvalue().startswith("The channel can be recorded; ")
    assert "where the broker should be" in out.getvalue()
    assert err.getvalue() == ""


def test_missing_storage_root_fails_the_check(tmp_path):
    """Whatever the cameras say."""
    with running_cameras(GOOD[:1]) as cameras:
        config = write_config(tmp_path, cameras.urls, free_port())
        (tmp_path / "recordings").rmdir()
        out = io.StringIO()
        status = run(config, json=False, out=out, err=io.StringIO())
    assert status == 1
    assert out.getvalue().startswith("Nothing can be recorded: storage.root ")


@pytest.mark.parametrize("as_json", [False, True])
def test_bad_configuration_exits_with_two(tmp_path, as_json):
    """The problems on stderr for people, in the document for machines."""
    config = tmp_path / "edge.yaml"
    config.write_text("site: jkt-001\nsite_id: x\nchannels: []\n")
    out, err = io.StringIO(), io.StringIO()
    assert run(config, json=as_json, out=out, err=err) == 2
    if as_json:
        assert any("site_id" in problem for problem in json.loads(out.getvalue())["problems"])
    else:
        assert "site_id" in err.getvalue()
        assert out.getvalue() == ""


Script = Callable[[Peer], Awaitable[None]]


def probed(script: Script, *, tls: ssl.SSLContext | None = None, limit_s: float = 4, fingerprint: str | None = None):
    """Probe one scripted camera."""

    async def look():
        async with camera(script, tls=tls) as scripted:
            url = f"rtsp{'s' if tls else ''}://edge:{PASSWORD}@127.0.0.1:{scripted.port}/main"
            settings = ChannelConfig(id="lobby", url=url, tls=TlsConfig(fingerprint=fingerprint))
            return await probe(settings, SystemClock(), limit_s=limit_s)

    return asyncio.run(look())


async def speaks_http(peer: Peer):
    await peer.reader.readuntil(b"\r\n\r\n")
    peer.writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno")
    await peer.writer.drain()


async def offers_jpeg(peer: Peer):
    while True:
        request = await peer.request()
        body = "v=0\r\nm=video 0 RTP/AVP 26\r\na=control:1\r\n" if request.startswith("DESCRIBE") else ""
        peer.answer(request, body=body)


async def hangs_up(peer: Peer):
    await peer.request()


async def sends_no_keyframe(peer: Peer):
    await peer.up_to_play()
    for number in range(1000):
        header = bytes((0x80, 0x80 | 96)) + number.to_bytes(2, "big") + (number * 3600).to_bytes(4, "big") + b"ABCD"
        peer.frame(0, header + b"\x41" + IDR[1:])
        await peer.writer.drain()
        await asyncio.sleep(0.02)


async def leaves_after_a_second(peer: Peer):
    await peer.up_to_play()
    for number in range(25):
        peer.picture(number)
        await asyncio.sleep(0.02)


async def sends_other_audio(peer: Peer):
    sdp = SDP + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 G726-32/8000\r\na=control:track2\r\n"
    while True:
        request = await peer.request()
        transport = ("Session: 1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        peer.answer(
            request, "200 OK", *transport, "Server: Old\x1b[2J", body=sdp if request.startswith("DESCRIBE") else ""
        )
        if request.startswith("PLAY"):
            break
    for number in range(1000):
        peer.picture(number)
        await peer.writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (speaks_http, "hung_up"),
        (offers_jpeg, "codec"),
        (hangs_up, "hung_up"),
        (sends_no_keyframe, "no_keyframe"),
        (leaves_after_a_second, "stalled"),
    ],
)
def test_camera_that_is_none_is_explained(script, kind):
    """What a simulated camera does not do, a script does."""
    result = probed(script, limit_s=2)
    assert result.trouble is not None
    assert result.trouble.kind == kind
    assert PASSWORD not in repr(result)


def test_server_that_never_speaks_rtsp_is_told_apart_from_one_that_is_silent():
    """A mail server in place of a camera, which greets and waits."""

    async def greets(peer: Peer):
        peer.writer.write(b"220 mail.example ESMTP\r\n")
        await peer.reader.read()

    assert probed(greets, limit_s=8).trouble.kind == "not_rtsp"


def test_audio_that_is_not_recorded_is_named_and_the_channel_is_well():
    """G.726 is left out, the video recorded, and nothing of the server's name can control a terminal."""
    result = probed(sends_other_audio, limit_s=8)
    assert result.trouble is None
    assert (result.audio, result.audio_left_out) == (None, "G726-32")
    assert result.video is not None
    assert result.video.measured_fps == pytest.approx(50, rel=0.2)
    assert (result.server or "").isprintable()


def test_certificate_that_is_not_trusted_is_explained(tmp_path):
    """Self-signed, as cameras have it, or another one than was written down."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ("-subj", "/CN=camera", "-keyout", str(key), "-out", str(certificate))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *names],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()
    untrusted = probed(hangs_up, tls=context)
    assert untrusted.trouble.kind == "tls_certificate"
    assert untrusted.trouble.what.endswith(f"its SHA-256 is {fingerprint}")
    assert probed(hangs_up, tls=context, fingerprint=fingerprint).trouble.kind == "hung_up"
    other = probed(hangs_up, tls=context, fingerprint="ab" * 32)
    assert other.trouble.kind == "tls_certificate"
    assert "SHA-256 is" in other.trouble.what


@pytest.mark.parametrize(("host", "kind"), [("no-such-host.invalid", "unknown_host"), ("127.0.0.1", "refused")])
def test_address_where_nothing_is_has_its_own_words(host, kind):
    """A wrong name and a closed port are two next steps."""
    settings = ChannelConfig(id="lobby", url=f"rtsp://{host}:{free_port()}/main")
    result = asyncio.run(probe(settings, SystemClock()))
    assert result.trouble is not None
    assert result.trouble.kind == kind
