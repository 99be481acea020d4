"""Random tracks, read alike by our reader, PyAV and ffprobe."""

import io
import json
import subprocess

import av
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.codec.formats import AudioFormat, VideoFormat
from edge.mp4.finish import finish_patches
from edge.mp4.fragment import TrackRun, fragment_header
from edge.mp4.init import init_segment
from edge.mp4.reader import scan

VIDEO = VideoFormat.parse(
    "h264",
    (
        bytes.fromhex("67640028acd940780227e584000003000400000300f03c60c658"),
        bytes.fromhex("68ebe3cb22c0"),
    ),
)
ALAW = AudioFormat.g711("pcma")
sizes = st.integers(7, 60)
durations = st.integers(1, 20_000)
samples = st.tuples(sizes, durations, st.booleans(), st.integers(0, 50_000))
fragments = st.tuples(st.lists(samples, min_size=0, max_size=5), st.lists(st.tuples(sizes, durations), max_size=5))


def nal(size, *, idr, mark):
    """An IDR or a P slice as far as FFmpeg's parser looks, which overrules the flags of the file."""
    return (size - 4).to_bytes(4, "big") + bytes([0x65 if idr else 0x41]) + b"\xff" * (size - 6) + bytes([mark])


def write_random(parts, *, audio):
    """A segment of random tracks, and the packets of each that a reader must find."""
    init = init_segment(VIDEO, audio, index_entries=3)
    file, times, expected = bytearray(init.data), {1: 0, 2: 0}, {1: [], 2: []}
    seed = 0
    for sequence, (video, sound) in enumerate(parts):
        runs, data = [], b""
        for track, rows in ((1, video), (2, [(*row, True, 0) for row in sound] if audio else [])):
            if not rows:
                continue
            base = times[track]
            for size, duration, sync, offset in rows:
                seed += 1
                unit = nal(size, idr=sync, mark=1 + seed % 255)
                expected[track].append((times[track], times[track] + offset, size, sync, unit))
                times[track] += duration
                data += unit
            columns = [list(column) for column in zip(*rows, strict=True)]
            run = TrackRun(track, base, columns[1], columns[0])
            if track == 1:
                run.sync, run.offsets = columns[2], columns[3]
            runs.append(run)
        if runs:
            file += fragment_header(sequence + 1, sequence << 32, runs) + data
    return bytes(file), expected, times


def demuxed(file):
    found = {1: [], 2: []}
    with av.open(io.BytesIO(file)) as container:
        for packet in container.demux():
            if packet.size:
                track = 1 if packet.stream.type == "video" else 2
                row = (packet.dts, packet.pts, packet.size, packet.is_keyframe, bytes(packet))
                found[track].append(row)
    return found


@settings(max_examples=40, deadline=None)
@given(st.lists(fragments, min_size=1, max_size=6), st.booleans())
def test_random_tracks_read_alike_by_pyav_and_by_our_reader(parts, with_audio):
    """Count, times, flags and bytes of every packet; our reader finds the same frames and the same ends."""
    file, expected, times = write_random(parts, audio=ALAW if with_audio else None)
    found = scan(io.BytesIO(file))
    assert len(expected[1]) == sum(entry.frames for entry in found.fragments)
    assert sum(sync for *_, sync, _ in expected[1]) == sum(entry.keyframes for entry in found.fragments)
    assert (len(file), times[1], times[2]) == (found.whole_bytes, found.video_duration, found.audio_duration)
    if expected[1]:
        assert expected == demuxed(file)


def test_random_tracks_read_alike_by_ffprobe(tmp_path):
    """ffprobe's packets of one wild file have our times, sizes and flags, also after finishing."""
    rows = [(7 + n % 50, 1 + 977 * n % 20_000, n % 3 == 0, 1013 * n % 50_000) for n in range(40)]
    parts = [(rows[n : n + 5], [(9, 1000)] * (n % 4)) for n in range(0, 40, 5)]
    file, expected, times = write_random(parts, audio=ALAW)
    found = scan(io.BytesIO(file))
    finished = bytearray(file)
    for offset, data in finish_patches(found.init, found.fragments, video_duration=times[1], audio_duration=times[2]):
        finished[offset : offset + len(data)] = data
    for name, data in (("growing", file), ("finished", bytes(finished))):
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(data)
        command = ["ffprobe", "-v", "quiet", "-of", "json", "-show_packets", "-select_streams", "v", str(path)]
        packets = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["packets"]
        assert [row[:4] for row in expected[1]] == [
            (packet["dts"], packet["pts"], int(packet["size"]), packet["flags"].startswith("K")) for packet in packets
        ]
