"""The sub-commands of `edge` for footage that is there. Parses and hands over, nothing more."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.cli_options import DEFAULT_CONFIG, ConfigOption, JsonOption


def protect(
    channel: Annotated[str, typer.Argument(help="The channel, e.g. lobby.")],
    start: Annotated[
        str, typer.Argument(metavar="FROM", help="Local time of the site: 2026-11-20T08:00, or with its offset.")
    ],
    end: Annotated[str, typer.Argument(metavar="TO", help="As FROM.")],
    note: Annotated[str, typer.Option("--note", help="Why, for whoever finds it in a year.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep footage from deletion, whatever its age and however full the disk."""
    from edge.retention.commands import protect as run

    raise typer.Exit(run(config, channel, start, end, note, sys.stdout))


def unprotect(
    protection: Annotated[str, typer.Argument(metavar="ID", help="As edge protected shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let protected footage be deleted like any other again."""
    from edge.retention.commands import unprotect as run

    raise typer.Exit(run(config, protection, sys.stdout))


def protected(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    channel: Annotated[str | None, typer.Option("--channel", help="Only this channel.")] = None,
    json: JsonOption = False,
) -> None:
    """List the footage that is kept from deletion."""
    from edge.retention.commands import protected as run

    raise typer.Exit(run(config, channel, sys.stdout, json=json))


def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    channel: Annotated[str | None, typer.Option("--channel", help="Only this channel.")] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Local time of the site: 2026-11-20T08:00, or with its offset."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="As --from.")] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", help="Only N segments at random, decoding them too.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Hold the recordings on the disk against what was announced of them; exit status 1 if anything is off."""
    from edge.verify.main import Wish, run

    raise typer.Exit(run(config, Wish(channel, start, end, sample), json=json, out=sys.stdout))


def audit(
    start: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="Local time of the site: 2026-11-20T08:00, or with its offset."),
    ],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="As --from.")],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            envvar=["EDGE_CONFIG", "EDGE_HQ_CONFIG"],
            help="edge.yaml at the site, hq.yaml at headquarters.",
            metavar="FILE",
        ),
    ] = None,
    *,
    site: Annotated[str | None, typer.Option("--site", help="The site; at a site itself it need not be said.")] = None,
    channel: Annotated[list[str] | None, typer.Option("--channel", help="Only this channel; repeatable.")] = None,
    verify_files: Annotated[
        bool, typer.Option("--verify/--no-verify", help="At the site: hold the files against their hashes too.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the statement as FILE.md and FILE.json.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="FILE", help="The JSON of another audit, e.g. of headquarters.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """State what became of every second and every event of a range; exit status 1 if anything is off or unknown."""
    from edge.audit.main import Wish, run

    wish = Wish(start, end, site, tuple(channel or ()), verify=verify_files, out=out, compare=compare)
    raise typer.Exit(run(config, wish, json=json, out=sys.stdout))


def validate(
    paths: Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.", metavar="FILE-OR-FOLDER...")],
    *,
    json: JsonOption = False,
    every_s: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks.")] = 10.0,
    confirm: Annotated[int, typer.Option(min=1, max=100, help="Looks in a row that must agree.")] = 3,
) -> None:
    """Judge recordings that lie in files: exit 1 if a picture is at fault."""
    from edge.validator.offline import run

    raise typer.Exit(run(paths, json=json, out=sys.stdout, every_s=every_s, confirm=confirm))


def add_to(app: typer.Typer) -> None:
    """Add these sub-commands to `edge`."""
    for command in (protect, unprotect, protected, verify, audit, validate):
        app.command()(command)
