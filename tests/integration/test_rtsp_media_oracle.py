"""The same recorded bytes through our tracks and through FFmpeg's RTSP client: the same pictures come out."""

import os
import socket
import threading
from pathlib import Path

import av
import pytest
from rtp_packets import feed, nals_of

from edge.rtsp.audio import AacTrack
from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.h264 import H264Rules
from edge.rtsp.video import VideoTrack

DIALOGUES = Path(os.environ.get("SAKSI_DIALOGUES", Path(__file__).parents[2] / "../shared/data/dialogues"))
BUNNY = DIALOGUES / "retina" / "bunny.rtsp"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:*\r\n"
    "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/12000/2\r\n"
    "a=fmtp:96 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1490\r\na=control:trackID=1\r\n"
    "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
    "a=fmtp:97 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\na=control:trackID=2\r\n"
)
NOT_IN_SAMPLES = {7, 8, 9, 12}


def serve(listener: socket.socket, stream: bytes) -> None:
    """Answer one client as a server would, then send the recorded bytes and close."""
    connection, _ = listener.accept()
    setups = 0
    with connection, connection.makefile("rb") as lines:
        while True:
            head = []
            while line := lines.readline().strip():
                head.append(line.decode())
            if not head:
                return
            fields = {key.lower(): value.strip() for key, _, value in (one.partition(":") for one in head[1:])}
            reply, body = f"RTSP/1.0 200 OK\r\nCSeq: {fields['cseq']}\r\nSession: 1\r\n", ""
            method = head[0].split()[0]
            if method == "DESCRIBE":
                reply, body = reply + f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n", SDP
            elif method == "SETUP":
                reply += f"Transport: RTP/AVP/TCP;unicast;interleaved={2 * setups}-{2 * setups + 1}\r\n"
                setups += 1
            connection.sendall((reply + "\r\n" + body).encode())
            if method == "PLAY":
                connection.sendall(stream)
                return


def of_ffmpeg(stream: bytes) -> tuple[list[list[bytes]], list[bytes]]:
    """NAL units of each picture, and AAC frames, as FFmpeg gives them."""
    pictures, frames = [], []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, stream), daemon=True).start()
        url = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/x"
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
            for packet in container.demux():
                if packet.size and packet.stream.type == "video":
                    pieces = [one.rstrip(b"\x00") for one in bytes(packet).split(b"\x00\x00\x01")]
                    pictures.append([one for one in pieces if one and one[0] & 31 not in NOT_IN_SAMPLES])
                elif packet.size:
                    frames.append(bytes(packet))
    return pictures, frames


def test_recorded_bytes_give_the_same_pictures_as_ffmpeg():
    """NAL unit by NAL unit and frame by frame, what we take from a recorded stream is what FFmpeg takes."""
    if not BUNNY.is_file():
        pytest.skip(f"no recorded dialogues at {DIALOGUES}; SAKSI_DIALOGUES names their folder")
    stream = BUNNY.read_bytes()
    video, audio, demultiplexer = VideoTrack(H264Rules(), 97), AacTrack(96, 1024), Demultiplexer()
    demultiplexer.bind(2, video)
    demultiplexer.bind(0, audio)
    feed(demultiplexer, stream)
    pictures, frames = of_ffmpeg(stream)
    assert [nals_of(unit) for unit in video.units] == pictures
    assert [unit.data for unit in audio.units] == frames
