"""A recorded stream through the tracks, against what FFmpeg's own RTP code makes of the same bytes."""

import os
from pathlib import Path

import pytest
from rtp_packets import feed, nals_of

from edge.rtsp.audio import AacTrack
from edge.rtsp.demultiplexer import Demultiplexer
from edge.rtsp.h264 import H264Rules
from edge.rtsp.video import VideoTrack

DIALOGUES = Path(os.environ.get("SAKSI_DIALOGUES", Path(__file__).parents[2] / "../shared/data/dialogues"))
BUNNY = DIALOGUES / "retina" / "bunny.rtsp"
VIDEO_CHANNEL, AUDIO_CHANNEL = 2, 0
SPROP = (bytes.fromhex("6742c01ed903c56840000003004000000c03c58b92"), bytes.fromhex("68cb8cb2"))


@pytest.fixture
def bunny() -> bytes:
    """Interleaved H.264 and AAC of a Wowza server."""
    if not BUNNY.is_file():
        pytest.skip(f"no recorded dialogues at {DIALOGUES}; SAKSI_DIALOGUES names their folder")
    return BUNNY.read_bytes()


def received(data: bytes, chunk: int) -> tuple[VideoTrack, AacTrack]:
    video, audio, demultiplexer = VideoTrack(H264Rules(), 97), AacTrack(96, 1024), Demultiplexer()
    demultiplexer.bind(VIDEO_CHANNEL, video)
    demultiplexer.bind(AUDIO_CHANNEL, audio)
    assert not feed(demultiplexer, data, [chunk] * (len(data) // chunk))
    assert demultiplexer.garbage_bytes == 0
    return video, audio


@pytest.mark.parametrize("chunk", [1, 1000, 1 << 18])
def test_recorded_stream_gives_every_picture_and_frame(bunny, chunk):
    """All pictures and AAC frames of a recorded stream come out, in even steps and without a loss."""
    video, audio = received(bunny, chunk)
    assert (video.reception.packets, audio.reception.packets) == (269, 102)
    assert video.units[0].random_access
    assert video.sets.in_force == SPROP
    assert not any(unit.after_loss or unit.continues or unit.lost_packets for unit in video.units)
    steps = {later.timestamp - unit.timestamp for unit, later in zip(video.units, video.units[1:], strict=False)}
    assert steps <= {3690, 3780, 3749, 3750, 3751}
    assert video.dropped_units == 0
    assert {unit.duration for unit in audio.units} == {1024}
    assert [unit.timestamp for unit in audio.units] == [
        audio.units[0].timestamp + 1024 * number for number in range(len(audio.units))
    ]


def test_recorded_stream_decodes_without_error(bunny):
    """FFmpeg's decoders take every unit, and give as many pictures as there are units."""
    import av

    video, audio = received(bunny, 4096)
    decoder = av.CodecContext.create("h264", "r")
    decoder.options = {"err_detect": "explode"}
    start = b"\x00\x00\x00\x01"
    pictures = 0
    for unit in video.units:
        sets = unit.parameter_sets if unit.random_access else ()
        packet = av.Packet(b"".join(start + one for one in (*sets, *nals_of(unit))))
        pictures += len(decoder.decode(packet))
    pictures += len(decoder.decode(None))
    assert pictures == len(video.units)
    aac = av.CodecContext.create("aac", "r")
    aac.extradata = bytes.fromhex("1490")
    assert sum(len(aac.decode(av.Packet(unit.data))) for unit in audio.units) >= len(audio.units) - 1
