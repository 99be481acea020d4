"""The quantiser read from slice headers, against what encoders chose and what FFmpeg makes of the same bytes."""

import csv
import re
import struct
from collections import defaultdict
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.codec import h264, h265
from edge.codec.formats import VideoFormat
from edge.codec.quantiser import QuantiserReader
from edge.errors import CodecError

FLAT_QP = "aq-mode=0:mbtree=0"
"""Every macroblock has the quantiser of its slice."""
X264 = {
    "defaults": ("", "yuv420p"),
    "baseline without CABAC": ("cabac=0:8x8dct=0:bframes=0:weightp=0:ref=1", "yuv420p"),
    "CAVLC with B-frames": ("cabac=0:bframes=3", "yuv420p"),
    "one reference": ("ref=1:bframes=0", "yuv420p"),
    "many references": ("ref=8:bframes=2:weightp=2", "yuv420p"),
    "no weights": ("weightp=0:weightb=0:bframes=2", "yuv420p"),
    "blind weights": ("weightp=2:bframes=0:ref=4", "yuv420p"),
    "strict pyramid": ("bframes=7:b-adapt=0:b-pyramid=strict:ref=4", "yuv420p"),
    "normal pyramid": ("bframes=7:b-adapt=0:b-pyramid=normal:ref=4:direct=temporal", "yuv420p"),
    "direct by macroblock": ("bframes=3:direct=auto", "yuv420p"),
    "open GOP": ("open-gop=1:bframes=3:keyint=8", "yuv420p"),
    "intra refresh": ("intra-refresh=1:bframes=0", "yuv420p"),
    "intra only": ("keyint=1", "yuv420p"),
    "several slices": ("slices=4:bframes=2", "yuv420p"),
    "interlaced": ("tff=1:ref=4:bframes=2:weightp=0", "yuv420p"),
    "interlaced, bottom first": ("bff=1:bframes=0", "yuv420p"),
    "progressive in fields": ("fake-interlaced=1", "yuv420p"),
    "10 bit": ("bframes=3", "yuv420p10le"),
    "4:2:2 interlaced": ("tff=1:weightp=0", "yuv422p"),
    "4:4:4": ("weightp=2", "yuv444p"),
    "grey": ("weightp=2", "gray"),
    "scaling lists": ("cqm=jvt", "yuv420p"),
}
X265 = {
    "defaults": ("", "yuv420p"),
    "no B-frames": ("bframes=0", "yuv420p"),
    "pyramid of many B-frames": ("bframes=8:b-adapt=0:b-pyramid=1:ref=5", "yuv420p"),
    "weights": ("weightp=1:weightb=1:ref=4:bframes=3", "yuv420p"),
    "no weights": ("weightp=0:weightb=0:bframes=3", "yuv420p"),
    "many references": ("ref=8:bframes=2:b-pyramid=0", "yuv420p"),
    "no SAO": ("sao=0:amp=1:rect=1", "yuv420p"),
    "no temporal motion vectors": ("temporal-mvp=0", "yuv420p"),
    "temporal layers": ("temporal-layers=3:b-adapt=0:bframes=3", "yuv420p"),
    "open GOP": ("open-gop=1:keyint=8:bframes=3", "yuv420p"),
    "closed GOP": ("open-gop=0:keyint=8:bframes=3", "yuv420p"),
    "intra only": ("keyint=1", "yuv420p"),
    "several slices": ("slices=2", "yuv420p"),
    "initial quantiser in the PPS": ("opt-qp-pps=1:opt-ref-list-length-pps=1:repeat-headers=1", "yuv420p"),
    "10 bit": ("", "yuv420p10le"),
    "12 bit, 4:2:2": ("", "yuv422p12le"),
    "4:4:4 with scaling lists": ("scaling-list=default:weightb=1", "yuv444p"),
    "grey": ("", "gray"),
    "fields": ("field=1", "yuv420p"),
    "hrd": ("hrd=1:vbv-maxrate=5000:vbv-bufsize=5000", "yuv420p"),
}
BIT_RATES = {"few bits": 60_000, "many bits": 2_000_000}
WIDTH, HEIGHT, PICTURES = 176, 192, 30
X265_QUIET = "log-level=none:frame-threads=1"
BYTES_GIVEN = (64, 96, 4096)


def pictures():
    """Noise that moves over a gradient, fades, and is flat at times, so that the quantiser and weights change."""
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH))
    for index in range(PICTURES):
        moved = np.roll(noise, (3 * index, 5 * index), (0, 1)) // 4 + np.arange(WIDTH) * (1 + index % 7) % 128
        faded = moved * (0.4 + 0.06 * abs(index % 20 - 10))
        if index % 13 == 5:
            faded[:] = 7 * index
        yield np.dstack([faded.astype(np.uint8)] * 3)


def encode(encoder, parameters, pixels, *, bit_rate=None, thread_count=1):
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt, context.thread_count = WIDTH, HEIGHT, pixels, thread_count
    context.framerate, context.time_base = Fraction(25), Fraction(1, 25)
    if bit_rate:
        context.bit_rate = bit_rate
    context.options = {"preset": "fast", f"{encoder[3:]}-params": parameters}
    packets = []
    for index, rgb in enumerate(pictures()):
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixels)
        frame.pts, frame.time_base = index, context.time_base
        packets += context.encode(frame)
    return packets + context.encode(None)


def nal_units(data):
    return [nal.rstrip(b"\x00") for nal in re.split(b"\x00\x00\x01", bytes(data))[1:]]


def is_slice(codec, nal):
    return h264.nal_type(nal) in {1, 5} if codec == "h264" else h265.nal_type(nal) <= h265.NAL_LAST_VCL


def read_slices(codec, packets):
    """Of each packet what is read of each of its slices, by the parameter sets that came last."""
    sets, reader, found = {}, None, []
    for packet in packets:
        nals = nal_units(packet)
        new = {nal[:1]: nal for nal in nals if not is_slice(codec, nal)}  # the encoders use one set of each type
        if new.items() - sets.items():
            sets |= new
            reader = QuantiserReader(VideoFormat.parse(codec, sets.values()))
        slices = [nal for nal in nals if is_slice(codec, nal)]
        for size in BYTES_GIVEN[:-1]:
            cut = [reader.of_slice(nal[:size]) for nal in slices]
            assert all(one in {None, whole} for one, whole in zip(cut, map(reader.of_slice, slices), strict=True))
        found.append([reader.of_slice(nal) for nal in slices])
    return found


def used_by_decoder(packets):
    """Of each frame by its time the quantisers of its macroblocks, as FFmpeg's H.264 decoder exports them."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.options, decoder.thread_count = {"export_side_data": "venc_params"}, 1
    used = {}
    for frame in [frame for packet in packets for frame in decoder.decode(packet)] + decoder.decode(None):
        data = next(bytes(side) for side in frame.side_data if side.type.name == "VIDEO_ENC_PARAMS")
        count, offset, size, _, base = struct.unpack_from("=IxxxxQQii", data)
        deltas = (struct.unpack_from("=i", data, offset + index * size + 16)[0] for index in range(count))
        used[frame.pts] = {base + delta for delta in deltas}
    return used


@pytest.mark.parametrize("bit_rate", BIT_RATES)
@pytest.mark.parametrize("name", X264)
def test_h264_slices_have_the_quantiser_that_the_decoder_uses(name, bit_rate):
    """Whatever x264 writes into its slice headers; the decoder counts from -QpBdOffset."""
    parameters, pixels = X264[name]
    packets = encode("libx264", f"{FLAT_QP}:{parameters}", pixels, bit_rate=BIT_RATES[bit_rate])
    offset = 12 if "10" in pixels else 0
    used = used_by_decoder(packets)
    read = {packet.pts: set(one) for packet, one in zip(packets, read_slices("h264", packets), strict=True)}
    assert {pts: {qp - offset for qp in all_of_picture} for pts, all_of_picture in used.items()} == read
    assert len(set.union(*read.values())) > 3, "the rate control chose one quantiser for all"


@pytest.mark.parametrize("qp", [1, 25, 26, 27, 51])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_h264_slices_have_the_constant_quantiser_that_was_asked_for(qp, pixels):
    """Also the negative ones of 10 bits."""
    offset = 12 if "10" in pixels else 0  # libx264 counts from -QpBdOffset
    packets = encode("libx264", f"{FLAT_QP}:qp={qp}:ipratio=1:pbratio=1:bframes=2", pixels)
    assert {qp - offset} == {one for slices in read_slices("h264", packets) for one in slices}


@pytest.mark.parametrize("bit_rate", BIT_RATES)
@pytest.mark.parametrize("name", X265)
def test_h265_pictures_have_the_quantiser_that_the_encoder_logs(name, bit_rate, tmp_path):
    """x265 notes the quantiser of each frame before it is rounded."""
    parameters, pixels = X265[name]
    log = tmp_path / "frames.csv"
    flat = f"{X265_QUIET}:csv={log}:csv-log-level=1:aq-mode=0:cutree=0"
    packets = encode("libx265", f"{flat}:{parameters}", pixels, bit_rate=BIT_RATES[bit_rate], thread_count=2)
    logged = logged_quantisers(log)
    read = [slices[0] for slices in read_slices("h265", packets)]
    assert logged == pytest.approx(read, abs=0.51)
    assert len(set(read)) > 3, "the rate control chose one quantiser for all"


def logged_quantisers(log):
    """The column behind the number of the frame, its type and its place in time."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(log.read_text().splitlines())]
    found = [(int(row[place - 1]), float(row[place + 2])) for row in rows for place in _slice_columns(row)]
    assert list(range(PICTURES)) == [number for number, _ in found]
    return [qp for _, qp in found]


def _slice_columns(row):
    return [place for place, cell in enumerate(row) if cell.endswith("-SLICE")][:1]


@pytest.mark.parametrize("qp", [1, 25, 26, 27, 51])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_h265_pictures_have_the_constant_quantiser_that_was_asked_for(qp, pixels):
    """Without a difference between I, P and B."""
    packets = encode("libx265", f"{X265_QUIET}:qp={qp}:ipratio=1:pbratio=1:bframes=2", pixels, thread_count=2)
    assert {qp} == {slices[0] for slices in read_slices("h265", packets)}


@pytest.fixture(scope="module")
def real():
    """Of each codec a format and the starts of slices that two encodings have; the format is that of the first."""
    found = defaultdict(list)
    for codec, encoder, threads in (("h264", "libx264", 1), ("h265", "libx265", 2)):
        quiet = X265_QUIET if codec == "h265" else FLAT_QP
        for parameters in ("bframes=3:weightp=1:ref=4", "bframes=0"):
            packets = encode(encoder, f"{quiet}:{parameters}", "yuv420p", bit_rate=200_000, thread_count=threads)
            nals = [nal for packet in packets for nal in nal_units(packet)]
            found[codec].append((VideoFormat.parse(codec, nals), [nal for nal in nals if is_slice(codec, nal)]))
    return {
        codec: (streams[0][0], [nal[:96] for _, slices in streams for nal in slices])
        for codec, streams in found.items()
    }


CODECS = pytest.mark.parametrize("codec", ["h264", "h265"])


@CODECS
@settings(max_examples=200)
@given(data=st.data())
def test_damaged_slices_are_told_or_not_but_never_fail(codec, data, real):
    """Cut, with flipped bits, or replaced by any bytes behind the NAL header."""
    video, slices = real[codec]
    nal = data.draw(st.sampled_from(slices))
    damaged = bytearray(nal[: data.draw(st.integers(0, len(nal)))])
    for bit in data.draw(st.lists(st.integers(0, 200), max_size=6)):
        if bit >> 3 < len(damaged):
            damaged[bit >> 3] ^= 0x80 >> (bit & 7)
    reader = QuantiserReader(video)
    for given_bytes in (bytes(damaged), nal[:2] + data.draw(st.binary(max_size=120))):
        qp = reader.of_slice(given_bytes)
        assert qp is None or 0 <= qp <= 51


@CODECS
@settings(max_examples=200)
@given(data=st.data())
def test_damaged_parameter_sets_never_fail(codec, data, real):
    """Neither does the reader of them nor do slices that use them."""
    video, slices = real[codec]
    sets = [bytearray(nal) for nal in video.parameter_sets]
    for index, bit in data.draw(st.lists(st.tuples(st.integers(0, len(sets) - 1), st.integers(8, 400)), max_size=6)):
        if bit >> 3 < len(sets[index]):
            sets[index][bit >> 3] ^= 0x80 >> (bit & 7)
    end = data.draw(st.integers(2, len(sets[-1])))
    try:
        damaged = VideoFormat.parse(codec, [*map(bytes, sets[:-1]), bytes(sets[-1][:end])])
    except CodecError:
        return
    reader = QuantiserReader(damaged)
    for nal in slices[::5]:
        qp = reader.of_slice(nal)
        assert qp is None or -36 <= qp <= 51


@CODECS
def test_every_cut_tells_the_quantiser_or_nothing(codec, real):
    """A header that ends early gives no other number."""
    video, slices = real[codec]
    reader = QuantiserReader(video)
    for nal in slices[:PICTURES]:
        assert {None, reader.of_slice(nal)} == {reader.of_slice(nal[:size]) for size in range(len(nal) + 1)}


@CODECS
def test_slices_without_their_parameter_sets_tell_nothing(codec, real):
    """A PPS that is torn, or that names an SPS which is not there."""
    video, slices = real[codec]
    *others, pps = video.parameter_sets
    start = pps[: len(pps) - 3] if codec == "h264" else pps[:4]
    reader = QuantiserReader(VideoFormat.parse(codec, [*others, start]))
    assert {None} == {reader.of_slice(nal) for nal in slices}


@CODECS
def test_what_is_no_slice_tells_nothing(codec, real):
    """Parameter sets, the slice of an enhancement layer, bare headers and nothing at all."""
    video, slices = real[codec]
    reader = QuantiserReader(video)
    strangers = [*video.parameter_sets, b"", b"\x65", b"\x26", b"\x26\x01", bytes(96), b"\xff" * 96]
    other_layer = bytes([slices[0][0], 0x09]) if codec == "h265" else bytes([0x74])
    strangers.append(other_layer + slices[0][len(other_layer) :])
    assert {None} == {reader.of_slice(nal) for nal in strangers}
