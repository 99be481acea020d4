"""Recorded dialogues of real cameras through the state machine, where they are at hand."""

import os
import re
from pathlib import Path

import pytest
from rtsp_script import parse_response

from edge.rtsp.auth import Authenticator
from edge.rtsp.formats import sprop_sets, video_format
from edge.rtsp.messages import Headers, Response
from edge.rtsp.sdp import parse_sdp
from edge.rtsp.selection import select
from edge.rtsp.session import Session
from edge.rtsp.url import RtspUrl

FOLDER = Path(os.environ.get("SAKSI_DIALOGUES", Path(__file__).parents[2] / "../shared/data/dialogues")) / "retina"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recorded dialogues at {FOLDER}; set SAKSI_DIALOGUES")

# name: URL of the recording's request, PLAY's URL, SETUP URLs, "codec width x height" or None where sprop is broken, audio
CAMERAS = {
    "anjvision_describe": ("rtsp://192.168.1.10/stream0", "/stream0", ["/stream0/trackID=1"], "h265", None),
    "bunny_describe": ("rtsp://w/vod/mp4:BigBuckBunny_115k.mov", "/vod/mp4:BigBuckBunny_115k.mov/", ["/vod/mp4:BigBuckBunny_115k.mov/trackID=2", "/vod/mp4:BigBuckBunny_115k.mov/trackID=1"], "h264", "aac"),
    "dahua_describe_h264_aac_onvif": ("rtsp://c/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif", "/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/", ["/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/trackID=0", "/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/trackID=1"], "h264", "aac"),
    "dahua_describe_h265_pcma": ("rtsp://c/cam/realmonitor?channel=1&subtype=2", "/cam/realmonitor?channel=1&subtype=2/", ["/cam/realmonitor?channel=1&subtype=2/trackID=0", "/cam/realmonitor?channel=1&subtype=2/trackID=1"], "h265", "pcma"),
    "foscam_describe": ("rtsp://c/videoMain", "/videoMain/", ["/videoMain/track1", "/videoMain/track2"], "h264", "pcmu"),
    "gw_main_describe": ("rtsp://c/H264?channel=1", "/H264?channel=1&subtype=0&unicast=true&proto=Onvif", ["/H264?channel=1&subtype=0&unicast=true&proto=Onvif/video", "/H264?channel=1&subtype=0&unicast=true&proto=Onvif/audio"], "h264", "pcmu"),
    "gw_sub_describe": ("rtsp://c/H264?channel=1", "/H264?channel=1&subtype=1&unicast=true&proto=Onvif", ["/H264?channel=1&subtype=1&unicast=true&proto=Onvif/video"], "h264", None),
    "h264dvr_describe": ("rtsp://c/camera", "/camera", ["/camera/trackID=3", "/camera/trackID=4"], "h264", "pcma"),
    "hikvision_describe": ("rtsp://c/Streaming/Channels/101", "/Streaming/Channels/101/?transportmode=unicast&profile=Profile_1", ["/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1"], "h264", None),
    "ipcam_describe": ("rtsp://c/x", "/x", ["/x/trackID=1"], "h264", None),
    "macrovideo_describe": ("rtsp://c/x", "/x", ["/x/track1"], "h264", None),
    "missing_content_type_describe": ("rtsp://c/x", "/x", ["/x/streamid=0", "/x/streamid=1"], "h264", "aac"),
    "reolink_describe": ("rtsp://c/h264Preview_01_main", "/h264Preview_01_main/", ["/h264Preview_01_main/trackID=1", "/h264Preview_01_main/trackID=2"], "h264", "aac"),
    "reolink_describe_control_first": ("rtsp://c/h264Preview_01_main", "/h264Preview_01_main/", ["/h264Preview_01_main/trackID=1", "/h264Preview_01_main/trackID=2"], "h264", "aac"),
    "vstarcam_describe": ("rtsp://c/x", "/x", ["/x/track0", "/x/track1"], "h264", "pcma"),
}  # fmt: skip
SETUPS = sorted(path.stem for path in FOLDER.glob("*_setup*.txt"))
PLAYS = sorted(path.stem for path in [*FOLDER.glob("*_play.txt"), *FOLDER.glob("bad_rtptime.txt")])


def recorded(name: str) -> Response:
    """One recorded answer; the SDP bodies of some are longer or shorter than they say, as their addresses were changed."""
    head, separator, body = (FOLDER / f"{name}.txt").read_bytes().partition(b"\r\n\r\n")
    head = re.sub(rb"(?i)content-length: *\d+", b"Content-Length: %d" % len(body), head)
    return parse_response(head + separator + body)


def described(name: str) -> tuple[Session, bytes]:
    url = RtspUrl.parse(CAMERAS[name][0])
    session = Session(url, Authenticator.for_url(url), audio=True)
    session.start()
    session.receive(Response(200))
    return session, session.receive(recorded(name)).send


def path_of(request: bytes) -> str:
    return RtspUrl.parse(request.split(b" ")[1].decode()).path


@pytest.mark.parametrize("name", CAMERAS)
def test_recorded_description_leads_to_play(name: str):
    """SETUP and PLAY go to the URLs that this camera means, for the tracks that are recorded."""
    _, play, setups, codec, audio = CAMERAS[name]
    session, request = described(name)
    bindings = []
    for path in setups:
        assert request.startswith(b"SETUP ")
        assert path_of(request) == path
        step = session.receive(Response(200, "", Headers([("Session", "1")])))
        bindings.append(step.bind)
        request = step.send
    assert request.startswith(b"PLAY ")
    assert path_of(request) == play
    assert bindings[0].media.encoding == codec.upper()
    assert [binding.audio_format.codec for binding in bindings[1:]] == ([audio] if audio else [])
    assert session.receive(Response(200)).playing


@pytest.mark.parametrize("name", [name for name in CAMERAS if name != "vstarcam_describe"])
def test_recorded_sprop_gives_the_size(name: str):
    """The parameter sets of the description are readable."""
    found = video_format(select(parse_sdp(recorded(name).body), audio=True).video)
    assert found is not None
    assert found.width > 100


@pytest.mark.parametrize("name", ["anpviz_sdp", "geovision_sdp", "tplink_sdp", "ubiquiti_sdp"])
def test_recorded_sdp_has_usable_video(name: str):
    """Descriptions that were kept without their answer."""
    chosen = select(parse_sdp((FOLDER / f"{name}.txt").read_bytes()), audio=True)
    assert len(sprop_sets(chosen.video)) >= 2
    assert (chosen.audio_format is not None) == (name != "geovision_sdp")


@pytest.mark.parametrize("name", SETUPS)
def test_recorded_setup_is_accepted(name: str):
    """Whatever the Transport header looks like, the stream is bound to a channel and PLAY carries the session id."""
    session, _ = described("hikvision_describe")
    step = session.receive(recorded(name))
    assert step.bind is not None
    assert step.bind.channel == (2 if name == "gw_main_setup_audio" else 0)
    identity = re.search(rb"\r\nSession: ([^\r]*)\r\n", step.send)
    assert identity is not None
    assert re.fullmatch(rb"[0-9A-Za-z]+", identity[1])


@pytest.mark.parametrize("name", PLAYS)
def test_recorded_play_is_accepted(name: str):
    """Nothing in RTP-Info or Range matters."""
    session, _ = described("hikvision_describe")
    session.receive(recorded("hikvision_setup"))
    assert session.receive(recorded(name)).playing


def test_recorded_refusal_is_signed():
    """Longse ends its CSeq with a blank."""
    url = RtspUrl.parse("rtsp://u:p@c/x")
    session = Session(url, Authenticator.for_url(url), audio=True)
    session.start()
    step = session.receive(recorded("longse_unauthorized"))
    assert b'Authorization: Digest username="u", realm="Surveillance Server", nonce="98481030"' in step.send


def test_recorded_options_and_teardown_are_accepted():
    """Dahua lists its methods, Reolink says goodbye."""
    session, _ = described("hikvision_describe")
    session.receive(recorded("hikvision_setup"))
    session.receive(recorded("hikvision_play"))
    session.keepalive()
    session.receive(recorded("dahua_options"))
    assert (session.keepalive() or b"").startswith(b"GET_PARAMETER")
    session.teardown()
    assert session.receive(recorded("reolink_teardown")).over
