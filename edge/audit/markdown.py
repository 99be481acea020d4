"""A statement as a text that can be printed, filed and read in ten years: Markdown with every gap in it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from edge.audit.document import time_text
from edge.audit.holes import Hole, SourceStatement
from edge.audit.sentences import digest_line, local, origin, receipts, seconds, sentence, verdict, why
from edge.audit.statement import ChannelStatement, Statement, numbers
from edge.audit.stretches import KINDS, Stretch
from edge.check.printable import printable
from edge.verify.findings import KINDS as FILE_KINDS
from edge.words.quantities import size_words

_HEADINGS: Final = ("Channel", *(f"{kind} (s)" for kind in KINDS), "Segments", "Bytes")


def markdown(statement: Statement) -> str:
    """The whole statement."""
    return "\n".join(printable(line) for line in _lines(statement, ZoneInfo(statement.asked.zone))) + "\n"


def _lines(statement: Statement, zone: ZoneInfo) -> Iterator[str]:
    asked = statement.asked
    yield f"# Statement of {asked.site}"
    yield ""
    yield f"From {local(asked.from_ms, zone)} to {local(asked.to_ms, zone)} ({asked.zone}): {seconds(asked.ms)} s,"
    yield f"in UTC {time_text(asked.from_ms)} to {time_text(asked.to_ms)}."
    yield f"Statement {origin(statement, zone)}."
    yield ""
    yield f"**{verdict(statement)}**"
    yield ""
    yield f"Digest: `{digest_line(statement)}`"
    problems = statement.problems
    if problems:
        yield from ("", "## What is off, and what cannot be said", "")
        yield from (f"- {sentence(one)}" for one in problems)
    yield from ("", "## Every second", "")
    yield from _table(_HEADINGS, (_row(one) for one in statement.channels))
    for channel in statement.channels:
        yield from _channel(channel, zone)
    yield from ("", "## Events", "")
    yield from _table(
        ("Process", "Epoch", "First", "Last", "Missing", "Lost", "Told twice"),
        (_source(one) for one in statement.sources),
    )
    if statement.files is not None:
        yield from ("", "## Files", "")
        yield from _files(statement)


def _row(one: ChannelStatement) -> list[str]:
    return [
        one.channel,
        *(seconds(one.ms(kind)) for kind in KINDS),
        str(one.tally.segments),
        size_words(one.tally.size_bytes),
    ]


def _channel(one: ChannelStatement, zone: ZoneInfo) -> Iterator[str]:
    tally = one.tally
    yield from ("", f"## {one.channel}", "")
    yield f"Digest: `{tally.digest.hex()}` over {tally.segments} segments."
    if one.fault_ms:
        yield f"The picture was at fault in {seconds(one.fault_ms)} s of what is recorded."
    if tally.harmed:
        yield (
            f"{tally.harmed} segments with losses: {tally.lost_packets} packets lost,"
            f" {seconds(tally.suspect_ms)} s that may not decode, {seconds(tally.dropped_ms)} s dropped."
        )
    if tally.overlap_count:
        yield f"{tally.overlap_count} segments overlap what is before them, {seconds(tally.overlap_ms)} s in all:"
        yield ""
        yield from (f"- {over.path} until {local(over.to_ms, zone)}" for over in tally.overlaps)
    found = one.of("gap", "pruned", "rejected", "unsaid")
    if found:
        yield ""
        yield from _table(("From", "To", "Seconds", "What", "Why", "Receipts"), _stretches(found, zone))


def _stretches(found: Sequence[Stretch], zone: ZoneInfo) -> Iterator[list[str]]:
    for one in found:
        yield [
            local(one.from_ms, zone), local(one.to_ms, zone), seconds(one.ms), one.kind, why(one), receipts(one, zone)
        ]  # fmt: skip


def _source(one: SourceStatement) -> list[str]:
    first, last = (str(one.first), str(one.last)) if one.first is not None else ("", "")
    return [one.process, one.epoch, first, last, _holes(one.missing), _holes(one.lost), str(len(one.conflicts) or "")]


def _holes(holes: Sequence[Hole]) -> str:
    return ", ".join(numbers(hole.first, hole.last) for hole in holes)


def _files(statement: Statement) -> Iterator[str]:
    report = statement.files
    assert report is not None
    counts = ", ".join(f"{report.counts[kind]} {kind}" for kind in FILE_KINDS)
    yield f"{report.ok} segments verified ({size_words(report.bytes)} read), {counts}; {report.pruned} gone by receipt."
    yield from (f"- {note}" for note in report.notes)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
