"""What is fuzzed: every parser of bytes that come from outside. Knows no fuzzer; `run.py` and a unit test use it.

A target takes any bytes, may raise nothing but the errors that its parser promises (which it swallows), and asserts what
must hold of the result. Time and memory are watched by the fuzzer.
"""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge.codec.formats import AudioFormat, VideoFormat
from edge.codec.quantiser import QuantiserReader
from edge.config import parse as parse_config
from edge.errors import CodecError, ConfigError, Mp4Error, RtspProtocolError, Unsupported
from edge.events import examples
from edge.events.catalog import EVENTS
from edge.events.envelope import Envelope
from edge.events.errors import EventError
from edge.events.messages import parse_state
from edge.events.topics import parse as parse_topic
from edge.mp4.finish import finish_patches
from edge.mp4.fragment import VIDEO_TRACK_ID, TrackRun, fragment_header, parse_fragment_header
from edge.mp4.init import init_segment
from edge.mp4.reader import scan
from edge.recorder.operations import CloseSegment, OpenSegment, Operation, WriteFragment
from edge.recorder.segmenter import Segmenter
from edge.rtsp.audio import AacTrack, AudioTrack, G711Track
from edge.rtsp.auth import Authenticator, parse_challenges
from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.formats import video_format
from edge.rtsp.h264 import H264Rules
from edge.rtsp.h265 import H265Rules
from edge.rtsp.messages import Headers, Request, Response, parse_message
from edge.rtsp.sdp import parse_sdp
from edge.rtsp.selection import select
from edge.rtsp.tracks import audio_track, video_track
from edge.rtsp.url import RtspUrl, aggregate_url, base_url, control_url
from edge.rtsp.video import VideoTrack

REPOSITORY = Path(__file__).parents[2]
VIDEO_CHANNEL, AUDIO_CHANNEL = 0, 2
H264_SETS = (bytes.fromhex("6742c00dda0507e840000003004000000c83c50aa8"), bytes.fromhex("68ce0fc8"))
H265_SETS = (
    bytes.fromhex("40010c01ffff01600000030090000003000003003c959409"),
    bytes.fromhex("42010101600000030090000003000003003ca00a080f16595952930b9a020000030002000003003210"),
    bytes.fromhex("4401c073c189"),
)


@dataclass(frozen=True)
class Target:
    """One parser under test; `seeds` are where a fuzzer begins."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    most_bytes: int = 4096


def message(data: bytes) -> None:
    """RTSP answers and requests."""
    buffer = bytearray(data)
    with suppress(RtspProtocolError):
        parsed = parse_message(buffer, 0, len(buffer))
        if parsed is not None:
            assert 0 < parsed[1] <= len(buffer)
            assert isinstance(
                parsed[0].cseq if isinstance(parsed[0], Response) else parsed[0].headers.get("cseq"), int | str | None
            )


def sdp(data: bytes) -> None:
    """Session descriptions, up to the tracks that they lead to."""
    description = parse_sdp(data)
    for media in description.media:
        video_format(media)
    with suppress(Unsupported):
        chosen = select(description, audio=True)
        video_track(chosen.video)
        if chosen.audio and chosen.audio_format:
            audio_track(chosen.audio, chosen.audio_format)
            chosen.audio_format.codec_string  # noqa: B018 - must not raise


def url(data: bytes) -> None:
    """Addresses, base and control URLs; what goes on the wire is one word of Latin-1."""
    text, _, rest = data.decode("utf-8", "surrogateescape").partition("\n")
    address = RtspUrl("rtsp", "10.0.0.1", 554, "/main")
    with suppress(ValueError):
        address = RtspUrl.parse(text)
        assert repr(address) == repr(replace(address, password="another")), "the password shows"
    with suppress(ValueError):
        address.redirected(rest)
    base = base_url(Headers([("Content-Base", rest)]), address)
    for word in (address.request, base, control_url(base, rest, address), aggregate_url(base, rest, address)):
        assert not any(character in word for character in " \r\n\0"), word
        word.encode("latin-1")


def challenge(data: bytes) -> None:
    """WWW-Authenticate values, and the answer to them."""
    values = data.decode("latin-1").split("\n")
    assert len(parse_challenges(values)) <= len(data)
    authenticator = Authenticator("edge", "s3cret-word", cnonce=lambda: "00")
    authenticator.challenged(values, signed_with=None, tries=0)
    signed = authenticator.sign("DESCRIBE", "rtsp://10.0.0.1/main")
    if signed is not None:
        assert "s3cret-word" not in signed[0]
        signed[0].encode("latin-1")


def parameter_sets(data: bytes) -> None:
    """SPS, VPS, PPS and the heads of files that are made of them."""
    sets = data[1:].split(b"\0\0\1")
    codec = "h265" if data[:1] and data[0] & 1 else "h264"
    with suppress(CodecError):
        video = VideoFormat.parse(codec, sets)
        assert video.width > 0
        assert video.height > 0
        assert video.fps is None or 0.1 <= video.fps <= 240
        assert video.codec_string.isascii()
        head = init_segment(video, None, index_entries=10)
        again = scan(io.BytesIO(head.data))
        assert again.video == video


def quantiser(data: bytes) -> None:
    """Slices behind the parameter sets that they are read by."""
    *sets, nal = data[1:].split(b"\0\0\1")
    with suppress(CodecError):
        video = VideoFormat.parse("h265" if data[:1] and data[0] & 1 else "h264", sets)
        qp = QuantiserReader(video).of_slice(nal)
        assert qp is None or -48 <= qp <= 51


def audio_config(data: bytes) -> None:
    """AudioSpecificConfig of AAC."""
    with suppress(CodecError):
        audio = AudioFormat.aac(data)
        assert audio.sample_rate > 0
        assert audio.samples_per_unit > 0
        assert audio.codec_string.isascii()
        video = VideoFormat.parse("h264", H264_SETS)
        assert scan(io.BytesIO(init_segment(video, audio, index_entries=1).data)).audio is not None


def raw_stream(data: bytes) -> None:
    """Bytes of a connection as they are, whole and cut up: the same comes out."""
    cuts = data[:8]
    whole = _Receiver("h264", "pcma")
    whole.take(data[8:])
    parts = _Receiver("h264", "pcma")
    at = 8
    for size in cuts:
        parts.take(data[at : at + size + 1])
        at += size + 1
    parts.take(data[at:])
    whole.finish()
    parts.finish()


def _stream(codec: str, audio: str) -> Callable[[bytes], None]:
    """Bytes that say what packets come: most are right but for what is in them."""

    def run(data: bytes) -> None:
        receiver = _Receiver(codec, audio)
        for piece in _packets(data):
            receiver.take(piece)
        receiver.finish()

    return run


_STEPS = (0, 1, 1, 1, 1, 1, 2, 200)
_TIMES = (0, 0, 0, 3600, 3600, 7200, -3600, 0x7FFF_FFFF)


def _packets(data: bytes) -> Iterator[bytes]:
    """Two bytes say track, marker, sequence step, timestamp step and length; the payload follows."""
    numbers, times = [100, 100], [1000, 1000]
    at = 0
    while at + 2 <= len(data):
        first, size = data[at], data[at + 1]
        track = first & 1
        marker = first & 2
        numbers[track] += _STEPS[first >> 2 & 7]
        times[track] += _TIMES[first >> 5]
        payload = data[at + 2 : at + 2 + size]
        at += 2 + size
        kind = 96 if track == 0 else 97
        head = struct.pack(
            ">BBHII", 0x80, kind | marker << 6, numbers[track] & 0xFFFF, times[track] & 0xFFFFFFFF, 7 + track
        )
        channel = AUDIO_CHANNEL if track else VIDEO_CHANNEL
        yield struct.pack(">BBH", 0x24, channel, len(head) + len(payload)) + head + payload


class _Receiver:
    """A connection's demultiplexer, its tracks, and the segmenter behind them, whose fragments must be writable."""

    def __init__(self, codec: str, audio: str) -> None:
        h264 = codec == "h264"
        self.video = VideoTrack(H264Rules() if h264 else H265Rules(), 96, H264_SETS if h264 else H265_SETS)
        sound = AudioFormat.aac(b"\x14\x08") if audio == "aac" else AudioFormat.g711("pcma")
        self.audio: AudioTrack = AacTrack(97, sound.samples_per_unit) if audio == "aac" else G711Track(97)
        self.demultiplexer = Demultiplexer(bytearray(1 << 17))
        self.demultiplexer.bind(VIDEO_CHANNEL, self.video)
        self.demultiplexer.bind(AUDIO_CHANNEL, self.audio)
        self.segmenter = Segmenter("h264" if h264 else "h265", sound, 2, 0)
        self.now_ns = 10**9
        self.open = False
        self.broken = False
        self.sent_bytes = 0
        self.kept_bytes = 0

    def take(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self.broken:
            room = self.demultiplexer.get_buffer()
            size = min(len(room), len(data) - at)
            room[:size] = data[at : at + size]
            at += size
            self.now_ns += 40_000_000
            try:
                messages = self.demultiplexer.received(size, self.now_ns)
            except RtspProtocolError:
                self.broken = True
                return
            assert all(isinstance(one, Response | Request) for one in messages)
            self._drain()
        self.sent_bytes += len(data)

    def _drain(self) -> None:
        for sound in self.audio.units:
            self.segmenter.add_audio(sound)
        self.audio.units.clear()
        for unit in self.video.units:
            assert unit.size == sum(map(len, unit.parts))
            self._check(self.segmenter.add_video(unit))
        self.video.units.clear()
        self._check(self.segmenter.tick(self.now_ns))

    def finish(self) -> None:
        if not self.broken:
            self._drain()
        self._check(self.segmenter.end("disconnect"))
        assert not self.open
        assert self.kept_bytes <= 4 * self.sent_bytes + 64

    def _check(self, operations: list[Operation]) -> None:
        for operation in operations:
            match operation:
                case OpenSegment():
                    assert not self.open
                    self.open = True
                    init_segment(operation.video, operation.audio, index_entries=4)
                case WriteFragment():
                    assert self.open
                    header = fragment_header(1, 0, operation.runs)
                    assert parse_fragment_header(header)[2] == list(operation.runs)
                    assert operation.bytes == sum(map(len, operation.pieces))
                    assert all(ticks >= 0 for run in operation.runs for ticks in run.durations)
                    self.kept_bytes += operation.bytes
                case CloseSegment():
                    assert self.open
                    self.open = False


def mp4(data: bytes) -> None:
    """Files that may be segments, and the index that recovery would give them."""
    with suppress(Mp4Error, CodecError):
        found = scan(io.BytesIO(data))
        assert len(found.init.data) <= found.whole_bytes <= len(data)
        finish_patches(
            found.init, found.fragments, video_duration=found.video_duration, audio_duration=found.audio_duration
        )


def envelope(data: bytes) -> None:
    """Events, and the messages beside them; what is read is written as it was."""
    with suppress(EventError):
        read = Envelope.parse(data)
        assert Envelope.parse(read.to_json()) == read
        read.event()
    with suppress(EventError):
        parse_state(data)
    with suppress(EventError, UnicodeDecodeError):
        text = data.decode()
        assert str(parse_topic(text)) == text


def config(data: bytes) -> None:
    """The configuration."""
    with suppress(UnicodeDecodeError, ConfigError):
        parse_config(data.decode("utf-8-sig"), file="edge.yaml", folder=Path("/"), environ={"LOBBY_PASSWORD": "x"})


def _segment() -> bytes:
    video = VideoFormat.parse("h264", H264_SETS)
    nal = b"\0\0\0\x04\x65\x88\x80\x11"
    run = TrackRun(VIDEO_TRACK_ID, 0, [3600, 3600], [len(nal), len(nal)], [True, False], None)
    return init_segment(video, None, index_entries=4).data + fragment_header(1, 1 << 63, [run]) + 2 * nal


def _late_segment() -> bytes:
    """A fragment at the end of all time, whose index does not fit."""
    video = VideoFormat.parse("h264", H264_SETS)
    nal = b"\0\0\0\x04\x65\x88\x80\x11"
    run = TrackRun(VIDEO_TRACK_ID, (1 << 64) - 1, [3600], [len(nal)], [True], None)
    return init_segment(video, None, index_entries=4).data + fragment_header(1, 0, [run]) + nal


def _payloads(*units: bytes, first: int = 0b0110_0110) -> bytes:
    return b"".join(bytes([first, len(unit)]) + unit for unit in units)


_IDR = b"\x65\x88\x80\x10" + bytes(range(1, 40))
_IDR_FU = [b"\x7c\x85\x88\x80\x10\x11", b"\x7c\x05\x12\x13", b"\x7c\x45\x14\x15"]
_IRAP = b"\x26\x01\xaf\x08" + bytes(range(1, 40))
_AAC = b"\x00\x10\x00\x28\x01\x02\x03\x04\x05"


def _h264_seeds() -> list[bytes]:
    bundle = b"\x78" + b"".join(struct.pack(">H", len(nal)) + nal for nal in H264_SETS)
    sei = b"\x06\x06\x01\xc4\x80"
    fragments = bytes([0b0110_0100, 6]) + _IDR_FU[0] + bytes([4, 4]) + _IDR_FU[1] + bytes([6, 4]) + _IDR_FU[2]
    return [
        _payloads(*H264_SETS, _IDR, b"\x41\x9a\x02\x03", _IDR),
        _payloads(bundle, sei, _IDR, b"\x41\x9a\x02\x03"),
        fragments + _payloads(_IDR),
        _payloads(_IDR + b"\0\0\1" + b"\x41\x1a\x02\x03", _IDR),
        _payloads(_IDR) + _payloads(_AAC, first=0b0110_0111) + _payloads(_IDR),
    ]


def _h265_seeds() -> list[bytes]:
    bundle = b"\x60\x01" + b"".join(struct.pack(">H", len(nal)) + nal for nal in H265_SETS)
    fragments = [b"\x62\x01\x93\xaf\x08\x11", b"\x62\x01\x13\x12\x13", b"\x62\x01\x53\x14\x15"]
    return [
        _payloads(*H265_SETS, _IRAP, b"\x02\x01\xd0\x03", _IRAP),
        _payloads(bundle, _IRAP, b"\x02\x01\xd0\x03"),
        _payloads(*fragments, first=0b0000_0100) + _payloads(_IRAP),
    ]


def _wire_seeds() -> list[bytes]:
    answer = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 2\r\n\r\nab"
    head = bytes((1, 3, 200, 5, 9, 40, 7, 0))
    return [head + b"".join(_packets(seed)) + tail for seed in _h264_seeds() for tail in (b"", answer, b"junk$\0\0\4")]


def _message_seeds() -> list[bytes]:
    return [
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 7;timeout=60\r\nContent-Length: 3\r\n\r\nv=0",
        b'RTSP/1.0 401 Unauthorized\nCSeq: 2\nWWW-Authenticate: Basic realm="x"\n\n',
        b"OPTIONS * RTSP/1.0\r\nCSeq: 3\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n",
    ]


def _sdp_seeds() -> list[bytes]:
    lines = [
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=x", "a=control:*", "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
        "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==",
        "a=control:trackID=1", "m=audio 0 RTP/AVP 97", "a=rtpmap:97 mpeg4-generic/16000/1",
        "a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408", "a=control:trackID=2",
    ]  # fmt: skip
    h265 = "v=0\nm=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\na=fmtp:98 sprop-vps=QAEM;sprop-sps=QgEB;sprop-pps=RAHA\n"
    return ["\r\n".join(lines).encode(), h265.encode(), b"v=0\r\nm=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 26\r\n"]


TARGETS: dict[str, Target] = {
    "message": Target(message, _message_seeds),
    "sdp": Target(sdp, _sdp_seeds),
    "url": Target(
        url,
        lambda: [
            b"rtsp://user:pa%40ss@10.0.0.11:8554/main?channel=1\ntrackID=1",
            b"rtsps://[fe80::1%25eth0]/x\n/abs",
            b"rtsp://a:b@c@host/p\nrtsp://localhost/other",
        ],
        512,
    ),
    "challenge": Target(
        challenge,
        lambda: [
            b'Digest realm="x", nonce="abc", qop="auth,auth-int", algorithm=SHA-256, opaque="o"\nBasic realm="x"',
            b'Digest realm="a\\"b", nonce=abc, stale=TRUE, algorithm="MD5-sess", qop=auth, Basic realm=y',
        ],
        1024,
    ),
    "parameter_sets": Target(
        parameter_sets,
        lambda: [b"\0" + b"\0\0\1".join(H264_SETS), b"\1" + b"\0\0\1".join(H265_SETS)],
        512,
    ),
    "quantiser": Target(
        quantiser,
        lambda: [b"\0" + b"\0\0\1".join((*H264_SETS, _IDR)), b"\1" + b"\0\0\1".join((*H265_SETS, _IRAP))],
        512,
    ),
    "audio_config": Target(audio_config, lambda: [b"\x14\x08", b"\x2b\x11\x88\x00", b"\x17\x80\x91\xa2"], 64),
    "raw_stream": Target(raw_stream, _wire_seeds),
    "h264_aac": Target(_stream("h264", "aac"), _h264_seeds),
    "h264_pcma": Target(_stream("h264", "pcma"), _h264_seeds),
    "h265_aac": Target(_stream("h265", "aac"), _h265_seeds),
    "mp4": Target(mp4, lambda: [_segment(), _segment()[:-5], _segment()[:900], _late_segment()], 8192),
    "envelope": Target(
        envelope,
        lambda: [
            *(examples.example(event).to_json() for event in EVENTS.values()),
            b'{"status":"offline","epoch":"01KAQFYK00N8TG6ZQ3V5M7W9XA","bdseq":1}',
            b"event/recorder/segment_written/lobby",
        ],
    ),
    "config": Target(
        config,
        lambda: [
            b"site: a\nchannels:\n  - {id: lobby, url: 'rtsp://edge:${LOBBY_PASSWORD}@10.0.0.11/main'}\n",
            (REPOSITORY / "deploy" / "edge.example.yaml").read_bytes(),
        ],
        16_384,
    ),
}
