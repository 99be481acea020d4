"""The second server of the test set, gst-rtsp-server, serves what its mounts are named for."""

import subprocess

import pytest
from gst_fixture import gst_cameras

MOUNTS = {
    "h264": {"h264"},
    "h264_no_inband": {"h264"},
    "h264_aac": {"h264", "aac"},
    "h264_pcma": {"h264", "pcm_alaw"},
    "h264_bframes": {"h264"},
    "h264_digest": {"h264"},
    "h265": {"hevc"},
}


@pytest.fixture(scope="module")
def probes():
    """What ffprobe says of each mount: streams and the order of timestamps."""
    with gst_cameras() as urls:
        running = {}
        for mount, url in urls.items():
            entries = ["-show_entries", "stream=codec_name:frame=pict_type", "-of", "csv"]
            command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-read_intervals", "%+1.5", *entries, url]
            running[mount] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        yield {mount: process.communicate(timeout=30)[0].split() for mount, process in running.items()}


@pytest.mark.parametrize("mount", MOUNTS)
def test_mount_serves_its_codecs(probes, mount):
    """A mount has the tracks of its name and its frames decode."""
    codecs = {line.split(",")[1] for line in probes[mount] if line.startswith("stream")}
    assert codecs == MOUNTS[mount]
    kinds = {line.split(",")[1] for line in probes[mount] if line.startswith("frame")}
    assert {"I", "P"} <= kinds
    assert ("B" in kinds) == (mount == "h264_bframes")


def test_digest_mount_refuses_strangers():
    """Without the password there is no stream."""
    with gst_cameras() as urls:
        stranger = urls["h264_digest"].replace("s3cret", "guess")
        command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", stranger]
        refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "401" in refused.stderr
