"""Addresses: leniently read, never shown with a password, joined with controls as cameras mean it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rtsp.messages import Headers
from edge.rtsp.url import RtspUrl, aggregate_url, base_url, control_url


@pytest.mark.parametrize(
    ("text", "host", "port", "user", "password", "request_url"),
    [
        ("rtsp://10.0.0.11/main", "10.0.0.11", 554, None, "", "rtsp://10.0.0.11/main"),
        ("rtsp://10.0.0.11", "10.0.0.11", 554, None, "", "rtsp://10.0.0.11/"),
        ("rtsps://cam/x", "cam", 322, None, "", "rtsps://cam/x"),
        ("RTSP://cam:8554/x?y=1", "cam", 8554, None, "", "rtsp://cam:8554/x?y=1"),
        ("rtsp://u:p%40ss@cam/x", "cam", 554, "u", "p@ss", "rtsp://cam/x"),
        ("rtsp://u:p@s:s@cam/x", "cam", 554, "u", "p@s:s", "rtsp://cam/x"),
        ("rtsp://u:p#?s@cam/x", "cam", 554, "u", "p#?s", "rtsp://cam/x"),
        ("rtsp://u:p/s@cam/x", "cam", 554, "u", "p/s", "rtsp://cam/x"),
        ("rtsp://u@cam/x@y", "cam", 554, "u", "", "rtsp://cam/x@y"),
        ("rtsp://cam/x?user=a@b", "cam", 554, None, "", "rtsp://cam/x?user=a@b"),
        ("rtsp://[fe80::1]:8554/x", "fe80::1", 8554, None, "", "rtsp://[fe80::1]:8554/x"),
        ("rtsps://cam:7441/k?enableSrtp", "cam", 7441, None, "", "rtsps://cam:7441/k"),
        ("rtsp://cam/k?a=1&enableSrtp=true&b=2", "cam", 554, None, "", "rtsp://cam/k?a=1&b=2"),
        ("rtsp://cam/a b", "cam", 554, None, "", "rtsp://cam/a%20b"),
    ],
)
def test_address_is_read(text, host, port, user, password, request_url):
    """User and password are what stands before the last @ and never go into the request."""
    url = RtspUrl.parse(text)
    assert (url.host, url.port, url.user, url.password) == (host, port, user, password)
    assert url.request == request_url


@pytest.mark.parametrize(
    "text", ["", "http://cam/", "rtsp://", "rtsp:///x", "rtsp://cam:0/", "rtsp://cam:99999/", "rtsp://::1/"]
)
def test_what_is_no_address_is_refused_without_quoting_it(text):
    """The rule is named, the text is not: it may hold a password."""
    with pytest.raises(ValueError, match=r"camera's address|address of a camera") as caught:
        RtspUrl.parse(text)
    assert "rtsp://cam" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["rtsp://u:hunter2@cam/x", "rtsp://cam/user=u_password=hunter2_channel=1", "rtsp://u:hunter2@cam/?pwd=hunter2"],
)
def test_password_is_never_shown(text):
    """Neither repr nor str nor redacted holds it."""
    url = RtspUrl.parse(text)
    assert "hunter2" not in f"{url!r} {url} {url.redacted}"


@given(st.text(max_size=60), st.sampled_from(["", "rtsp://", "rtsps://u:p@", "rtsp://cam/"]))
def test_any_text_is_an_address_or_refused(text, start):
    """Nothing but ValueError comes out, and what is read can be written into a request line."""
    try:
        url = RtspUrl.parse(start + text)
    except ValueError:
        return
    assert url.request.encode("latin-1").split() == [url.request.encode("latin-1")]


URL = RtspUrl.parse("rtsp://admin:pw@10.0.0.11:8554/live?ch=1")


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ([("Content-Base", "rtsp://10.0.0.11:8554/live/")], "rtsp://10.0.0.11:8554/live/"),
        ([("content-base", "rtsp://127.0.0.1/live?x=1/")], "rtsp://10.0.0.11:8554/live?x=1/"),
        ([("Content-Location", "rtsp://cam-driveway/b")], "rtsp://10.0.0.11:8554/b"),
        ([("Content-Base", "10.0.0.11:554/stream0/")], URL.request),
        ([("Content-Base", "rtsp://rtsp://10.0.0.11/a")], URL.request),
        ([("Content-Base", "rtsp://::ffff:10.0.0.11/a")], URL.request),
        ([("Content-Base", "/path/")], "rtsp://10.0.0.11:8554/path/"),
        ([("Content-Base", "rtsp://u:pw@10.0.0.11/a/")], "rtsp://10.0.0.11:8554/a/"),
        ([("Content-Base", "")], URL.request),
        ([], URL.request),
    ],
)
def test_base_is_taken_from_the_answer_on_the_connected_host(headers, base):
    """Content-Base, Content-Location, request URL in this order; broken ones do not count."""
    assert base_url(Headers(headers), URL) == base


@pytest.mark.parametrize(
    ("base", "control", "joined"),
    [
        ("rtsp://h/a", "*", "rtsp://h/a"),
        ("rtsp://h/a", "", "rtsp://h/a"),
        ("rtsp://h/a", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a?profile=x", "trackID=2", "rtsp://h/a?profile=x/trackID=2"),
        ("rtsp://h/a", "?ctype=video", "rtsp://h/a?ctype=video"),
        ("rtsp://h/a", "/video", "rtsp://h/a/video"),
        ("rtsp://h/a/", "/video", "rtsp://h/a/video"),
        ("rtsp://h/a", "rtsp://localhost:554/v/1?x=2", "rtsp://10.0.0.11:8554/v/1?x=2"),
        ("rtsp://h/a", "rtsp://rtsp://h/v", "rtsp://10.0.0.11:8554/v"),
    ],
)
def test_control_is_appended_as_a_string(base, control, joined):
    """No RFC 3986 resolution, no doubled slash, and the connected host where it is absolute."""
    assert control_url(base, control, URL) == joined


def test_aggregate_is_the_base_unless_an_absolute_control_says_more():
    """Hikvision's session control wins, a relative one does not count."""
    assert aggregate_url("rtsp://h/a/", "*", URL) == "rtsp://h/a/"
    assert aggregate_url("rtsp://h/a/", "track", URL) == "rtsp://h/a/"
    assert aggregate_url("rtsp://h/a/", "rtsp://10.0.0.11/a/?p=1", URL) == "rtsp://10.0.0.11:8554/a/?p=1"


def test_redirect_keeps_password_on_the_same_host_only():
    """Another host is not told our password."""
    assert URL.redirected("rtsp://10.0.0.11/b").password == "pw"
    assert URL.redirected("/b").request == "rtsp://10.0.0.11:8554/b"
    assert URL.redirected("rtsp://10.0.0.12/b").user is None


def test_redirect_from_rtsps_to_rtsp_is_refused():
    """It would send the password in the open."""
    with pytest.raises(ValueError, match="not encrypted"):
        RtspUrl.parse("rtsps://u:p@cam/").redirected("rtsp://cam/")
