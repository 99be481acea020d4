"""The command `edge`: one sub-command a process, and the tools of a technician. Parses and hands over, nothing more.

Each command imports what it needs: the recorder must not carry the libraries of the others for months.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from edge import cli_demo, cli_keys
from edge.cli_demo import BrokerOption
from edge.errors import NoAnswer, OutboxLocked, SaksiError

USAGE = 2

app = typer.Typer(
    help="Saksi records RTSP cameras at a site and proves to headquarters what was recorded.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_demo.demo_app, name="demo")
cli_keys.add_to(app)

ConfigOption = Annotated[
    Path, typer.Option("--config", envvar="EDGE_CONFIG", help="Configuration of the site.", metavar="FILE")
]
HqConfigOption = Annotated[
    Path, typer.Option("--config", envvar="EDGE_HQ_CONFIG", help="Configuration of headquarters.", metavar="FILE")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document (a line an event) for machines.")]
DEFAULT_CONFIG = Path("edge.yaml")
DEFAULT_HQ_CONFIG = Path("hq.yaml")


def main() -> None:
    """Run the command line; errors that were expected become one sentence and an exit status."""
    try:
        app()
    except SaksiError as error:
        sys.stderr.write(f"edge: {error}\n")
        sys.exit(1 if isinstance(error, OutboxLocked | NoAnswer) else USAGE)


def _leave(status: int) -> None:
    raise typer.Exit(status)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("saksi"))
        raise typer.Exit


@app.callback()
def _options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Saksi records RTSP cameras at a site and proves to headquarters what was recorded."""


@app.command()
def recorder(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Record the cameras of a site to segments on disk, and say so in events."""
    from edge.recorder.main import run

    _leave(run(config))


@app.command()
def retention(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Watch the disk of the recordings, delete the oldest by policy, and give a receipt for every deletion."""
    from edge.retention.main import run

    _leave(run(config))


@app.command()
def validator(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Judge the pictures of every channel, and say which are not worth keeping."""
    from edge.validator.main import run

    _leave(run(config))


@app.command()
def reporter(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Fold the site's events into reports, and bring them to headquarters."""
    from edge.reporter.main import run

    _leave(run(config))


@app.command()
def web(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Serve the site's page, API and health, derived from its events."""
    from edge.web.main import run

    _leave(run(config))


@app.command()
def hq(config: HqConfigOption = DEFAULT_HQ_CONFIG) -> None:
    """Serve headquarters: take in the events of every site, keep them, and show how each site is."""
    from edge.hq.main import run

    _leave(run(config))


@app.command()
def up(config: ConfigOption = DEFAULT_CONFIG, broker: BrokerOption = None) -> None:
    """Run every process of a site under one supervisor."""
    from edge.up.site import run_site

    _leave(run_site(config, broker))


@app.command()
def check(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    json: JsonOption = False,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="SHEET.png", help="Judge the pictures too and lay them out on this PNG."),
    ] = None,
) -> None:
    """Try every camera of a configuration, and say what is wrong and what to do."""
    from edge.check.main import run

    _leave(run(config, json=json, out=sys.stdout, pictures=pictures))


@app.command()
def password() -> None:
    """Make the line of the configuration that lets a person log in, from a password that is asked for."""
    from edge.web.password import run

    _leave(run(sys.stdout))


@app.command()
def events(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    json: JsonOption = False,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type; repeatable.")
    ] = None,
    channel: Annotated[list[str] | None, typer.Option("--channel", help="Only this channel; repeatable.")] = None,
) -> None:
    """Show the events of a site as they come, one sentence each."""
    from edge.tail.main import run

    _leave(run(config, json=json, out=sys.stdout, types=event_type or [], channels=channel or []))


@app.command()
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

    _leave(run(config, channel, start, end, note, sys.stdout))


@app.command()
def unprotect(
    protection: Annotated[str, typer.Argument(metavar="ID", help="As edge protected shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let protected footage be deleted like any other again."""
    from edge.retention.commands import unprotect as run

    _leave(run(config, protection, sys.stdout))


@app.command()
def protected(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    channel: Annotated[str | None, typer.Option("--channel", help="Only this channel.")] = None,
    json: JsonOption = False,
) -> None:
    """List the footage that is kept from deletion."""
    from edge.retention.commands import protected as run

    _leave(run(config, channel, sys.stdout, json=json))


@app.command()
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

    _leave(run(config, Wish(channel, start, end, sample), json=json, out=sys.stdout))


@app.command()
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
    _leave(run(config, wish, json=json, out=sys.stdout))


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.", metavar="FILE-OR-FOLDER...")],
    *,
    json: JsonOption = False,
    every_s: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks.")] = 10.0,
    confirm: Annotated[int, typer.Option(min=1, max=100, help="Looks in a row that must agree.")] = 3,
) -> None:
    """Judge recordings that lie in files: exit 1 if a picture is at fault."""
    from edge.validator.offline import run

    _leave(run(paths, json=json, out=sys.stdout, every_s=every_s, confirm=confirm))


@app.command("schemas")
def write_schemas(
    folder: Annotated[Path, typer.Option("--folder", help="The project's folder.")] = Path(),
    *,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file is out of step.")] = False,
) -> None:
    """Write what is generated from the code: JSON Schemas, AsyncAPI, the event and configuration documents."""
    from edge.config import docs as config_docs
    from edge.events import markdown, schemas

    written = {
        **{f"schemas/{name}": text for name, text in schemas.generate().items()},
        "schemas/config.schema.json": config_docs.configuration_schema(),
        "docs/events.md": markdown.events_markdown(),
        "docs/configuration.md": config_docs.configuration_markdown(),
        "schemas/hq.schema.json": config_docs.hq_schema(),
        "deploy/edge.example.yaml": config_docs.configuration_example(),
        "deploy/hq.example.yaml": config_docs.hq_example(),
    }
    stale = [name for name, text in written.items() if _text_of(folder / name) != text]
    for name in stale:
        if not check:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(written[name], encoding="utf-8")
        typer.echo(f"{'out of step' if check else 'written'}: {name}")
    _leave(1 if check and stale else 0)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
