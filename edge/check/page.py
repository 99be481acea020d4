"""A report as people read it: a sentence, a table, and for each trouble what is wrong and what to do."""

import textwrap
from collections.abc import Iterator
from typing import Final, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.check.printable import printable
from edge.check.probe import ProbeResult
from edge.check.report import Report, total_bits_s
from edge.check.terminal import console_of
from edge.words.quantities import days_words, duration_words, rate_words, size_words

PLAIN_WIDTH: Final = 100
"""Columns where the output is no terminal."""
CLOCK_OFFSET_S: Final = 2.0
"""The camera's own picture shows another time from here on; less is the way of the report through the network."""

_CODECS: Final = {"h264": "H.264", "h265": "H.265", "aac": "AAC", "pcma": "PCMA", "pcmu": "PCMU"}
_SHORT_PROFILES: Final = {"Baseline": "Base", "Extended": "Ext"}
_COLUMNS: Final = ("channel", "state", "video", "frames/s", "key s", "Mb/s", "audio", "first s")
_NUMBERS: Final = frozenset({"frames/s", "key s", "Mb/s", "first s"})
_WIDE_ONLY: Final = frozenset({"key s", "audio", "first s"})
_OK = "green"
_BAD = "bold red"
_WARN = "yellow"


def print_report(report: Report, out: TextIO) -> None:
    """Write a report."""
    console = console_of(out, PLAIN_WIDTH)
    _print_text(console, verdict(report), style=_OK if report.ok else _BAD)
    console.print()
    for line in _site_lines(report):
        _print_text(console, line, hang=9)
    console.print()
    console.print(_table(report, wide=console.width >= PLAIN_WIDTH))
    for result in report.failing:
        if result.trouble is not None:
            words = f"{result.channel}: {result.trouble.word}"
            _print_trouble(console, words, _BAD, result.trouble.what, result.trouble.do)
    for seen in report.faulty_pictures:
        what, _, do = (seen.what or "").partition(": ")
        _print_trouble(console, f"{seen.channel}: {seen.fault}", _BAD, what, _sentence(do or "look at the sheet"))
    for finding in report.findings:
        style = _BAD if finding.severity == "fault" else _WARN
        _print_trouble(console, f"{finding.about}: {finding.severity}", style, finding.what, finding.do)
    notes = [f"{result.channel}: {note}" for result in report.results for note in channel_notes(result)]
    if notes:
        console.print()
        _print_text(console, "To know", style="bold")
        for note in notes:
            _print_text(console, note, indent=2)


def verdict(report: Report) -> str:
    """The one sentence that says whether all is well."""
    count, bad = len(report.results), report.failing
    faults = [finding.what for finding in report.findings if finding.severity == "fault"]
    if faults:
        return f"Nothing can be recorded: {faults[0]}."
    if not bad and report.faulty_pictures:
        names = ", ".join(f"{seen.channel} ({seen.fault})" for seen in report.faulty_pictures[:3])
        more = f" and {len(report.faulty_pictures) - 3} more" if len(report.faulty_pictures) > 3 else ""
        return f"All can be recorded, but {len(report.faulty_pictures)} of {count} show no good picture: {names}{more}."
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
    if report.sheet is not None:
        good = len(report.pictures) - len(report.faulty_pictures)
        yield f"Pictures {good} of {len(report.pictures)} good, all of them in {report.sheet}"


def _table(report: Report, *, wide: bool) -> Table:
    """A row a channel; a narrow terminal leaves out what a technician needs least."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    columns = [column for column in _COLUMNS if wide or column not in _WIDE_ONLY]
    for column in columns:
        table.add_column(
            column, no_wrap=column != "channel", overflow="fold", justify="right" if column in _NUMBERS else "left"
        )
    results = {result.channel: result for result in report.results}
    for channel in report.config.channels:
        result = results.get(channel.id)
        cells = _cells(result) if result else {"state": "off"}
        style = "dim" if result is None else _BAD if result.trouble else _OK
        table.add_row(
            channel.id,
            *(Text(printable(cells.get(name, "")), style=style if name == "state" else "") for name in columns[1:]),
        )
    return table


def _cells(result: ProbeResult) -> dict[str, str]:
    """What stands in which column."""
    state = {"state": result.trouble.word if result.trouble else "ok"}
    video = result.video
    if video is None:
        return state
    codec = " ".join(filter(None, (_CODECS[video.codec], _SHORT_PROFILES.get(video.profile or "", video.profile))))
    bits_s = total_bits_s(result)
    declared = f"/{round(video.declared_fps, 1):g}" if video.declared_fps else ""
    return {
        **state,
        "video": f"{codec} {video.width}x{video.height}",
        "frames/s": _number(video.measured_fps, 1) + declared,
        "key s": _number(video.keyframe_interval_s, 1),
        "Mb/s": _number(bits_s / 1e6 if bits_s else None, 2),
        "audio": _audio(result),
        "first s": _number(result.first_keyframe_s, 2),
    }


def _audio(result: ProbeResult) -> str:
    if result.audio is not None:
        return f"{_CODECS[result.audio.codec]} {result.audio.sample_rate / 1000:g} kHz"
    return f"not {result.audio_left_out}" if result.audio_left_out else "none"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _print_trouble(console: Console, words: str, style: str, what: str, do: str) -> None:
    console.print()
    _print_text(console, words, style=style)
    for line in (_sentence(what), do):
        _print_text(console, line, indent=2)


def _print_text(console: Console, words: str, *, style: str = "", indent: int = 0, hang: int = 0) -> None:
    """Words on as few lines as they need, none of which ends in blanks."""
    width = max(console.width - indent, 20)
    for line in textwrap.wrap(printable(words), width, subsequent_indent=" " * hang):
        console.print(Text(" " * indent + line, style=style), soft_wrap=True)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _channels(count: int) -> str:
    return "channel" if count == 1 else "channels"
