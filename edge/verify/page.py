"""A report of a verification as people read it: the outcome in a sentence, figures, and every finding with its path."""

from collections.abc import Iterator
from typing import Final, TextIO

from edge.check.terminal import console_of, print_line
from edge.verify.findings import KINDS, Kind, Report
from edge.words.quantities import duration_words, size_words

MOST_SHOWN: Final = 50
"""Findings of a kind; --json has more."""
_PLAIN_WIDTH: Final = 200
_WORDS: Final[dict[Kind, str]] = {
    "changed": "not what was announced",
    "missing": "announced and gone without a receipt",
    "unknown": "there, but never announced",
    "unreadable": "cannot be read",
    "undecodable": "cannot be decoded",
}
_DO: Final[dict[Kind, str]] = {
    "changed": "Somebody or something wrote to these files: look at the disk's health and at who has access.",
    "missing": "Ask who deleted them. Segments that retention deletes have a receipt.",
    "unknown": "Ask where they come from; the recorder announces every file that it finishes.",
    "unreadable": "Look into the system log and at the disk's health, and copy what must be kept.",
    "undecodable": "Play them. If the file is as announced, the camera sent it so: look at edge check.",
}


def print_report(report: Report, out: TextIO) -> None:
    """Write a report."""
    console = console_of(out, _PLAIN_WIDTH)
    print_line(console, verdict(report), "green" if report.is_ok else "bold red")
    for line in _lines(report):
        print_line(console, line)
    for kind in KINDS:
        count = report.counts[kind]
        if not count:
            continue
        print_line(console, "")
        print_line(console, f"{count} {_segments(count)} {_WORDS[kind]}", "bold red")
        ours = [one for one in report.findings if one.kind == kind]
        for one in ours[:MOST_SHOWN]:
            print_line(console, f"  {one.path}: {one.detail}")
        if count > MOST_SHOWN:
            print_line(console, f"  and {count - MOST_SHOWN} more: --json lists them")
        print_line(console, f"  {_DO[kind]}")


def verdict(report: Report) -> str:
    """The one sentence that says whether all is well."""
    if not report.checked and report.is_ok:
        return "There is no segment to verify."
    if report.is_ok:
        each = "The segment is" if report.ok == 1 else f"All {report.ok} segments are"
        return f"{each} as announced."
    found = ", ".join(f"{report.counts[kind]} {kind}" for kind in KINDS if report.counts[kind])
    return f"Not all is well: {found}; {report.ok} ok."


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.site}: {size_words(report.bytes)} read in {duration_words(report.took_s)} from {report.root}"
    if report.pictures:
        yield f"{report.pictures} pictures decoded"
    if report.pruned:
        yield f"{report.pruned} {_segments(report.pruned)} gone by receipt"
    if report.waiting:
        yield f"{report.waiting} {_segments(report.waiting)} still on the way to the journal, told of in the outbox"
    if report.foreign:
        yield f"{report.foreign} {'file' if report.foreign == 1 else 'files'} that Saksi did not make, left alone"
    yield from report.notes


def _segments(count: int) -> str:
    return "segment" if count == 1 else "segments"
