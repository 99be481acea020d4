"""The command `edge`: one sub-command a process, and the tools of a technician. Parses and hands over, nothing more.

Each command imports what it needs: the recorder must not carry the libraries of the others for months.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from edge import cli_demo, cli_footage, cli_keys
from edge.cli_options import DEFAULT_CONFIG, BrokerOption, ConfigOption, JsonOption
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

HqConfigOption = Annotated[
    Path, typer.Option("--config", envvar="EDGE_HQ_CONFIG", help="Configuration of headquarters.", metavar="FILE")
]
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


cli_footage.add_to(app)  # edge --help lists the commands in the order in which they are added


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
