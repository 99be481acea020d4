"""A report as people read it: a sentence, a table, and for each trouble what is wrong and what to do."""

from collections.abc import Iterator
from typing import Final, TextIO

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edge.check.printable import printable
from edge.check.probe import ProbeResult
from edge.check.quantities import days_words, duration_words, rate_words, size_words
from edge.check.report import Report, total_bits_s

PLAIN_WIDTH: Final = 100
"""Columns where the output is no terminal."""
CLOCK_OFFSET_S: Final = 2.0
"""The camera's own picture shows another time from here on; less is the way of the report through the network."""

_CODECS: Final = {"h264": "H.264", "h265": "H.265", "aac": "AAC", "pcma": "G.711 A", "pcmu": "G.711 u"}
_OK = "green"
_BAD = "bold red"
_WARN = "yellow"


def print_report(report: Report, out: TextIO) -> None:
    """Write a report."""
    console = Console(file=out, width=None if out.isatty() else PLAIN_WIDTH, highlight=False, markup=False, emoji=False)
    good = "good" if report.ok else "bad"
    console.print(Text(printable(verdict(report)), style=_OK if good == "good" else _BAD))
    console.print()
    for line in _site_lines(report):
        console.print(Text(printable(line)))
    console.print()
    console.print(_table(report))
    for result in report.failing:
        if result.trouble is not None:
            words = f"{result.channel}: {result.trouble.word}"
            _print_trouble(console, words, _BAD, result.trouble.what, result.trouble.do)
    for finding in report.findings:
        style = _BAD if finding.severity == "fault" else _WARN
        _print_trouble(console, f"{finding.about}: {finding.severity}", style, finding.what, finding.do)
    notes = [f"{result.channel}: {note}" for result in report.results for note in channel_notes(result)]
    if notes:
        console.print()
        console.print(Text("To know", style="bold"))
        for note in notes:
            console.print(Padding(Text(printable(note)), (0, 0, 0, 2)))


def verdict(report: Report) -> str:
    """The one sentence that says whether all is well."""
    count, bad = len(report.results), report.failing
    faults = [finding.what for finding in report.findings if finding.severity == "fault"]
    if faults:
        return f"Nothing can be recorded: {faults[0]}."
    if bad:
        names = ", ".join(f"{result.channel} ({result.trouble.word})" for result in bad[:3] if result.trouble)
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        return f"{len(bad)} of {count} {_channels(count)} cannot be recorded: {names}{more}."
    if not count:
        return "No channel is enabled: nothing will be recorded."
    what = "The channel" if count == 1 else f"All {count} channels"
    warnings = len(report.findings)
    return f"{what} can be recorded" + (
        f"; {warnings} warning{'s' if warnings > 1 else ''} below." if warnings else "."
    )


def channel_notes(result: ProbeResult) -> Iterator[str]:
    """What is worth knowing of a channel that can be recorded."""
    if result.clock_offset_s is not None and abs(result.clock_offset_s) >= CLOCK_OFFSET_S:
        way = "ahead" if result.clock_offset_s > 0 else "behind"
        yield f"the camera's clock is {duration_words(abs(result.clock_offset_s))} {way}; set it by NTP"
    if result.video is not None and result.video.lost_packets:
        yield f"{result.video.lost_packets} packets were lost on the way; look at the network"
    if result.audio is not None and result.audio.bits_s is None:
        yield "the camera promises audio, but none came yet"
    yield from result.notes


def _site_lines(report: Report) -> Iterator[str]:
    config, disk, outlook = report.config, report.disk, report.outlook
    off = len(config.channels) - len(report.results)
    enabled = f"{len(report.results)} {_channels(len(report.results))}" + (f" ({off} more off)" if off else "")
    yield f"Site     {config.site}: {enabled}, segments of {config.storage.segment_s} s to {disk.root}"
    if disk.total_bytes:
        had = f", {size_words(disk.recordings_bytes)} of it recordings" if disk.recordings_bytes else ""
        used = size_words(disk.total_bytes - disk.free_bytes)
        yield f"Disk     {size_words(disk.free_bytes)} of {size_words(disk.total_bytes)} free; {used} used{had}"
    if outlook is not None:
        assumed = f", {outlook.assumed} not measured and taken to be like the others" if outlook.assumed else ""
        yield f"Fits     {rate_words(outlook.bits_s)} in all{assumed}"
        yield (
            f"         oldest recordings go in {days_words(outlook.days_left)}; they reach back"
            f" {days_words(outlook.days_kept)}, {days_words(config.retention.promise_days)} are promised"
        )
    answers = "does not answer" if report.broker else "answers"
    yield f"Broker   {config.broker.host}:{config.broker.port} {answers}"


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("channel", no_wrap=True, max_width=24)
    table.add_column("state", no_wrap=True)
    table.add_column("video", no_wrap=True)
    table.add_column("frames/s", no_wrap=True, justify="right")
    table.add_column("key s", no_wrap=True, justify="right")
    table.add_column("Mb/s", no_wrap=True, justify="right")
    table.add_column("audio", no_wrap=True)
    table.add_column("first s", no_wrap=True, justify="right")
    results = {result.channel: result for result in report.results}
    for channel in report.config.channels:
        result = results.get(channel.id)
        cells = _cells(result) if result else ["off"]
        style = "" if result is None else _BAD if result.trouble else _OK
        texts = [Text(printable(cell), overflow="ellipsis") for cell in cells]
        texts[0].stylize(style)
        table.add_row(Text(channel.id, overflow="ellipsis"), *texts)
    return table


def _cells(result: ProbeResult) -> list[str]:
    """State and what follows it in the table."""
    state = result.trouble.word if result.trouble else "ok"
    video = result.video
    if video is None:
        return [state]
    codec = " ".join(filter(None, (_CODECS[video.codec], video.profile)))
    bits_s = total_bits_s(result)
    declared = f"/{video.declared_fps:g}" if video.declared_fps else ""
    return [
        state,
        f"{codec} {video.width}x{video.height}",
        _number(video.measured_fps, 1) + declared,
        _number(video.keyframe_interval_s, 1),
        _number(bits_s / 1e6 if bits_s else None, 2),
        _audio(result),
        _number(result.first_keyframe_s, 2),
    ]


def _audio(result: ProbeResult) -> str:
    if result.audio is not None:
        return f"{_CODECS[result.audio.codec]} {result.audio.sample_rate / 1000:g} kHz"
    return f"not {result.audio_left_out}" if result.audio_left_out else "none"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _print_trouble(console: Console, words: str, style: str, what: str, do: str) -> None:
    console.print()
    console.print(Text(printable(words), style=style))
    for line in (_sentence(what), do):
        console.print(Padding(Text(printable(line)), (0, 0, 0, 2)))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _channels(count: int) -> str:
    return "channel" if count == 1 else "channels"
