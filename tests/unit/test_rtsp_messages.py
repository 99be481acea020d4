"""The message parser is lenient and gives the same result however the bytes are cut; the writer is strict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RtspProtocolError
from edge.rtsp.messages import (
    MOST_BODY_BYTES,
    MOST_HEAD_BYTES,
    Headers,
    Request,
    Response,
    parse_message,
    write_request,
    write_response,
)


def parse(data: bytes):
    return parse_message(bytearray(data), 0, len(data))


def answer(data: bytes) -> Response:
    parsed = parse(data)
    assert parsed is not None
    assert isinstance(parsed[0], Response)
    return parsed[0]


@pytest.mark.parametrize(
    ("data", "status", "reason", "header"),
    [
        pytest.param(b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n\r\n", 200, "OK", ("cseq", "7"), id="ordinary"),
        pytest.param(b"RTSP/1.0 200 OK\nCseq: 7\n\n", 200, "OK", ("CSeq", "7"), id="lf-only-and-h264dvr-case"),
        pytest.param(b"RTSP/1.0 200\r\nCSeq: 7\r\n\r\n", 200, "", ("CSeq", "7"), id="no-reason"),
        pytest.param(b"\r\n\r\nRTSP/1.0 404 Not Found\r\nCSeq:7\r\n\r\n", 404, "Not Found", ("CSeq", "7"), id="lead"),
        pytest.param(b"RTSP/1.0 200 OK\r\n \r\nCSeq: 7 \r\n\r\n", 200, "OK", ("CSeq", "7"), id="luma-blank-line"),
        pytest.param(b"RTSP/1.0 200 OK\r\nA: b\r\n  c\r\n\r\n", 200, "OK", ("a", "b c"), id="folded"),
        pytest.param(b"RTSP/1.0 200 OK\r\nA:\r\n\r\n", 200, "OK", ("a", ""), id="empty-value"),
        pytest.param(b"RTSP/1.0 200 OK\r\nno colon\r\nA: b\r\n\r\n", 200, "OK", ("a", "b"), id="broken-line"),
        pytest.param(b"RTSP/1.0 200 OK\r\nA: \xe9\r\n\r\n", 200, "OK", ("a", "\xe9"), id="latin-1"),
    ],
)
def test_odd_answer_is_understood(data: bytes, status: int, reason: str, header: tuple[str, str]):
    """Line ends, case, blanks and missing parts do not matter."""
    response = answer(data)
    assert (response.status, response.reason) == (status, reason)
    assert response.headers.get(header[0]) == header[1]


def test_repeated_header_keeps_every_value():
    """Cameras offer each way to log in on a line of its own."""
    response = answer(b"RTSP/1.0 401 No\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Digest\r\n\r\n")
    assert response.headers.get_all("WWW-Authenticate") == ["Basic", "Digest"]


def test_request_of_camera_is_understood():
    """Some servers ask OPTIONS of their clients."""
    data = b"OPTIONS * RTSP/1.0\r\nCSeq: 3\r\nContent-Length: 2\r\n\r\nhi$rest"
    assert parse(data) == (Request("OPTIONS", "*", Headers([("CSeq", "3"), ("Content-Length", "2")]), b"hi"), 52)


@pytest.mark.parametrize("what_follows", [b"$\x00\x00\x00", b"RTSP/1.0 200 OK\r\n"])
def test_description_without_length_ends_where_something_begins(what_follows: bytes):
    """A body without Content-Length goes up to the next frame or answer."""
    head = b"RTSP/1.0 200 OK\r\nContent-Type: application/sdp\r\n\r\n"
    body = b"v=0\r\ns=RTSP/RTP stream\r\n"
    assert parse(head + body) is None
    parsed = parse(head + body + what_follows)
    assert parsed is not None
    assert parsed[1] == len(head + body)
    assert isinstance(parsed[0], Response)
    assert parsed[0].body == body


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\x01",
        b"RTSP/1.0 OK\r\n\r\n",
        b"PLAY\x80",
        b"PLAY \r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1),
        b"RTSP/1.0 200 OK\r\nA: " + b"x" * MOST_HEAD_BYTES,
        b"RTSP/1.0 200 OK\r\nContent-Type: application/sdp\r\n\r\n" + b"x" * MOST_BODY_BYTES,
    ],
    ids=lambda data: repr(data[:20]),
)
def test_bytes_that_are_no_message_are_refused(data: bytes):
    """What cannot become a message is refused, so that the demultiplexer looks further on."""
    with pytest.raises(RtspProtocolError):
        parse(data)


@given(
    st.sampled_from(
        [
            b"\r\nRTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nbody",
            b"RTSP/1.0 200 OK\nContent-Type: application/sdp\n\nv=0\n$\x00\x00\x00",
            b"OPTIONS * RTSP/1.0\r\n \r\nCSeq: 1\r\n\r\n",
            b"RTSP/1.0 abc\r\n\r\n",
        ]
    ),
    st.binary(max_size=20),
    st.integers(0, 100),
)
def test_result_is_the_same_wherever_the_bytes_are_cut(message: bytes, rest: bytes, cut: int):
    """A part of the bytes says "not whole" or what all of them say."""
    whole, part = outcome(message + rest), outcome((message + rest)[:cut])
    assert part in (None, whole)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda tail: b"RTSP/1.0 200 OK\r\n" + tail)))
def test_any_bytes_give_a_message_or_our_error(data: bytes):
    """Nothing but RtspProtocolError comes out, and an end within the bytes."""
    result = outcome(data)
    if isinstance(result, tuple):
        assert 0 < result[1] <= len(data)


def outcome(data: bytes):
    try:
        return parse(data)
    except RtspProtocolError:
        return "refused"


def test_request_is_written_with_cseq_first():
    """Strict on output: CSeq first, always a User-Agent, an empty line at the end."""
    assert write_request("PLAY", "rtsp://h/", 3, [("Session", "1")]) == (
        b"PLAY rtsp://h/ RTSP/1.0\r\nCSeq: 3\r\nUser-Agent: Saksi/0.1\r\nSession: 1\r\n\r\n"
    )
    assert write_response(501, "Not Implemented", "9") == b"RTSP/1.0 501 Not Implemented\r\nCSeq: 9\r\n\r\n"


def test_line_break_in_value_is_refused():
    """No value can smuggle a header in."""
    with pytest.raises(ValueError, match="control characters"):
        write_request("PLAY", "rtsp://h/", 3, [("Session", "1\r\nX: y")])
