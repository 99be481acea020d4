"""How words and progress come to a terminal: nothing in words is taken for a command, by the terminal or by rich."""

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from edge.check.printable import printable


def console_of(out: TextIO, plain_width: int) -> Console:
    """A console that reads no markup in what it prints; `plain_width` columns where `out` is no terminal."""
    return Console(file=out, width=None if out.isatty() else plain_width, highlight=False, markup=False, emoji=False)


def print_line(console: Console, text: str, style: str = "") -> None:
    """One line, however long."""
    console.print(Text(printable(text), style=style), soft_wrap=True)


def progress_bar(err: TextIO, *, time_left: bool = False) -> Progress:
    """A bar that is there on terminals only and leaves nothing behind."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *([TimeRemainingColumn()] if time_left else []),
        console=Console(file=err),
        transient=True,
        disable=not err.isatty(),
    )
