"""Descriptions as cameras write them, and what their fmtp lines are worth."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import Unsupported
from edge.rtsp.formats import audio_format, sprop_sets, video_format
from edge.rtsp.sdp import MediaDescription, SessionDescription, parse_sdp
from edge.rtsp.selection import select
from edge.rtsp.tracks import audio_track, video_track

SPS, PPS = "Z0LAFtoCgL/lwEQAAAMABAAAAwBQPFi6gA==", "aM4PyA=="
VPS_265, SPS_265, PPS_265 = (
    "QAEMAf//AWAAAAMAkAAAAwAAAwA/lZQJ",
    "QgEBAWAAAAMAkAAAAwAAAwA/oAUCAXHy5ZWVKTC8BaAgAAADACAAAAMBQQ==",
    "RAHAc8GJ",
)


def media(*lines: str) -> tuple[MediaDescription, ...]:
    return parse_sdp("\r\n".join(lines).encode("latin-1")).media


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["m=video 0 RTP/AVP 96", "a=rtpmap:96 h264/90000 "], (96, "H264", 90_000, 1), id="lower-case"),
        pytest.param(["m=video 0 RTP/AVP 35", "a=rtpmap:35 H264/90000"], (35, "H264", 90_000, 1), id="bosch-pt-35"),
        pytest.param(["m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/1000"], (96, "H264", 90_000, 1), id="clock-is-90000"),
        pytest.param(["m=audio 0 RTP/AVP 8"], (8, "PCMA", 8000, 1), id="static"),
        pytest.param(["m=audio 0 RTP/AVP 8", "a=rtpmap:0 pcma/8000"], (8, "PCMA", 8000, 1), id="rtpmap-of-other-pt"),
        pytest.param(["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMU/8000/1"], (8, "PCMU", 8000, 1), id="gw-rtpmap-wins"),
        pytest.param(["m=audio 0 RTP/AVP 0", "a=rtpmap:0 MPEG4-GENERIC/16000/2"], (0, "MPEG4-GENERIC", 16_000, 2), id="anpviz"),
        pytest.param(["m=audio 0 RTP/AVP 11", "a=rtpmap:11 PCM/48000"], (11, "PCM", 48_000, 1), id="hikvision-pcm"),
        pytest.param(["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/16000"], (8, "PCMA", 16_000, 1), id="g711-wideband"),
        pytest.param(["m=audio 0 RTP/AVP 97 98 8", "a=rtpmap:97 L16/8000", "a=rtpmap:98 G726-32/8000"], (8, "PCMA", 8000, 1), id="first-supported"),
        pytest.param(["m=application/X 0 RTP/AVP smart/1/90000", "a=rtpmap:95 X/90000"], (95, "X", 90_000, 1), id="tp-link"),
        pytest.param(["m=video"], (-1, "", 0, 1), id="cut-off"),
    ],
)  # fmt: skip
def test_media_is_read_however_it_is_described(lines, expected):
    """rtpmap before the static table, names in any case, broken words passed over."""
    (one,) = media(*lines)
    assert (one.payload_type, one.encoding, one.clock_rate, one.channels) == expected


def test_fmtp_under_the_wrong_media_is_found():
    """A camera wrote the video's fmtp under its audio."""
    video, audio = media(
        "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", "m=audio 0 RTP/AVP 8", f"a=fmtp:96 sprop-parameter-sets={SPS},{PPS}"
    )  # fmt: skip
    assert len(sprop_sets(video)) == 2
    assert audio.encoding == "PCMA"


def test_order_and_broken_lines_do_not_matter():
    """FLIR's t=now-, missing v= and o=, an s= inside a media, LF ends and no last line end."""
    description = parse_sdp(
        b"t=now-\ns=x\na=control:*\nm=video 0 RTP/AVP 96\ns=y\nnonsense\na=control: track1 \na=rtpmap:96 H264/90000"
    )
    assert description.control == "*"
    assert [one.control for one in description.media] == ["track1"]


@pytest.mark.parametrize(
    ("sprop", "count"),
    [
        (f"{SPS},{PPS}", 2),
        (f"{SPS},", 1),
        ("", 0),
        ("!!!,A", 0),
        (SPS.rstrip("=") + "," + PPS.rstrip("="), 2),
        (base64.b64encode(b"\0\0\0\1" + base64.b64decode(SPS) + b"\0\0\0\1").decode() + "," + PPS, 2),
        (base64.b64encode(b"\0\0\1" + base64.b64decode(SPS) + b"\0\0\1" + base64.b64decode(PPS)).decode(), 2),
        (f"{PPS},{SPS},{PPS}", 3),
        (f"{VPS_265},{SPS_265},{PPS_265}", 0),
    ],
)
def test_only_parameter_sets_are_kept(sprop, count):
    """Start codes, zero bytes, missing padding and sets of another codec."""
    one = MediaDescription("video", 96, "H264", 90_000, fmtp={"sprop-parameter-sets": sprop})
    sets = sprop_sets(one)
    assert len(sets) == count
    assert sorted(sets, key=lambda nal: nal[0] & 31) == list(sets)
    assert video_track(one).sets.in_force == tuple(dict.fromkeys(sets))


def test_complete_sets_give_a_format():
    """Size and codec are known before the first packet."""
    avc = video_format(MediaDescription("video", 96, "H264", fmtp={"sprop-parameter-sets": f"{SPS},{PPS}"}))
    hevc = video_format(
        MediaDescription("video", 96, "H265", fmtp={"sprop-vps": VPS_265, "sprop-sps": SPS_265, "sprop-pps": PPS_265})
    )
    assert avc is not None
    assert hevc is not None
    assert (avc.codec, avc.width, avc.height) == ("h264", 640, 360)
    assert (hevc.codec, hevc.width, hevc.height) == ("h265", 640, 360)


def test_incomplete_sets_give_no_format():
    """An SPS alone, and no sets at all."""
    assert video_format(MediaDescription("video", 96, "H264", fmtp={"sprop-parameter-sets": SPS})) is None
    assert video_format(MediaDescription("video", 96, "H265")) is None
    assert video_format(MediaDescription("video", 26, "JPEG")) is None


@pytest.mark.parametrize(
    ("encoding", "clock", "channels", "fmtp", "expected"),
    [
        ("PCMA", 8000, 1, {}, ("pcma", 8000, 1, 8000)),
        ("PCMU", 0, 1, {}, ("pcmu", 8000, 1, 8000)),
        ("MPEG4-GENERIC", 16_000, 1, {"config": "1408"}, ("aac", 16_000, 1, 16_000)),
        ("MPEG4-GENERIC", 16_000, 1, {"mode": "AAC_hbr"}, ("aac", 16_000, 1, 16_000)),
        ("MPEG4-GENERIC", 8000, 1, {"config": "1408"}, ("aac", 16_000, 1, 8000)),
        ("MPEG4-GENERIC", 16_000, 1, {"config": "xyz"}, ("aac", 16_000, 1, 16_000)),
        ("MPEG4-GENERIC", 0, 1, {}, None),
        ("MPEG4-GENERIC", 8000, 1, {"mode": "CELP-cbr"}, None),
        ("MP4A-LATM", 16_000, 1, {}, None),
        ("OPUS", 48_000, 2, {}, None),
    ],
)
def test_audio_is_known_or_left_out(encoding, clock, channels, fmtp, expected):
    """`config` wins over the rtpmap, and stands in for it."""
    one = MediaDescription("audio", 97, encoding, clock, channels, fmtp)
    found = audio_format(one)
    assert (found and (found.codec, found.sample_rate, found.channels, found.clock_rate)) == expected
    if found:
        audio_track(one, found)


def test_sendonly_media_are_ignored_unless_all_are():
    """A backchannel is not the camera's sound; a camera that calls everything sendonly means its own side."""
    h264 = MediaDescription("video", 96, "H264", 90_000)
    back = MediaDescription("audio", 8, "PCMA", 8000, direction="sendonly")
    assert select(SessionDescription(media=(h264, back)), audio=True).audio is None
    mirrored = MediaDescription("video", 96, "H264", 90_000, direction="sendonly")
    assert select(SessionDescription(media=(mirrored, back)), audio=True).audio is back


def test_what_is_left_out_is_noted():
    """Second videos and unknown sounds are not silently dropped."""
    video = MediaDescription("video", 96, "H264", 90_000)
    opus = MediaDescription("audio", 97, "OPUS", 48_000)
    notes = select(SessionDescription(media=(video, video, opus)), audio=True).notes
    assert notes == (
        "2 video streams are offered, the first is recorded",
        "audio is not recorded: OPUS is neither AAC nor G.711",
    )
    assert len(select(SessionDescription(media=(video, opus)), audio=False).notes) == 0


@given(
    st.lists(
        st.one_of(
            st.text(max_size=60),
            st.from_regex(r"m=(video|audio) 0 RTP/S?AVP( [0-9]{1,4}){0,3}", fullmatch=True),
            st.from_regex(r"a=rtpmap:[0-9]{1,3} (H264|h265|MPEG4-GENERIC|PCMA|JPEG)(/[0-9]{0,9}){0,2}", fullmatch=True),
            st.from_regex(r"a=fmtp:[0-9]{1,3} (sprop-(sps|vps|parameter-sets)|config|sizelength)=[A-Za-z0-9+/=,;]*", fullmatch=True),
            st.sampled_from(["m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", "m=audio 0 RTP/AVP 97", "a=rtpmap:97 MPEG4-GENERIC/8000"]),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_description_is_read(lines):
    """The parser never raises, and what it finds is usable or Unsupported."""
    description = parse_sdp("\n".join(lines).encode("utf-8", "replace"))
    for one in description.media:
        video_format(one)
        audio_format(one)
    try:
        chosen = select(description, audio=True)
    except Unsupported:
        return
    video_track(chosen.video)
    if chosen.audio and chosen.audio_format:
        audio_track(chosen.audio, chosen.audio_format)
