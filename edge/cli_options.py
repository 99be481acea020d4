"""Options that several commands of `edge` have, said once."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path, typer.Option("--config", envvar="EDGE_CONFIG", help="Configuration of the site.", metavar="FILE")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document (a line an event) for machines.")]
BrokerOption = Annotated[
    Path | None,
    typer.Option(
        "--broker", help="Run Mosquitto too, from this configuration, on a free loopback port.", metavar="FILE"
    ),
]
DEFAULT_CONFIG = Path("edge.yaml")
