"""Reads `edge.yaml` and answers with a valid configuration or with everything that is wrong with it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.config.models import Config
from edge.config.problems import problem_line, translate
from edge.config.yaml_text import Document, Place, YamlProblem, read
from edge.errors import ConfigError

BROKER_PORT = "EDGE_BROKER_PORT"
_MOST_BYTES = 2**20
_START = "copy deploy/edge.example.yaml and adapt it"


def load(path: Path | str, environ: Mapping[str, str] | None = None) -> Config:
    """Read a configuration file, whose relative paths start at its folder; raises ConfigError, one line a problem."""
    path = Path(path)
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; name the configuration file in it, e.g. {path / 'edge.yaml'}")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file; {_START}") from error
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else "not a file name"
        raise ConfigError(f"{path}: cannot be read ({words}); let the user that runs edge read it") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path}: is larger than 1 MiB; that is no configuration")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # its text quotes the file, so it is not chained
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    return parse(
        text, file=path.name, folder=path.absolute().parent, environ=os.environ if environ is None else environ
    )


def parse(text: str, *, file: str, folder: Path, environ: Mapping[str, str]) -> Config:
    """Read the text of a configuration; `file` is its name in messages, `folder` where its relative paths start."""
    try:
        document = read(text, environ)
    except YamlProblem as problem:
        raise ConfigError(f"{file}: {problem}") from None
    if document.values is None:
        raise ConfigError(f"{file}: is empty; {_START}")
    if not isinstance(document.values, dict):
        raise ConfigError(f"{file}: must hold keys such as site and channels at its top; {_START}")
    _use_running_broker(document.values, environ)
    return _validate(document, file, folder)


def _use_running_broker(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    """The supervisor tells its processes the broker's port where the configured one was taken by another broker."""
    port = environ.get(BROKER_PORT)
    broker = values.setdefault("broker", {}) if port and port.isascii() and port.isdigit() else None
    if isinstance(broker, dict) and port:
        broker["port"] = int(port)


def _validate(document: Document, file: str, folder: Path) -> Config:
    problems = document.problems + _double_ids(document.values)
    config = None
    try:
        config = Config.model_validate(document.values, context={"folder": folder})
    except ValidationError as error:
        known = {place for place, _ in problems}
        found = [translate(details) for details in error.errors(include_url=False)]
        problems += [problem for problem in found if problem[0] not in known]
    if config is None or problems:
        raise ConfigError("\n".join(problem_line(file, place, rule, document) for place, rule in problems))
    return config


def _double_ids(values: Any) -> list[tuple[Place, str]]:
    channels = values.get("channels")
    first: dict[str, int] = {}
    problems: list[tuple[Place, str]] = []
    for index, channel in enumerate(channels if isinstance(channels, list) else []):
        channel_id = channel.get("id") if isinstance(channel, dict) else None
        if isinstance(channel_id, str) and first.setdefault(channel_id, index) != index:
            place: Place = ("channels", index, "id")
            problems.append(
                (place, f"must differ from channels[{first[channel_id]}].id; every camera needs its own id")
            )
    return problems
