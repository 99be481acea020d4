"""The generated files of `schemas/`: writes them, says which are stale. The config's schema is edge.config's."""

import json
from pathlib import Path

from edge.events.asyncapi import asyncapi_yaml
from edge.events.catalog import EVENTS
from edge.events.json_schema import event_file, event_schema, message_file, message_schema
from edge.events.messages import MESSAGES

_EVENT_FILES = "*.v*.schema.json"


def generate() -> dict[str, str]:
    """Every generated file of the folder: its name and its text."""
    documents = {event_file(event): event_schema(event) for event in EVENTS.values()}
    documents |= {message_file(message): message_schema(message) for message in MESSAGES}
    files = {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in documents.items()}
    return files | {"asyncapi.yaml": asyncapi_yaml()}


def write(folder: Path) -> list[str]:
    """Bring a folder in step; the names of the files that were written or removed."""
    stale = check(folder)
    files = generate()
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in files:
            (folder / name).write_text(files[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return stale


def check(folder: Path) -> list[str]:
    """The names of the files that are missing, differ or are of events that there are no more."""
    files = generate()
    differing = [name for name, text in files.items() if _text(folder / name) != text]
    left_over = [path.name for path in folder.glob(_EVENT_FILES) if path.name not in files]
    return sorted(differing + left_over)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
