"""Looks at simulated cameras through a small client of its own, packet by packet."""

import asyncio
import hashlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import time
from dataclasses import dataclass
from itertools import pairwise

import pytest
from acceptance_support import until
from demo_cameras import running_cameras

from edge.demo.authentication import Account
from edge.demo.camera import Camera, packet_source
from edge.demo.clips import ClipSpec, default_cache_dir, load_clip
from edge.demo.control import send_command
from edge.demo.faults import FAULTS
from edge.demo.main import CameraSpec
from edge.demo.packets import packetise
from edge.demo.server import CameraServer
from edge.errors import ConfigError

FPS = 25
STEP = 90_000 // FPS
CLIP = ClipSpec("Wire", width=320, height=180, fps=FPS, seconds=2, gop_s=0.4, bitrate=600_000, audio="pcma")
SPECS = (
    CameraSpec("open", CLIP),
    CameraSpec("closed", CLIP, Account("edge", "s3cret", schemes=("sha-256",), qop=True)),
    CameraSpec("impatient", CLIP, session_timeout_s=0.6),
    CameraSpec("heavy", ClipSpec("Heavy", look="noise", bitrate=40_000_000, seconds=2)),
)


@dataclass(frozen=True)
class Packet:
    channel: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes


class Capture:
    """What came in a while: RTP packets, RTCP packets, sizes of empty frames, bytes that are none of these."""

    def __init__(self):
        self.video, self.audio, self.rtcp, self.empty, self.junk, self.end = [], [], [], 0, 0, None

    @property
    def timestamps(self):
        """The video's timestamps, each once in the order of arrival."""
        return list(dict.fromkeys(p.timestamp for p in self.video))


class RawClient:
    def __init__(self, cameras, path, tls=None):
        self.connection = socket.create_connection(("127.0.0.1", cameras.port), timeout=30)
        if tls:
            self.connection = tls.wrap_socket(self.connection, server_hostname="localhost")
        self.url = f"rtsp://127.0.0.1:{cameras.port}/{path}"
        self.buffer = b""
        self.cseq = 0
        self.session = None

    def ask(self, method, url=None, **headers):
        """Send a request, return (status, head, body); media that comes before the answer is thrown away."""
        self.cseq += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self.cseq}"]
        if self.session:
            lines.append(f"Session: {self.session}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode())
        while True:
            while self.buffer[:1] == b"$" and len(self.buffer) >= 4 + (size := int.from_bytes(self.buffer[2:4], "big")):
                self.buffer = self.buffer[4 + size :]
            if self.buffer[:1] == b"R" and b"\r\n\r\n" in self.buffer:
                break
            got = self.connection.recv(65_536)
            if not got:
                raise EOFError
            self.buffer += got
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        head = head.decode()
        length = int(found.group(1)) if (found := re.search(r"Content-Length: (\d+)", head)) else 0
        while len(rest) < length:
            rest += self.connection.recv(65_536)
        self.buffer = rest[length:]
        return int(head.split()[1]), head, rest[:length]

    def play(self, tracks=(0, 1)):
        for track in tracks:
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
            status, head, _ = self.ask("SETUP", f"{self.url}/trackID={track}", Transport=transport)
            assert status == 200
            self.session = re.search(r"Session: (\w+)", head).group(1)
        status, _, _ = self.ask("PLAY")
        assert status == 200
        return self

    def capture(self, seconds):
        """Read for so long and take apart what came."""
        seen = Capture()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.connection.settimeout(left)
            try:
                got = self.connection.recv(1 << 20)
            except TimeoutError:
                break
            except ConnectionResetError:
                seen.end = "reset"
                break
            if not got:
                seen.end = "closed"
                break
            self.buffer += got
            self._take_apart(seen)
        return seen

    def _take_apart(self, seen):
        while True:
            start = self.buffer.find(b"$")
            seen.junk += start if start >= 0 else len(self.buffer)
            self.buffer = self.buffer[start:] if start >= 0 else b""
            if len(self.buffer) < 4:
                return
            channel, size = struct.unpack_from(">BH", self.buffer, 1)
            if len(self.buffer) < 4 + size:
                return
            packet, self.buffer = self.buffer[4 : 4 + size], self.buffer[4 + size :]
            if not packet:
                seen.empty += 1
            elif channel % 2:
                seen.rtcp.append(packet)
            else:
                _, second, sequence, timestamp, _ = struct.unpack_from(">BBHII", packet)
                parsed = Packet(channel, second >= 128, sequence, timestamp, packet[12:])
                (seen.audio if channel else seen.video).append(parsed)


@pytest.fixture(scope="module")
def cameras():
    with running_cameras(SPECS) as running:
        yield running


@pytest.fixture(autouse=True)
def _healthy_again(cameras):
    yield
    cameras.clear()


@pytest.fixture
def client(cameras):
    made = RawClient(cameras, "open")
    with made.connection:
        yield made


def steps(numbers, modulus):
    return [(b - a) % modulus for a, b in pairwise(numbers)]


def is_contiguous(packets):
    return set(steps([p.sequence for p in packets], 1 << 16)) == {1}


def is_keyframe(packet):
    """A keyframe of H.264 begins with an aggregate of SPS and PPS."""
    return packet.payload[0] & 0x1F == 24


def test_clean_camera_numbers_paces_and_marks_its_packets_across_the_loop(client):
    """A camera without faults sends every packet once, at its own pace, also where its clip begins anew."""
    seen = client.play().capture(2.6)
    assert is_contiguous(seen.video)
    assert is_contiguous(seen.audio)
    assert set(steps(seen.timestamps, 1 << 32)) == {STEP}
    assert set(steps([p.timestamp for p in seen.audio], 1 << 32)) == {320}
    assert abs(len(seen.timestamps) - 2.6 * FPS) <= 4
    assert is_keyframe(seen.video[0])
    pairs = pairwise(seen.video)
    assert all(a.marker == (a.timestamp != b.timestamp) for a, b in pairs)
    assert {packet[1] for packet in seen.rtcp} == {200}
    assert len(seen.rtcp) == 4
    assert (seen.junk, seen.empty, seen.end) == (0, 0, None)


def test_sender_report_ties_rtp_time_to_the_wall_clock(client):
    """A report says which moment of the wall clock an RTP timestamp is."""
    seen = client.play().capture(0.2)
    seconds, fraction, timestamp = struct.unpack_from(">III", seen.rtcp[0], 8)
    assert abs(seconds - 2_208_988_800 + fraction / 2**32 - time.time()) < 10
    assert (timestamp - seen.video[0].timestamp) % (1 << 32) < 0.1 * 90_000


def test_teardown_ends_the_stream(client):
    """After TEARDOWN nothing comes, and the session is gone."""
    client.play()
    assert client.ask("TEARDOWN")[0] == 200
    assert client.capture(0.2).video == []
    assert client.ask("PLAY")[0] == 454


@pytest.mark.parametrize(
    ("transport", "channels", "status"),
    [("RTP/AVP/TCP;unicast;interleaved=6-7", "6-7", 200), ("RTP/AVP;unicast;client_port=5000-5001", None, 461)],
)
def test_setup_gives_the_channels_asked_and_refuses_udp(client, transport, channels, status):
    """Channels are the client's choice; media goes over TCP only."""
    got, head, _ = client.ask("SETUP", f"{client.url}/trackID=0", Transport=transport)
    assert got == status
    assert channels is None or f"interleaved={channels}" in head


def test_unknown_path_is_not_found(cameras):
    """A path that no camera has gives 404."""
    client = RawClient(cameras, "nowhere")
    with client.connection:
        assert client.ask("DESCRIBE")[0] == 404


def test_bytes_that_are_no_request_end_the_connection(cameras):
    """A client that does not speak RTSP is cut off."""
    client = RawClient(cameras, "open")
    with client.connection as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(100) == b""


def signed(client, method, challenge, password="s3cret"):
    def digest(text):
        return hashlib.sha256(text.encode()).hexdigest()

    nonce = re.search(r'nonce="(\w+)"', challenge).group(1)
    realm = re.search(r'realm="([^"]+)"', challenge).group(1)
    secret, what = digest(f"edge:{realm}:{password}"), digest(f"{method}:{client.url}")
    answer = digest(f"{secret}:{nonce}:00000001:abc:auth:{what}")
    return (
        f'Digest username="edge", realm="{realm}", nonce="{nonce}", uri="{client.url}", algorithm=SHA-256, '
        f'qop=auth, nc=00000001, cnonce="abc", response="{answer}"'
    )


def test_digest_lets_in_the_right_password_alone(cameras):
    """SHA-256 with qop: no credentials and a wrong password give 401, the right one 200."""
    client = RawClient(cameras, "closed")
    with client.connection:
        status, head, _ = client.ask("DESCRIBE")
        assert status == 401
        assert client.ask("DESCRIBE", Authorization=signed(client, "DESCRIBE", head, "wrong"))[0] == 401
        assert client.ask("DESCRIBE", Authorization=signed(client, "DESCRIBE", head))[0] == 200


def test_silent_client_loses_its_session_and_a_live_one_keeps_it(cameras):
    """The session's timeout is counted from the client's last sign of life."""
    silent, alive = RawClient(cameras, "impatient").play(), RawClient(cameras, "impatient").play()
    with silent.connection, alive.connection:
        for _ in range(3):
            assert alive.capture(0.3).end is None
            assert alive.ask("GET_PARAMETER")[0] == 200
        assert silent.capture(0.5).end == "closed"


def test_client_that_does_not_read_is_dropped(cameras):
    """A camera keeps little for a slow client and then gives up on it."""
    client = RawClient(cameras, "heavy").play(tracks=(0,))
    with client.connection:
        client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        until(lambda: cameras.clients("heavy") == 0)


def test_rtsps_is_served_with_a_certificate(tmp_path):
    """The same cameras over TLS."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: it makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run(["openssl", "req", *made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname = False
    client_side.load_verify_locations(certificate)
    with running_cameras(SPECS[:1], tls=server_side) as cameras:
        assert cameras.urls["open"].startswith("rtsps://")
        client = RawClient(cameras, "open", client_side).play()
        with client.connection:
            assert is_contiguous(client.capture(0.3).video)


# Faults: one test or more for each, found by name.


def test_every_fault_has_a_test():
    """The table of faults and these tests go together."""
    tested = " ".join(name for name in globals() if name.startswith("test_fault_"))
    assert [name for name in FAULTS if f"_{name}_" not in tested] == []


def test_fault_refuse_resets_old_and_new_connections(cameras, client):
    """Clients lose their connection, and new ones get no answer."""
    client.play()
    cameras.fault("open", "refuse")
    assert client.capture(0.5).end == "reset"
    late = RawClient(cameras, "open")
    with late.connection, pytest.raises((ConnectionResetError, EOFError)):
        late.ask("OPTIONS")


@pytest.mark.parametrize(
    ("status", "method"), [(401, "DESCRIBE"), (404, "DESCRIBE"), (503, "DESCRIBE"), (453, "SETUP")]
)
def test_fault_401_404_503_453_answer_with_their_status(cameras, client, status, method):
    """The request that the fault is about gets its status, and 200 again when it is over."""
    url = client.url if method == "DESCRIBE" else f"{client.url}/trackID=0"
    transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
    cameras.fault("open", str(status))
    got, head, _ = client.ask(method, url, Transport=transport)
    assert got == status
    assert ("WWW-Authenticate" in head) == (status == 401)
    cameras.clear("open")
    assert client.ask(method, url, Transport=transport)[0] == 200


def test_fault_hang_leaves_describe_unanswered(cameras, client):
    """OPTIONS is answered, DESCRIBE is not."""
    cameras.fault("open", "hang")
    assert client.ask("OPTIONS")[0] == 200
    client.connection.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.ask("DESCRIBE")


def test_fault_no_video_describes_audio_alone(cameras, client):
    """The description holds no video."""
    assert b"m=video" in client.ask("DESCRIBE")[2]
    cameras.fault("open", "no_video")
    body = client.ask("DESCRIBE")[2]
    assert b"m=video" not in body
    assert b"m=audio" in body


def test_fault_no_sprop_describes_no_parameter_sets(cameras, client):
    """The description leaves the parameter sets to the stream."""
    assert b"sprop" in client.ask("DESCRIBE")[2]
    cameras.fault("open", "no_sprop")
    assert b"sprop" not in client.ask("DESCRIBE")[2]


def test_fault_silent_sends_nothing_to_a_client_that_came_in_it(cameras, client):
    """PLAY is answered, no packet follows, not even after the fault."""
    cameras.fault("open", "silent")
    client.play()
    cameras.clear("open")
    seen = client.capture(0.4)
    assert (seen.video, seen.rtcp, seen.end) == ([], [], None)


def test_fault_wrap_lets_timestamps_pass_their_end(cameras, client):
    """Timestamps go on from 2^32 to 0 with the same step."""
    cameras.fault("open", "wrap", 0.2)
    seen = client.play().capture(0.5)
    assert seen.timestamps[0] == 2**32 - 18_000
    assert seen.timestamps[-1] < 90_000
    assert set(steps(seen.timestamps, 1 << 32)) == {STEP}


def test_fault_drop_closes_and_a_new_client_is_served(cameras, client):
    """The connection ends in good order; the camera is there for the next."""
    client.play()
    cameras.fault("open", "drop")
    assert client.capture(0.5).end == "closed"
    again = RawClient(cameras, "open").play()
    with again.connection:
        assert again.capture(0.2).video


def test_fault_reset_resets(cameras, client):
    """The connection ends with RST."""
    client.play()
    cameras.fault("open", "reset")
    assert client.capture(0.5).end == "reset"


def test_fault_bye_says_goodbye_and_falls_silent(cameras, client):
    """RTCP BYE on both tracks, then nothing on an open connection."""
    client.play()
    cameras.fault("open", "bye")
    seen = client.capture(0.2)
    assert sum(struct.pack(">BB", 0x81, 203) in packet for packet in seen.rtcp) == 2
    seen = client.capture(0.3)
    assert (seen.video, seen.end) == ([], None)


@pytest.mark.parametrize("seconds", [100, -10])
def test_fault_jump_shifts_timestamps_once(cameras, client, seconds):
    """One step is longer or backward, all others are as before; no packet is lost."""
    client.play()
    before = client.capture(0.2)
    cameras.fault("open", "jump", seconds)
    seen = client.capture(0.4)
    both = before.timestamps + seen.timestamps
    odd = [step for step in steps(both, 1 << 32) if step != STEP]
    assert odd == [(seconds * 90_000 + STEP) % (1 << 32)]
    assert is_contiguous(before.video + seen.video)


def test_fault_stale_wants_the_next_request_signed_anew(cameras):
    """The old nonce gives 401 with stale=TRUE, the new one is let in."""
    client = RawClient(cameras, "closed")
    with client.connection:
        head = client.ask("DESCRIBE")[1]
        cameras.fault("closed", "stale")
        status, again, _ = client.ask("DESCRIBE", Authorization=signed(client, "DESCRIBE", head))
        assert status == 401
        assert "stale=TRUE" in again
        assert client.ask("DESCRIBE", Authorization=signed(client, "DESCRIBE", again))[0] == 200


def test_fault_stall_sends_nothing_then_goes_on_with_a_keyframe(cameras, client):
    """An open connection without data; afterwards live pictures, not those that were missed."""
    client.play()
    before = client.capture(0.3)
    cameras.fault("open", "stall", for_s=0.6)
    quiet = client.capture(0.4)
    assert len(quiet.video) < 20
    after = client.capture(1.0)
    assert is_keyframe(after.video[0])
    assert is_contiguous(before.video + quiet.video + after.video)
    assert (after.timestamps[0] - (before.timestamps + quiet.timestamps)[-1]) % (1 << 32) > 0.4 * 90_000


def test_fault_blind_and_mute_stop_one_track(cameras, client):
    """Video or audio stops, the other goes on."""
    client.play()
    cameras.fault("open", "blind")
    client.capture(0.1)
    seen = client.capture(0.3)
    assert not seen.video
    assert seen.audio
    cameras.clear("open")
    cameras.fault("open", "mute")
    client.capture(0.5)
    seen = client.capture(0.3)
    assert seen.video
    assert not seen.audio


def test_fault_slow_halves_the_pace(cameras, client):
    """Media time runs at half of real time."""
    cameras.fault("open", "slow", 0.5)
    seen = client.play().capture(1.0)
    assert abs(len(seen.timestamps) - FPS / 2) <= 4
    assert set(steps(seen.timestamps, 1 << 32)) == {STEP}


def test_fault_freeze_repeats_one_timestamp(cameras, client):
    """Every access unit has the same timestamp; markers still end each."""
    cameras.fault("open", "freeze")
    seen = client.play(tracks=(0,)).capture(0.4)
    assert len(seen.timestamps) == 1
    assert sum(p.marker for p in seen.video) > 5


def test_fault_backward_counts_down(cameras, client):
    """Each timestamp is one step before the last."""
    cameras.fault("open", "backward")
    seen = client.play(tracks=(0,)).capture(0.4)
    assert set(steps(seen.timestamps, 1 << 32)) == {(-STEP) % (1 << 32)}


def test_fault_lossy_leaves_gaps_in_the_numbers(cameras, client):
    """Lost packets keep their sequence numbers."""
    cameras.fault("open", "lossy", 0.2)
    seen = client.play().capture(0.8)
    jumps = steps([p.sequence for p in seen.video], 1 << 16)
    assert 0.05 < 1 - (len(jumps) + 1) / (sum(jumps) + 1) < 0.4


def test_fault_duplicate_sends_packets_twice(cameras, client):
    """Some packets come twice in a row, none is missing."""
    cameras.fault("open", "duplicate", 0.2)
    seen = client.play().capture(0.6)
    assert set(steps([p.sequence for p in seen.video], 1 << 16)) == {0, 1}


def test_fault_reorder_swaps_packets(cameras, client):
    """Numbers go back now and then, none is missing within an access unit."""
    cameras.fault("open", "reorder", 0.5)
    seen = client.play().capture(0.8)
    numbers = [p.sequence for p in seen.video]
    assert min(steps([n + 32_768 for n in numbers], 1 << 16)) >= 0
    assert any(step > 32_768 for step in steps(numbers, 1 << 16))
    origin = numbers[0] - 8
    assert len({(n - origin) % (1 << 16) for n in numbers}) == len(numbers)


def test_fault_corrupt_flips_bits_of_payloads_alone(cameras, client):
    """Sizes, numbers and headers are right, some payloads are not those of the clip."""
    clip = load_clip(CLIP, default_cache_dir())
    track = packetise(clip).tracks[0]
    true = {
        unit.data[start + 16 : end]
        for unit in track.units
        for start, end in zip(unit.starts, (*unit.starts[1:], len(unit.data)), strict=True)
    }
    assert all(p.payload in true for p in client.play().capture(0.3).video)
    cameras.fault("open", "corrupt", 0.3)
    client.capture(0.1)
    seen = client.capture(0.6)
    assert is_contiguous(seen.video)
    assert {len(p.payload) for p in seen.video} <= {len(payload) for payload in true}
    assert 0.1 < sum(p.payload not in true for p in seen.video) / len(seen.video) < 0.6


def test_fault_garbage_puts_bytes_between_whole_frames(cameras, client):
    """Bytes that are no frame come between frames, none of which is missing."""
    cameras.fault("open", "garbage", 0.3)
    seen = client.play().capture(0.6)
    assert seen.junk > 100
    assert is_contiguous(seen.video)


def test_fault_empty_sends_bare_headers_and_frames_of_size_zero(cameras, client):
    """Some access units hold nothing, their numbers and markers are as ever."""
    cameras.fault("open", "empty", 0.5)
    seen = client.play().capture(0.6)
    assert seen.empty > 2
    assert any(not p.payload for p in seen.video)
    assert any(p.payload for p in seen.video)
    assert is_contiguous(seen.video)


def test_fault_no_marker_clears_markers(cameras, client):
    """Only a change of timestamp ends an access unit."""
    cameras.fault("open", "no_marker")
    seen = client.play().capture(0.3)
    assert not any(p.marker for p in seen.video + seen.audio)
    assert is_contiguous(seen.video)


def test_fault_clock_is_wrong_in_sender_reports(cameras, client):
    """The camera believes it is an hour later."""
    cameras.fault("open", "clock", 3600)
    seen = client.play().capture(0.2)
    (seconds,) = struct.unpack_from(">I", seen.rtcp[0], 8)
    assert abs(seconds - 2_208_988_800 - 3600 - time.time()) < 10


def test_fault_clip_of_other_resolution_changes_the_parameter_sets_in_the_stream(cameras, client):
    """Another SPS comes with the next access unit, without a gap in numbers or times."""
    client.play()
    before = client.capture(0.3)
    cameras.fault("open", "clip", "resolution")
    seen = client.capture(0.6)
    old, new = before.video[0].payload, [p.payload for p in seen.video if is_keyframe(p)][-1]
    assert old != new
    assert is_contiguous(before.video + seen.video)
    assert set(steps(before.timestamps + seen.timestamps, 1 << 32)) == {STEP}


def test_fault_clip_of_other_codec_closes_and_describes_it(cameras, client):
    """A camera that is set to H.265 starts anew."""
    client.play()
    cameras.fault("open", "clip", "h265")
    assert client.capture(0.5).end == "closed"
    again = RawClient(cameras, "open")
    with again.connection:
        assert b"H265/90000" in again.ask("DESCRIBE")[2]


def test_fault_with_a_time_is_over_by_itself(cameras, client):
    """A fault for 2 s ends without a command."""
    cameras.fault("open", "503", for_s=2)
    assert client.ask("DESCRIBE")[0] == 503
    until(lambda: client.ask("DESCRIBE")[0] == 200)


def test_server_that_stops_listening_refuses_and_keeps_its_port(tmp_path):
    """A camera that is switched off is refused by the kernel, and is at the same port when it is back."""

    async def look():
        camera = Camera("open", CLIP, packet_source(tmp_path))
        async with CameraServer([camera]) as server:
            port = server.port
            server.stop_listening()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            await server.listen()
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            assert server.url("open") == f"rtsp://127.0.0.1:{port}/open"

    asyncio.run(look())


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (("fault", "open", "melt"), "fault 'melt' is unknown"),
        (("fault", "attic", "stall"), "no simulated camera 'attic'"),
        (("fault", "open", "clip", "sepia"), "takes one of normal"),
        (("clear", "open", "melt"), "fault 'melt' is unknown"),
        (("explode", "open"), "action 'explode' is unknown"),
    ],
)
def test_wrong_command_is_refused_with_words(cameras, order, words):
    """A command that cannot be obeyed says why and what there is."""
    action, camera, *rest = order
    fault, value = (*rest, None, None)[:2]
    with pytest.raises(ConfigError, match=words):
        send_command(cameras.control_port, action, camera, fault, value=value)


def test_list_tells_cameras_and_faults(cameras):
    """The list shows who looks on, what is wrong, and what could be."""
    cameras.fault("open", "lossy", 0.1)
    listed = send_command(cameras.control_port, "list")
    assert listed["cameras"]["open"]["faults"] == {"lossy": 0.1}
    assert set(listed["faults"]) == set(FAULTS)
