"""Records cases with a real recorder process and with FFmpeg, and compares; used by the tests and by `oracle_matrix.py`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from oracle_cases import Case
from oracle_compare import LATE, Copy, differences, of_ffmpeg, of_segments
from oracle_server import Replay, replaying
from oracle_stream import Sent
from recording_site import RecordingSite, recording_site

SEGMENT_S = 2
FFMPEGS = 2
STALL_S = 0.05
"""A timer that fires so late says that arrivals are late too."""


def run_cases(cases: Sequence[Case], folder: Path, *, lenient: bool = False) -> dict[str, list[str]]:
    """What is wrong with each case, in words; `lenient` does not judge times on a machine that stalls."""
    streams = {case.name: case.stream() for case in cases}
    channels = {case.name: f"c{place}" for place, case in enumerate(cases)}
    with replaying(streams) as replay:
        urls = {channels[name]: replay.url("ours", name) for name in streams}
        with recording_site(urls, folder, segment_s=SEGMENT_S) as site:
            longest_s = max(stream.duration_s for stream in streams.values())
            for channel in channels.values():
                site.wait_for("recording_stopped", channel, timeout_s=longest_s + 30 + len(cases) * 0.2)
        with ThreadPoolExecutor(FFMPEGS) as pool:
            found = pool.map(lambda case: _compare(case, streams[case.name], channels[case.name], site, replay), cases)
            said = dict(zip(streams, found, strict=True))
    if lenient and replay.late_s > STALL_S:
        return {name: [one for one in words if not one.startswith(LATE)] for name, words in said.items()}
    return said


def run_cases_twice(cases: Sequence[Case], folder: Path) -> dict[str, list[str]]:
    """As `run_cases`, but cases whose times alone are wrong are run once more: a machine that stalls delays arrivals."""
    found = run_cases(cases, folder / "first")
    again = [case for case in cases if found[case.name] and all(one.startswith(LATE) for one in found[case.name])]
    return found | (run_cases(again, folder / "second", lenient=True) if again else {})


def _compare(case: Case, stream: Sent, channel: str, site: RecordingSite, replay: Replay) -> list[str]:
    try:
        ours = _ours(stream, channel, site, decode=case.decode)
    except Exception as error:  # noqa: BLE001 - a segment that cannot be read is a finding
        return [f"our segments: {type(error).__name__}: {error}"]
    theirs = None if case.alone else of_ffmpeg(replay.url("theirs", case.name), stream.codec, decode=case.decode)
    found = differences(stream, ours, theirs, lossless=case.lossless, steady=case.steady, cuts=case.cuts)
    return [one for one in found if not (case.early and "FFmpeg's" in one and "step" in one)]


def _ours(stream: Sent, channel: str, site: RecordingSite, *, decode: bool) -> Copy:
    files = site.segments(channel)
    copy = of_segments(files, stream.codec, decode=decode)
    written = site.events("segment_written", channel)
    assert [site.root / event.data["path"] for event in written] == files
    assert sum(event.data["packets"] for event in written) == len(copy.pictures)
    copy.written = [event.data for event in written]
    return copy
