"""Reads `edge.yaml` or `hq.yaml`: answers with a valid configuration or with everything that is wrong with it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from edge.config.hq import HqConfig
from edge.config.models import Config
from edge.config.problems import problem_line, translate
from edge.config.section import Section
from edge.config.yaml_text import Document, Place, YamlProblem, read
from edge.errors import ConfigError

BROKER_PORT = "EDGE_BROKER_PORT"
BROKER_CREDENTIALS = "EDGE_BROKER_CREDENTIALS"
OWN_BROKER = "broker"
"""Folder in state_dir of the broker that `edge up --broker` runs."""
_MOST_BYTES = 2**20
_EXAMPLES: dict[type[Section], str] = {Config: "edge.example.yaml", HqConfig: "hq.example.yaml"}

_Configuration = TypeVar("_Configuration", bound=Section)


def load(path: Path | str, environ: Mapping[str, str] | None = None) -> Config:
    """Read a site's configuration; relative paths start at its folder. Raises ConfigError, one line a problem."""
    path = Path(path)
    text = _text(path, Config)
    config = parse(text, file=path.name, folder=path.absolute().parent, environ=_environ(environ))
    return _with_own_credentials(config)


def load_hq(path: Path | str, environ: Mapping[str, str] | None = None) -> HqConfig:
    """Read headquarters' configuration, as `load` does a site's."""
    path = Path(path)
    text = _text(path, HqConfig)
    return parse_hq(text, file=path.name, folder=path.absolute().parent, environ=_environ(environ))


def parse(text: str, *, file: str, folder: Path, environ: Mapping[str, str]) -> Config:
    """Read the text of a configuration; `file` is its name in messages, `folder` where its relative paths start."""
    document = _document(text, file, environ, Config)
    _use_running_broker(document.values, environ)
    return _validate(document, file, folder, Config, _double_ids(document.values))


def parse_hq(text: str, *, file: str, folder: Path, environ: Mapping[str, str]) -> HqConfig:
    """Read the text of headquarters' configuration, as `parse` does a site's."""
    return _validate(_document(text, file, environ, HqConfig), file, folder, HqConfig, [])


def _environ(given: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if given is None else given


def _start(model: type[Section]) -> str:
    return f"copy deploy/{_EXAMPLES[model]} and adapt it"


def _text(path: Path, model: type[Section]) -> str:
    try:
        if path.is_dir():
            usual = path / _EXAMPLES[model].replace(".example", "")
            raise ConfigError(f"{path}: is a folder; name the configuration file in it, e.g. {usual}")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file; {_start(model)}") from error
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else "not a file name"
        raise ConfigError(f"{path}: cannot be read ({words}); let the user that runs edge read it") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path}: is larger than 1 MiB; that is no configuration")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:  # its text quotes the file, so it is not chained
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from None


def _document(text: str, file: str, environ: Mapping[str, str], model: type[Section]) -> Document:
    try:
        document = read(text, environ)
    except YamlProblem as problem:
        raise ConfigError(f"{file}: {problem}") from None
    if document.values is None:
        raise ConfigError(f"{file}: is empty; {_start(model)}")
    if not isinstance(document.values, dict):
        keys = " and ".join([name for name, field in model.model_fields.items() if field.is_required()] or ["broker"])
        raise ConfigError(f"{file}: must hold keys such as {keys} at its top; {_start(model)}")
    return document


def _with_own_credentials(config: Config) -> Config:
    """A site whose broker `edge up --broker` made logs in there, also from a command that is typed beside it."""
    broker, folder = config.broker, config.state_dir / OWN_BROKER / "credentials"
    try:
        if broker.credentials_dir or broker.username or broker.password_file or not folder.is_dir():
            return config
    except PermissionError:  # another user's state_dir: what is needed of it will say so
        return config
    return config.model_copy(update={"broker": broker.model_copy(update={"credentials_dir": folder})})


def _use_running_broker(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    """The supervisor tells its processes the port and the users of the broker that it runs, whatever is configured."""
    port, folder = environ.get(BROKER_PORT), environ.get(BROKER_CREDENTIALS)
    usable = port if port and port.isascii() and port.isdigit() else None
    broker = values.setdefault("broker", {}) if usable or folder else None
    if not isinstance(broker, dict):
        return
    if usable:
        broker["port"] = int(usable)
    if folder:
        broker |= {"username": None, "password_file": None, "credentials_dir": folder}


def _validate(
    document: Document, file: str, folder: Path, model: type[_Configuration], found: list[tuple[Place, str]]
) -> _Configuration:
    problems = document.problems + found
    config = None
    try:
        config = model.model_validate(document.values, context={"folder": folder})
    except ValidationError as error:
        known = {place for place, _ in problems}
        translated = [translate(details, model) for details in error.errors(include_url=False)]
        problems += [problem for problem in translated if problem[0] not in known]
    if config is None or problems:
        raise ConfigError("\n".join(problem_line(file, place, rule, document, model) for place, rule in problems))
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
