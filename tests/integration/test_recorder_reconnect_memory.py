"""What a channel leaves behind when its camera goes: nothing that waits for the garbage collector, as months add up."""

import asyncio
import gc
import ssl
import struct
import subprocess
from collections import Counter

import pytest
from camera_script import SDP, Peer, Script, camera
from recorded_channel import RecordedChannel

from edge.clock import SystemClock
from edge.config import ChannelConfig
from edge.recorder import channel as channel_module
from edge.recorder.announcer import Aside
from edge.recorder.channel import Channel, Shared
from edge.recorder.reconnect import Accounts
from edge.recorder.segmenter import Segmenter
from edge.recorder.threads import WriterThreads
from edge.recorder.wallclock import WallClock
from edge.rtsp.client import RtspClient
from edge.rtsp.connection import Connection
from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.dialogue import Dialogue
from edge.rtsp.pacer import Pacer
from edge.rtsp.session import Session
from edge.rtsp.video import VideoTrack

RECONNECTS = 12
PER_SESSION = (RtspClient, Connection, Dialogue, Session, Demultiplexer, VideoTrack, Segmenter)
BYE = struct.pack(">BBHI", 0x81, 203, 1, 0xABCD)


async def _play(peer: Peer) -> None:
    await peer.up_to_play()
    for number in range(4):
        peer.picture(number)
    await peer.writer.drain()
    await asyncio.sleep(0.03)  # a paced reader has them by then


async def drops(peer: Peer) -> None:
    await _play(peer)


async def says_bye(peer: Peer) -> None:
    await _play(peer)
    peer.frame(1, BYE)
    while not peer.asked[-1].startswith("TEARDOWN"):
        peer.answer(await peer.request())


async def sends_garbage(peer: Peer) -> None:
    await _play(peer)
    peer.send(b"#" * (2 << 20))
    await peer.writer.drain()


async def falls_silent(peer: Peer) -> None:
    await _play(peer)
    while not peer.asked[-1].startswith("TEARDOWN"):
        peer.answer(await peer.request())


async def sends_half_a_picture(peer: Peer) -> None:
    await _play(peer)
    peer.frame(0, struct.pack(">BBHII", 0x80, 96, 4, 99_000, 0xABCD) + b"\x7c\x85" + b"\x11" * 1000)


async def knows_no_path(peer: Peer) -> None:
    peer.answer(await peer.request())
    peer.answer(await peer.request(), "404 Not Found")
    await peer.reader.read()


async def shows_nothing(peer: Peer) -> None:
    peer.answer(await peer.request())
    peer.answer(await peer.request(), body=SDP.replace("m=video", "m=application"))
    await peer.reader.read()


async def closes_at_once(_: Peer) -> None:
    pass


ENDS = (drops, says_bye, sends_garbage, falls_silent, sends_half_a_picture, knows_no_path, shows_nothing)


async def _live_after_reconnects(folder, monkeypatch, script: Script, tls: ssl.SSLContext | None) -> Counter[str]:
    """How many objects of each kind there are, besides those of other tests, while a camera is tried again and again."""
    monkeypatch.setattr(channel_module, "wait_s", lambda *_: 0.01)
    monkeypatch.setattr(channel_module, "STALL_S", 0.1)
    site, clock, threads = RecordedChannel(folder), SystemClock(), WriterThreads(1)
    threads.start()
    before = _alive()
    async with camera(script, tls=tls) as scripted:
        broken: list[BaseException] = []
        shared = Shared(
            clock, WallClock(clock), site.outbox, site.store, threads, Aside(threads.queue(""), site.outbox),
            Pacer(0.01), Accounts(), segment_s=60, durability_s=2, lane_bytes=1 << 20, broken=broken.append,
        )  # fmt: skip
        url = f"{'rtsps' if tls else 'rtsp'}://127.0.0.1:{scripted.port}/live"
        settings = {"id": "lobby", "url": url, "tls": {"verify": False}}
        recording = asyncio.create_task(Channel(ChannelConfig.model_validate(settings), shared).run())
        try:
            async with asyncio.timeout(60):
                while len(scripted.peers) < RECONNECTS:  # noqa: ASYNC110 - the camera tells nobody
                    await asyncio.sleep(0.005)
            alive = _alive() - before
        finally:
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)
    assert threads.stop(60)
    site.close()
    assert broken == []
    return alive


def _alive() -> Counter[str]:
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, PER_SESSION))


@pytest.fixture
def without_collector():
    """As if the garbage collector came never."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("script", [*ENDS, closes_at_once], ids=lambda script: script.__name__)
def test_camera_that_goes_leaves_no_session_behind(script, tmp_path, monkeypatch):
    """However it went: of many sessions there is the present one, and perhaps the one before."""
    alive = asyncio.run(_live_after_reconnects(tmp_path, monkeypatch, script, None))
    assert max(alive.values(), default=0) <= 2, alive


@pytest.mark.usefixtures("without_collector")
def test_encrypted_camera_that_goes_leaves_no_session_behind(tmp_path, monkeypatch):
    """The same over TLS."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out",
         tmp_path / "cert", "-days", "2", "-subj", "/CN=camera"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    alive = asyncio.run(_live_after_reconnects(tmp_path / "site", monkeypatch, drops, context))
    assert max(alive.values(), default=0) <= 2, alive
