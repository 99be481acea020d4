"""FFmpeg as the judge of simulated cameras: what it receives is what the clip holds, and it decodes without a word."""

import subprocess

import pytest
from demo_cameras import running_cameras

from edge.demo.authentication import Account
from edge.demo.clips import ClipSpec, default_cache_dir, load_clip
from edge.demo.main import DEMO_CAMERAS, CameraSpec

SMALL = {"width": 320, "height": 180, "fps": 25, "seconds": 2, "bitrate": 500_000}
SPECS = (
    CameraSpec("h264-aac", ClipSpec("AAC", audio="aac", **SMALL), Account("edge", "p@ss word")),
    CameraSpec("h264-pcma", ClipSpec("PCMA", audio="pcma", **SMALL), Account("edge", "x", qop=True)),
    CameraSpec(
        "h264-pcmu", ClipSpec("PCMU", audio="pcmu", slices=3, **SMALL), Account("edge", "x", schemes=("basic",))
    ),
    CameraSpec("h264-bframes", ClipSpec("B", bframes=2, **SMALL)),
    CameraSpec("h265", ClipSpec("H265", codec="h265", **SMALL)),
)
ELEMENTARY = {"h264": "h264", "h265": "hevc", "aac": "adts", "pcma": "alaw", "pcmu": "mulaw"}
SECONDS = 3
VCL = {"h264": lambda nal: nal[0] & 0x1F in {1, 5}, "h265": lambda nal: nal[0] >> 1 & 0x3F < 32}


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Folder with what FFmpeg copied from each camera, and what it said."""
    folder = tmp_path_factory.mktemp("copies")
    with running_cameras(SPECS) as cameras:
        running = {}
        for spec in SPECS:
            url = cameras.urls[spec.id].replace("p@ss word", "p%40ss%20word")
            outputs = ["-map", "0:v", "-c", "copy", "-f", ELEMENTARY[spec.clip.codec], folder / f"{spec.id}.video"]
            if spec.clip.audio != "none":
                outputs += ["-map", "0:a", "-c", "copy", "-f", ELEMENTARY[spec.clip.audio], folder / f"{spec.id}.audio"]
            command = ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-t", str(SECONDS), "-i", url]
            running[spec.id] = subprocess.Popen([*command, *outputs], stderr=subprocess.PIPE, text=True)
        said = {name: process.communicate(timeout=40)[1] for name, process in running.items()}
    return folder, said


def is_run_of(received, loop):
    """Whether these units follow one another in the loop, from wherever they begin."""
    start = loop.index(received[0])
    return all(unit == loop[(start + index) % len(loop)] for index, unit in enumerate(received))


def nals(data):
    """Zeros behind a NAL unit belong to the byte stream, not to the unit."""
    return [nal.rstrip(b"\0") for nal in data.split(b"\0\0\1")[1:]]


def adts_frames(data):
    frames = []
    while data:
        size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
        frames.append(data[7:size])
        data = data[size:]
    return frames


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_ffmpeg_receives_the_pictures_of_the_clip_and_decodes_them(copies, spec):
    """Slices are those of the clip in order, over the loop's end, and the decoder has nothing to say."""
    folder, said = copies
    received = folder / f"{spec.id}.video"
    # A copy of B-frames makes FFmpeg complain of its own guesses of decoding times, which RTP does not carry.
    complaints = [line for line in said[spec.id].splitlines() if "dts" not in line]
    assert complaints == []
    is_slice = VCL[spec.clip.codec]
    clip = load_clip(spec.clip, default_cache_dir())
    loop = [nal for unit in clip.units for nal in unit.nals if is_slice(nal)]
    slices = [nal for nal in nals(received.read_bytes()) if is_slice(nal)]
    per_picture = len(loop) // len(clip.units)
    assert len(slices) >= (SECONDS - 0.5) * spec.clip.fps * per_picture
    assert is_run_of(slices, loop)
    decoded = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", ELEMENTARY[spec.clip.codec], "-i", received, "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert decoded.stderr == ""


@pytest.mark.parametrize("spec", [s for s in SPECS if s.clip.audio != "none"], ids=lambda spec: spec.id)
def test_ffmpeg_receives_the_sound_of_the_clip(copies, spec):
    """Audio frames are those of the clip in order."""
    folder, _ = copies
    data = (folder / f"{spec.id}.audio").read_bytes()
    audio = load_clip(spec.clip, default_cache_dir()).audio
    if spec.clip.audio == "aac":
        received = adts_frames(data)
    else:
        received = [data[start : start + 320] for start in range(0, len(data) // 320 * 320, 320)]
    seconds = len(received) * audio.samples_per_frame / audio.sample_rate
    assert abs(seconds - SECONDS) < 0.5
    assert is_run_of(received, list(audio.frames))


def test_ffprobe_finds_what_the_demo_promises():
    """The four cameras of the demo have the sizes and codecs of their table, with a password."""
    expected = {
        "lobby": ["h264,640,360", "aac,16000"],
        "gate": ["h264,1280,720", "pcm_alaw,8000"],
        "warehouse": ["h264,640,360"],
        "parking": ["hevc,640,360"],
    }
    found = {}
    with running_cameras(DEMO_CAMERAS) as cameras:
        for name, url in cameras.urls.items():
            entries = ["-show_entries", "stream=codec_name,width,height,sample_rate", "-of", "csv=p=0"]
            limits = ["-analyzeduration", "300000", "-rtsp_transport", "tcp"]
            command = ["ffprobe", "-v", "error", *limits, *entries, url]
            found[name] = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert found == expected
