"""Messages and interleaved frames in one stream of bytes, whatever way they are cut up, and whatever stands between them."""


import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rtp_packets import BYE, H264_SETS, feed, fragments, frame, nal, nals_of, rtp, sender_report

from edge.errors import RtspProtocolError
from edge.rtsp.audio import G711Track
from edge.rtsp.demultiplexer import LEAST_ROOM_BYTES, MOST_GARBAGE_BYTES, Demultiplexer
from edge.rtsp.h264 import H264Rules
from edge.rtsp.messages import Request, Response
from edge.rtsp.video import VideoTrack

OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"
SDP = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 7\r\n\r\nv=0\r\n$\x00"
ASK = b"OPTIONS rtsp://saksi/ RTSP/1.0\r\nCSeq: 3\r\n\r\n"
VIDEO, AUDIO = 0, 2
UNIT = nal("419a", 30)


class Wire:
    """A demultiplexer with one video and one audio track, and what came out of it."""

    def __init__(self, *, bound: bool = True) -> None:
        self.demultiplexer = Demultiplexer()
        self.video = VideoTrack(H264Rules(), 96, H264_SETS)
        self.audio = G711Track(8)
        self.messages: list[Response | Request] = []
        if bound:
            self.demultiplexer.bind(VIDEO, self.video)
            self.demultiplexer.bind(AUDIO, self.audio)

    def give(self, data: bytes, chunk_sizes=()) -> "Wire":
        self.messages += feed(self.demultiplexer, data, chunk_sizes)
        assert len(self.demultiplexer.get_buffer()) >= LEAST_ROOM_BYTES
        return self

    def told(self):
        """Everything that came out, but for the times of arrival."""
        return (
            [(unit.timestamp, nals_of(unit), unit.after_loss, unit.lost_packets) for unit in self.video.units],
            [(unit.timestamp, unit.data, unit.lost_packets) for unit in self.audio.units],
            self.messages,
            self.demultiplexer.garbage_bytes,
            [(track.reception.packets, track.reception.ignored_packets) for track in (self.video, self.audio)],
            self.video.reception.ended,
        )


def video(number: int, payload: bytes = UNIT) -> bytes:
    return frame(rtp(payload, number, number, marker=True))


def audio(number: int) -> bytes:
    return frame(rtp(bytes((number % 256,)) * 20, number, 160 * number, payload_type=8), AUDIO)


def timestamps(wire: Wire) -> list[int]:
    return [unit.timestamp for unit in wire.video.units]


BETWEEN = {
    "nothing": (b"", 0, 0),
    "blank lines": (b"\r\n\r\n\n", 0, 0),
    "a reply": (OK, 1, 0),
    "a reply with a body that looks like a frame": (SDP, 1, 0),
    "a request of the camera": (ASK, 1, 0),
    "audio": (audio(7), 0, 0),
    "a sender report": (frame(sender_report(1 << 40, 5), 1), 0, 0),
    "frames of zero length": (frame(b"", 0) + frame(b"", 1) + frame(b"", 9), 0, 0),
    "a frame too short for RTP": (frame(b"\x80\x60\x00"), 0, 0),
    "a frame of a channel that nobody has": (frame(rtp(b"abc", 1, 2), 8), 0, 0),
    "RTCP too short": (frame(b"\x80\xc8", 1), 0, 0),
    "another payload type with our sequence number (Geovision)": (frame(rtp(UNIT, 2, 2, payload_type=50)), 0, 0),
    "wrong padding": (frame(rtp(UNIT + b"\x00", 900, 2, first=0xA0)), 0, 0),
    "a packet of a stale session (Reolink)": (frame(rtp(UNIT, 900, 2, ssrc=77)), 0, 0),
    "scraps (Canon VB-H47)": (b"\x12\x99garbage\x00\x00", 0, 11),
    "scraps with a dollar": (b"sc$raps$", 0, 8),
    "scraps like the beginning of a reply": (b"RTSRTSP", 0, 7),
    "a reply that is none": (b"RTSP/1.0 what\r\n\r\n", 0, 17),
}


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
@pytest.mark.parametrize(("between", "messages", "garbage"), BETWEEN.values(), ids=BETWEEN.keys())
def test_what_stands_between_frames_costs_no_frame(between, messages, garbage, chunk):
    """Known things are taken, scraps are skipped and counted, and the frames around them come out."""
    wire = Wire().give(video(1) + between + video(2) + video(3) + b"$", [chunk] * 1000)
    assert timestamps(wire) == [1, 2, 3]
    assert len(wire.messages) == messages
    assert wire.demultiplexer.garbage_bytes == garbage
    assert not any(unit.after_loss for unit in wire.video.units)


@pytest.mark.parametrize("left", [5, 16, 20, 45])
def test_torn_frame_costs_itself_alone(left):
    """Of a frame whose rest was left out nothing comes out, and the frame that it seems to swallow is found (moonfire#302)."""
    torn = [video(number, nal("419a", 60)) for number in range(6)]
    torn[2], torn[4] = torn[2][:left], torn[4][:left]
    wire = Wire().give(b"".join(torn) + video(6) + audio(1))
    assert timestamps(wire) == [0, 1, 3, 5, 6]
    assert wire.video.reception.lost_packets == 2
    assert wire.demultiplexer.garbage_bytes == 2 * left


def test_torn_frame_behind_scraps_leads_to_the_next_whole_one():
    """Out of step too, a frame is believed only when something known follows it."""
    wire = Wire().give(video(1) + b"scraps" + video(2)[:20] + video(3) + video(4) + audio(1))
    assert timestamps(wire) == [1, 3, 4]
    assert wire.demultiplexer.garbage_bytes == 26


def test_frame_among_the_first_scraps_is_not_believed_alone():
    """As long as the source is unknown, what stands behind a frame decides; else scraps could name a wrong source."""
    wire = Wire().give(b"scraps" + frame(rtp(UNIT, 900, 900, ssrc=77)) + b"scraps" + video(1) + video(2) + audio(1))
    assert timestamps(wire) == [1, 2]


def test_whole_frame_in_front_of_scraps_is_kept():
    """A frame with scraps behind it is torn only where another frame begins inside of it."""
    wire = Wire().give(video(1) + b"scraps" + video(2) + audio(1) + b"scraps" + video(3) + audio(2))
    assert timestamps(wire) == [1, 2, 3]
    assert len(wire.audio.units) == 2


def test_torn_audio_costs_itself_alone():
    """The same for audio, torn off by a frame of video."""
    wire = Wire().give(video(1) + audio(1) + audio(2)[:20] + video(2) + audio(3) + video(3))
    assert timestamps(wire) == [1, 2, 3]
    assert [unit.timestamp for unit in wire.audio.units] == [160, 480]


def test_goodbye_and_clock_reach_their_track():
    """RTCP on the channel behind the RTP channel is taken at once, also as the last thing that comes."""
    wire = Wire().give(video(1) + frame(sender_report(1 << 40, 5) + BYE, AUDIO + 1))
    assert wire.audio.reception.ended
    assert wire.audio.reception.sender_report.timestamp == 5
    assert not wire.video.reception.ended


def test_frames_before_play_are_taken_once_their_channel_is_bound():
    """v4l2rtspserver sends before the reply to PLAY; frames before SETUP belong to nobody (old live555)."""
    wire = Wire(bound=False)
    wire.give(video(1) + video(2) + OK)
    wire.demultiplexer.bind(VIDEO, wire.video)
    wire.give(video(3) + OK + video(4))
    assert timestamps(wire) == [3, 4]
    assert len(wire.messages) == 2


def test_reply_leads_back_out_of_scraps():
    """A reply behind scraps is found, and frames behind it are believed again."""
    wire = Wire(bound=False).give(b"scraps" + OK + frame(b"x" * 20) + ASK)
    assert [type(message) for message in wire.messages] == [Response, Request]


def test_camera_that_sends_anything_but_rtsp_is_given_up():
    """More than a megabyte of scraps without a frame ends the connection with an error."""
    wire = Wire()
    with pytest.raises(RtspProtocolError):
        wire.give(bytes(MOST_GARBAGE_BYTES + 70_000))


def test_tolerance_begins_anew_after_a_good_frame():
    """Scraps of many megabytes with good frames between them are endured."""
    wire = Wire()
    for number in range(8):
        wire.give(video(2 * number) + bytes(MOST_GARBAGE_BYTES // 2) + video(2 * number + 1))
    assert len(wire.video.units) >= 15


def test_endless_beginnings_of_replies_are_given_up_soon():
    """Bytes that cost most to look at do not keep the loop busy."""
    wire = Wire()
    with pytest.raises(RtspProtocolError):
        wire.give(b"RTSP/" * (MOST_GARBAGE_BYTES // 5))
    assert wire.demultiplexer.garbage_bytes < MOST_GARBAGE_BYTES // 2


def test_largest_frame_fits_whatever_came_before():
    """A frame of 65,535 bytes is taken in pieces at any place of the buffer."""
    wire = Wire()
    big = nal("419a", 65_535 - 12)
    wire.give(b"".join(video(number, big) for number in range(20)), [50_001] * 50)
    assert timestamps(wire) == list(range(20))


ELEMENTS = st.one_of(
    st.just("video"),
    st.just("audio"),
    st.just("fragments"),
    st.sampled_from(
        [OK, SDP, ASK, b"\r\n", frame(sender_report(1 << 40, 9), 1), frame(b"", 5), frame(b"abc", 6), frame(BYE, 1)]
    ),
    st.sampled_from([b"$", b"$\x00", b"$\x00\x00\x10", b"RTSP/", b"RTSP/1.0 ", b"RT", b"OPT", b"\r"]),
    st.binary(max_size=12),
)


def stream(elements) -> bytes:
    data, sequence = b"", 0
    for element in elements:
        if element == "video":
            sequence += 1
            data += video(sequence)
        elif element == "audio":
            data += audio(len(data) % 500)
        elif element == "fragments":
            payloads = fragments(nal("6588", 50), (9, 18, 27, 36))
            for at, payload in enumerate(payloads):
                sequence += 1
                data += frame(rtp(payload, sequence, 10_000 + len(data), marker=at == len(payloads) - 1))
        else:
            data += element
    return data


@given(st.lists(ELEMENTS, max_size=30), st.lists(st.integers(1, 60), max_size=80))
@settings(max_examples=300, deadline=None)
def test_cutting_of_the_bytes_changes_nothing(elements, chunk_sizes):
    """Frames, messages, scraps: what comes out does not depend on how the bytes were read."""
    data = stream(elements)
    whole = Wire().give(data).told()
    assert Wire().give(data, chunk_sizes).told() == whole
    assert Wire().give(data, [1] * len(data)).told() == whole


@given(st.binary(max_size=2000), st.lists(st.integers(1, 100), max_size=50))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_nothing_worse_than_a_protocol_error(data, chunk_sizes):
    """Random bytes neither raise anything else, nor loop, nor fill the buffer."""
    wire = Wire()
    try:
        wire.give(data, chunk_sizes)
        wire.give(b"$" + data, chunk_sizes)
    except RtspProtocolError:
        pytest.fail("so few bytes are no reason to give up")


@given(st.binary(min_size=1, max_size=300), st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_next_good_frame_behind_scraps_is_found(scraps, chunk):
    """Behind any scraps the first whole frame is taken, as the one behind it confirms it."""
    assume(scraps[0] not in b"$")  # would be a frame of its own length, believed if something known follows it
    assume(b"RTSP/" not in scraps)  # would be a reply, waited for up to the longest header
    wire = Wire().give(video(1) + scraps + video(2) + video(3) + video(4), [chunk] * 3000)
    assert timestamps(wire)[:3] == [1, 2, 3]
    assert wire.video.reception.lost_packets == 0
