"""A statement as people read it on a terminal: the verdict, a table of channels, and the first of everything else."""

from collections.abc import Sequence
from typing import Final, TextIO
from zoneinfo import ZoneInfo

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from edge.audit.sentences import digest_line, local, many, origin, receipts, seconds, sentence, verdict, why
from edge.audit.statement import Statement
from edge.audit.stretches import KINDS
from edge.check.terminal import console_of, print_line

MOST_SHOWN: Final = 20
"""Problems, and stretches of a channel; --out and --json have all."""
_PLAIN_WIDTH: Final = 200


def print_statement(statement: Statement, differences: Sequence[str], out: TextIO) -> None:
    """Write a statement, and how it differs from the one that it was compared with."""
    console = console_of(out, _PLAIN_WIDTH)
    asked, zone, problems = statement.asked, ZoneInfo(statement.asked.zone), statement.problems
    print_line(console, verdict(statement), "bold red" if problems else "green")
    print_line(console, f"{asked.site} from {local(asked.from_ms, zone)} to {local(asked.to_ms, zone)}")
    print_line(console, origin(statement, zone))
    _some(console, [sentence(one) for one in problems])
    console.print(_channels(statement))
    for channel in statement.channels:
        found = channel.of("gap", "pruned", "rejected")
        if found:
            print_line(console, channel.channel, "bold")
        lines = [
            f"{local(one.from_ms, zone)}  {seconds(one.ms)} s  {one.kind}: {why(one)}  {receipts(one, zone)}".rstrip()
            for one in found
        ]
        _some(console, lines)
    for source in statement.sources:
        told = "nothing in the range" if source.first is None else f"{source.first} to {source.last}"
        print_line(console, f"events of {source.process} {source.epoch}: {told}")
    if statement.files is not None:
        print_line(
            console,
            f"{many(statement.files.ok, 'segment')} verified, {many(statement.files.counts.total(), 'finding')}",
        )
    _some(console, list(differences))
    print_line(console, f"digest {digest_line(statement)}", "bold")


def _channels(statement: Statement) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("channel", no_wrap=True)
    for heading in (*KINDS, "segments", "lost packets", "overlap"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in statement.channels:
        tally = one.tally
        figures = [*(seconds(one.ms(kind)) if one.ms(kind) else "" for kind in KINDS), str(tally.segments)]
        figures += [str(tally.lost_packets or ""), seconds(tally.overlap_ms) if tally.overlap_ms else ""]
        table.add_row(one.channel, *figures)
    return table


def _some(console: Console, lines: Sequence[str]) -> None:
    for line in lines[:MOST_SHOWN]:
        print_line(console, f"  {line}")
    if len(lines) > MOST_SHOWN:
        print_line(console, f"  and {len(lines) - MOST_SHOWN} more: --out FILE writes them all")
