"""The sub-commands of `edge demo`. Parses and hands over, nothing more."""

import asyncio
import json as json_text
import signal
from pathlib import Path
from typing import Annotated

import typer

from edge.cli_options import BrokerOption

demo_app = typer.Typer(help="A site to try out, with simulated cameras.", invoke_without_command=True)

FolderOption = Annotated[Path, typer.Option("--folder", help="Where the demo keeps everything.")]
DEFAULT_FOLDER = Path("demo")


@demo_app.callback()
def demo(context: typer.Context, folder: FolderOption = DEFAULT_FOLDER, broker: BrokerOption = None) -> None:
    """Run a site of four simulated cameras and every process there is."""
    if context.invoked_subcommand is None:
        from edge.up.demo import run_demo

        raise typer.Exit(run_demo(folder, broker))


@demo_app.command()
def cameras(
    port: Annotated[int, typer.Option(help="RTSP port; 0 takes a free one.")] = 0,
    control_port: Annotated[int, typer.Option(help="Port for faults; 0 takes a free one.")] = 0,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Run the simulated cameras alone."""
    try:
        asyncio.run(_run_cameras(port, control_port, folder / "clips"))
    except OSError as error:
        typer.echo(
            f"edge: cameras on ports {port} and {control_port}, clips in {folder}: {error.strerror}; choose others",
            err=True,
        )
        raise typer.Exit(1) from None


@demo_app.command()
def fault(
    camera: Annotated[str, typer.Argument(help="The camera, e.g. lobby.")],
    name: Annotated[str, typer.Argument(help="The fault, e.g. stall; 'clear' ends all, 'list' shows them.")],
    value: Annotated[str | None, typer.Option(help="How much, where the fault has a size.")] = None,
    for_s: Annotated[float | None, typer.Option("--for", help="Seconds; until cleared where not given.")] = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Break a simulated camera of a running demo, or mend it."""
    from edge.demo.control import send_command
    from edge.up.demo import control_port

    is_fault = name not in {"clear", "list"}
    action, kind = ("fault", name) if is_fault else (name, None)
    port = control_port(folder)
    try:
        answer = send_command(port, action, camera, kind, value=value, for_s=for_s)
        typer.echo(json_text.dumps(answer, indent=2))
    except OSError as error:
        typer.echo(f"edge: the demo's cameras do not answer: {error.strerror}; is 'edge demo' running?", err=True)
        raise typer.Exit(1) from None


async def _run_cameras(port: int, control_port: int, clips: Path) -> None:
    from edge.demo.main import DEMO_CAMERAS, run_cameras

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_cameras(DEMO_CAMERAS, stop=stop, port=port, control_port=control_port, cache_dir=clips)
