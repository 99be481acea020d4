"""The client against a scripted camera on a real socket: what goes wrong, and with which words it ends."""

import asyncio
import hashlib
import re
import socket
import ssl
import struct
import subprocess

import pytest
from camera_script import SDP, Peer, camera

from edge.clock import SystemClock
from edge.errors import (
    AuthFailed,
    CameraTimeout,
    RtspProtocolError,
    StreamEnded,
    StreamError,
    Unreachable,
)
from edge.rtsp.auth import Authenticator
from edge.rtsp.client import RtspClient, Stream
from edge.rtsp.pacer import Pacer
from edge.rtsp.tls import Tls
from edge.rtsp.url import RtspUrl


class Viewer:
    """A client and what it received."""

    def __init__(
        self, port: int, *, scheme: str = "rtsp", user_info: str = "admin:pw@", host: str = "127.0.0.1", **options
    ):
        url = RtspUrl.parse(f"{scheme}://{user_info}{host}:{port}/live")
        self.authenticator = options.pop("authenticator", None) or Authenticator.for_url(url)
        self.wanted = options.pop("enough", 5)
        self.units = 0
        self.calls = 0
        self.enough = asyncio.Event()
        self.stream: Stream | None = None
        self.client = RtspClient(
            url, audio=True, clock=SystemClock(), authenticator=self.authenticator, on_units=self.take,
            **{"request_timeout_s": 0.5, **options},
        )  # fmt: skip

    def take(self) -> None:
        assert self.stream is not None
        self.calls += 1
        self.units += len(self.stream.video.units)
        self.stream.video.units.clear()
        if self.units >= self.wanted:
            self.enough.set()

    async def open(self) -> None:
        self.stream = await self.client.open()

    async def run_to_end(self) -> None:
        await self.open()
        try:
            await self.client.run()
        finally:
            await self.client.close()

    async def run_until_enough(self) -> None:
        """Open, wait for five pictures, leave."""
        await self.open()
        running = asyncio.create_task(self.client.run())
        await asyncio.wait_for(
            asyncio.wait([asyncio.create_task(self.enough.wait()), running], return_when="FIRST_COMPLETED"), 30
        )
        assert self.enough.is_set(), running
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await self.client.close()


async def plays(peer: Peer) -> None:
    """A camera that sends pictures and answers until the viewer leaves."""
    await peer.up_to_play()
    for number in range(8):
        peer.picture(number)
    while not peer.asked[-1].startswith("TEARDOWN"):
        peer.answer(await peer.request())


@pytest.mark.parametrize("chop", [False, True], ids=["whole", "single-bytes"])
def test_stream_is_opened_received_and_left(chop):
    """Pictures arrive however the bytes are cut, and the camera gets its TEARDOWN."""

    async def story() -> None:
        async with camera(plays, chop=chop) as scripted:
            viewer = Viewer(scripted.port)
            await viewer.run_until_enough()
            assert viewer.stream is not None
            assert viewer.stream.video_media.encoding == "H264"
            assert len(viewer.stream.video.sets.in_force) == 2
            asked = scripted.peers[0].asked
            assert [text.split()[0] for text in asked] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
            assert "Session: 1\r\n" in asked[-1]

    asyncio.run(story())


def test_digest_is_answered_and_kept_for_the_next_connection():
    """A camera that closes after its 401 is asked again, signed at once."""

    async def refuses_and_closes(peer: Peer) -> None:
        peer.answer(await peer.request())
        peer.answer(await peer.request(), "401 Unauthorized", 'WWW-Authenticate: Digest realm="cam", nonce="abc"')
        await peer.writer.drain()

    async def checks(peer: Peer) -> None:
        await plays(peer)

    async def story() -> None:
        async with camera(refuses_and_closes, checks) as scripted:
            await Viewer(scripted.port).run_until_enough()
            first, second = scripted.peers
            uri = f"rtsp://127.0.0.1:{scripted.port}/live"
            inner, outer = md5("admin:cam:pw"), md5(f"DESCRIBE:{uri}")
            assert f'response="{md5(f"{inner}:abc:{outer}")}"' in second.asked[1]
            assert "Authorization" not in first.asked[1]

    asyncio.run(story())


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_wrong_password_ends_after_one_try():
    """Accounts get locked: no more than one refused proof, and the password is not in the error."""

    async def refuses(peer: Peer) -> None:
        while True:
            peer.answer(await peer.request(), "401 Unauthorized", 'WWW-Authenticate: Digest realm="cam", nonce="abc"')

    async def story() -> None:
        async with camera(refuses) as scripted:
            with pytest.raises(AuthFailed, match="refuses the password of user 'admin'") as caught:
                await Viewer(scripted.port, user_info="admin:hunter2@").open()
            assert "hunter2" not in str(caught.value)
            assert sum("Authorization" in text for text in scripted.peers[0].asked) == 1
            assert len(scripted.peers) == 1

    asyncio.run(story())


def test_redirect_is_followed_with_the_password():
    """The same host under another port."""

    async def story() -> None:
        async with camera(plays) as target:

            async def redirects(peer: Peer) -> None:
                peer.answer(await peer.request())
                location = f"Location: rtsp://127.0.0.1:{target.port}/moved"
                peer.answer(await peer.request(), "302 Found", location)
                await peer.request()

            async with camera(redirects) as scripted:
                await Viewer(scripted.port).run_until_enough()
                assert "/moved RTSP/1.0" in target.peers[0].asked[1]

    asyncio.run(story())


async def silent_at_describe(peer: Peer) -> None:
    peer.answer(await peer.request())
    await peer.request()
    await peer.request()


async def talks_http(peer: Peer) -> None:
    await peer.request()
    peer.send(b"HTTP/1.1 400 Bad Request\r\nServer: web\r\n\r\n")
    await peer.request()


async def sends_garbage(peer: Peer) -> None:
    await peer.request()
    peer.send(b"\x00\xff" * 700_000)
    await peer.request()


async def closes_at_play(peer: Peer) -> None:
    peer.answer(await peer.request())
    peer.answer(await peer.request(), body=SDP)
    peer.answer(await peer.request(), "200 OK", "Session: 1")
    await peer.request()


async def closes_at_once(_peer: Peer) -> None:
    return


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (silent_at_describe, CameraTimeout, "did not answer DESCRIBE within 0.5 s"),
        (talks_http, RtspProtocolError, "does not speak RTSP: check the port"),
        (sends_garbage, RtspProtocolError, "neither RTSP nor RTP"),
        (closes_at_play, StreamEnded, "closed the connection|connection to the camera broke"),
        (closes_at_once, StreamEnded, "closed the connection|connection to the camera broke"),
    ],
)
def test_camera_that_does_not_play_gives_an_error_with_words(script, error, words):
    """Each way to fail has its class and its words."""

    async def story() -> None:
        async with camera(script) as scripted:
            with pytest.raises(error, match=words):
                await Viewer(scripted.port).open()

    asyncio.run(story())


def test_description_without_length_is_read_after_a_pause(monkeypatch):
    """A server that neither says how long the SDP is nor sends anything after it."""
    monkeypatch.setattr("edge.rtsp.dialogue.BODY_PAUSE_S", 0.05)

    async def endless(peer: Peer) -> None:
        peer.answer(await peer.request())
        cseq = re.search(r"CSeq: \d+", await peer.request())
        assert cseq
        peer.send(f"RTSP/1.0 200 OK\r\n{cseq[0]}\r\nContent-Type: application/sdp\r\n\r\n{SDP}".encode())
        await plays(peer)

    async def story() -> None:
        async with camera(endless) as scripted:
            await Viewer(scripted.port).run_until_enough()

    asyncio.run(story())


def test_nothing_there_is_unreachable():
    """A closed port and a name that is none."""

    async def story() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            with pytest.raises(Unreachable, match="refuses the connection"):
                await Viewer(unused.getsockname()[1]).open()
        with pytest.raises(Unreachable, match=r"'no-such-host\.invalid' is not known|name server"):
            await Viewer(554, host="no-such-host.invalid").open()

    asyncio.run(story())


def test_stall_is_noticed():
    """A camera that stops sending with the connection open."""

    async def stalls(peer: Peer) -> None:
        await peer.up_to_play()
        peer.picture(0)
        await peer.request()

    async def story() -> None:
        async with camera(stalls) as scripted:
            viewer = Viewer(scripted.port, stall_s=0.2)
            with pytest.raises(CameraTimeout, match=r"stopped sending: no video packet for 0\.2 s"):
                await viewer.run_to_end()

    asyncio.run(story())


def test_camera_that_never_sends_is_told_from_one_that_stopped():
    """PLAY was accepted, nothing came."""

    async def mute(peer: Peer) -> None:
        await peer.up_to_play()
        await peer.request()

    async def story() -> None:
        async with camera(mute) as scripted:
            with pytest.raises(CameraTimeout, match="accepted PLAY but sends no video"):
                await Viewer(scripted.port, stall_s=0.2).run_to_end()
            assert scripted.peers[0].asked[-1].startswith("TEARDOWN")

    asyncio.run(story())


@pytest.mark.parametrize("farewell", ["bye", "eof", "reset"])
def test_end_of_stream_is_noticed_at_once(farewell):
    """RTCP BYE, a closed and a broken connection; what came before is handed over."""

    async def ends(peer: Peer) -> None:
        await peer.up_to_play()
        for number in range(5):
            peer.picture(number)
        await peer.writer.drain()
        await asyncio.sleep(0.05)
        if farewell == "bye":
            peer.frame(1, struct.pack(">BBHI", 0x81, 203, 1, 0xABCD))
            await peer.request()
        elif farewell == "eof":
            peer.writer.write_eof()
            await peer.reader.read(1)

    async def story() -> None:
        async with camera(ends) as scripted:
            viewer = Viewer(scripted.port)
            with pytest.raises(StreamEnded):
                await viewer.run_to_end()
            assert viewer.units >= 4

    asyncio.run(story())


def test_camera_that_ignores_teardown_does_not_hold_us(monkeypatch):
    """Leaving takes no longer than its limit while frames keep coming."""
    monkeypatch.setattr("edge.rtsp.dialogue.TEARDOWN_TIMEOUT_S", 0.1)

    async def goes_on(peer: Peer) -> None:
        await peer.up_to_play()
        for number in range(1000):
            peer.picture(number)
            await asyncio.sleep(0.01)

    async def story() -> None:
        async with camera(goes_on) as scripted:
            viewer = Viewer(scripted.port)
            async with asyncio.timeout(40):
                await viewer.run_until_enough()

    asyncio.run(story())


def test_keepalive_and_reports_are_sent(monkeypatch):
    """A camera that hears neither takes the viewer for dead."""
    monkeypatch.setattr("edge.rtsp.client.REPORT_EVERY_S", 0.05)
    monkeypatch.setattr("edge.rtsp.keepalive._MOST_S", 0.1)
    monkeypatch.setattr("edge.rtsp.keepalive._LEAST_S", 0.1)

    async def listens(peer: Peer) -> None:
        await peer.up_to_play()
        peer.picture(0)
        peer.answer(await peer.request(), "400 Bad Request")
        peer.answer(await peer.request())
        for number in range(1, 8):
            peer.picture(number)
        while True:
            peer.answer(await peer.request())

    async def story() -> None:
        async with camera(listens) as scripted:
            viewer = Viewer(scripted.port)
            await viewer.run_until_enough()
            asked = [text.split()[0] for text in scripted.peers[0].asked]
            assert "RTCP" in asked
            assert [word for word in asked if word != "RTCP"][4:6] == ["GET_PARAMETER", "OPTIONS"]

    asyncio.run(story())


def test_paced_reading_needs_fewer_calls():
    """Bursts of one camera are collected; nothing is lost."""

    async def trickles(peer: Peer) -> None:
        await peer.up_to_play()
        for number in range(40):
            peer.picture(number)
            await peer.writer.drain()
            await asyncio.sleep(0.005)
        while True:
            peer.answer(await peer.request())

    async def watch(pacer: Pacer) -> Viewer:
        async with camera(trickles) as scripted:
            viewer = Viewer(scripted.port, pacer=pacer, eager_s=0, enough=39)
            await viewer.open()
            running = asyncio.create_task(viewer.client.run())
            await viewer.enough.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await viewer.client.close()
            return viewer

    async def story() -> None:
        async with asyncio.timeout(60):
            assert (await watch(Pacer(0.08))).calls < 15 < (await watch(Pacer())).calls

    asyncio.run(story())


def test_request_of_the_camera_is_answered_while_it_plays():
    """Some servers ask whether the viewer is still there."""

    async def asks(peer: Peer) -> None:
        await peer.up_to_play()
        peer.picture(0)
        peer.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\n")
        assert (await peer.request()).startswith("RTSP/1.0 200 OK\r\nCSeq: 77\r\n")
        for number in range(1, 8):
            peer.picture(number)
        peer.answer(await peer.request())

    async def story() -> None:
        async with camera(asks) as scripted:
            await Viewer(scripted.port).run_until_enough()

    asyncio.run(story())


def test_error_of_our_own_is_not_taken_for_the_camera():
    """A listener that fails ends the run with its own error, not with one of the network."""

    async def story() -> None:
        async with camera(plays) as scripted:
            viewer = Viewer(scripted.port)
            asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
            viewer.client._on_units = lambda: 1 // 0
            with pytest.raises(ZeroDivisionError):
                await viewer.run_to_end()

    asyncio.run(story())


@pytest.fixture(scope="module")
def server_tls(tmp_path_factory) -> tuple[ssl.SSLContext, str]:
    """A self-signed camera certificate and its fingerprint."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key", "-out", folder / "cert",
         "-days", "2", "-subj", "/CN=camera"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    der = ssl.PEM_cert_to_DER_cert((folder / "cert").read_text())
    return context, hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("policy", ["pinned", "unverified", "legacy"])
def test_rtsps_camera_is_received(server_tls, policy):
    """With the fingerprint of its certificate, or with any."""
    context, fingerprint = server_tls
    tls = {
        "pinned": Tls(fingerprint=fingerprint),
        "unverified": Tls(verify=False),
        "legacy": Tls(fingerprint=fingerprint, legacy=True),
    }[policy]

    async def story() -> None:
        async with camera(plays, tls=context) as scripted:
            await Viewer(scripted.port, scheme="rtsps", tls=tls, pacer=Pacer(0.02)).run_until_enough()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("tls", "words"),
    [(Tls(), "is not trusted"), (Tls(fingerprint="ab" * 32), "another certificate than the one in tls.fingerprint")],
)
def test_rtsps_camera_that_cannot_be_trusted_gets_no_request(server_tls, tls, words):
    """Neither path nor password goes to a stranger."""

    async def story() -> None:
        async with camera(plays, tls=server_tls[0]) as scripted:
            with pytest.raises(StreamError, match=words):
                await Viewer(scripted.port, scheme="rtsps", tls=tls).open()
            assert not any(peer.asked for peer in scripted.peers)

    asyncio.run(story())


def test_rtsps_to_a_port_without_tls_says_so():
    """The camera's rtsp port was written with rtsps."""

    async def answers_in_the_clear(peer: Peer) -> None:
        peer.send(b"RTSP/1.0 400 Bad Request\r\n\r\n")
        await peer.reader.read(4096)

    async def story() -> None:
        async with camera(answers_in_the_clear) as scripted:
            with pytest.raises(StreamError, match="does not speak TLS"):
                await Viewer(scripted.port, scheme="rtsps").open()

    asyncio.run(story())
