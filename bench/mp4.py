"""What the MP4 writer costs: one fragment header (12 video and 25 audio samples), one head, one finish, one scan."""

import argparse
import io
import json
import timeit

from edge.codec.formats import AudioFormat, VideoFormat
from edge.mp4.finish import finish_patches
from edge.mp4.fragment import FragmentEntry, TrackRun, fragment_header
from edge.mp4.init import init_segment
from edge.mp4.reader import scan

SPS = bytes.fromhex("67640028acd940780227e584000003000400000300f03c60c658")
PPS = bytes.fromhex("68ebe3cb22c0")
FRAGMENTS_A_SEGMENT = 120


def runs(base_time: int) -> list[TrackRun]:
    sizes = [9_000] + [1_500] * 11
    nal_bytes = TrackRun(1, base_time, [3600] * 12, sizes, [True] + [False] * 11)
    return [nal_bytes, TrackRun(2, base_time, [1024] * 25, [200] * 25)]


def microseconds(statement, number: int) -> float:
    return min(timeit.repeat(statement, number=number, repeat=5)) / number * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="also write the figures here")
    arguments = parser.parse_args()
    video, audio = VideoFormat.parse("h264", (SPS, PPS)), AudioFormat.aac(bytes.fromhex("1210"))
    init = init_segment(video, audio, index_entries=FRAGMENTS_A_SEGMENT)
    plain, fragment = runs(0)[:1], runs(0)
    file = bytearray(init.data)
    entries = []
    for index in range(FRAGMENTS_A_SEGMENT):
        each = runs(index * 12 * 3600)
        header = fragment_header(index + 1, 1 << 63, each)
        entries.append(FragmentEntry.describe(len(file), len(header), 1 << 63, each, audio_timescale=44100))
        file += header + bytes(sum(sum(run.sizes) for run in each))
    segment = io.BytesIO(file)
    figures = {
        "fragment_header_video_us": microseconds(lambda: fragment_header(1, 1 << 63, plain), 5000),
        "fragment_header_video_audio_us": microseconds(lambda: fragment_header(1, 1 << 63, fragment), 5000),
        "video_format_parse_us": microseconds(lambda: VideoFormat.parse("h264", (SPS, PPS)), 500),
        "init_segment_us": microseconds(lambda: init_segment(video, audio, index_entries=120), 500),
        "finish_patches_120_us": microseconds(
            lambda: finish_patches(init, entries, video_duration=5_184_000, audio_duration=3_072_000), 200
        ),
        "scan_120_fragments_us": microseconds(lambda: scan(segment), 20),
    }
    for name, value in figures.items():
        print(f"{name:34} {value:9.2f}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as out:  # noqa: PTH123 - a path of the command line
            json.dump(figures, out, indent=2)


if __name__ == "__main__":
    main()
