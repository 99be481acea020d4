"""Puts what pydantic found into words: key, value (never a secret) and rule. Nobody else sees pydantic's errors."""

import difflib
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from edge.config.camera_url import CameraUrl
from edge.config.redaction import MASK, is_secret_key, mask
from edge.config.yaml_text import Document, Place, path_text

_MOST_SHOWN = 60
_URLS = {"url", "sub_url"}
_KEYS_RULE = "must hold keys of its own; the example file shows them"
_RULES = {
    "model_type": _KEYS_RULE,
    "model_attributes_type": _KEYS_RULE,
    "dict_type": _KEYS_RULE,
    "tuple_type": "must be a list; begin each entry with -",
    "string_type": "must be text; put it in quotes",
}


def problem_line(file: str, place: Place, rule: str, document: Document, root: type[BaseModel]) -> str:
    """Write one problem as `edge.yaml: channels[3].id "Lobby!": must match [a-z0-9_-]{1,32}`; `root` is the model."""
    shown = shown_value(place, document, root)
    return f"{file}: {path_text(place)}{f' {shown}' if shown else ''}: {rule}"


def translate(error: ErrorDetails, root: type[BaseModel]) -> tuple[Place, str]:
    """Say where pydantic found a problem in the model `root`, and which rule it breaks."""
    kind = error["type"]
    place = tuple(part for part in error["loc"] if part != "[key]")
    at = _locate(place, root)
    if kind == "missing":
        return place, f"is missing; {_example(at)}"
    if kind == "extra_forbidden":
        return place, f"unknown key; {_known_keys(place, root)}"
    if kind == "value_error":
        return place, str(error["ctx"]["error"])
    if "[key]" in error["loc"]:
        return place, "must have a name that matches [A-Za-z0-9_.@-]{1,64}"
    if kind in _RULES:
        return place, _RULES[kind]
    allowed = allowed_text(at.owner.model_json_schema()["properties"][at.field]) if at.owner else "given"
    return place, f"must {'match' if allowed.startswith('[') else 'be'} {allowed}"


def shown_value(place: Place, document: Document, root: type[BaseModel]) -> str:
    """Return the value in quotes as it was written, masked where it is a secret; nothing where it is no single value.

    Nor is anything shown under an unknown key or in place of a section: what stands there may be a password.
    """
    at = _locate(place, root)
    value = _value(place, document, as_written=at.field not in _URLS)
    if value is None or isinstance(value, dict | list) or not at.known or at.expected is not None:
        return ""
    if at.field in _URLS or is_secret_key(at.field):
        return f'"{_masked_url(value)}"'
    text = mask(str(value).lower() if isinstance(value, bool) else str(value))
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return f'"{text}"' if len(text) <= _MOST_SHOWN else f'"{text[: _MOST_SHOWN - 3]}..."'


def allowed_text(schema: dict[str, Any]) -> str:
    """Put a field's JSON Schema into words: `a whole number from 1 to 65535`, `debug, info, warning or error`."""
    if "x-allowed" in schema:
        return str(schema["x-allowed"])
    if "anyOf" in schema:
        words = [allowed_text(part) for part in schema["anyOf"] if part.get("type") != "null"]
        return f"{words[0]}, or null"
    if "enum" in schema:
        *first, last = schema["enum"]
        return f"{', '.join(first)} or {last}"
    if schema.get("type") in {"integer", "number"}:
        return ("a whole number" if schema["type"] == "integer" else "a number") + _bounds(schema)
    return {"boolean": "true or false", "string": "text", "array": "a list"}.get(
        schema.get("type", ""), "keys of its own"
    )


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model inside an annotation such as `X | None`, `tuple[X, ...]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)


def _bounds(schema: dict[str, Any]) -> str:
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']:g}, at most {schema['maximum']:g}"
    return f" from {schema['minimum']:g} to {schema['maximum']:g}" if "minimum" in schema else ""


@dataclass(frozen=True, slots=True)
class _Location:
    """What the models know of a place: the field it belongs to, and the model that its value must be, if any."""

    owner: type[BaseModel] | None
    field: str
    expected: type[BaseModel] | None
    known: bool


def _locate(place: Place, root: type[BaseModel]) -> _Location:
    at = _Location(None, "", root, known=True)
    model: type[BaseModel] | None = root
    for part in place:
        if isinstance(part, str) and model is not None and part in model.model_fields:
            annotation = model.model_fields[part].annotation
            inside = model_in(annotation)
            at = _Location(model, part, inside, known=True)
            # The next part is an index or a name where a list or a mapping of models lies between.
            model = None if get_origin(annotation) in {tuple, dict} else inside
        elif model is None and at.expected is not None:
            model = at.expected
        else:
            return _Location(at.owner, at.field, None, known=False)
    return at


def _known_keys(place: Place, root: type[BaseModel]) -> str:
    parent = _locate(place[:-1], root).expected or root
    names = list(parent.model_fields)
    close = difflib.get_close_matches(str(place[-1]), names, n=1)
    return f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(names)}"


def _example(at: _Location) -> str:
    examples = at.owner.model_fields[at.field].examples if at.owner else None
    return f"add it, e.g. {at.field}: {examples[0]}" if examples else f"add {at.field}"


def _value(place: Place, document: Document, *, as_written: bool) -> Any:
    if as_written and place in document.written:
        return document.written[place]
    value = document.values
    for part in place:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _masked_url(value: object) -> str:
    try:
        return CameraUrl.parse(str(value)).redacted
    except ValueError:
        scheme, separator, _ = str(value).partition("://")
        return f"{scheme}://{MASK}" if separator and scheme in {"rtsp", "rtsps", "http", "https"} else MASK
