"""The state machine where no make's dialogue leads: redirects, server requests, unasked answers, random answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import CameraError, NotFound, StreamError
from edge.rtsp.auth import Authenticator
from edge.rtsp.keepalive import Keepalive
from edge.rtsp.messages import Headers, Request, Response
from edge.rtsp.session import MOST_REDIRECTS, Session
from edge.rtsp.steps import Step
from edge.rtsp.transcript import Transcript
from edge.rtsp.transport import answered_channel
from edge.rtsp.url import RtspUrl

SDP = b"""v=0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:1
m=audio 0 RTP/AVP 8
a=control:2
"""


def session(text: str = "rtsp://u:p@cam/a", *, redirects: int = 0) -> Session:
    url = RtspUrl.parse(text)
    return Session(url, Authenticator.for_url(url), audio=True, redirects=redirects)


def response(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, "x", Headers([(name.replace("_", "-"), value) for name, value in headers.items()]), body)


def test_redirects_end_at_the_limit():
    """A ring of redirects is left."""
    one = session(redirects=MOST_REDIRECTS)
    one.start()
    with pytest.raises(StreamError, match="redirects more than 5 times"):
        one.receive(response(302, Location="rtsp://cam/b"))


@pytest.mark.parametrize("location", ["", "http://cam/b", "rtsp://cam/b"])
def test_redirect_to_no_usable_address_is_refused(location):
    """No Location, a web page, or away from TLS."""
    one = session("rtsps://u:p@cam/a")
    one.start()
    with pytest.raises(StreamError, match="no usable address"):
        one.receive(response(302, Location=location))


def test_answer_that_nobody_asked_for_is_ignored():
    """Before the first request and after the last answer."""
    one = session()
    assert one.receive(response(200)) == Step()
    one.start()
    assert one.receive(response(100)) == Step()
    assert one.receive(response(200)).send.startswith(b"DESCRIBE")


def test_teardown_without_setup_is_empty():
    """There is nothing to tear down."""
    one = session()
    one.start()
    assert one.teardown() == b""
    assert one.keepalive() is None


def test_requests_of_the_camera_are_answered():
    """OPTIONS gets 200 with the camera's own CSeq, everything else 501."""
    one = session()
    asked = Headers([("cseq", "42")])
    assert one.answer(Request("OPTIONS", "*", asked)) == b"RTSP/1.0 200 OK\r\nCSeq: 42\r\nPublic: OPTIONS\r\n\r\n"
    assert one.answer(Request("ANNOUNCE", "*")).startswith(b"RTSP/1.0 501 Not Implemented\r\nCSeq: 0\r\n")


def test_refused_audio_leaves_the_video():
    """A camera that does not give its sound is recorded without it."""
    one = session()
    one.start()
    one.receive(response(200))
    one.receive(response(200, SDP))
    assert one.receive(response(200, Session="1")).bind is not None
    assert one.receive(response(400)).send.startswith(b"PLAY")
    assert one.receive(response(200)).playing
    assert any("audio is not recorded" in note for note in one.notes)


def test_refused_play_says_the_last_status():
    """When neither Range nor URL was the reason."""
    one = session()
    one.start()
    for answer in (response(200), response(200, SDP), response(200, Session="1"), response(400), response(404)):
        one.receive(answer)
    with pytest.raises(NotFound, match="PLAY was answered with 404"):
        one.receive(response(404))


@pytest.mark.parametrize(
    ("transport", "channel"),
    [
        (None, 2),
        ("RTP/AVP/TCP;unicast", 2),
        ("RTP/AVP/TCP;ssrc=22345684;interleaved=0-1", 0),
        ("RTP/AVP/TCP; unicast; INTERLEAVED = 8-9", 8),
        ("RTP/AVP/TCP;interleaved=10", 10),
        ("RTP/AVP/TCP;interleaved=999", 2),
        ("RTP/AVP/TCP;interleaved=255", 2),
        ("RTP/AVP/TCP;interleaved=", 2),
    ],
)
def test_channel_is_the_answered_one_or_the_asked(transport, channel):
    """The camera's word counts where it makes sense."""
    assert answered_channel(transport, 2) == channel


@pytest.mark.parametrize(
    ("value", "interval_s"),
    [("1;timeout=60", 25), ("1 ; timeout = 30", 13.5), ("1;timeout=1", 5), ("1;timeout=0", 25), ("1;timeout=x", 25)],
)
def test_keepalive_interval_follows_the_timeout(value, interval_s):
    """Never more often than 5 s nor more rarely than 25 s."""
    keepalive = Keepalive()
    keepalive.learn(Headers([("Session", value)]))
    assert keepalive.interval_s == interval_s


def test_transcript_is_bounded_and_printable():
    """It keeps the last entries and passes no control character on."""
    transcript = Transcript(most_entries=2)
    for number in range(5):
        transcript.sent(
            b"PLAY rtsp://u:hunter2@cam/ RTSP/1.0\r\nCSeq: %d\r\nAuthorization: Basic dTpw\r\n\r\n" % number
        )
    transcript.received(response(200, b"\x1b" * 9, Server="x\x1b[31m" + "y" * 9999))
    text = transcript.text()
    assert "CSeq: 4" in text
    assert "CSeq: 3" not in text
    assert "\x1b" not in text
    assert "hunter2" not in text
    assert "dTpw" not in text
    assert len(text) < 5000


@settings(max_examples=300)
@given(
    st.lists(
        st.builds(
            Response,
            st.sampled_from([100, 200, 200, 200, 200, 250, 301, 400, 401, 404, 405, 453, 454, 457, 461, 500, 551]),
            st.text(st.characters(max_codepoint=255), max_size=20),
            st.lists(
                st.tuples(
                    st.sampled_from(
                        ["CSeq", "Session", "Transport", "Public", "Content-Base", "Location", "WWW-Authenticate"]
                    ),
                    st.one_of(
                        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30),
                        st.sampled_from(["1", "2", "rtsp://cam/b", 'Digest realm="r", nonce="n"', "interleaved=0-1", 'Basic realm="b"']),
                    ),
                ),
                max_size=4,
            ).map(Headers),
            st.sampled_from([b"", SDP, SDP.replace(b"H264", b"JPEG"), b"\xff\x00"]),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_answers_lead_to_requests_or_our_errors(answers):
    """Whatever a camera answers: whole requests, or an error of the CameraError tree without the password."""
    one = session("rtsp://u:hunter2@cam/a")
    one.start()
    try:
        for answer in answers:
            step = one.receive(answer)
            assert not step.send or (step.send.endswith(b"\r\n\r\n") and b"hunter2" not in step.send)
            if step.redirect:
                return
            one.keepalive()
        one.teardown()
    except CameraError as error:
        assert "hunter2" not in str(error)  # noqa: PT017 - the error is one of two good ends
