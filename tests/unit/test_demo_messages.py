"""Requests, answers, descriptions and credentials of simulated cameras."""

import pytest

from edge.demo.authentication import Account, nonce_of
from edge.demo.clips import AudioClip, Clip, ClipSpec
from edge.demo.messages import describe, parse_request, response

URL = "rtsp://10.0.0.1:554/gate/trackID=1"


def test_requests_are_taken_from_the_buffer_one_by_one():
    """A request goes when it is whole, its body with it; what follows stays."""
    buffer = bytearray(b"SETUP " + URL.encode() + b" RTSP/1.0\r\nCSeq: 4\r\nContent-length:3\r\n\r\nabcOPT")
    request = parse_request(buffer)
    assert (request.method, request.path, request.headers["cseq"]) == ("SETUP", "gate/trackID=1", "4")
    assert buffer == b"OPT"
    assert parse_request(buffer) is None
    assert buffer == b"OPT"


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\r\n\r\n", b"x" * 20_000])
def test_other_bytes_are_no_request(data):
    """What is not RTSP, or has no end, is an error."""
    with pytest.raises(ValueError, match="request"):
        parse_request(bytearray(data))


def test_response_repeats_the_number_and_says_the_body_s_length():
    """The head's lines end in CR LF."""
    request = parse_request(bytearray(b"DESCRIBE rtsp://h/c RTSP/1.0\r\nCSeq: 9\r\n\r\n"))
    assert response(request, 200, [("X", "y")], b"body") == (
        b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nX: y\r\nContent-Length: 4\r\n\r\nbody"
    )


def clip_of(codec, audio=None):
    sets = (b"\x67\x42\xc0\x1e", b"\x68") if codec == "h264" else (b"v", b"s", b"p")
    return Clip(ClipSpec("Gate", codec=codec), sets, (), audio)


@pytest.mark.parametrize(
    ("clip", "lines"),
    [
        (
            clip_of("h264"),
            ["a=fmtp:96 packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=Z0LAHg==,aA=="],
        ),
        (clip_of("h265"), ["a=rtpmap:96 H265/90000", "a=fmtp:96 sprop-vps=dg==;sprop-sps=cw==;sprop-pps=cA=="]),
        (clip_of("h264", AudioClip("pcma", 8000, 320, b"", ())), ["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/8000"]),
        (clip_of("h264", AudioClip("aac", 16000, 1024, b"\x14\x08", ())), ["a=rtpmap:97 MPEG4-GENERIC/16000/1"]),
    ],
)
def test_description_tells_the_tracks(clip, lines):
    """Codec, clock, parameter sets and where to set each track up."""
    described = describe(clip).decode().split("\r\n")
    assert set(lines) <= set(described)
    assert described.count("a=control:trackID=0") == 1
    assert described.count("a=control:trackID=1") == (clip.audio is not None)


def authorization(**changes):
    """A Digest header that is right in all but its answer."""
    fields = {
        "username": '"Mufasa"',
        "realm": '"simulated camera"',
        "nonce": '"abc"',
        "uri": f'"{URL}"',
        "response": '"5f8f1d5c0a7e"',
    } | changes
    return "Digest " + ", ".join(f"{name}={value}" for name, value in fields.items())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic TXVmYXNhOng=",
        "Bearer abc",
        authorization(),
        authorization(algorithm="SHA-256"),
        authorization(username='"Simba"'),
        authorization(uri='"rtsp://elsewhere/"'),
    ],
)
def test_wrong_credentials_are_refused(header):
    """No header, another scheme, another user, URL or answer: none is let in."""
    account = Account("Mufasa", "Circle Of Life", qop=True)
    assert not account.accepts(header, "DESCRIBE", URL, "abc")


def test_basic_is_accepted_where_it_is_offered():
    """The user and the password in base64."""
    account = Account("Aladdin", "open sesame", schemes=("basic",))
    assert account.accepts("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "DESCRIBE", URL, "")
    assert account.challenges("n") == [("WWW-Authenticate", 'Basic realm="simulated camera"')]


def test_challenges_offer_each_scheme_with_the_nonce():
    """Digest twice, with the form that was chosen; the password is in no representation."""
    account = Account("edge", "s3cret", schemes=("sha-256", "md5"), qop=True)
    (_, first), (_, second) = account.challenges("n0", stale=True)
    assert first == 'Digest realm="simulated camera", nonce="n0", algorithm=SHA-256, qop="auth", stale=TRUE'
    assert "algorithm=MD5" in second
    assert nonce_of(first) == "n0"
    assert "s3cret" not in repr(account)
