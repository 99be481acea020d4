"""The quantiser read from headers that no encoder at hand writes, against what FFmpeg reads in the same bytes.

Fields, order counts of kind 1, long-term pictures, modified lists, tiles: they are written here, with whatever fields a
Random chooses. The parameter sets of recorded cameras are held against FFmpeg's reading too.
"""

import base64
import json
import os
import re
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from random import Random

import av
import pytest
from av.bitstream import BitStreamFilterContext
from h264_headers import write_h264
from h265_headers import H265_VPS, write_h265
from header_bits import Bits

from edge.codec import h264, h265, slices_h264, slices_h265
from edge.codec.formats import VideoFormat
from edge.codec.quantiser import QuantiserReader

DIALOGUES = Path(__file__).parents[1] / "data" / "dialogues"
SHARED_DIALOGUES = Path(os.environ.get("SAKSI_DIALOGUES", Path(__file__).parents[2] / "../shared/data/dialogues"))
WRITTEN_HEADERS = 600
CODECS = pytest.mark.parametrize("codec", ["h264", "h265"])


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
