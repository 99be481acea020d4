"""Writes what people and editors read about the configuration, from the models: example, page and JSON Schema."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edge.config.hq import HqConfig
from edge.config.models import Config
from edge.config.problems import allowed_text, model_in
from edge.config.recording import ChannelConfig
from edge.config.values import read_size, size_text

_PAGE_HEAD = """# Configuration

<!-- Written by `edge schemas` from edge/config; change the models, not this page. -->

Every process reads one YAML file: `--config FILE`, else `$EDGE_CONFIG`, else `./edge.yaml`. `edge check` reads it
too, says what is wrong with it and asks every camera. [deploy/edge.example.yaml](../deploy/edge.example.yaml) holds
every key with its default, and [schemas/config.schema.json](../schemas/config.schema.json) lets editors check the file.

- Unknown keys, keys that stand twice, and values of another kind are refused: a typing error never becomes a default.
- Only `true` and `false` are booleans (YAML 1.2): `off` and `007` are text. Anchors, aliases and tags are refused.
- `${NAME}` takes an environment variable; one that is not set is an error. `$${` stands for a plain `${`. Without
  quotes around it the text of the variable is read as if it stood in the file, so that `port: ${PORT}` is a
  number; between `{` and `}` YAML wants the quotes.
- A key that ends in `_file` names a file that holds a secret, one line of text. No log, event or page shows a secret.
- Relative paths start at the folder of the configuration file. Sizes are written `5GiB`, `500MB` or in bytes.

Passwords in camera addresses: `rtsp://user:password@host/path`. The last `@` before the path ends the password, so
that `@`, `#`, `?` and `:` may stand in it as they are; a `/` is written `%2F` (and `%` itself `%25`). A password that
comes from a variable, as in `rtsp://edge:${LOBBY_PASSWORD}@10.0.0.11/main`, is taken as it is, whatever characters it
holds. An `@` in the path is written `%40` unless the host is an IP address.
"""
_HQ_HEAD = """
# Headquarters: `hq.yaml`

`edge hq` reads one YAML file too: `--config FILE`, else `$EDGE_HQ_CONFIG`, else `./hq.yaml`, by the same rules.
[deploy/hq.example.yaml](../deploy/hq.example.yaml) holds every key with its default, and
[schemas/hq.schema.json](../schemas/hq.schema.json) lets editors check the file. No key is required.
"""
_HQ_TITLE = "hq.yaml: "
_EXAMPLE_HEAD = """\
# The configuration of a Saksi site: every key with its default, what it may be and what it does.
# Only site and channels are required; a key that is left out has the value that stands here.
# ${NAME} takes an environment variable. Check a changed file with: edge check --config edge.yaml
"""
_HQ_EXAMPLE_HEAD = """\
# The configuration of headquarters (edge hq): every key with its default, what it may be and what it does.
# No key is required; one that is left out has the value that stands here. ${NAME} takes an environment variable.
"""


def configuration_schema() -> str:
    """Return the text of `schemas/config.schema.json`."""
    return _schema(Config)


def hq_schema() -> str:
    """Return the text of `schemas/hq.schema.json`."""
    return _schema(HqConfig)


def configuration_markdown() -> str:
    """Return the text of `docs/configuration.md`."""
    site, hq = _page_sections(Config, "", ""), _page_sections(HqConfig, "", _HQ_TITLE)
    return "".join([_PAGE_HEAD, *site, _HQ_HEAD, *hq])


def configuration_example() -> str:
    """Return the text of `deploy/edge.example.yaml`: every key at its default, and one camera."""
    return "\n".join([_EXAMPLE_HEAD, *_example_lines(Config, "")]) + "\n"


def hq_example() -> str:
    """Return the text of `deploy/hq.example.yaml`: every key at its default."""
    return "\n".join([_HQ_EXAMPLE_HEAD, *_example_lines(HqConfig, "")]) + "\n"


def _schema(model: type[BaseModel]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | model.model_json_schema()
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _page_sections(model: type[BaseModel], prefix: str, file: str) -> Iterator[str]:
    """The section of a model and those within it; `file` tells sections apart that stand in two files."""
    title = f"{file}`{prefix.rstrip('.')}`" if prefix else f"{file}The top of the file"
    yield f"\n## {title}\n\n{(model.__doc__ or '').strip()}\n"
    yield "\n| key | default | allowed | meaning |\n|---|---|---|---|\n"
    inner: list[tuple[type[BaseModel], str]] = []
    properties = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        within = model_in(field.annotation)
        if within:
            inner.append((within, f"{prefix}{name}{_between(properties[name])}."))
        default = "required" if field.is_required() else "" if _is_section(field) else f"`{_default(field)}`"
        below = f"[see below](#{_anchor(file + inner[-1][1])})" if within else ""
        allowed = below or allowed_text(properties[name]).replace("|", "\\|")
        yield f"| `{name}` | {default} | {allowed} | {field.description} |\n"
    for within, path in inner:
        yield from _page_sections(within, path, file)


def _example_lines(model: type[BaseModel], indent: str) -> Iterator[str]:
    properties = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        within = model_in(field.annotation)
        if not indent:
            yield ""
        if within is ChannelConfig:
            yield f"# {field.description}"
            yield "channels:"
            yield from _entry_lines(_example_lines(within, "    "))
        elif within and _is_section(field):
            yield f"{indent}# {field.description}"
            yield f"{indent}{name}:"
            yield from _example_lines(within, indent + "  ")
        else:
            yield f"{indent}# {field.description}"
            if not within:
                yield f"{indent}# Allowed: {allowed_text(properties[name])}."
            yield f"{indent}{name}: {_shown(field)}"
            if within:
                yield from _shape_lines(within, f"{indent}# ", f"{name}{_between(properties[name])}".split("."))


def _shape_lines(model: type[BaseModel], indent: str, names: list[str]) -> Iterator[str]:
    """Write the keys of a section that is empty by default, as a comment."""
    properties = model.model_json_schema()["properties"]
    for name in names:
        yield f"{indent}{name}:"
        indent += "  "
    for key, field in model.model_fields.items():
        value = field.examples[0] if field.examples else _default(field)
        yield f"{indent}{key}: {value}  # {field.description} Allowed: {allowed_text(properties[key])}."


def _entry_lines(lines: Iterator[str]) -> Iterator[str]:
    """Turn the keys of one camera into a list entry: the dash stands before its first key."""
    dashed = False
    for line in lines:
        if not dashed and not line.lstrip().startswith("#"):
            yield f"  - {line.lstrip()}"
            dashed = True
        else:
            yield line


def _shown(field: FieldInfo) -> str:
    """Return the default, or an example where there is none; addresses are quoted."""
    value = str(field.examples[0]) if field.is_required() and field.examples else _default(field)
    return f'"{value}"' if "://" in value else value


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if read_size in {getattr(part, "func", None) for part in field.metadata}:
        return size_text(value)
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return json.dumps(value)  # without quotes it would be a number
    return str(value) if isinstance(value, str | Path) else json.dumps(value)


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.default, BaseModel)


def _between(schema: dict[str, Any]) -> str:
    return "[]" if schema.get("type") == "array" else ".NAME" if schema.get("type") == "object" else ""


def _anchor(path: str) -> str:
    kept = (character for character in path.lower() if character.isalnum() or character in "_- ")
    return "".join(kept).replace(" ", "-")
