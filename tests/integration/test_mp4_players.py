"""Segments of real pictures, played by PyAV and ffprobe."""

import io
import json
import re
import subprocess
from fractions import Fraction
from functools import cache
from itertools import pairwise

import av
import numpy as np
import pytest

from edge.codec import h264, h265
from edge.codec.formats import AudioFormat, VideoFormat
from edge.codec.ntp import ntp_from_unix_ns
from edge.mp4.finish import finish_patches
from edge.mp4.fragment import TrackRun, fragment_header
from edge.mp4.init import init_segment
from edge.mp4.reader import scan

TICKS = 3600  # a frame at 25 fps
FRAMES = 50
CLIPS = {
    "h264": ("libx264", {"x264-params": "bframes=0:keyint=10"}),
    "h264 with B-frames": ("libx264", {"x264-params": "bframes=3:b-pyramid=normal:keyint=10:sar=4/3"}),
    "h265": ("libx265", {"x265-params": "log-level=none:pools=none:bframes=0:keyint=10"}),
    "h265 with B-frames": ("libx265", {"x265-params": "log-level=none:pools=none:bframes=3:keyint=10"}),
}
SETS = {"h264": (h264.NAL_SPS, h264.NAL_PPS), "h265": (h265.NAL_VPS, h265.NAL_SPS, h265.NAL_PPS)}
TYPE_OF = {"h264": h264.nal_type, "h265": h265.nal_type}
ALAW = AudioFormat.g711("pcma")


class Clip:
    """An encoded clip: format, samples (data, times of decoding and showing in frames, keyframe) and pictures."""

    def __init__(self, encoder, options):
        codec = "h264" if encoder == "libx264" else "h265"
        context = av.CodecContext.create(encoder, "w")
        context.width, context.height, context.pix_fmt = 322, 242, "yuv420p"
        context.framerate, context.time_base = Fraction(25), Fraction(1, 25)
        context.options = {"preset": "veryfast", **options}
        packets = [packet for index in range(FRAMES) for packet in context.encode(picture(index))]
        packets += context.encode(None)
        split = [[n.rstrip(b"\0") for n in re.split(b"\0\0\1", bytes(packet))[1:]] for packet in packets]
        kinds, type_of = SETS[codec], TYPE_OF[codec]
        self.format = VideoFormat.parse(codec, [nal for nal in split[0] if type_of(nal) in kinds])
        start = packets[0].dts
        self.delay = -start
        self.samples = [
            (
                b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals if type_of(nal) not in kinds),
                packet.dts - start,
                packet.pts - start,
                packet.is_keyframe,
            )
            for packet, nals in zip(packets, split, strict=True)
        ]
        decoder = av.CodecContext.create("h264" if codec == "h264" else "hevc", "r")
        stream = b"".join(map(bytes, packets))
        parsed = decoder.parse(stream) + decoder.parse(None)
        frames = [frame for packet in parsed for frame in decoder.decode(packet)] + decoder.decode(None)
        self.pictures = [frame.to_ndarray() for frame in frames]


def picture(index):
    x, y = np.meshgrid(np.arange(322), np.arange(242))
    image = np.stack([(x + 5 * index) % 256, (y * 2) % 256, (x ^ y) % 256], axis=-1).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, 25)
    return frame


@cache
def clip(name):
    return Clip(*CLIPS[name])


def segment(name, *, audio=ALAW, finish=True, signed=False):
    """A segment of fragments of 12 frames; `signed` offsets let the first picture be shown at zero."""
    source = clip(name)
    init = init_segment(source.format, audio, index_entries=30)
    file = bytearray(init.data)
    for first in range(0, FRAMES, 12):
        samples = source.samples[first : first + 12]
        durations, sizes = [TICKS] * len(samples), [len(data) for data, *_ in samples]
        early = source.delay if signed else 0
        offsets = [(pts - dts - early) * TICKS for _, dts, pts, _ in samples]
        sync = [keyframe for *_, keyframe in samples]
        runs = [TrackRun(1, first * TICKS, durations, sizes, sync, offsets if any(offsets) else None)]
        sound = b""
        if audio:
            runs.append(TrackRun(2, first * 320, [320] * len(samples), [320] * len(samples)))
            sound = b"\xd5" * 320 * len(samples)
        wall_ntp = ntp_from_unix_ns(1_795_392_000_000_000_000 + first * 40_000_000)
        file += fragment_header(1 + first // 12, wall_ntp, runs) + b"".join(data for data, *_ in samples) + sound
    if finish:
        found = scan(io.BytesIO(file))
        durations = {"video_duration": found.video_duration, "audio_duration": found.audio_duration}
        for offset, data in finish_patches(found.init, found.fragments, **durations):
            file[offset : offset + len(data)] = data
    return bytes(file)


def decoded(data):
    with av.open(io.BytesIO(data)) as container:
        container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        return [(frame.pts, frame.to_ndarray()) for frame in container.decode(video=0)]


def ffprobe(path, *arguments):
    command = ["ffprobe", "-v", "error", "-of", "json", *arguments, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("finish", [False, True], ids=["growing", "finished"])
@pytest.mark.parametrize("name", CLIPS)
def test_segment_shows_the_very_pictures_that_were_encoded(name, finish):
    """Every picture decodes to the same pixels in the same order at its time, with B-frames too."""
    pictures = decoded(segment(name, finish=finish))
    delay = clip(name).delay
    assert [(delay + index) * TICKS for index in range(FRAMES)] == [pts for pts, _ in pictures]
    for (_, ours), theirs in zip(pictures, clip(name).pictures, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["h264 with B-frames", "h265 with B-frames"])
def test_signed_offsets_show_the_same_pictures(name):
    """Version 1 of trun may show a picture before its decoding time; FFmpeg moves all by one delay to make up."""
    pictures = decoded(segment(name, signed=True))
    steps = {later - earlier for (earlier, _), (later, _) in pairwise(pictures)}
    assert steps == {TICKS}
    assert all(np.array_equal(ours, theirs) for (_, ours), theirs in zip(pictures, clip(name).pictures, strict=True))


@pytest.mark.parametrize("name", CLIPS)
def test_ffprobe_finds_streams_and_duration_without_complaint(name, tmp_path):
    """Codec, tag, size, shape, audio and a duration of two seconds, in the finished file."""
    path = tmp_path / "segment.mp4"
    path.write_bytes(segment(name))
    found = ffprobe(path, "-show_streams", "-show_format", "-count_frames")
    video, audio = found["streams"]
    codec, tag = ("h264", "avc1") if name.startswith("h264") else ("hevc", "hvc1")
    assert (codec, tag, 322, 242) == tuple(video[key] for key in ("codec_name", "codec_tag_string", "width", "height"))
    assert str(FRAMES) == video["nb_read_frames"]
    assert ("4:3" if "sar" in str(CLIPS[name]) else None) == video.get("sample_aspect_ratio")
    assert tuple(audio[key] for key in ("codec_name", "codec_tag_string", "sample_rate", "channels")) == (
        "pcm_alaw",
        "alaw",
        "8000",
        1,
    )
    delay_s = clip(name).delay / 25  # FFmpeg counts a file's duration to the end of its last picture
    for each, duration_s in ((found["format"], 2 + delay_s), (video, 2), (audio, 2)):
        assert float(each["duration"]) == pytest.approx(duration_s, abs=0.001)


@pytest.mark.parametrize("name", CLIPS)
def test_player_seeks_by_the_index(name):
    """A seek to the last second lands on a keyframe at or before it and shows its picture."""
    with av.open(io.BytesIO(segment(name))) as container:
        stream = container.streams.video[0]
        container.seek(30 * TICKS, stream=stream, backward=True)
        frame = next(container.decode(stream))
        assert frame.key_frame
        index = frame.pts // TICKS - clip(name).delay
        assert 20 <= index <= 30
        assert np.array_equal(frame.to_ndarray(), clip(name).pictures[index])


@pytest.mark.parametrize("codec", ["mulaw", "aac"])
def test_other_audio_reads_back_whole(codec):
    """Mu-law of two channels and AAC come out of PyAV as the samples that went in."""
    units, audio = [b"\x01\xfe" * 160] * 20, AudioFormat.g711("pcmu", channels=2)
    ticks = 160
    if codec == "aac":
        units, config = encoded_aac()
        audio, ticks = AudioFormat.aac(config), 1024
    init = init_segment(clip("h264").format, audio, index_entries=1)
    sample = clip("h264").samples[0][0]
    runs = [
        TrackRun(1, 0, [TICKS], [len(sample)], [True]),
        TrackRun(2, 0, [ticks] * len(units), [len(unit) for unit in units]),
    ]
    file = init.data + fragment_header(1, 0, runs) + sample + b"".join(units)
    with av.open(io.BytesIO(file)) as container:
        stream = container.streams.audio[0]
        assert audio.channels == stream.codec_context.channels
        assert b"".join(units) == b"".join(bytes(packet) for packet in container.demux(stream))
    with av.open(io.BytesIO(file)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert ticks * len(units) == samples


def encoded_aac():
    context = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = 16000, "mono", "fltp"
    context.open()
    packets = []
    for index in range(10):
        frame = av.AudioFrame.from_ndarray(
            np.sin(np.arange(1024, dtype=np.float32) / 9)[None], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 16000, index * 1024
        packets += context.encode(frame)
    return [bytes(packet) for packet in packets + context.encode(None)], bytes(context.extradata)


@pytest.mark.parametrize("name", CLIPS)
def test_configuration_box_is_that_of_ffmpeg(name):
    """FFmpeg, given our file to copy, writes the same avcC; of hvcC the same profile and sets."""
    data, copy = segment(name, audio=None), io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(copy, "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.codec_tag = "avc1" if name.startswith("h264") else "hvc1"
        stream.codec_context.extradata = annex_b(clip(name).format)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    kind = b"avcC" if name.startswith("h264") else b"hvcC"
    assert box_content(data, kind) == box_content(copy.getvalue(), kind)


def annex_b(video):
    return b"".join(b"\x00\x00\x00\x01" + nal for nal in video.parameter_sets)


def box_content(data, kind):
    at = data.index(kind)
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]


@pytest.mark.parametrize("name", ["h264 with B-frames", "h265"])
def test_file_cut_anywhere_plays_up_to_its_last_whole_fragment(name):
    """A cut or zeroed tail, trimmed to whole_bytes and finished, plays without an error."""
    data = segment(name, finish=False)
    start = scan(io.BytesIO(data)).fragments[0].offset
    for end in [*range(start + 1, len(data), len(data) // 25), len(data) - 1]:
        for torn in (data[:end], data[:end] + bytes(len(data) - end)):
            found = scan(io.BytesIO(torn))
            whole = sum(entry.frames for entry in found.fragments)
            if whole:
                assert whole == len(decoded(torn[: found.whole_bytes]))
            else:
                assert start == found.whole_bytes
