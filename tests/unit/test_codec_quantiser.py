"""The quantiser read from slice headers, against what encoders chose and what FFmpeg makes of the same bytes.

What no encoder at hand writes (fields, order counts of kind 1, long-term pictures, modified lists, tiles) is written at
the end of this file, with whatever fields a Random chooses.
"""

import base64
import csv
import json
import os
import re
import struct
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.codec import h264, h265, slices_h264, slices_h265
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
DIALOGUES = Path(__file__).parents[1] / "data" / "dialogues"
SHARED_DIALOGUES = Path(os.environ.get("SAKSI_DIALOGUES", Path(__file__).parents[2] / "../shared/data/dialogues"))
H265_VPS = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
WRITTEN_HEADERS = 600
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


@pytest.fixture
def trace():
    """What FFmpeg reads in the headers of some NAL units: the last value of each field."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)

    def read(codec, nals):
        reader = BitStreamFilterContext("trace_headers", "h264" if codec == "h264" else "hevc")
        with av.logging.Capture() as logs, suppress(av.error.FFmpegError):  # what stands behind a header is no picture
            reader.filter(av.Packet(b"".join(b"\x00\x00\x00\x01" + nal for nal in nals)))
        fields = (re.search(r"\s(\S+)\s+[01]+ = (-?\d+)", message) for _, _, message in logs)
        return {field[1]: int(field[2]) for field in fields if field}

    yield read
    av.logging.set_level(level)


@CODECS
def test_written_headers_read_as_ffmpeg_reads_them(codec, trace):
    """Any fields that the standards allow; a header of more than 96 bytes is not read to its end."""
    write, first = (write_h264, "pic_init_qp_minus26") if codec == "h264" else (write_h265, "init_qp_minus26")
    too_long = 0
    for seed in range(WRITTEN_HEADERS):
        written = write(Random(f"{codec} {seed}"))
        fields = trace(codec, [*written.sets, written.slice + bytes(range(1, 9))])
        assert written.qp == 26 + fields[first] + fields["slice_qp_delta"], seed
        reader = QuantiserReader(VideoFormat.parse(codec, written.sets))
        is_long = len(written.slice) > 96
        too_long += is_long
        assert (None if is_long else written.qp) == reader.of_slice(written.slice), seed
        assert {None, written.qp} >= {reader.of_slice(written.slice[:size]) for size in range(len(written.slice))}
    assert too_long < WRITTEN_HEADERS / 20


@CODECS
def test_later_of_two_parameter_sets_with_one_id_is_in_force(codec):
    """Of SPS as of PPS, whatever the earlier ones say."""
    write = write_h264 if codec == "h264" else write_h265
    earlier, last = (write(Random(f"{codec} {seed}"), ids=(1, 2)) for seed in range(2))
    for first, second in ((earlier, last), (last, earlier)):
        reader = QuantiserReader(VideoFormat.parse(codec, [*first.sets, *second.sets]))
        assert second.qp == reader.of_slice(second.slice)
        assert first.qp != reader.of_slice(first.slice)


@CODECS
def test_slices_are_read_by_the_parameter_sets_that_they_name(codec):
    """Several pairs of SPS and PPS live beside each other."""
    write = write_h264 if codec == "h264" else write_h265
    pictures = [write(Random(f"{codec} {number}"), ids=(number, 15 - number)) for number in range(10)]
    reader = QuantiserReader(VideoFormat.parse(codec, [nal for one in pictures for nal in one.sets]))
    assert [one.qp for one in pictures] == [reader.of_slice(one.slice) for one in pictures]


def test_h265_segments_behind_the_first_tell_nothing():
    """Their address would need the size of the picture in blocks; x265's second slices are read as None, too."""
    written = write_h265(Random(1))
    reader = QuantiserReader(VideoFormat.parse("h265", written.sets))
    assert written.qp == reader.of_slice(written.slice)
    assert reader.of_slice(written.slice[:2] + bytes([written.slice[2] & 0x7F]) + written.slice[3:]) is None


def test_screen_content_tells_nothing():
    """Its pictures may refer to themselves, which makes another header; the other extensions do not."""
    for extensions, is_read in ((0x10, False), (0x80, True), (0x40, True)):
        written = write_h265(Random(2), pps_extensions=extensions)
        qp = QuantiserReader(VideoFormat.parse("h265", written.sets)).of_slice(written.slice)
        assert (written.qp if is_read else None) == qp


def test_switching_slices_tell_nothing():
    """SP and SI exist in the extended profile alone, which no camera has."""
    sets = write_h264(Random(1)).sets
    reader, pps_id = QuantiserReader(VideoFormat.parse("h264", sets)), slices_h264.parse_pps(sets[1]).set_id
    for kind in (3, 4, 8, 9):
        head = Bits()
        for value in (0, kind, pps_id):
            head.ue(value)
        assert reader.of_slice(head.nal(b"\x41") + b"\xff" * 40) is None


def camera_sets():
    """The parameter sets in the SDP of recorded cameras, by file and codec; one camera leaves the NAL headers out."""
    for file in sorted(DIALOGUES.glob("*.rtsp")):
        texts = re.findall(r"sprop-[a-z-]+=([^;\s]+)", file.read_text())
        nals = [base64.b64decode(text).removesuffix(b"\x00\x00\x00\x01") for one in texts for text in one.split(",")]
        codec = "h265" if any(nal[0] == 0x40 for nal in nals) else "h264"
        if nals and "vstarcam" not in file.name:
            yield pytest.param(codec, nals, id=file.stem)


@pytest.mark.parametrize(("codec", "nals"), list(camera_sets()))
def test_parameter_sets_of_cameras_read_as_ffmpeg_reads_them(codec, nals, trace):
    """Which SPS a PPS names, and where its quantiser begins."""
    pps_type, parse, prefix = (
        (h264.NAL_PPS, slices_h264.parse_pps, "pic_") if codec == "h264" else (h265.NAL_PPS, slices_h265.parse_pps, "")
    )
    video = VideoFormat.parse(codec, nals)
    pps = parse(video.sets_of_type(pps_type)[0])
    fields = trace(codec, video.parameter_sets)
    assert (fields[f"{prefix}init_qp_minus26"] + 26, video.sps.set_id) == (pps.first_qp, pps.sps_id)
    default = [fields[f"num_ref_idx_l{index}_default_active_minus1"] + 1 for index in range(2)]
    assert default == list(pps.references)
    assert video.sps.slices is not None


@CODECS
def test_recorded_sps_have_the_slice_syntax_that_ffmpeg_reads(codec, trace):
    """SPS of cameras and hardware encoders."""
    path = SHARED_DIALOGUES / "mediacommon" / f"sps_{codec}.json"
    if not path.exists():
        pytest.skip(f"{path} is not there; SAKSI_DIALOGUES names the folder of recorded dialogues")
    for vector in json.loads(path.read_text()):
        nal = bytes.fromhex(vector["sps"])
        sps = (h264 if codec == "h264" else h265).parse_sps(nal)
        fields = defaultdict(int, trace(codec, [nal] if codec == "h264" else [H265_VPS, nal]))
        if codec == "h264":
            expected = (
                fields["log2_max_frame_num_minus4"] + 4,
                fields["pic_order_cnt_type"],
                fields["frame_mbs_only_flag"],
            )
            assert expected == (sps.slices.frame_number_bits, sps.slices.order_kind, not sps.interlaced), vector["name"]
        else:
            bits, sets = fields["log2_max_pic_order_cnt_lsb_minus4"] + 4, fields["num_short_term_ref_pic_sets"]
            sao, mvp = fields["sample_adaptive_offset_enabled_flag"], fields["sps_temporal_mvp_enabled_flag"]
            read = sps.slices
            assert (bits, sets) == (read.order_bits, len(read.reference_sets)), vector["name"]
            assert (sao, mvp) == (read.sample_adaptive_offset, read.temporal_mvp), vector["name"]


class Bits:
    """A payload in the making; each method writes what its name in the standards' tables of syntax means."""

    def __init__(self):
        self._bits = ""

    def u(self, bits, value):
        self._bits += f"{value:0{bits}b}" if bits else ""
        return value

    def ue(self, value):
        binary = f"{value + 1:b}"
        self._bits += "0" * (len(binary) - 1) + binary
        return value

    def se(self, value):
        self.ue(2 * value - 1 if value > 0 else -2 * value)
        return value

    def flag(self, value):
        return self.u(1, bool(value)) == 1

    def nal(self, header):
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        out = bytearray()
        for byte in int(bits, 2).to_bytes(len(bits) // 8, "big"):
            if out[-2:] == b"\x00\x00" and byte <= 3:
                out.append(3)
            out.append(byte)
        return header + bytes(out)


@dataclass
class Written:
    """The NAL units of one picture and the quantiser that was written."""

    sets: list[bytes]
    slice: bytes
    qp: int


def maybe(random):
    return random.random() < 0.5


def write_h264(random, ids=None):
    depth, chroma = random.randrange(3), random.randrange(4)
    separate = chroma == 3 and maybe(random)
    sps_id, pps_id = ids or (random.randrange(32), random.randrange(256))
    sps = Bits()
    for value in (244, 0, 40):
        sps.u(8, value)
    sps.ue(sps_id)
    sps.ue(chroma)
    if chroma == 3:
        sps.flag(separate)
    sps.ue(depth)
    sps.ue(depth)
    sps.flag(False)  # qpprime_y_zero_transform_bypass
    sps.flag(False)  # seq_scaling_matrix_present
    frame_bits = 4 + sps.ue(random.randrange(13))
    order_kind, order_bits, always_zero = sps.ue(random.randrange(3)), 0, False
    if order_kind == 0:
        order_bits = 4 + sps.ue(random.randrange(13))
    elif order_kind == 1:
        always_zero = sps.flag(maybe(random))
        sps.se(random.randrange(-9, 9))
        sps.se(random.randrange(-9, 9))
        for _ in range(sps.ue(random.randrange(4))):
            sps.se(random.randrange(-9, 9))
    sps.ue(4)  # max_num_ref_frames
    sps.flag(False)
    sps.ue(19)
    sps.ue(17)
    frames_only = sps.flag(maybe(random))
    if not frames_only:
        sps.flag(maybe(random))
    sps.flag(True)  # direct_8x8_inference
    sps.flag(False)  # frame_cropping
    sps.flag(False)  # vui_parameters_present

    pps = Bits()
    pps.ue(pps_id)
    pps.ue(sps_id)
    cabac, order_in_frame = pps.flag(maybe(random)), pps.flag(maybe(random))
    _write_slice_groups(pps, random)
    references = [1 + pps.ue(random.randrange(16)) for _ in range(2)]
    weighted, bi = pps.flag(maybe(random)), pps.u(2, random.randrange(3))
    first_qp = 26 + pps.se(random.randint(-26 - 6 * depth, 25))
    pps.se(3)
    pps.se(-2)
    pps.u(2, random.randrange(2))  # without the filter's fields, which stand behind the quantiser
    redundant = pps.flag(maybe(random))

    is_idr, reference = random.random() < 0.2, random.randrange(4)
    reference = max(reference, is_idr)
    kind = 2 if is_idr else random.randrange(3)
    head = Bits()
    head.ue(0)
    head.ue(kind + 5 * maybe(random))
    head.ue(pps_id)
    if separate:
        head.u(2, random.randrange(3))
    head.u(frame_bits, random.randrange(1 << frame_bits) * (not is_idr))
    is_field = not frames_only and head.flag(maybe(random))
    if is_field:
        head.flag(maybe(random))
    if is_idr:
        head.ue(random.randrange(65536))
    if order_kind == 0:
        head.u(order_bits, random.randrange(1 << order_bits))
    if order_kind == 0 or (order_kind == 1 and not always_zero):
        for _ in range((order_kind == 1) + (order_in_frame and not is_field)):
            head.se(random.randrange(-900, 900))
    if redundant:
        head.ue(random.randrange(3))
    if kind != 2:
        _write_h264_references(
            head, random, kind, references, weighted if kind == 0 else bi == 1, chroma and not separate
        )
    if reference:
        _write_marking(head, random, is_idr)
    if cabac and kind != 2:
        head.ue(random.randrange(3))
    qp = random.randint(-6 * depth, 51)
    head.se(qp - first_qp)
    header = bytes([reference << 5 | (5 if is_idr else 1)])
    return Written([sps.nal(b"\x67"), pps.nal(b"\x68")], head.nal(header), qp)


def _write_slice_groups(pps, random):
    groups = 1 + pps.ue(random.choice((0, 0, 0, 1, 2, 7)))
    if groups == 1:
        return
    kind = pps.ue(random.randrange(3) if groups > 2 else random.randrange(7))
    if kind == 0:
        for _ in range(groups):
            pps.ue(random.randrange(9))
    elif kind == 2:
        for _ in range(groups - 1):
            first = pps.ue(random.randrange(99))
            pps.ue(first + random.randrange(9))
    elif kind in {3, 4, 5}:
        pps.flag(maybe(random))
        pps.ue(random.randrange(99))
    elif kind == 6:
        for _ in range(1 + pps.ue(359)):
            pps.u((groups - 1).bit_length(), random.randrange(groups))


def _write_h264_references(head, random, kind, references, weights, chroma):
    if kind == 1:
        head.flag(maybe(random))
    lengths = references[: 1 + kind]
    if head.flag(maybe(random)):
        lengths = [1 + head.ue(random.randrange(4)) for _ in lengths]
    for length in lengths:
        if head.flag(maybe(random)):
            for _ in range(random.randrange(length + 1)):
                head.ue(random.randrange(3))
                head.ue(random.randrange(4))
            head.ue(3)
    if not weights:
        return
    for _ in range(1 + bool(chroma)):
        head.ue(random.randrange(8))
    for _ in range(sum(lengths)):
        for numbers in (2, 4)[: 1 + bool(chroma)]:
            if head.flag(maybe(random)):
                for _ in range(numbers):
                    head.se(random.randint(-128, 127))


def _write_marking(head, random, is_idr):
    if is_idr:
        head.u(2, random.randrange(4))
    elif head.flag(maybe(random)):
        for operation in random.sample(range(1, 7), random.randrange(4)):
            head.ue(operation)
            for _ in range((0, 1, 1, 2, 1, 0, 1)[operation]):
                head.ue(random.randrange(3))
        head.ue(0)


def write_h265(random, ids=None, pps_extensions=0):
    depth, chroma = random.randrange(5), random.randrange(4)
    separate = chroma == 3 and maybe(random)
    colour = chroma and not separate
    sps_id, pps_id = ids or (random.randrange(16), random.randrange(64))
    sps = Bits()
    sps.u(4, 0)
    sps.u(3, 0)
    sps.flag(True)
    sps.u(8, 4)  # range extensions
    sps.u(32, 0x0800_0000)
    sps.u(48, 0)
    sps.u(8, 120)
    sps.ue(sps_id)
    sps.ue(chroma)
    if chroma == 3:
        sps.flag(separate)
    sps.ue(320)
    sps.ue(192)
    sps.flag(False)
    sps.ue(depth)
    sps.ue(depth)
    order_bits = 4 + sps.ue(random.randrange(13))
    sps.flag(True)
    for value in (15, 2, 0, 0, 3, 0, 3, 0, 0):  # buffer, reordering, latency; block sizes and depths
        sps.ue(value)
    if sps.flag(maybe(random)) and sps.flag(maybe(random)):
        _write_scaling_lists(sps, random, chroma)
    sps.flag(maybe(random))  # amp
    sao = sps.flag(maybe(random))
    if sps.flag(maybe(random)):
        sps.u(8, 0x77)
        sps.ue(0)
        sps.ue(0)
        sps.flag(maybe(random))
    sets = []
    count = sps.ue(random.choice((0, 1, 2, 5, 9)))
    for _ in range(count):
        sets.append(_write_reference_set(sps, random, sets, in_slice=False))
    long_term = None
    if sps.flag(maybe(random)):
        long_term = []
        for _ in range(sps.ue(random.choice((0, 1, 2, 5)))):
            sps.u(order_bits, random.randrange(1 << order_bits))
            long_term.append(sps.flag(maybe(random)))
    temporal_mvp = sps.flag(maybe(random))
    sps.flag(maybe(random))
    sps.flag(False)  # vui_parameters_present
    sps.flag(False)  # sps_extension_present

    pps = Bits()
    pps.ue(pps_id)
    pps.ue(sps_id)
    pps.flag(maybe(random))
    output, extra = pps.flag(maybe(random)), pps.u(3, random.randrange(3))
    pps.flag(maybe(random))
    cabac_init = pps.flag(maybe(random))
    references = [1 + pps.ue(random.randrange(4)) for _ in range(2)]
    first_qp = 26 + pps.se(random.randint(-26 - 6 * depth, 25))
    pps.u(2, random.randrange(4))
    if pps.flag(maybe(random)):
        pps.ue(random.randrange(3))
    pps.se(random.randint(-12, 12))
    pps.se(random.randint(-12, 12))
    pps.flag(maybe(random))
    of_p, of_b = pps.flag(maybe(random)), pps.flag(maybe(random))
    modified = _write_rest_of_pps(pps, random, chroma, pps_extensions)

    kind = random.choice((0, 1, 1, 8, 9, 16, 19, 20, 21))
    is_idr = kind in {19, 20}
    head = Bits()
    head.flag(True)
    if kind >= 16:
        head.flag(maybe(random))
    head.ue(pps_id)
    head.u(extra, random.randrange(1 << extra))
    used, use_temporal = 0, False
    after = Bits()  # what stands behind the slice's type, which depends on it
    if output:
        after.flag(maybe(random))
    if separate:
        after.u(2, random.randrange(3))
    if not is_idr:
        after.u(order_bits, random.randrange(1 << order_bits))
        if after.flag(sets and maybe(random)):
            chosen = sets[after.u((len(sets) - 1).bit_length(), random.randrange(len(sets)))]
        else:
            chosen = _write_reference_set(after, random, sets, in_slice=True)
        used = sum(chosen.values())
        if long_term is not None:
            used += _write_long_term(after, random, long_term, order_bits)
        use_temporal = temporal_mvp and after.flag(maybe(random))
    slice_type = head.ue(2 if kind >= 16 or not used else random.randrange(3))
    if sao:
        after.u(1 + bool(colour), 0)
    if slice_type != 2:
        weights = of_b if slice_type == 0 else of_p
        _write_h265_references(
            after, random, slice_type, references, used if modified else 0, cabac_init, use_temporal, weights, colour
        )
    qp = random.randint(-6 * depth, 51)
    after.se(qp - first_qp)
    head._bits += after._bits
    header = bytes([kind << 1, 1])
    return Written([H265_VPS, sps.nal(b"\x42\x01"), pps.nal(b"\x44\x01")], head.nal(header), qp)


def _write_scaling_lists(bits, random, chroma):
    for size in range(4):
        for matrix in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag(maybe(random)):
                bits.ue(random.randrange(1 + (matrix // 3 if size == 3 else matrix)))
                continue
            if size > 1:
                bits.se(random.randint(-7, 247))
            for _ in range(min(64, 1 << (4 + 2 * size))):
                bits.se(random.randint(-128, 127))


def _write_rest_of_pps(pps, random, chroma, extensions):
    pps.flag(maybe(random))  # transquant_bypass
    tiles = pps.flag(maybe(random))
    pps.flag(maybe(random))
    if tiles:
        columns, rows = pps.ue(random.randrange(1, 4)), pps.ue(random.randrange(3))
        if not pps.flag(maybe(random)):
            for _ in range(columns + rows):
                pps.ue(0)
        pps.flag(maybe(random))
    pps.flag(maybe(random))
    if pps.flag(maybe(random)):
        pps.flag(maybe(random))
        if not pps.flag(maybe(random)):
            pps.se(random.randint(-6, 6))
            pps.se(random.randint(-6, 6))
    if pps.flag(maybe(random)):
        _write_scaling_lists(pps, random, chroma)
    modified = pps.flag(maybe(random))
    pps.ue(0)
    pps.flag(False)
    if pps.flag(extensions):
        pps.u(8, extensions)
    return modified


def _write_reference_set(bits, random, sets, *, in_slice):
    """Returns the set as distances to pictures and whether each is used, nearest first, past before future."""
    if sets and bits.flag(maybe(random)):
        back = 1 + (bits.ue(random.randrange(len(sets))) if in_slice else 0)
        base = list(sets[-back])
        shift = random.choice((-3, -2, -1, 1, 2, 3))
        bits.flag(shift < 0)
        bits.ue(abs(shift) - 1)
        changed = {}
        for distance in [*(one + shift for one in base), shift]:
            use, keep = maybe(random), maybe(random)
            if distance == 0 or len(changed) >= 8:
                use = keep = False
            if bits.flag(use) or bits.flag(keep):
                changed[distance] = use
    else:
        steps = [[random.randrange(1, 5) for _ in range(random.randrange(4))] for _ in range(2)]
        for side in steps:
            bits.ue(len(side))
        changed = {}
        for sign, side in zip((-1, 1), steps, strict=True):
            distance = 0
            for step in side:
                bits.ue(step - 1)
                distance += sign * step
                changed[distance] = bits.flag(maybe(random))
    past = {distance: changed[distance] for distance in sorted(changed, reverse=True) if distance < 0}
    return past | {distance: changed[distance] for distance in sorted(changed) if distance > 0}


def _write_long_term(bits, random, listed, order_bits):
    of_list = bits.ue(random.randrange(min(len(listed), 2) + 1)) if listed else 0
    own = bits.ue(random.randrange(3))
    used = 0
    for index in range(of_list + own):
        if index < of_list:
            used += listed[bits.u((len(listed) - 1).bit_length(), random.randrange(len(listed)))]
        else:
            bits.u(order_bits, random.randrange(1 << order_bits))
            used += bits.flag(maybe(random))
        if bits.flag(maybe(random)):
            bits.ue(0)
    return used


def _write_h265_references(bits, random, slice_type, references, modifiable, cabac_init, use_temporal, weights, colour):
    is_b = slice_type == 0
    lengths = references[: 1 + is_b]
    if bits.flag(maybe(random)):
        lengths = [1 + bits.ue(random.randrange(4)) for _ in lengths]
    if modifiable > 1:
        for length in lengths:
            if bits.flag(maybe(random)):
                for _ in range(length):
                    bits.u((modifiable - 1).bit_length(), random.randrange(modifiable))
    if is_b:
        bits.flag(maybe(random))
    if cabac_init:
        bits.flag(maybe(random))
    if use_temporal:
        first_list = bits.flag(maybe(random)) if is_b else True
        length = lengths[0 if first_list else 1]
        if length > 1:
            bits.ue(random.randrange(length))
    if weights:
        bits.ue(random.randrange(8))
        if colour:
            bits.se(0)
        for length in lengths:
            luma = [bits.flag(maybe(random)) for _ in range(length)]
            both = [bits.flag(maybe(random)) for _ in range(length)] if colour else [False] * length
            for of_luma, of_colour in zip(luma, both, strict=True):
                for _ in range(2 * of_luma + 4 * of_colour):
                    bits.se(random.randint(-100, 100))
    bits.ue(random.randrange(5))
