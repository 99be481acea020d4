"""Our reading of parameter sets against that of FFmpeg's decoders and of recorded vectors."""

import json
import os
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from edge.codec import h264, h265
from edge.codec.formats import VideoFormat
from edge.codec.vui import Colour

DIALOGUES = Path(os.environ.get("SAKSI_DIALOGUES", Path(__file__).parents[2] / "../shared/data/dialogues"))
PARSERS = {"h264": h264.parse_sps, "h265": h265.parse_sps}
X264 = {
    "baseline": ({"profile": "baseline"}, "yuv420p"),
    "main with B-frames": ({"profile": "main", "x264-params": "bframes=3:b-pyramid=normal"}, "yuv420p"),
    "high with scaling lists": ({"x264-params": "cqm=jvt"}, "yuv420p"),
    "interlaced": ({"x264-params": "interlaced=1"}, "yuv420p"),
    "10 bit": ({}, "yuv420p10le"),
    "4:2:2": ({}, "yuv422p"),
    "4:4:4": ({}, "yuv444p"),
    "hrd": ({"x264-params": "nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500"}, "yuv420p"),
    "sar and colour": ({"x264-params": "sar=4/3:colorprim=bt709:transfer=bt709:colormatrix=bt709:range=pc"}, "yuv420p"),
}
X265 = {
    "main": ({"x265-params": ""}, "yuv420p"),
    "no B-frames": ({"x265-params": "bframes=0"}, "yuv420p"),
    "10 bit": ({"x265-params": ""}, "yuv420p10le"),
    "4:2:2": ({"x265-params": ""}, "yuv422p"),
    "4:4:4 with scaling lists": ({"x265-params": "scaling-list=default"}, "yuv444p"),
    "hrd": ({"x265-params": "hrd=1:vbv-maxrate=500:vbv-bufsize=500"}, "yuv420p"),
    "temporal layers": ({"x265-params": "temporal-layers=3:b-adapt=0:bframes=3"}, "yuv420p"),
    "sar and colour": (
        {"x265-params": "sar=4\\:3:colorprim=bt709:transfer=bt709:colormatrix=bt709:range=full"},
        "yuv420p",
    ),
}
FULL_RANGE = 2  # AVCOL_RANGE_JPEG
SIZES = [(352, 288), (322, 242), (176, 144), (1000, 50)]


def encode(encoder, options, pixels, width, height, rate=25):
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = width, height, pixels
    context.framerate, context.time_base = Fraction(rate), 1 / Fraction(rate)
    context.options = {"preset": "ultrafast"} | options
    if encoder == "libx265":
        context.options |= {"x265-params": "log-level=none:pools=none:" + options["x265-params"]}
    packets = []
    for index in range(3):
        frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 40 * index, np.uint8), format="rgb24")
        frame = frame.reformat(format=pixels)
        frame.pts, frame.time_base = index, 1 / Fraction(rate)
        packets += context.encode(frame)
    return b"".join(bytes(packet) for packet in packets + context.encode(None))


def nal_units(stream):
    return [nal.rstrip(b"\x00") for nal in re.split(b"\x00\x00\x01", stream)[1:]]


def decoded(codec, stream):
    """The decoder behind FFmpeg's parser, and the first frame."""
    decoder = av.CodecContext.create("h264" if codec == "h264" else "hevc", "r")
    packets = decoder.parse(stream) + decoder.parse(None)
    frames = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.decode(None)
    return decoder, frames[0]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("codec", "encoder", "name"),
    [("h264", "libx264", name) for name in X264] + [("h265", "libx265", name) for name in X265],
)
def test_encoded_stream_reads_as_its_decoder_reads_it(codec, encoder, name, size):
    """Size with cropping, shape, colour, depth, chroma, rate and reordering agree with FFmpeg's decoder."""
    options, pixels = (X264 if codec == "h264" else X265)[name]
    if name == "interlaced":
        size = (size[0], size[1] + 2 & ~3)  # libx264 takes interlaced heights in fours
    stream = encode(encoder, options, pixels, *size)
    video = VideoFormat.parse(codec, nal_units(stream))
    decoder, frame = decoded(codec, stream)
    assert (frame.width, frame.height) == (video.width, video.height)
    assert size == (video.width, video.height)
    assert (Fraction(4, 3) if "sar" in name else 1) == Fraction(*video.sar)
    assert ("sar" not in name) or decoder.sample_aspect_ratio == Fraction(*video.sar)
    assert (Colour(1, 1, 1, decoder.color_range == FULL_RANGE) if "colour" in name else None) == video.colour
    assert (10 if "10" in pixels else 8) == video.sps.luma_depth == video.sps.chroma_depth
    assert {"420": 1, "422": 2, "444": 3}[pixels[3:6]] == video.sps.chroma_format
    assert pytest.approx(25.0) == video.fps
    assert decoder.has_b_frames == (video.reorder_frames > 0)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("rate", ["1", "12", "15", "30000/1001", "60"])
def test_frame_rate_is_that_of_the_encoder(codec, rate):
    """Whole and broken rates come back from the timing information."""
    options = {"x265-params": ""} if codec == "h265" else {}
    stream = encode("libx264" if codec == "h264" else "libx265", options, "yuv420p", 176, 144, Fraction(rate))
    assert float(Fraction(rate)) == pytest.approx(VideoFormat.parse(codec, nal_units(stream)).fps)


@pytest.mark.parametrize("codec", PARSERS)
def test_recorded_vectors_give_the_noted_size_and_rate(codec):
    """SPS of cameras and hardware encoders, with what others read in them."""
    path = DIALOGUES / "mediacommon" / f"sps_{codec}.json"
    if not path.exists():
        pytest.skip(f"{path} is not there; SAKSI_DIALOGUES names the folder of recorded dialogues")
    for vector in json.loads(path.read_text()):
        sps = PARSERS[codec](bytes.fromhex(vector["sps"]))
        width, height, fps = vector["width_height_fps"]
        assert (int(width), int(height)) == (sps.width, sps.height), vector["name"]
        assert float(fps) == pytest.approx(sps.fps), vector["name"]
