"""Reads the text of a YAML file into plain values and fills in `${NAME}`. Knows no setting's name or meaning.

Scalars follow YAML 1.2: only `true` and `false` are booleans, so that `on` and `007` stay the text that they look like.
Anchors, aliases, tags and keys that stand twice are refused: each can make a file mean something else than it seems to.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import yaml

Place = tuple[str | int, ...]
"""Where a value stands: `("channels", 3, "id")`."""

_MOST_DEPTH = 16
_MOST_NUMBER_CHARACTERS = 20
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"0|[-+]?[1-9][0-9]*")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?")
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What the parser quotes, except its own names of tokens, single characters and escapes.
_QUOTED = re.compile(r"(['\"])(?!<[a-z ]+>\1|\\\w\1)(?:(?!\1).){2,}\1")
_CAMERA_SCHEME = re.compile(r"rtsps?://", re.IGNORECASE)


class YamlProblem(Exception):  # noqa: N818 - a finding about a file, turned into ConfigError by the loader
    """The text cannot be read as YAML; the words say where and what to do."""


@dataclass(slots=True)
class Document:
    """Plain values (dict, list, str, numbers, bool, None), the texts that held variables, what is wrong with those."""

    values: Any = None
    written: dict[Place, str] = field(default_factory=dict)
    problems: list[tuple[Place, str]] = field(default_factory=list)


def read(text: str, environ: Mapping[str, str]) -> Document:
    """Read one YAML document; raises YamlProblem. Unset variables are listed in `Document.problems`."""
    builder = _Builder(environ)
    try:
        builder.read_stream(iter(yaml.parse(text, Loader=yaml.SafeLoader)))
    except yaml.reader.ReaderError as error:
        raise YamlProblem(
            f"the character U+{error.character:04X} at position {error.position} is not allowed"
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlProblem(
            f"{_at(mark)}: this is not YAML ({_words(error)}); correct that line or the one above"
        ) from error
    except (ValueError, OverflowError, IndexError) as error:
        # PyYAML lets int() and chr() fail on absurd escapes and version numbers.
        raise YamlProblem("is not YAML: an escape or a number in it has no meaning; write it plainly") from error
    return builder.document


class _Builder:
    """Turns parser events into values, keeping track of where it stands."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.document = Document()

    def read_stream(self, events: Iterator[yaml.Event]) -> None:
        seen = False
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    raise YamlProblem(f"{_at(event.start_mark)}: a second document begins; keep one and remove ---")
                seen = True
                self.document.values = self._value(next(events), events, ())

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], place: Place) -> Any:
        line = _at(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise YamlProblem(
                f"{line}: anchors (&) and aliases (*) are not used here; quote the text or write the value out"
            )
        if getattr(event, "tag", None) is not None:
            raise YamlProblem(f"{line}: tags (!) are not used here; quote the text or remove the tag")
        if len(place) > _MOST_DEPTH:
            raise YamlProblem(
                f"{line}: more than {_MOST_DEPTH} levels inside each other; the example file shows the form"
            )
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, place)
        assert isinstance(event, yaml.ScalarEvent)
        text = self._fill_in(event.value, place)
        return _scalar(text, line) if event.style is None else text

    def _sequence(self, events: Iterator[yaml.Event], place: Place) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            values.append(self._value(event, events, (*place, len(values))))
        return values

    def _mapping(self, events: Iterator[yaml.Event], place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            line = _at(event.start_mark)
            if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
                raise YamlProblem(f"{line}: a key must be plain text")
            if event.value in values:
                raise YamlProblem(
                    f"{line}: the key {path_text((*place, event.value))} stands twice; remove one of them"
                )
            values[event.value] = self._value(next(events), events, (*place, event.value))
        return values

    def _fill_in(self, text: str, place: Place) -> str:
        if "${" not in text:
            return text
        self.document.written[place] = text
        # Inside rtsp://user:${PASSWORD}@ the variable's text is taken as it is, whatever characters it holds.
        credentials = range(text.rfind("@")) if _CAMERA_SCHEME.match(text) else range(0)

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            if name is None:
                return "${"
            if not _NAME.fullmatch(name):
                self.document.problems.append(
                    (place, "${...} must hold the name of an environment variable; write $${ for a plain ${")
                )
            elif name not in self._environ:
                self.document.problems.append(
                    (place, f"the environment variable {name} is not set; set it, or write $${{ for a plain ${{")
                )
            elif found.start() in credentials:
                return quote(self._environ[name], safe="", errors="replace")
            else:
                return self._environ[name]
            return ""

        return _VARIABLE.sub(fill, text)


def path_text(place: Place) -> str:
    """Write a place as people do: `channels[3].id`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _scalar(text: str, line: str) -> str | float | bool | None:
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    is_integer = _INTEGER.fullmatch(text)
    if not is_integer and not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MOST_NUMBER_CHARACTERS:
        raise YamlProblem(
            f"{line}: a number of more than {_MOST_NUMBER_CHARACTERS} digits; put it in quotes if it is text"
        )
    return int(text) if is_integer else float(text)


def _at(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"


def _words(error: yaml.MarkedYAMLError) -> str:
    """Return the parser's complaint without the words that it quotes of the file: one may be a password."""
    return _QUOTED.sub("...", error.problem or error.context or "unreadable")
